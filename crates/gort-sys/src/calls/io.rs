//! Reading, writing and the position.
//!
//! These are `sys` whatever the descriptor: a regular file's storage may be slow, a pipe's or socket's
//! peer may never answer, and a descriptor in non-blocking mode gives `EAGAIN` instead of waiting. None
//! is retried here: a signal in the middle gives `EINTR`, and less than was asked for may be moved.

/// The list; see `calls/mod.rs`.
#[doc(hidden)]
#[macro_export]
macro_rules! __calls_io {
    ($mode:tt) => {
        $crate::__sys! { $mode
            /// Reads into `buf` at the descriptor's position; 0 is the end. [read(2)]
            ///
            /// [read(2)]: https://man7.org/linux/man-pages/man2/read.2.html
            sys read(fd: impl AsFd, buf: &mut [u8]) -> Result<usize>;

            /// Writes from `buf` at the descriptor's position; may write less. [write(2)]
            ///
            /// [write(2)]: https://man7.org/linux/man-pages/man2/write.2.html
            sys write(fd: impl AsFd, buf: &[u8]) -> Result<usize>;

            /// Reads into several buffers, filling each before the next. More than 1024 give
            /// `EINVAL`. [readv(2)]
            ///
            /// [readv(2)]: https://man7.org/linux/man-pages/man2/readv.2.html
            sys readv(fd: impl AsFd, bufs: &mut [IoSliceMut<'_>]) -> Result<usize>;

            /// Writes from several buffers, in order. More than 1024 give `EINVAL`. [writev(2)]
            ///
            /// [writev(2)]: https://man7.org/linux/man-pages/man2/writev.2.html
            sys writev(fd: impl AsFd, bufs: &[IoSlice<'_>]) -> Result<usize>;

            /// Reads at `offset`, leaving the position alone. libc: `pread`. [pread(2)]
            ///
            /// [pread(2)]: https://man7.org/linux/man-pages/man2/pread.2.html
            sys pread64(fd: impl AsFd, buf: &mut [u8], offset: u64) -> Result<usize>;

            /// Writes at `offset`, leaving the position alone; on a descriptor in append mode, at
            /// the end. libc: `pwrite`. [pwrite(2)]
            ///
            /// [pwrite(2)]: https://man7.org/linux/man-pages/man2/pwrite.2.html
            sys pwrite64(fd: impl AsFd, buf: &[u8], offset: u64) -> Result<usize>;

            /// [`readv`] at `offset`, leaving the position alone. [preadv(2)]
            ///
            /// [preadv(2)]: https://man7.org/linux/man-pages/man2/preadv.2.html
            sys preadv(fd: impl AsFd, bufs: &mut [IoSliceMut<'_>], offset: u64, const 0) -> Result<usize>;

            /// [`writev`] at `offset`, leaving the position alone. [pwritev(2)]
            ///
            /// [pwritev(2)]: https://man7.org/linux/man-pages/man2/pwritev.2.html
            sys pwritev(fd: impl AsFd, bufs: &[IoSlice<'_>], offset: u64, const 0) -> Result<usize>;

            /// [`preadv`] with flags. Offset `u64::MAX` is the position, which then moves.
            /// [preadv2(2)]
            ///
            /// [preadv2(2)]: https://man7.org/linux/man-pages/man2/preadv2.2.html
            sys preadv2(fd: impl AsFd, bufs: &mut [IoSliceMut<'_>], offset: u64, const 0, flags: RwFlags) -> Result<usize>;

            /// [`pwritev`] with flags. Offset `u64::MAX` is the position, which then moves.
            /// [pwritev2(2)]
            ///
            /// [pwritev2(2)]: https://man7.org/linux/man-pages/man2/pwritev2.2.html
            sys pwritev2(fd: impl AsFd, bufs: &[IoSlice<'_>], offset: u64, const 0, flags: RwFlags) -> Result<usize>;

            /// Moves the position and returns it. Not `sysnb`: another thread's read on the same
            /// file holds the position while it waits, and data and holes are looked up in storage.
            /// [lseek(2)]
            ///
            /// [lseek(2)]: https://man7.org/linux/man-pages/man2/lseek.2.html
            sys lseek(fd: impl AsFd, to: SeekFrom) -> Result<u64>;
        }
    };
}
