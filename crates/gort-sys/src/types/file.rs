//! Files by name: how they are opened, what they are, what is known about them.

use crate::Regs;
use crate::arg::{Answer, Arg, Ret};
use crate::types::Timespec;
use linux_raw_sys::general as kernel;

/// What `stat` and its family tell: `struct stat`.
pub use linux_raw_sys::general::stat as Stat;
/// What is known about a file system: `struct statfs`.
pub use linux_raw_sys::general::statfs as StatFs;
/// What `statx` tells: `struct statx`.
pub use linux_raw_sys::general::statx as Statx;

flags! {
    /// How a file is opened, and the part of it that `F_GETFL` and `F_SETFL` are about.
    OFlags: u32, general {
        /// For reading only: no bits, so it is there whenever the other two are not.
        RDONLY O_RDONLY
        WRONLY O_WRONLY
        RDWR O_RDWR
        CREAT O_CREAT
        EXCL O_EXCL
        NOCTTY O_NOCTTY
        TRUNC O_TRUNC
        APPEND O_APPEND
        NONBLOCK O_NONBLOCK
        DSYNC O_DSYNC
        SYNC O_SYNC
        DIRECT O_DIRECT
        LARGEFILE O_LARGEFILE
        DIRECTORY O_DIRECTORY
        NOFOLLOW O_NOFOLLOW
        NOATIME O_NOATIME
        CLOEXEC O_CLOEXEC
        PATH O_PATH
        TMPFILE O_TMPFILE
    }
}

impl Ret for OFlags {
    #[inline(always)]
    fn from_answer(answer: Answer) -> OFlags {
        OFlags::from_bits_retain(answer.value() as u32)
    }
}

flags! {
    /// Who may do what with a file.
    Mode: u32, general {
        SUID S_ISUID
        SGID S_ISGID
        /// In a directory only the owner removes a file.
        STICKY S_ISVTX
        RWXU S_IRWXU
        RUSR S_IRUSR
        WUSR S_IWUSR
        XUSR S_IXUSR
        RWXG S_IRWXG
        RGRP S_IRGRP
        WGRP S_IWGRP
        XGRP S_IXGRP
        RWXO S_IRWXO
        ROTH S_IROTH
        WOTH S_IWOTH
        XOTH S_IXOTH
    }
}

impl Mode {
    /// From the number that is written in octal: `Mode::new(0o644)`.
    pub const fn new(octal: u32) -> Mode {
        Mode::from_bits_retain(octal)
    }
}

impl Ret for Mode {
    #[inline(always)]
    fn from_answer(answer: Answer) -> Mode {
        Mode::from_bits_retain(answer.value() as u32)
    }
}

numbers! {
    /// What a file is.
    FileType: u32, general {
        REGULAR S_IFREG
        DIRECTORY S_IFDIR
        SYMLINK S_IFLNK
        BLOCK S_IFBLK
        CHARACTER S_IFCHR
        FIFO S_IFIFO
        SOCKET S_IFSOCK
    }
}

impl FileType {
    /// Not said: only `getdents64` leaves it out.
    pub const UNKNOWN: FileType = FileType(0);

    /// From the mode in a [`Stat`] or [`Statx`].
    pub const fn from_mode(mode: u32) -> FileType {
        FileType(mode & kernel::S_IFMT)
    }

    /// From the byte in a directory's entry, which holds the mode's upper bits.
    pub(crate) const fn from_dirent(kind: u8) -> FileType {
        FileType::from_mode((kind as u32) << 12)
    }
}

flags! {
    /// How a call looks up its path. Each call takes some of these.
    AtFlags: u32, general {
        SYMLINK_NOFOLLOW AT_SYMLINK_NOFOLLOW
        SYMLINK_FOLLOW AT_SYMLINK_FOLLOW
        /// The empty path is the descriptor itself.
        EMPTY_PATH AT_EMPTY_PATH
        NO_AUTOMOUNT AT_NO_AUTOMOUNT
        RECURSIVE AT_RECURSIVE
        /// `unlinkat` removes a directory.
        REMOVEDIR AT_REMOVEDIR
        /// `faccessat2` goes by the effective ids.
        EACCESS AT_EACCESS
        STATX_FORCE_SYNC AT_STATX_FORCE_SYNC
        STATX_DONT_SYNC AT_STATX_DONT_SYNC
        HANDLE_FID AT_HANDLE_FID
    }
}

flags! {
    /// What `access` asks. No bits ask whether the file is there.
    Access: u32, general {
        READ R_OK
        WRITE W_OK
        EXECUTE X_OK
    }
}

flags! {
    /// What `renameat2` does where the new name is taken, and what it leaves behind.
    RenameFlags: u32, general {
        NOREPLACE RENAME_NOREPLACE
        EXCHANGE RENAME_EXCHANGE
        WHITEOUT RENAME_WHITEOUT
    }
}

flags! {
    /// What `openat2` refuses to walk through.
    ResolveFlags: u64, general {
        NO_XDEV RESOLVE_NO_XDEV
        NO_MAGICLINKS RESOLVE_NO_MAGICLINKS
        NO_SYMLINKS RESOLVE_NO_SYMLINKS
        BENEATH RESOLVE_BENEATH
        IN_ROOT RESOLVE_IN_ROOT
        /// `EAGAIN` where storage would have to be read.
        CACHED RESOLVE_CACHED
    }
}

/// What `openat2` is told: `struct open_how`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct OpenHow {
    flags: u64,
    mode: u64,
    resolve: ResolveFlags,
}

same_layout!(OpenHow = general open_how { flags flags mode mode resolve resolve });

impl OpenHow {
    /// Unlike `openat`, the kernel refuses a mode without `CREAT` or `TMPFILE`, and unknown flags.
    pub const fn new(flags: OFlags, mode: Mode, resolve: ResolveFlags) -> OpenHow {
        OpenHow { flags: flags.bits() as u64, mode: mode.bits() as u64, resolve }
    }
}

flags! {
    /// Which of its fields `statx` is asked to fill.
    StatxMask: u32, general {
        TYPE STATX_TYPE
        MODE STATX_MODE
        NLINK STATX_NLINK
        UID STATX_UID
        GID STATX_GID
        ATIME STATX_ATIME
        MTIME STATX_MTIME
        CTIME STATX_CTIME
        INO STATX_INO
        SIZE STATX_SIZE
        BLOCKS STATX_BLOCKS
        /// All of the above.
        BASIC_STATS STATX_BASIC_STATS
        BTIME STATX_BTIME
        MNT_ID STATX_MNT_ID
        DIOALIGN STATX_DIOALIGN
    }
}

/// A device's number in the form that system calls take: 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Device(u32);

impl Device {
    /// From its parts, of which the kernel has 12 and 20 bits; more than that does not fit and
    /// gives `None`.
    pub const fn new(major: u32, minor: u32) -> Option<Device> {
        if major >= 1 << 12 || minor >= 1 << 20 {
            return None;
        }
        Some(Device(minor & 0xff | major << 8 | (minor & !0xff) << 12))
    }

    /// The number, as `st_rdev` has it.
    pub const fn raw(self) -> u32 {
        self.0
    }
}

/// What `mknodat` makes. Two registers: kind and permissions, device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    kind: FileType,
    mode: Mode,
    device: u32,
}

impl Node {
    /// A regular file, FIFO or socket.
    pub const fn new(kind: FileType, mode: Mode) -> Node {
        Node { kind, mode, device: 0 }
    }

    /// A character or block device.
    pub const fn device(kind: FileType, mode: Mode, device: Device) -> Node {
        Node { kind, mode, device: device.0 }
    }
}

impl Arg for Node {
    const REGISTERS: usize = 2;

    #[inline(always)]
    fn with(self, regs: Regs, call: impl FnOnce(Regs) -> usize) -> usize {
        let mode = self.kind.0 | self.mode.bits();
        call(regs.push(mode as usize).push(self.device as usize))
    }
}

/// What `utimensat` sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct FileTimes {
    /// When it was last read.
    pub accessed: Timespec,
    /// When it was last written.
    pub modified: Timespec,
}

impl FileTimes {
    /// In place of a time: now.
    pub const NOW: Timespec = Timespec { sec: 0, nsec: kernel::UTIME_NOW as i64 };
    /// In place of a time: stays as it is.
    pub const OMIT: Timespec = Timespec { sec: 0, nsec: kernel::UTIME_OMIT as i64 };
}

flags! {
    /// Whether an extended attribute must, or must not, be there already.
    XattrFlags: u32, general {
        CREATE XATTR_CREATE
        REPLACE XATTR_REPLACE
    }
}
