//! Signals: their numbers, sets of them, and what comes with one.

use crate::arg::Arg;
use crate::types::{Pid, Uid};
use crate::{Errno, Regs};
use core::fmt;

numbers! {
    /// A signal's number. Real-time signals have no names: `Signal(34)`.
    Signal: i32, general {
        HUP SIGHUP
        INT SIGINT
        QUIT SIGQUIT
        ILL SIGILL
        TRAP SIGTRAP
        ABRT SIGABRT
        BUS SIGBUS
        FPE SIGFPE
        KILL SIGKILL
        USR1 SIGUSR1
        SEGV SIGSEGV
        USR2 SIGUSR2
        PIPE SIGPIPE
        ALRM SIGALRM
        TERM SIGTERM
        STKFLT SIGSTKFLT
        CHLD SIGCHLD
        CONT SIGCONT
        STOP SIGSTOP
        TSTP SIGTSTP
        TTIN SIGTTIN
        TTOU SIGTTOU
        URG SIGURG
        XCPU SIGXCPU
        XFSZ SIGXFSZ
        VTALRM SIGVTALRM
        PROF SIGPROF
        WINCH SIGWINCH
        IO SIGIO
        PWR SIGPWR
        SYS SIGSYS
    }
}

impl Signal {
    /// No signal: a call that would send one only checks whether it could.
    pub const NONE: Signal = Signal(0);

    /// The largest signal number.
    pub const MAX: Signal = Signal(64);

    /// `"SIGHUP"` and so on; `None` for real-time signals and numbers that are no signals.
    pub const fn name(self) -> Option<&'static str> {
        const NAMES: [&str; 31] = [
            "SIGHUP",
            "SIGINT",
            "SIGQUIT",
            "SIGILL",
            "SIGTRAP",
            "SIGABRT",
            "SIGBUS",
            "SIGFPE",
            "SIGKILL",
            "SIGUSR1",
            "SIGSEGV",
            "SIGUSR2",
            "SIGPIPE",
            "SIGALRM",
            "SIGTERM",
            "SIGSTKFLT",
            "SIGCHLD",
            "SIGCONT",
            "SIGSTOP",
            "SIGTSTP",
            "SIGTTIN",
            "SIGTTOU",
            "SIGURG",
            "SIGXCPU",
            "SIGXFSZ",
            "SIGVTALRM",
            "SIGPROF",
            "SIGWINCH",
            "SIGIO",
            "SIGPWR",
            "SIGSYS",
        ];
        if self.0 >= 1 && self.0 <= 31 { Some(NAMES[self.0 as usize - 1]) } else { None }
    }
}

/// The name, or `signal N`.
impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => write!(f, "signal {}", self.0),
        }
    }
}

/// A signal for one thread. 32 and 33 give `EINVAL` before the call, as they do from
/// `pthread_kill`: glibc has threads end themselves, or make a call that another thread left on its
/// stack, when one of the process's own threads sends them these. `raw_syscall` can send them.
#[derive(Clone, Copy, Debug)]
pub struct ThreadSignal(pub Signal);

impl Arg for ThreadSignal {
    const REGISTERS: usize = 1;

    #[inline(always)]
    fn with(self, regs: Regs, call: impl FnOnce(Regs) -> usize) -> usize {
        if matches!(self.0.0, 32 | 33) {
            return Errno::EINVAL.to_ret();
        }
        self.0.with(regs, call)
    }
}

/// A set of signals: the kernel's own 64 bits, not libc's larger `sigset_t`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct SigSet(pub u64);

impl SigSet {
    /// No signal.
    pub const EMPTY: SigSet = SigSet(0);
    /// Every signal; the kernel leaves out `SIGKILL` and `SIGSTOP` by itself.
    pub const FULL: SigSet = SigSet(!0);

    /// The signal's bit; zero for a number that is no signal.
    const fn bit(signal: Signal) -> u64 {
        if signal.0 >= 1 && signal.0 <= 64 { 1 << (signal.0 - 1) } else { 0 }
    }

    /// This set and `signal`. A number that is no signal changes nothing.
    #[must_use]
    pub const fn with(self, signal: Signal) -> SigSet {
        SigSet(self.0 | SigSet::bit(signal))
    }

    /// This set without `signal`.
    #[must_use]
    pub const fn without(self, signal: Signal) -> SigSet {
        SigSet(self.0 & !SigSet::bit(signal))
    }

    /// Whether `signal` is in the set.
    pub const fn contains(self, signal: Signal) -> bool {
        self.0 & SigSet::bit(signal) != 0
    }
}

numbers! {
    /// What a set does to a thread's signal mask.
    SigHow: i32, general {
        BLOCK SIG_BLOCK
        UNBLOCK SIG_UNBLOCK
        SETMASK SIG_SETMASK
    }
}

flags! {
    /// How a signal is handled.
    SaFlags: u64, general {
        NOCLDSTOP SA_NOCLDSTOP
        NOCLDWAIT SA_NOCLDWAIT
        SIGINFO SA_SIGINFO
        ONSTACK SA_ONSTACK
        RESTART SA_RESTART
        NODEFER SA_NODEFER
        RESETHAND SA_RESETHAND
        /// `restorer` is set; x86-64 kernels run no handler without it.
        RESTORER SA_RESTORER
    }
}

/// What happens on a signal: the kernel's own `struct sigaction`, which is not libc's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct SigAction {
    /// The handler's address, or [`DEFAULT`](SigAction::DEFAULT) or [`IGNORE`](SigAction::IGNORE).
    pub handler: usize,
    /// How it is called.
    pub flags: SaFlags,
    /// Where the handler returns to: code that calls `rt_sigreturn`.
    pub restorer: usize,
    /// Signals that are blocked meanwhile.
    pub mask: SigSet,
}

same_layout!(SigAction = general kernel_sigaction {
    handler sa_handler_kernel
    flags sa_flags
    restorer sa_restorer
    mask sa_mask
});

impl SigAction {
    /// `SIG_DFL`.
    pub const DEFAULT: SigAction = SigAction::simple(0);
    /// `SIG_IGN`.
    pub const IGNORE: SigAction = SigAction::simple(1);

    const fn simple(handler: usize) -> SigAction {
        SigAction { handler, flags: SaFlags::empty(), restorer: 0, mask: SigSet::EMPTY }
    }
}

flags! {
    /// The state of a signal stack.
    SigStackFlags: i32, general {
        ONSTACK SS_ONSTACK
        DISABLE SS_DISABLE
        AUTODISARM SS_AUTODISARM
    }
}

/// The stack that handlers with [`SaFlags::ONSTACK`] run on: `stack_t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct SigStack {
    /// Its lowest address.
    pub base: *mut u8,
    /// Its state.
    pub flags: SigStackFlags,
    /// Its length.
    pub len: usize,
}

same_layout!(SigStack = general sigaltstack { base ss_sp flags ss_flags len ss_size });

impl SigStack {
    /// No signal stack.
    pub const NONE: SigStack =
        SigStack { base: core::ptr::null_mut(), flags: SigStackFlags::DISABLE, len: 0 };
}

/// What the kernel tells about a signal or a child: `siginfo_t`.
///
/// Which of the fields mean something depends on the signal and the code (sigaction(2)); the others
/// read as whatever lies at their place.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(8))]
pub struct SigInfo([i32; 32]);

same_layout!(SigInfo = general siginfo_t {});

impl SigInfo {
    /// All zero: what `waitid` leaves there when no child has anything to report.
    pub const EMPTY: SigInfo = SigInfo([0; 32]);

    /// A signal with a value, as sigqueue(3) makes it.
    pub const fn queue(signal: Signal, from: Pid, user: Uid, value: usize) -> SigInfo {
        let mut info = SigInfo::EMPTY;
        info.0[0] = signal.0;
        info.0[2] = linux_raw_sys::general::SI_QUEUE;
        info.0[4] = from.0;
        info.0[5] = user.0 as i32;
        info.0[6] = value as i32;
        info.0[7] = (value >> 32) as i32;
        info
    }

    /// Which signal.
    pub const fn signal(&self) -> Signal {
        Signal(self.0[0])
    }

    /// Why: `SI_USER`, `CLD_EXITED` and so on.
    pub const fn code(&self) -> i32 {
        self.0[2]
    }

    /// The sender, or the child.
    pub const fn pid(&self) -> Pid {
        Pid(self.0[4])
    }

    /// The sender's, or the child's, real user.
    pub const fn uid(&self) -> Uid {
        Uid(self.0[5] as u32)
    }

    /// The child's exit code or signal.
    pub const fn status(&self) -> i32 {
        self.0[6]
    }

    /// The value that came with a queued signal or a timer's.
    pub const fn value(&self) -> usize {
        self.0[6] as u32 as usize | (self.0[7] as u32 as usize) << 32
    }

    /// The address that a fault was about: `si_addr`.
    pub const fn address(&self) -> usize {
        self.0[4] as u32 as usize | (self.0[5] as u32 as usize) << 32
    }
}
