//! Memory: mappings and what is done with them.
//!
//! All are `sys`: they take the lock of the process's address space, which another thread may hold
//! while it waits for a page from storage. Addresses are raw pointers. A call is safe where it can
//! neither take a page away nor change what is in it.

/// The list; see `calls/mod.rs`.
#[doc(hidden)]
#[macro_export]
macro_rules! __calls_memory {
    ($mode:tt) => {
        $crate::__sys! { $mode
            /// Maps a file, or with [`MapFlags::ANONYMOUS`] and no descriptor fresh zeroes, at or
            /// near `address` or, where that is null, anywhere. [mmap(2)]
            ///
            /// # Safety
            ///
            /// With [`MapFlags::FIXED`] nothing that is used lies there; a file's bytes may change
            /// behind the caller's back, and a shorter file kills with `SIGBUS`.
            ///
            /// [mmap(2)]: https://man7.org/linux/man-pages/man2/mmap.2.html
            unsafe sys mmap(address: *mut u8, len: usize, prot: Prot, flags: MapFlags, fd: Option<BorrowedFd<'_>>, offset: u64) -> Result<*mut u8>;

            /// Private zeroes somewhere free. Safe, for it touches nothing that exists: using the
            /// memory, and giving it back, is what needs care. [mmap(2)]
            ///
            /// [mmap(2)]: https://man7.org/linux/man-pages/man2/mmap.2.html
            sys mmap_anonymous(const 0, len: usize, prot: Prot, const kernel::MAP_PRIVATE | kernel::MAP_ANONYMOUS, const -1, const 0) -> Result<*mut u8> = $crate::nr::MMAP;

            /// Takes the mappings away. [munmap(2)]
            ///
            /// # Safety
            ///
            /// Nothing there is used any more.
            ///
            /// [munmap(2)]: https://man7.org/linux/man-pages/man2/munmap.2.html
            unsafe sys munmap(address: *mut u8, len: usize) -> Result<()>;

            /// Grows, shrinks or moves a mapping; `target` counts with [`MremapFlags::FIXED`].
            /// [mremap(2)]
            ///
            /// # Safety
            ///
            /// What goes away, and what is replaced at `target`, is not used any more, and nobody
            /// uses the old address after a move.
            ///
            /// [mremap(2)]: https://man7.org/linux/man-pages/man2/mremap.2.html
            unsafe sys mremap(address: *mut u8, old_len: usize, new_len: usize, flags: MremapFlags, target: *mut u8) -> Result<*mut u8>;

            /// Sets what may be done with pages. [mprotect(2)]
            ///
            /// # Safety
            ///
            /// Whoever uses them meanwhile does nothing else with them.
            ///
            /// [mprotect(2)]: https://man7.org/linux/man-pages/man2/mprotect.2.html
            unsafe sys mprotect(address: *mut u8, len: usize, prot: Prot) -> Result<()>;

            /// Says how memory is going to be used, or does something to it. [madvise(2)]
            ///
            /// # Safety
            ///
            /// The advice is only advice (`NORMAL` and so on), or what it does to the contents
            /// (`DONTNEED`, `FREE`, `REMOVE`, guards) is done to nothing that is used.
            ///
            /// [madvise(2)]: https://man7.org/linux/man-pages/man2/madvise.2.html
            unsafe sys madvise(address: *mut u8, len: usize, advice: Advice) -> Result<()>;

            /// A mapped file's changes go to disk. [msync(2)]
            ///
            /// [msync(2)]: https://man7.org/linux/man-pages/man2/msync.2.html
            sys msync(address: *const u8, len: usize, flags: MsyncFlags) -> Result<()>;

            /// Which pages are in memory, a byte for each, its lowest bit. [mincore(2)]
            ///
            /// # Safety
            ///
            /// `pages` has room for a byte for each page that begins in the range.
            ///
            /// [mincore(2)]: https://man7.org/linux/man-pages/man2/mincore.2.html
            unsafe sys mincore(address: *const u8, len: usize, pages: *mut u8) -> Result<()>;

            /// Brings pages in and keeps them in memory. [mlock(2)]
            ///
            /// [mlock(2)]: https://man7.org/linux/man-pages/man2/mlock.2.html
            sys mlock(address: *const u8, len: usize) -> Result<()>;

            /// [`mlock`] that can wait until the pages are touched. [mlock(2)]
            ///
            /// [mlock(2)]: https://man7.org/linux/man-pages/man2/mlock.2.html
            sys mlock2(address: *const u8, len: usize, flags: MlockFlags) -> Result<()>;

            /// Lets pages go again. [mlock(2)]
            ///
            /// [mlock(2)]: https://man7.org/linux/man-pages/man2/mlock.2.html
            sys munlock(address: *const u8, len: usize) -> Result<()>;

            /// Keeps all of the process's pages in memory. [mlock(2)]
            ///
            /// [mlock(2)]: https://man7.org/linux/man-pages/man2/mlock.2.html
            sys mlockall(flags: MlockAllFlags) -> Result<()>;

            /// Lets all pages go again. [mlock(2)]
            ///
            /// [mlock(2)]: https://man7.org/linux/man-pages/man2/mlock.2.html
            sys munlockall() -> Result<()>;

            /// Moves the end of the data segment and returns where it is: unmoved if it could not
            /// be, or for null. [brk(2)]
            ///
            /// # Safety
            ///
            /// Nobody else moves it (a libc's allocator does), and what goes away is not used any
            /// more.
            ///
            /// [brk(2)]: https://man7.org/linux/man-pages/man2/brk.2.html
            unsafe sys brk(address: *mut u8) -> *mut u8;

            /// A memory barrier in all threads that run, or what it takes to register for one;
            /// `cpu` counts with flags 1. The query returns the commands that exist. Not `sysnb`:
            /// it waits for the other processors, milliseconds with [`MembarrierCommand::GLOBAL`].
            /// [membarrier(2)]
            ///
            /// [membarrier(2)]: https://man7.org/linux/man-pages/man2/membarrier.2.html
            sys membarrier(command: MembarrierCommand, flags: u32, cpu: u32) -> Result<u32>;
        }
    };
}
