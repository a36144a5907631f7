//! What is known about a file, and setting it.
//!
//! `sys` even where the file is open: a network file system asks its server, and setting anything takes
//! the inode's lock.

/// The list; see `calls/mod.rs`.
#[doc(hidden)]
#[macro_export]
macro_rules! __calls_file {
    ($mode:tt) => {
        $crate::__sys! { $mode
            /// What is known about an open file. [stat(2)]
            ///
            /// [stat(2)]: https://man7.org/linux/man-pages/man2/stat.2.html
            sys fstat(fd: impl AsFd, stat: out Stat) -> Result<Stat>;

            /// What is known about a file. libc: `fstatat`. [stat(2)]
            ///
            /// [stat(2)]: https://man7.org/linux/man-pages/man2/stat.2.html
            sys newfstatat(dir: impl AsFd, path: impl Path, stat: out Stat, flags: AtFlags) -> Result<Stat>;

            /// [`newfstatat`] from the working directory. [stat(2)]
            ///
            /// [stat(2)]: https://man7.org/linux/man-pages/man2/stat.2.html
            wrapped stat(path: impl Path) -> Result<Stat> {
                $crate::call::newfstatat::<E>($crate::fd::CWD, path, AtFlags::empty())
            }

            /// [`stat`] of a link itself. [stat(2)]
            ///
            /// [stat(2)]: https://man7.org/linux/man-pages/man2/stat.2.html
            wrapped lstat(path: impl Path) -> Result<Stat> {
                $crate::call::newfstatat::<E>($crate::fd::CWD, path, AtFlags::SYMLINK_NOFOLLOW)
            }

            /// What is asked for about a file; `stx_mask` says which fields were filled. [statx(2)]
            ///
            /// [statx(2)]: https://man7.org/linux/man-pages/man2/statx.2.html
            sys statx(dir: impl AsFd, path: impl Path, flags: AtFlags, mask: StatxMask, stat: out Statx) -> Result<Statx>;

            /// What is known about the path's file system. [statfs(2)]
            ///
            /// [statfs(2)]: https://man7.org/linux/man-pages/man2/statfs.2.html
            sys statfs(path: impl Path, stat: out StatFs) -> Result<StatFs>;

            /// What is known about an open file's file system. [statfs(2)]
            ///
            /// [statfs(2)]: https://man7.org/linux/man-pages/man2/statfs.2.html
            sys fstatfs(fd: impl AsFd, stat: out StatFs) -> Result<StatFs>;

            /// Sets an open file's permissions. [chmod(2)]
            ///
            /// [chmod(2)]: https://man7.org/linux/man-pages/man2/chmod.2.html
            sys fchmod(fd: impl AsFd, mode: Mode) -> Result<()>;

            /// Sets a file's permissions; the kernel's call has no flags. [chmod(2)]
            ///
            /// [chmod(2)]: https://man7.org/linux/man-pages/man2/chmod.2.html
            sys fchmodat(dir: impl AsFd, path: impl Path, mode: Mode) -> Result<()>;

            /// [`fchmodat`] with flags (Linux 6.6). [chmod(2)]
            ///
            /// [chmod(2)]: https://man7.org/linux/man-pages/man2/chmod.2.html
            sys fchmodat2(dir: impl AsFd, path: impl Path, mode: Mode, flags: AtFlags) -> Result<()>;

            /// [`fchmodat`] from the working directory. [chmod(2)]
            ///
            /// [chmod(2)]: https://man7.org/linux/man-pages/man2/chmod.2.html
            wrapped chmod(path: impl Path, mode: Mode) -> Result<()> {
                $crate::call::fchmodat::<E>($crate::fd::CWD, path, mode)
            }

            /// Sets an open file's owner and group; `KEEP` leaves one as it is. [chown(2)]
            ///
            /// [chown(2)]: https://man7.org/linux/man-pages/man2/chown.2.html
            sys fchown(fd: impl AsFd, owner: Uid, group: Gid) -> Result<()>;

            /// Sets a file's owner and group; `KEEP` leaves one as it is. [chown(2)]
            ///
            /// [chown(2)]: https://man7.org/linux/man-pages/man2/chown.2.html
            sys fchownat(dir: impl AsFd, path: impl Path, owner: Uid, group: Gid, flags: AtFlags) -> Result<()>;

            /// [`fchownat`] from the working directory. [chown(2)]
            ///
            /// [chown(2)]: https://man7.org/linux/man-pages/man2/chown.2.html
            wrapped chown(path: impl Path, owner: Uid, group: Gid) -> Result<()> {
                $crate::call::fchownat::<E>($crate::fd::CWD, path, owner, group, AtFlags::empty())
            }

            /// [`chown`] of a link itself. [chown(2)]
            ///
            /// [chown(2)]: https://man7.org/linux/man-pages/man2/chown.2.html
            wrapped lchown(path: impl Path, owner: Uid, group: Gid) -> Result<()> {
                $crate::call::fchownat::<E>($crate::fd::CWD, path, owner, group, AtFlags::SYMLINK_NOFOLLOW)
            }

            /// Sets when a file was last read and written; no times are now. [utimensat(2)]
            ///
            /// [utimensat(2)]: https://man7.org/linux/man-pages/man2/utimensat.2.html
            sys utimensat(dir: impl AsFd, path: impl Path, times: Option<&FileTimes>, flags: AtFlags) -> Result<()>;

            /// [`utimensat`] of an open file. [utimensat(2)]
            ///
            /// [utimensat(2)]: https://man7.org/linux/man-pages/man2/utimensat.2.html
            sys futimens(fd: impl AsFd, const 0, times: Option<&FileTimes>, const 0) -> Result<()> = $crate::nr::UTIMENSAT;

            /// Sets which permissions new files do not get, for all threads, and returns what it
            /// was. [umask(2)]
            ///
            /// [umask(2)]: https://man7.org/linux/man-pages/man2/umask.2.html
            sysnb umask(mask: Mode) -> Mode;
        }
    };
}
