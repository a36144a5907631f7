//! Locks on files.

/// The list; see `calls/mod.rs`.
#[doc(hidden)]
#[macro_export]
macro_rules! __calls_lock {
    ($mode:tt) => {
        $crate::__sys! { $mode
            /// Locks or unlocks the whole open file. Class `sysblock` because another holder may
            /// keep it for ever; `sys` where the operation says `NONBLOCK` or `UNLOCK`, though a
            /// network file system may take its time. [flock(2)]
            ///
            /// [flock(2)]: https://man7.org/linux/man-pages/man2/flock.2.html
            sysblock flock(fd: impl AsFd, operation: FlockOperation) -> Result<()>, unless operation.intersects(FlockOperation::NONBLOCK | FlockOperation::UNLOCK);

            /// Puts into `lock` one that would be in the way of it, or `UNLOCK` where there is
            /// none. Locks of this kind belong to the process, which loses them when it closes any
            /// descriptor of the file. [F_GETLK(2const)]
            ///
            /// [F_GETLK(2const)]: https://man7.org/linux/man-pages/man2const/F_GETLK.2const.html
            sys fcntl_getlk(fd: impl AsFd, const kernel::F_GETLK, lock: &mut FileLock) -> Result<()> = $crate::nr::FCNTL;

            /// Sets or releases a lock of the process; `EAGAIN` where one is in the way.
            /// [F_GETLK(2const)]
            ///
            /// [F_GETLK(2const)]: https://man7.org/linux/man-pages/man2const/F_GETLK.2const.html
            sys fcntl_setlk(fd: impl AsFd, const kernel::F_SETLK, lock: &FileLock) -> Result<()> = $crate::nr::FCNTL;

            /// Sets a lock of the process, waiting until none is in the way. `EDEADLK` where that
            /// would be for ever. [F_GETLK(2const)]
            ///
            /// [F_GETLK(2const)]: https://man7.org/linux/man-pages/man2const/F_GETLK.2const.html
            sysblock fcntl_setlkw(fd: impl AsFd, const kernel::F_SETLKW, lock: &FileLock) -> Result<()> = $crate::nr::FCNTL;

            /// [`fcntl_getlk`] for a lock of the open file description. [F_OFD_GETLK(2const)]
            ///
            /// [F_OFD_GETLK(2const)]: https://man7.org/linux/man-pages/man2const/F_OFD_GETLK.2const.html
            sys fcntl_ofd_getlk(fd: impl AsFd, const kernel::F_OFD_GETLK, lock: &mut FileLock) -> Result<()> = $crate::nr::FCNTL;

            /// [`fcntl_setlk`] for a lock of the open file description: duplicates share it,
            /// threads do not. [F_OFD_GETLK(2const)]
            ///
            /// [F_OFD_GETLK(2const)]: https://man7.org/linux/man-pages/man2const/F_OFD_GETLK.2const.html
            sys fcntl_ofd_setlk(fd: impl AsFd, const kernel::F_OFD_SETLK, lock: &FileLock) -> Result<()> = $crate::nr::FCNTL;

            /// [`fcntl_ofd_setlk`] that waits until no lock is in the way; deadlock is not noticed.
            /// [F_OFD_GETLK(2const)]
            ///
            /// [F_OFD_GETLK(2const)]: https://man7.org/linux/man-pages/man2const/F_OFD_GETLK.2const.html
            sysblock fcntl_ofd_setlkw(fd: impl AsFd, const kernel::F_OFD_SETLKW, lock: &FileLock) -> Result<()> = $crate::nr::FCNTL;
        }
    };
}
