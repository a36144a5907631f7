//! What lies behind a file: its size, its blocks, its way to the disk, and copies within the kernel.

/// The list; see `calls/mod.rs`.
#[doc(hidden)]
#[macro_export]
macro_rules! __calls_storage {
    ($mode:tt) => {
        $crate::__sys! { $mode
            /// Moves data between a pipe and another descriptor. An offset is for the one that is
            /// no pipe, and is moved on. [splice(2)]
            ///
            /// [splice(2)]: https://man7.org/linux/man-pages/man2/splice.2.html
            sys splice(from: impl AsFd, from_offset: Option<&mut u64>, to: impl AsFd, to_offset: Option<&mut u64>, len: usize, flags: SpliceFlags) -> Result<usize>;

            /// Copies data from one pipe to another without taking it out. [tee(2)]
            ///
            /// [tee(2)]: https://man7.org/linux/man-pages/man2/tee.2.html
            sys tee(from: impl AsFd, to: impl AsFd, len: usize, flags: SpliceFlags) -> Result<usize>;

            /// Lets a pipe refer to the caller's pages, or copies a pipe's data into them.
            /// [vmsplice(2)]
            ///
            /// # Safety
            ///
            /// To a pipe, the bytes do not change until they have been read out of it; from a pipe,
            /// `bufs` were made from memory that may be written.
            ///
            /// [vmsplice(2)]: https://man7.org/linux/man-pages/man2/vmsplice.2.html
            unsafe sys vmsplice(pipe: impl AsFd, bufs: &[IoSlice<'_>], flags: SpliceFlags) -> Result<usize>;

            /// Copies from a file to another descriptor. With an offset, `from`'s position stays
            /// and the offset moves on. [sendfile(2)]
            ///
            /// [sendfile(2)]: https://man7.org/linux/man-pages/man2/sendfile.2.html
            sys sendfile(to: impl AsFd, from: impl AsFd, offset: Option<&mut u64>, len: usize) -> Result<usize>;

            /// Copies from one file to another, sharing blocks where the file system can. With an
            /// offset, that file's position stays and the offset moves on. [copy_file_range(2)]
            ///
            /// [copy_file_range(2)]: https://man7.org/linux/man-pages/man2/copy_file_range.2.html
            sys copy_file_range(from: impl AsFd, from_offset: Option<&mut u64>, to: impl AsFd, to_offset: Option<&mut u64>, len: usize, const 0) -> Result<usize>;

            /// The file's data and metadata go to disk. [fsync(2)]
            ///
            /// [fsync(2)]: https://man7.org/linux/man-pages/man2/fsync.2.html
            sys fsync(fd: impl AsFd) -> Result<()>;

            /// The file's data go to disk, and metadata only as far as reading them needs it.
            /// [fsync(2)]
            ///
            /// [fsync(2)]: https://man7.org/linux/man-pages/man2/fsync.2.html
            sys fdatasync(fd: impl AsFd) -> Result<()>;

            /// Starts or waits for writing an extent's data, no metadata; length zero is up to the
            /// end. [sync_file_range(2)]
            ///
            /// [sync_file_range(2)]: https://man7.org/linux/man-pages/man2/sync_file_range.2.html
            sys sync_file_range(fd: impl AsFd, extent: Extent, flags: SyncFileRangeFlags) -> Result<()>;

            /// Everything of the file's file system goes to disk. [sync(2)]
            ///
            /// [sync(2)]: https://man7.org/linux/man-pages/man2/sync.2.html
            sys syncfs(fd: impl AsFd) -> Result<()>;

            /// Everything goes to disk. [sync(2)]
            ///
            /// [sync(2)]: https://man7.org/linux/man-pages/man2/sync.2.html
            sys sync() -> ();

            /// Cuts the file off, or extends it with a hole. [truncate(2)]
            ///
            /// [truncate(2)]: https://man7.org/linux/man-pages/man2/truncate.2.html
            sys ftruncate(fd: impl AsFd, len: u64) -> Result<()>;

            /// [`ftruncate`] by path. [truncate(2)]
            ///
            /// [truncate(2)]: https://man7.org/linux/man-pages/man2/truncate.2.html
            sys truncate(path: impl Path, len: u64) -> Result<()>;

            /// Gives an extent storage, takes it away, or moves it. Length zero gives `EINVAL`.
            /// [fallocate(2)]
            ///
            /// [fallocate(2)]: https://man7.org/linux/man-pages/man2/fallocate.2.html
            sys fallocate(fd: impl AsFd, mode: FallocateMode, extent: Extent) -> Result<()>;

            /// Reads an extent into the page cache; waits for the metadata that it needs to start.
            /// [readahead(2)]
            ///
            /// [readahead(2)]: https://man7.org/linux/man-pages/man2/readahead.2.html
            sys readahead(fd: impl AsFd, extent: Extent) -> Result<()>;

            /// Says how an extent is going to be used; length zero is up to the end. libc's
            /// `posix_fadvise` returns the error, this gives it as any other. [posix_fadvise(2)]
            ///
            /// [posix_fadvise(2)]: https://man7.org/linux/man-pages/man2/posix_fadvise.2.html
            sys fadvise64(fd: impl AsFd, extent: Extent, advice: FileAdvice) -> Result<()>;
        }
    };
}
