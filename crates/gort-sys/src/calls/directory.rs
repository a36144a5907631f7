//! Names: opening, looking up, making, removing.
//!
//! A relative path starts from the directory given, or from the working directory with
//! [`CWD`](crate::fd::CWD) and in the forms without one, which are the `at` forms with it. All are
//! `sys`: a path may lead through storage and across a network, and a lookup takes the directory's lock.

/// The list; see `calls/mod.rs`.
#[doc(hidden)]
#[macro_export]
macro_rules! __calls_directory {
    ($mode:tt) => {
        $crate::__sys! { $mode
            /// Opens a file, and makes it with `mode` (less the umask) where the flags say so. The
            /// other end of a FIFO is waited for. [open(2)]
            ///
            /// [open(2)]: https://man7.org/linux/man-pages/man2/open.2.html
            sys openat(dir: impl AsFd, path: impl Path, flags: OFlags, mode: Mode) -> Result<OwnedFd>;

            /// [`openat`] that can refuse to leave the directory or follow links, and refuses flags
            /// it does not know. [openat2(2)]
            ///
            /// [openat2(2)]: https://man7.org/linux/man-pages/man2/openat2.2.html
            sys openat2(dir: impl AsFd, path: impl Path, how: &OpenHow, const size_of::<OpenHow>()) -> Result<OwnedFd>;

            /// [`openat`] from the working directory. [open(2)]
            ///
            /// [open(2)]: https://man7.org/linux/man-pages/man2/open.2.html
            wrapped open(path: impl Path, flags: OFlags, mode: Mode) -> Result<OwnedFd> {
                $crate::call::openat::<E>($crate::fd::CWD, path, flags, mode)
            }

            /// [`open`] for writing, making the file or emptying it. [open(2)]
            ///
            /// [open(2)]: https://man7.org/linux/man-pages/man2/open.2.html
            wrapped creat(path: impl Path, mode: Mode) -> Result<OwnedFd> {
                $crate::call::open::<E>(path, OFlags::CREAT | OFlags::WRONLY | OFlags::TRUNC, mode)
            }

            /// Fills `buf` with entries, which [`DirEntries`] reads, and returns how much of it; 0
            /// is the end. `EINVAL` where not one entry fits. [getdents(2)]
            ///
            /// [getdents(2)]: https://man7.org/linux/man-pages/man2/getdents.2.html
            sys getdents64(dir: impl AsFd, buf: &mut [u8] as IntLen) -> Result<usize>;

            /// The working directory's path, with its NUL, which the length includes; `ERANGE`
            /// where it does not fit. `(unreachable)` in front if it lies outside the root.
            /// `sysnb`: the kernel has it in memory. [getcwd(2)]
            ///
            /// [getcwd(2)]: https://man7.org/linux/man-pages/man2/getcwd.2.html
            sysnb getcwd(buf: &mut [u8]) -> Result<usize>;

            /// Changes the working directory, which all threads share. [chdir(2)]
            ///
            /// [chdir(2)]: https://man7.org/linux/man-pages/man2/chdir.2.html
            sys chdir(path: impl Path) -> Result<()>;

            /// Changes the working directory to one that is open. Not `sysnb`: the file system
            /// checks the permission. [chdir(2)]
            ///
            /// [chdir(2)]: https://man7.org/linux/man-pages/man2/chdir.2.html
            sys fchdir(dir: impl AsFd) -> Result<()>;

            /// Changes the root of all absolute paths. [chroot(2)]
            ///
            /// [chroot(2)]: https://man7.org/linux/man-pages/man2/chroot.2.html
            sys chroot(path: impl Path) -> Result<()>;

            /// Makes a directory. [mkdir(2)]
            ///
            /// [mkdir(2)]: https://man7.org/linux/man-pages/man2/mkdir.2.html
            sys mkdirat(dir: impl AsFd, path: impl Path, mode: Mode) -> Result<()>;

            /// [`mkdirat`] from the working directory. [mkdir(2)]
            ///
            /// [mkdir(2)]: https://man7.org/linux/man-pages/man2/mkdir.2.html
            wrapped mkdir(path: impl Path, mode: Mode) -> Result<()> {
                $crate::call::mkdirat::<E>($crate::fd::CWD, path, mode)
            }

            /// Makes a regular file, FIFO, socket or device. [mknod(2)]
            ///
            /// [mknod(2)]: https://man7.org/linux/man-pages/man2/mknod.2.html
            sys mknodat(dir: impl AsFd, path: impl Path, node: Node) -> Result<()>;

            /// Removes a name, or with [`AtFlags::REMOVEDIR`] an empty directory. [unlink(2)]
            ///
            /// [unlink(2)]: https://man7.org/linux/man-pages/man2/unlink.2.html
            sys unlinkat(dir: impl AsFd, path: impl Path, flags: AtFlags) -> Result<()>;

            /// Removes a name that is no directory's. [unlink(2)]
            ///
            /// [unlink(2)]: https://man7.org/linux/man-pages/man2/unlink.2.html
            wrapped unlink(path: impl Path) -> Result<()> {
                $crate::call::unlinkat::<E>($crate::fd::CWD, path, AtFlags::empty())
            }

            /// Removes an empty directory. [rmdir(2)]
            ///
            /// [rmdir(2)]: https://man7.org/linux/man-pages/man2/rmdir.2.html
            wrapped rmdir(path: impl Path) -> Result<()> {
                $crate::call::unlinkat::<E>($crate::fd::CWD, path, AtFlags::REMOVEDIR)
            }

            /// Moves the name `old` to `new`, replacing what is there. [rename(2)]
            ///
            /// [rename(2)]: https://man7.org/linux/man-pages/man2/rename.2.html
            sys renameat(old_dir: impl AsFd, old: impl Path, new_dir: impl AsFd, new: impl Path) -> Result<()>;

            /// [`renameat`] that can refuse to replace, or exchange. [rename(2)]
            ///
            /// [rename(2)]: https://man7.org/linux/man-pages/man2/rename.2.html
            sys renameat2(old_dir: impl AsFd, old: impl Path, new_dir: impl AsFd, new: impl Path, flags: RenameFlags) -> Result<()>;

            /// [`renameat`] from the working directory. [rename(2)]
            ///
            /// [rename(2)]: https://man7.org/linux/man-pages/man2/rename.2.html
            wrapped rename(old: impl Path, new: impl Path) -> Result<()> {
                $crate::call::renameat::<E>($crate::fd::CWD, old, $crate::fd::CWD, new)
            }

            /// Gives the file `old` the name `new` too. A link is only followed with
            /// [`AtFlags::SYMLINK_FOLLOW`]. [link(2)]
            ///
            /// [link(2)]: https://man7.org/linux/man-pages/man2/link.2.html
            sys linkat(old_dir: impl AsFd, old: impl Path, new_dir: impl AsFd, new: impl Path, flags: AtFlags) -> Result<()>;

            /// [`linkat`] from the working directory, following no link. [link(2)]
            ///
            /// [link(2)]: https://man7.org/linux/man-pages/man2/link.2.html
            wrapped link(old: impl Path, new: impl Path) -> Result<()> {
                $crate::call::linkat::<E>($crate::fd::CWD, old, $crate::fd::CWD, new, AtFlags::empty())
            }

            /// Makes the link `new` that leads to `target`, which need not exist. [symlink(2)]
            ///
            /// [symlink(2)]: https://man7.org/linux/man-pages/man2/symlink.2.html
            sys symlinkat(target: impl Path, dir: impl AsFd, new: impl Path) -> Result<()>;

            /// [`symlinkat`] from the working directory. [symlink(2)]
            ///
            /// [symlink(2)]: https://man7.org/linux/man-pages/man2/symlink.2.html
            wrapped symlink(target: impl Path, new: impl Path) -> Result<()> {
                $crate::call::symlinkat::<E>(target, $crate::fd::CWD, new)
            }

            /// Where a link leads, without a NUL; as much as fits, so a full `buf` may be less than
            /// all. [readlink(2)]
            ///
            /// [readlink(2)]: https://man7.org/linux/man-pages/man2/readlink.2.html
            sys readlinkat(dir: impl AsFd, path: impl Path, buf: &mut [u8] as IntLen) -> Result<usize>;

            /// [`readlinkat`] from the working directory. [readlink(2)]
            ///
            /// [readlink(2)]: https://man7.org/linux/man-pages/man2/readlink.2.html
            wrapped readlink(path: impl Path, buf: &mut [u8]) -> Result<usize> {
                $crate::call::readlinkat::<E>($crate::fd::CWD, path, buf)
            }

            /// A file's handle, which `open_by_handle_at` takes, and the number of its mount.
            /// [name_to_handle_at(2)]
            ///
            /// # Safety
            ///
            /// `handle` is a `struct file_handle` with room for as many bytes as it says, and
            /// `flags` do not ask for a mount number of 64 bits (`AT_HANDLE_MNT_ID_UNIQUE`).
            ///
            /// [name_to_handle_at(2)]: https://man7.org/linux/man-pages/man2/name_to_handle_at.2.html
            unsafe sys name_to_handle_at(dir: impl AsFd, path: impl Path, handle: *mut u8, mount: &mut i32, flags: AtFlags) -> Result<()>;

            /// What may be done with the path, going by the real ids. [access(2)]
            ///
            /// [access(2)]: https://man7.org/linux/man-pages/man2/access.2.html
            sys faccessat(dir: impl AsFd, path: impl Path, access: Access) -> Result<()>;

            /// [`faccessat`] with flags. [access(2)]
            ///
            /// [access(2)]: https://man7.org/linux/man-pages/man2/access.2.html
            sys faccessat2(dir: impl AsFd, path: impl Path, access: Access, flags: AtFlags) -> Result<()>;

            /// [`faccessat`] from the working directory. [access(2)]
            ///
            /// [access(2)]: https://man7.org/linux/man-pages/man2/access.2.html
            wrapped access(path: impl Path, access: Access) -> Result<()> {
                $crate::call::faccessat::<E>($crate::fd::CWD, path, access)
            }
        }
    };
}
