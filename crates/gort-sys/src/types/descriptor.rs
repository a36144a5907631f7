//! What is said about a descriptor, a position in its file, and a lock on it.

use crate::Regs;
use crate::arg::{Answer, Arg, Ret};
use crate::fd::{AsRawFd, IntoRawFd, OwnedFd};
use linux_raw_sys::general as kernel;

flags! {
    /// What a descriptor (not its file) is set to.
    FdFlags: u32, general {
        /// Closed by `execve`.
        CLOEXEC FD_CLOEXEC
    }
}

impl Ret for FdFlags {
    #[inline(always)]
    fn from_answer(answer: Answer) -> FdFlags {
        FdFlags::from_bits_retain(answer.value() as u32)
    }
}

flags! {
    /// How `dup3`, `epoll_create1` and `memfd_secret` make their descriptor.
    DupFlags: u32, general {
        CLOEXEC O_CLOEXEC
    }
}

flags! {
    /// How `pipe2` makes a pipe.
    PipeFlags: u32, general {
        CLOEXEC O_CLOEXEC
        NONBLOCK O_NONBLOCK
        /// Every write is a packet of its own.
        DIRECT O_DIRECT
    }
}

/// The ends of a pipe, in the kernel's order.
#[derive(Debug)]
#[repr(C)]
pub struct Pipe {
    /// The end that is read from.
    pub reader: OwnedFd,
    /// The end that is written to.
    pub writer: OwnedFd,
}

bitflags::bitflags! {
    /// What `close_range` does other than closing. (Its flags are not in `linux-raw-sys`.)
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
    #[repr(transparent)]
    pub struct CloseRangeFlags: u32 {
        /// `CLOSE_RANGE_UNSHARE`: the calling thread gets a descriptor table of its own first.
        const UNSHARE = 1 << 1;
        /// `CLOSE_RANGE_CLOEXEC`: sets close-on-exec instead.
        const CLOEXEC = 1 << 2;
        const _ = !0;
    }
}

impl Arg for CloseRangeFlags {
    const REGISTERS: usize = 1;

    #[inline(always)]
    fn with(self, regs: Regs, call: impl FnOnce(Regs) -> usize) -> usize {
        self.bits().with(regs, call)
    }
}

/// Where `lseek` goes. Two registers: the offset and the word that says what it counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeekFrom {
    /// From the start. Beyond `i64::MAX` the kernel answers `EINVAL`.
    Start(u64),
    /// From where the position is.
    Current(i64),
    /// From the end.
    End(i64),
    /// To the first data at or after this offset.
    Data(u64),
    /// To the first hole at or after this offset; the end of the file is one.
    Hole(u64),
}

impl Arg for SeekFrom {
    const REGISTERS: usize = 2;

    #[inline(always)]
    fn with(self, regs: Regs, call: impl FnOnce(Regs) -> usize) -> usize {
        let (offset, whence) = match self {
            SeekFrom::Start(offset) => (offset, kernel::SEEK_SET),
            SeekFrom::Current(offset) => (offset as u64, kernel::SEEK_CUR),
            SeekFrom::End(offset) => (offset as u64, kernel::SEEK_END),
            SeekFrom::Data(offset) => (offset, kernel::SEEK_DATA),
            SeekFrom::Hole(offset) => (offset, kernel::SEEK_HOLE),
        };
        call(regs.push(offset as usize).push(whence as usize))
    }
}

/// A part of a file. Two registers, offset and length, which as two numbers could be swapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Its first byte.
    pub offset: u64,
    /// How many bytes. What zero means is the call's own matter.
    pub len: u64,
}

impl Arg for Extent {
    const REGISTERS: usize = 2;

    #[inline(always)]
    fn with(self, regs: Regs, call: impl FnOnce(Regs) -> usize) -> usize {
        call(regs.push(self.offset as usize).push(self.len as usize))
    }
}

flags! {
    /// How one read or write is done.
    RwFlags: u32, general {
        /// Polls the device for the result.
        HIPRI RWF_HIPRI
        DSYNC RWF_DSYNC
        SYNC RWF_SYNC
        /// `EAGAIN` where it would have to wait.
        NOWAIT RWF_NOWAIT
        /// Writes at the end, whatever the offset.
        APPEND RWF_APPEND
    }
}

flags! {
    /// What `fallocate` does to the extent.
    FallocateMode: u32, general {
        /// The file does not grow.
        KEEP_SIZE FALLOC_FL_KEEP_SIZE
        /// Takes the storage away; goes with `KEEP_SIZE`.
        PUNCH_HOLE FALLOC_FL_PUNCH_HOLE
        /// Takes the extent out, moving what follows.
        COLLAPSE_RANGE FALLOC_FL_COLLAPSE_RANGE
        ZERO_RANGE FALLOC_FL_ZERO_RANGE
        /// Puts a hole in, moving what follows.
        INSERT_RANGE FALLOC_FL_INSERT_RANGE
        UNSHARE_RANGE FALLOC_FL_UNSHARE_RANGE
    }
}

numbers! {
    /// How an extent of a file is going to be used.
    FileAdvice: u32, general {
        NORMAL POSIX_FADV_NORMAL
        RANDOM POSIX_FADV_RANDOM
        SEQUENTIAL POSIX_FADV_SEQUENTIAL
        WILLNEED POSIX_FADV_WILLNEED
        DONTNEED POSIX_FADV_DONTNEED
        NOREUSE POSIX_FADV_NOREUSE
    }
}

flags! {
    /// What `sync_file_range` waits for and starts.
    SyncFileRangeFlags: u32, general {
        WAIT_BEFORE SYNC_FILE_RANGE_WAIT_BEFORE
        WRITE SYNC_FILE_RANGE_WRITE
        WAIT_AFTER SYNC_FILE_RANGE_WAIT_AFTER
    }
}

flags! {
    /// How `splice`, `tee` and `vmsplice` move data.
    SpliceFlags: u32, general {
        MOVE SPLICE_F_MOVE
        /// The pipe is not waited for; the other descriptor has a mode of its own.
        NONBLOCK SPLICE_F_NONBLOCK
        MORE SPLICE_F_MORE
        /// The caller's pages become the pipe's.
        GIFT SPLICE_F_GIFT
    }
}

flags! {
    /// What `flock` does.
    FlockOperation: u32, general {
        /// Takes the lock together with others.
        SHARED LOCK_SH
        /// Takes the lock alone.
        EXCLUSIVE LOCK_EX
        UNLOCK LOCK_UN
        /// `EAGAIN` where it would have to wait.
        NONBLOCK LOCK_NB
    }
}

numbers! {
    /// What a record lock is.
    LockKind: i16, general {
        READ F_RDLCK
        WRITE F_WRLCK
        /// No lock: asks for the release, or reports that none is in the way.
        UNLOCK F_UNLCK
    }
}

/// A record lock: `struct flock`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct FileLock {
    kind: i16,
    whence: i16,
    offset: i64,
    len: i64,
    pid: i32,
}

same_layout!(FileLock = general flock {
    kind l_type
    whence l_whence
    offset l_start
    len l_len
    pid l_pid
});

impl FileLock {
    /// A lock of `kind` on an extent counted from the start of the file. Length zero is up to the
    /// end, wherever that comes to be.
    pub const fn new(kind: LockKind, extent: Extent) -> FileLock {
        FileLock {
            kind: kind.0,
            whence: kernel::SEEK_SET as i16,
            offset: extent.offset as i64,
            len: extent.len as i64,
            pid: 0,
        }
    }

    /// What it is.
    pub const fn kind(&self) -> LockKind {
        LockKind(self.kind)
    }

    /// What it covers.
    pub const fn extent(&self) -> Extent {
        Extent { offset: self.offset as u64, len: self.len as u64 }
    }

    /// Who holds it, after `fcntl_getlk`; -1 for a lock of an open file description.
    pub const fn pid(&self) -> crate::types::Pid {
        crate::types::Pid(self.pid)
    }
}

flags! {
    /// What can no longer be done to a memory file.
    Seals: u32, general {
        /// Adding seals.
        SEAL F_SEAL_SEAL
        SHRINK F_SEAL_SHRINK
        GROW F_SEAL_GROW
        WRITE F_SEAL_WRITE
        /// Writing, except through mappings that are there already.
        FUTURE_WRITE F_SEAL_FUTURE_WRITE
        EXEC F_SEAL_EXEC
    }
}

impl Ret for Seals {
    #[inline(always)]
    fn from_answer(answer: Answer) -> Seals {
        Seals::from_bits_retain(answer.value() as u32)
    }
}

flags! {
    /// How a memory file is made.
    MemfdFlags: u32, general {
        CLOEXEC MFD_CLOEXEC
        /// Without it the file has [`Seals::SEAL`] from the start.
        ALLOW_SEALING MFD_ALLOW_SEALING
        HUGETLB MFD_HUGETLB
        NOEXEC_SEAL MFD_NOEXEC_SEAL
        EXEC MFD_EXEC
    }
}

/// A truth that the kernel reads as an `int` through a pointer.
#[derive(Clone, Copy, Debug)]
pub struct IntAt(pub bool);

impl Arg for IntAt {
    const REGISTERS: usize = 1;

    #[inline(always)]
    fn with(self, regs: Regs, call: impl FnOnce(Regs) -> usize) -> usize {
        (&i32::from(self.0)).with(regs, call)
    }
}

/// A terminal's size: `struct winsize`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Winsize {
    /// Characters from top to bottom.
    pub rows: u16,
    /// Characters from left to right.
    pub columns: u16,
    /// Pixels from left to right, where known.
    pub width: u16,
    /// Pixels from top to bottom, where known.
    pub height: u16,
}

same_layout!(Winsize = general winsize {
    rows ws_row
    columns ws_col
    width ws_xpixel
    height ws_ypixel
});

/// A descriptor that the call takes away.
#[derive(Debug)]
pub struct Closed(pub OwnedFd);

impl Arg for Closed {
    const REGISTERS: usize = 1;

    #[inline(always)]
    fn with(self, regs: Regs, call: impl FnOnce(Regs) -> usize) -> usize {
        self.0.into_raw_fd().with(regs, call)
    }
}

/// A descriptor that the call makes another of; whoever owns it goes on owning the new one.
#[derive(Debug)]
pub struct Replaced<'a>(pub &'a mut OwnedFd);

impl Arg for Replaced<'_> {
    const REGISTERS: usize = 1;

    #[inline(always)]
    fn with(self, regs: Regs, call: impl FnOnce(Regs) -> usize) -> usize {
        self.0.as_raw_fd().with(regs, call)
    }
}
