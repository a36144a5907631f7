//! Descriptors, whatever they stand for: make, duplicate, close, set.
//!
//! Those that only touch the process's table are `sysnb`. Adding a descriptor may have to double the
//! table, and with several threads the kernel then waits until no processor reads the old one. That
//! happens about ten times in a process's life, so it does not make the calls `sys`.

/// The list; see `calls/mod.rs`.
#[doc(hidden)]
#[macro_export]
macro_rules! __calls_descriptor {
    ($mode:tt) => {
        $crate::__sys! { $mode
            /// Closes the descriptor, which is gone whatever the answer: an error (`EIO`, `ENOSPC`,
            /// `EINTR`) is about data written before, and closing again would close somebody
            /// else's. May wait for the file's last writes. [close(2)]
            ///
            /// [close(2)]: https://man7.org/linux/man-pages/man2/close.2.html
            sys close(fd: OwnedFd as Closed) -> Result<()>;

            /// Closes every descriptor from `first` to `last`, both included. [close_range(2)]
            ///
            /// # Safety
            ///
            /// None of them is used afterwards by whoever owns it, or with
            /// [`CloseRangeFlags::CLOEXEC`] after an `execve`. With [`CloseRangeFlags::UNSHARE`],
            /// what [`unshare`] asks for [`CloneFlags::FILES`].
            ///
            /// [close_range(2)]: https://man7.org/linux/man-pages/man2/close_range.2.html
            unsafe sys close_range(first: u32, last: u32, flags: CloseRangeFlags) -> Result<()>;

            /// Another descriptor for the same open file, the lowest that is free, without
            /// close-on-exec. [`fcntl_dupfd_cloexec`] is the one to use in a program that starts
            /// others. [dup(2)]
            ///
            /// [dup(2)]: https://man7.org/linux/man-pages/man2/dup.2.html
            sysnb dup(fd: impl AsFd) -> Result<OwnedFd>;

            /// Makes `new` a descriptor for `old`'s open file; what it was is closed, and errors of
            /// that are lost. `EINVAL` if they are the same number. Not `sysnb`, for it closes.
            /// [dup(2)]
            ///
            /// [dup(2)]: https://man7.org/linux/man-pages/man2/dup.2.html
            sys dup3(old: impl AsFd, new: &mut OwnedFd as Replaced, flags: DupFlags) -> Result<()>;

            /// A pipe. [pipe(2)]
            ///
            /// [pipe(2)]: https://man7.org/linux/man-pages/man2/pipe.2.html
            sysnb pipe2(ends: out Pipe, flags: PipeFlags) -> Result<Pipe>;

            /// Any operation on a descriptor, by number. [fcntl(2)]
            ///
            /// # Safety
            ///
            /// The argument is what the operation asks for, and the operation takes no descriptor
            /// or memory away that somebody else uses.
            ///
            /// [fcntl(2)]: https://man7.org/linux/man-pages/man2/fcntl.2.html
            unsafe sys fcntl(fd: impl AsFd, op: u32, arg: usize) -> Result<i32>;

            /// What the descriptor is set to: close-on-exec. [F_GETFD(2const)]
            ///
            /// [F_GETFD(2const)]: https://man7.org/linux/man-pages/man2const/F_GETFD.2const.html
            sysnb fcntl_getfd(fd: impl AsFd, const kernel::F_GETFD) -> Result<FdFlags> = $crate::nr::FCNTL;

            /// Sets close-on-exec. [F_GETFD(2const)]
            ///
            /// [F_GETFD(2const)]: https://man7.org/linux/man-pages/man2const/F_GETFD.2const.html
            sysnb fcntl_setfd(fd: impl AsFd, const kernel::F_SETFD, flags: FdFlags) -> Result<()> = $crate::nr::FCNTL;

            /// How the file was opened and is set: access mode and status flags. [F_GETFL(2const)]
            ///
            /// [F_GETFL(2const)]: https://man7.org/linux/man-pages/man2const/F_GETFL.2const.html
            sysnb fcntl_getfl(fd: impl AsFd, const kernel::F_GETFL) -> Result<OFlags> = $crate::nr::FCNTL;

            /// Sets the status flags: `APPEND`, `DIRECT`, `NOATIME`, `NONBLOCK` and `O_ASYNC`; the
            /// kernel ignores others. Not `sysnb`: `O_ASYNC` takes the pipe's or socket's lock.
            /// [F_GETFL(2const)]
            ///
            /// [F_GETFL(2const)]: https://man7.org/linux/man-pages/man2const/F_GETFL.2const.html
            sys fcntl_setfl(fd: impl AsFd, const kernel::F_SETFL, flags: OFlags) -> Result<()> = $crate::nr::FCNTL;

            /// Another descriptor for the same open file with close-on-exec, the lowest that is
            /// free from `min` on. [F_DUPFD(2const)]
            ///
            /// [F_DUPFD(2const)]: https://man7.org/linux/man-pages/man2const/F_DUPFD.2const.html
            sysnb fcntl_dupfd_cloexec(fd: impl AsFd, const kernel::F_DUPFD_CLOEXEC, min: RawFd) -> Result<OwnedFd> = $crate::nr::FCNTL;

            /// Sets a pipe's capacity and returns what it has become. Not `sysnb`: a reader or
            /// writer holds the pipe while it copies. [F_GETPIPE_SZ(2const)]
            ///
            /// [F_GETPIPE_SZ(2const)]: https://man7.org/linux/man-pages/man2const/F_GETPIPE_SZ.2const.html
            sys fcntl_setpipe_sz(fd: impl AsFd, const kernel::F_SETPIPE_SZ, size: u32) -> Result<u32> = $crate::nr::FCNTL;

            /// A pipe's capacity. [F_GETPIPE_SZ(2const)]
            ///
            /// [F_GETPIPE_SZ(2const)]: https://man7.org/linux/man-pages/man2const/F_GETPIPE_SZ.2const.html
            sys fcntl_getpipe_sz(fd: impl AsFd, const kernel::F_GETPIPE_SZ) -> Result<u32> = $crate::nr::FCNTL;

            /// Adds seals to a memory file. Not `sysnb`: it takes the inode's lock.
            /// [F_GET_SEALS(2const)]
            ///
            /// [F_GET_SEALS(2const)]: https://man7.org/linux/man-pages/man2const/F_GET_SEALS.2const.html
            sys fcntl_add_seals(fd: impl AsFd, const kernel::F_ADD_SEALS, seals: Seals) -> Result<()> = $crate::nr::FCNTL;

            /// A memory file's seals. [F_GET_SEALS(2const)]
            ///
            /// [F_GET_SEALS(2const)]: https://man7.org/linux/man-pages/man2const/F_GET_SEALS.2const.html
            sysnb fcntl_get_seals(fd: impl AsFd, const kernel::F_GET_SEALS) -> Result<Seals> = $crate::nr::FCNTL;

            /// Any request to a device or file system, by number. [ioctl(2)]
            ///
            /// # Safety
            ///
            /// The argument is what the request asks for, memory that it registers lives as long as
            /// the kernel uses it, and the request takes no descriptor or memory away that somebody
            /// else uses.
            ///
            /// [ioctl(2)]: https://man7.org/linux/man-pages/man2/ioctl.2.html
            unsafe sys ioctl(fd: impl AsFd, request: u32, arg: usize) -> Result<i32>;

            /// Sets or clears the file's non-blocking mode. [FIONREAD(2const)]
            ///
            /// [FIONREAD(2const)]: https://man7.org/linux/man-pages/man2const/FIONREAD.2const.html
            sysnb ioctl_fionbio(fd: impl AsFd, const linux_raw_sys::ioctl::FIONBIO, on: bool as IntAt) -> Result<()> = $crate::nr::IOCTL;

            /// How many bytes can be read without waiting. Not `sysnb`: it takes the pipe's or
            /// socket's lock. [FIONREAD(2const)]
            ///
            /// [FIONREAD(2const)]: https://man7.org/linux/man-pages/man2const/FIONREAD.2const.html
            sys ioctl_fionread(fd: impl AsFd, const linux_raw_sys::ioctl::FIONREAD, count: out i32 = 0) -> Result<i32> = $crate::nr::IOCTL;

            /// A terminal's size. [TIOCGWINSZ(2const)]
            ///
            /// [TIOCGWINSZ(2const)]: https://man7.org/linux/man-pages/man2const/TIOCGWINSZ.2const.html
            sys ioctl_tiocgwinsz(fd: impl AsFd, const linux_raw_sys::ioctl::TIOCGWINSZ, size: out Winsize = Winsize::default()) -> Result<Winsize> = $crate::nr::IOCTL;

            /// A file in memory, with a name for `/proc` only; its size is zero. [memfd_create(2)]
            ///
            /// [memfd_create(2)]: https://man7.org/linux/man-pages/man2/memfd_create.2.html
            sysnb memfd_create(name: &CStr, flags: MemfdFlags) -> Result<OwnedFd>;

            /// A file in memory that the kernel itself does not map; `ENOSYS` where that is
            /// switched off. [memfd_secret(2)]
            ///
            /// [memfd_secret(2)]: https://man7.org/linux/man-pages/man2/memfd_secret.2.html
            sysnb memfd_secret(flags: DupFlags) -> Result<OwnedFd>;
        }
    };
}
