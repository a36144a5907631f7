//! The machine's name and state, randomness, and the sandboxes.

use crate::fd::{AsRawFd, BorrowedFd};
use core::ffi::CStr;
use core::marker::PhantomData;

/// Load and memory: `struct sysinfo`. Memory is in units of `unit` bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Sysinfo {
    /// Seconds since boot.
    pub uptime: i64,
    /// Load over one, five and fifteen minutes, times 65536.
    pub loads: [u64; 3],
    /// Memory there is.
    pub total_ram: u64,
    /// Memory nobody uses.
    pub free_ram: u64,
    /// Memory that several processes share.
    pub shared_ram: u64,
    /// Memory in block device buffers.
    pub buffer_ram: u64,
    /// Swap space there is.
    pub total_swap: u64,
    /// Swap space nobody uses.
    pub free_swap: u64,
    /// Threads in the system.
    pub threads: u16,
    reserved: u16,
    /// High memory there is (none on 64-bit machines).
    pub total_high: u64,
    /// High memory nobody uses.
    pub free_high: u64,
    /// The unit of the figures above, in bytes.
    pub unit: u32,
}

same_layout!(Sysinfo = system sysinfo {
    uptime uptime
    loads loads
    total_ram totalram
    free_ram freeram
    shared_ram sharedram
    buffer_ram bufferram
    total_swap totalswap
    free_swap freeswap
    threads procs
    total_high totalhigh
    free_high freehigh
    unit mem_unit
});

/// Names of the system: `struct new_utsname`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Utsname([[u8; linux_raw_sys::system::__NEW_UTS_LEN as usize + 1]; 6]);

same_layout!(Utsname = system new_utsname {});

/// One name, up to its NUL.
macro_rules! names {
    ($($(#[$doc:meta])* $name:ident $index:literal)+) => {
        impl Utsname {
            $(
                $(#[$doc])*
                pub fn $name(&self) -> &[u8] {
                    CStr::from_bytes_until_nul(&self.0[$index]).map_or(&[], CStr::to_bytes)
                }
            )+
        }

        impl core::fmt::Debug for Utsname {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.debug_struct("Utsname")
                    $(.field(stringify!($name), &format_args!("{}", self.$name().escape_ascii())))+
                    .finish()
            }
        }
    };
}

names! {
    /// `Linux`.
    sysname 0
    /// The host name.
    nodename 1
    /// The kernel's release.
    release 2
    /// The kernel's build.
    version 3
    /// The hardware: `x86_64`.
    machine 4
    /// The NIS domain.
    domainname 5
}

flags! {
    /// How `getrandom` waits and where it draws from.
    RandomFlags: u32, general {
        /// `EAGAIN` rather than waiting for the pool to be ready.
        NONBLOCK GRND_NONBLOCK
        RANDOM GRND_RANDOM
        /// Bytes at once, random or not.
        INSECURE GRND_INSECURE
    }
}

flags! {
    /// What a landlock ruleset can forbid in the file system.
    LandlockFs: u64, landlock {
        EXECUTE LANDLOCK_ACCESS_FS_EXECUTE
        WRITE_FILE LANDLOCK_ACCESS_FS_WRITE_FILE
        READ_FILE LANDLOCK_ACCESS_FS_READ_FILE
        READ_DIR LANDLOCK_ACCESS_FS_READ_DIR
        REMOVE_DIR LANDLOCK_ACCESS_FS_REMOVE_DIR
        REMOVE_FILE LANDLOCK_ACCESS_FS_REMOVE_FILE
        MAKE_CHAR LANDLOCK_ACCESS_FS_MAKE_CHAR
        MAKE_DIR LANDLOCK_ACCESS_FS_MAKE_DIR
        MAKE_REG LANDLOCK_ACCESS_FS_MAKE_REG
        MAKE_SOCK LANDLOCK_ACCESS_FS_MAKE_SOCK
        MAKE_FIFO LANDLOCK_ACCESS_FS_MAKE_FIFO
        MAKE_BLOCK LANDLOCK_ACCESS_FS_MAKE_BLOCK
        MAKE_SYM LANDLOCK_ACCESS_FS_MAKE_SYM
        REFER LANDLOCK_ACCESS_FS_REFER
        TRUNCATE LANDLOCK_ACCESS_FS_TRUNCATE
        IOCTL_DEV LANDLOCK_ACCESS_FS_IOCTL_DEV
    }
}

flags! {
    /// What a landlock ruleset can forbid on the network.
    LandlockNet: u64, landlock {
        BIND_TCP LANDLOCK_ACCESS_NET_BIND_TCP
        CONNECT_TCP LANDLOCK_ACCESS_NET_CONNECT_TCP
    }
}

/// What a ruleset forbids where no rule allows it: `struct landlock_ruleset_attr` as of landlock
/// ABI 4. An older kernel gives `E2BIG` unless the newer part is empty.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct LandlockRuleset {
    /// In the file system.
    pub fs: LandlockFs,
    /// On the network.
    pub net: LandlockNet,
}

same_layout!(LandlockRuleset = landlock landlock_ruleset_attr {
    fs handled_access_fs
    net handled_access_net
    ..
});

/// A rule: these accesses are allowed below this file or directory.
#[derive(Clone, Copy, Debug)]
#[repr(C, packed)]
pub struct LandlockBeneath<'fd> {
    access: u64,
    parent: i32,
    owner: PhantomData<BorrowedFd<'fd>>,
}

same_layout!(LandlockBeneath<'static> = landlock landlock_path_beneath_attr {
    access allowed_access
    parent parent_fd
});

impl<'fd> LandlockBeneath<'fd> {
    /// Allows `access` below `parent`.
    pub fn new(access: LandlockFs, parent: BorrowedFd<'fd>) -> LandlockBeneath<'fd> {
        LandlockBeneath { access: access.bits(), parent: parent.as_raw_fd(), owner: PhantomData }
    }
}

/// A rule: these accesses are allowed to this port.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct LandlockPort {
    /// What is allowed.
    pub access: LandlockNet,
    /// The port, in the machine's byte order.
    pub port: u64,
}

same_layout!(LandlockPort = landlock landlock_net_port_attr { access allowed_access port port });

numbers! {
    /// A key or keyring: a serial number, or one of the special ones of keyctl(2).
    KeyId: i32
}

impl KeyId {
    /// The thread's keyring.
    pub const THREAD_KEYRING: KeyId = KeyId(-1);
    /// The process's keyring.
    pub const PROCESS_KEYRING: KeyId = KeyId(-2);
    /// The session's keyring.
    pub const SESSION_KEYRING: KeyId = KeyId(-3);
    /// The user's keyring.
    pub const USER_KEYRING: KeyId = KeyId(-4);
}

numbers! {
    /// What `reboot` does.
    RebootCommand: u32, general {
        RESTART LINUX_REBOOT_CMD_RESTART
        HALT LINUX_REBOOT_CMD_HALT
        CAD_ON LINUX_REBOOT_CMD_CAD_ON
        CAD_OFF LINUX_REBOOT_CMD_CAD_OFF
        POWER_OFF LINUX_REBOOT_CMD_POWER_OFF
        RESTART2 LINUX_REBOOT_CMD_RESTART2
        SW_SUSPEND LINUX_REBOOT_CMD_SW_SUSPEND
        KEXEC LINUX_REBOOT_CMD_KEXEC
    }
}
