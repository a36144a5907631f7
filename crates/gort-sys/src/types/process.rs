//! Making processes, waiting for them, and what they may use.

use crate::arg::Arg;
use crate::fd::{AsRawFd, BorrowedFd};
use crate::types::{Pid, Signal, Timeval, Uid};
use crate::{Errno, Regs};
use linux_raw_sys::general;

flags! {
    /// What a new process or thread shares with its maker, or gets anew; and which namespaces a
    /// call is about.
    CloneFlags: u64, general {
        VM CLONE_VM
        FS CLONE_FS
        FILES CLONE_FILES
        SIGHAND CLONE_SIGHAND
        PIDFD CLONE_PIDFD
        PTRACE CLONE_PTRACE
        VFORK CLONE_VFORK
        PARENT CLONE_PARENT
        THREAD CLONE_THREAD
        NEWNS CLONE_NEWNS
        SYSVSEM CLONE_SYSVSEM
        SETTLS CLONE_SETTLS
        PARENT_SETTID CLONE_PARENT_SETTID
        CHILD_CLEARTID CLONE_CHILD_CLEARTID
        UNTRACED CLONE_UNTRACED
        CHILD_SETTID CLONE_CHILD_SETTID
        NEWCGROUP CLONE_NEWCGROUP
        NEWUTS CLONE_NEWUTS
        NEWIPC CLONE_NEWIPC
        NEWUSER CLONE_NEWUSER
        NEWPID CLONE_NEWPID
        NEWNET CLONE_NEWNET
        IO CLONE_IO
        /// For `clone3` only; the others do not see bits this high.
        CLEAR_SIGHAND CLONE_CLEAR_SIGHAND
        /// For `clone3` only, as above.
        INTO_CGROUP CLONE_INTO_CGROUP
        /// Not for `clone`, which has its signal there.
        NEWTIME CLONE_NEWTIME
    }
}

impl CloneFlags {
    /// The signal that the maker gets when the child ends, as `clone` takes it: in the low byte.
    /// `clone3` has a field for it.
    pub const fn exit_signal(signal: Signal) -> CloneFlags {
        CloneFlags::from_bits_retain(signal.0 as u64 & 0xff)
    }
}

/// The arguments of `clone3`: `struct clone_args`. Addresses are numbers, zero for none.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct CloneArgs {
    /// What is shared.
    pub flags: CloneFlags,
    /// Where the child's pidfd goes ([`CloneFlags::PIDFD`]).
    pub pidfd: u64,
    /// Where the child's id goes in the child's memory.
    pub child_tid: u64,
    /// Where the child's id goes in the maker's memory.
    pub parent_tid: u64,
    /// The signal for the maker when the child ends.
    pub exit_signal: u64,
    /// The lowest address of the child's stack.
    pub stack: u64,
    /// Its length.
    pub stack_size: u64,
    /// The child's thread pointer.
    pub tls: u64,
    /// Ids to give the child, one for each pid namespace.
    pub set_tid: u64,
    /// How many of them.
    pub set_tid_size: u64,
    /// The control group to start in.
    pub cgroup: u64,
}

same_layout!(CloneArgs = general clone_args {
    flags flags
    pidfd pidfd
    child_tid child_tid
    parent_tid parent_tid
    exit_signal exit_signal
    stack stack
    stack_size stack_size
    tls tls
    set_tid set_tid
    set_tid_size set_tid_size
    cgroup cgroup
});

flags! {
    /// Which changes of which children a wait is for.
    WaitOptions: i32, general {
        /// Do not wait.
        NOHANG WNOHANG
        UNTRACED WUNTRACED
        EXITED WEXITED
        CONTINUED WCONTINUED
        /// Leave the child to be waited for again.
        NOWAIT WNOWAIT
        NOTHREAD __WNOTHREAD
        ALL __WALL
        CLONE __WCLONE
    }
}

/// How a child ended or stopped, as `wait4` tells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct WaitStatus(pub i32);

impl WaitStatus {
    /// The exit code, if it exited.
    pub const fn exit_code(self) -> Option<i32> {
        if self.0 & 0x7f == 0 { Some((self.0 >> 8) & 0xff) } else { None }
    }

    /// The signal that killed it, if one did.
    pub const fn kill_signal(self) -> Option<Signal> {
        match self.0 & 0x7f {
            0 | 0x7f => None,
            signal => Some(Signal(signal)),
        }
    }

    /// The signal that stopped it, if one did.
    pub const fn stop_signal(self) -> Option<Signal> {
        if self.0 & 0xff == 0x7f { Some(Signal((self.0 >> 8) & 0xff)) } else { None }
    }

    /// Whether it goes on after a stop.
    pub const fn continued(self) -> bool {
        self.0 == 0xffff
    }

    /// Whether it left a core dump.
    pub const fn core_dumped(self) -> bool {
        self.kill_signal().is_some() && self.0 & 0x80 != 0
    }
}

/// Whom `waitid` waits for.
#[derive(Clone, Copy, Debug)]
pub enum WaitFor<'fd> {
    /// Any child.
    Any,
    /// This child.
    Process(Pid),
    /// Any child of this process group; [`Pid::SELF`] for the caller's own.
    Group(Pid),
    /// The child that this pidfd stands for.
    PidFd(BorrowedFd<'fd>),
}

/// Kind and id.
impl Arg for WaitFor<'_> {
    const REGISTERS: usize = 2;

    #[inline(always)]
    fn with(self, regs: Regs, call: impl FnOnce(Regs) -> usize) -> usize {
        let (kind, id) = match self {
            WaitFor::Any => (general::P_ALL, 0),
            WaitFor::Process(pid) => (general::P_PID, pid.0),
            WaitFor::Group(pid) => (general::P_PGID, pid.0),
            WaitFor::PidFd(fd) => (general::P_PIDFD, fd.as_raw_fd()),
        };
        call(regs.push(kind as usize).push(id as usize))
    }
}

/// What a process or thread has used: `struct rusage`. getrusage(2) says which fields Linux fills.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
#[allow(missing_docs)]
pub struct Rusage {
    /// Time in its own code.
    pub utime: Timeval,
    /// Time in the kernel.
    pub stime: Timeval,
    /// The most memory it ever had resident, in KiB.
    pub maxrss: i64,
    pub ixrss: i64,
    pub idrss: i64,
    pub isrss: i64,
    pub minflt: i64,
    pub majflt: i64,
    pub nswap: i64,
    pub inblock: i64,
    pub oublock: i64,
    pub msgsnd: i64,
    pub msgrcv: i64,
    pub nsignals: i64,
    pub nvcsw: i64,
    pub nivcsw: i64,
}

same_layout!(Rusage = general rusage {
    utime ru_utime
    stime ru_stime
    maxrss ru_maxrss
    ixrss ru_ixrss
    idrss ru_idrss
    isrss ru_isrss
    minflt ru_minflt
    majflt ru_majflt
    nswap ru_nswap
    inblock ru_inblock
    oublock ru_oublock
    msgsnd ru_msgsnd
    msgrcv ru_msgrcv
    nsignals ru_nsignals
    nvcsw ru_nvcsw
    nivcsw ru_nivcsw
});

numbers! {
    /// Whose use `getrusage` reports.
    RusageOf: i32, general {
        SELF RUSAGE_SELF
        CHILDREN RUSAGE_CHILDREN
        THREAD RUSAGE_THREAD
    }
}

/// CPU times in clock ticks (a hundredth of a second each): `struct tms`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Tms {
    /// In the process's own code.
    pub utime: i64,
    /// In the kernel.
    pub stime: i64,
    /// The same of its children that were waited for.
    pub cutime: i64,
    /// The same of its children that were waited for.
    pub cstime: i64,
}

numbers! {
    /// Something of which a process may have only so much.
    Resource: u32, general {
        CPU RLIMIT_CPU
        FSIZE RLIMIT_FSIZE
        DATA RLIMIT_DATA
        STACK RLIMIT_STACK
        CORE RLIMIT_CORE
        RSS RLIMIT_RSS
        NPROC RLIMIT_NPROC
        NOFILE RLIMIT_NOFILE
        MEMLOCK RLIMIT_MEMLOCK
        AS RLIMIT_AS
        LOCKS RLIMIT_LOCKS
        SIGPENDING RLIMIT_SIGPENDING
        MSGQUEUE RLIMIT_MSGQUEUE
        NICE RLIMIT_NICE
        RTPRIO RLIMIT_RTPRIO
        RTTIME RLIMIT_RTTIME
    }
}

/// How much of it: `struct rlimit64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Rlimit {
    /// What counts.
    pub current: u64,
    /// What `current` may be raised to.
    pub max: u64,
}

same_layout!(Rlimit = general rlimit64 { current rlim_cur max rlim_max });

impl Rlimit {
    /// No limit.
    pub const INFINITY: u64 = general::RLIM64_INFINITY as u64;
}

numbers! {
    /// What `kcmp` compares, by its number in kcmp(2).
    KcmpKind: i32
}

impl KcmpKind {
    /// `KCMP_FILE`: whether two descriptors stand for the same open file.
    pub const FILE: KcmpKind = KcmpKind(0);
    /// `KCMP_VM`: whether two processes share their memory.
    pub const VM: KcmpKind = KcmpKind(1);
    /// `KCMP_FILES`: whether two processes share their descriptors.
    pub const FILES: KcmpKind = KcmpKind(2);
    /// `KCMP_FS`: whether two processes share root, working directory and umask.
    pub const FS: KcmpKind = KcmpKind(3);
    /// `KCMP_SIGHAND`: whether two processes share their signal handlers.
    pub const SIGHAND: KcmpKind = KcmpKind(4);
}

/// Which capabilities a thread has, 32 of them: `struct __user_cap_data_struct`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct CapData {
    /// In force.
    pub effective: u32,
    /// May be put in force.
    pub permitted: u32,
    /// Kept over an execve.
    pub inheritable: u32,
}

same_layout!(CapData = general __user_cap_data_struct {
    effective effective
    permitted permitted
    inheritable inheritable
});

/// Whose capabilities: the address of the header that capget(2) wants, in the version of two
/// [`CapData`] for 64 capabilities.
#[derive(Debug)]
pub struct CapHeader(pub Pid);

impl Arg for CapHeader {
    const REGISTERS: usize = 1;

    #[inline(always)]
    fn with(self, regs: Regs, call: impl FnOnce(Regs) -> usize) -> usize {
        let mut header = general::__user_cap_header_struct {
            version: general::_LINUX_CAPABILITY_VERSION_3,
            pid: self.0.0,
        };
        // The kernel writes the version it likes best here when it does not know this one.
        (&mut header).with(regs, call)
    }
}

/// Whose nice value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriorityOf {
    /// One process's.
    Process(Pid),
    /// Those of a process group.
    Group(Pid),
    /// Those of a user's processes.
    User(Uid),
}

/// Kind and id.
impl Arg for PriorityOf {
    const REGISTERS: usize = 2;

    #[inline(always)]
    fn with(self, regs: Regs, call: impl FnOnce(Regs) -> usize) -> usize {
        let (kind, id) = match self {
            PriorityOf::Process(pid) => (general::PRIO_PROCESS, pid.0 as usize),
            PriorityOf::Group(pid) => (general::PRIO_PGRP, pid.0 as usize),
            PriorityOf::User(uid) => (general::PRIO_USER, uid.0 as usize),
        };
        call(regs.push(kind as usize).push(id))
    }
}

flags! {
    /// How `execveat` finds the program.
    ExecFlags: i32, general {
        EMPTY_PATH AT_EMPTY_PATH
        SYMLINK_NOFOLLOW AT_SYMLINK_NOFOLLOW
    }
}

/// A thread's name as `prctl` takes it: at most 15 bytes and a NUL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct ThreadName([u8; 16]);

impl ThreadName {
    /// The name with these bytes.
    ///
    /// # Errors
    ///
    /// `EINVAL` when there are more than 15 or one of them is NUL; the kernel would cut the name
    /// off.
    pub fn new(name: &[u8]) -> crate::Result<ThreadName> {
        if name.len() > 15 || name.contains(&0) {
            return Err(Errno::EINVAL);
        }
        let mut bytes = [0; 16];
        bytes[..name.len()].copy_from_slice(name);
        Ok(ThreadName(bytes))
    }

    /// The name's bytes, without the NUL.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.split(|&byte| byte == 0).next().unwrap_or(&[])
    }
}
