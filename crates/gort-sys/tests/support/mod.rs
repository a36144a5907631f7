//! What the tests of declared calls share: libc's answer beside ours, children, signals that
//! interrupt, a watchdog.
//!
//! # Safety
//!
//! `c!` calls libc with the arguments that the test gives it, which are those of the call it is
//! compared with. `in_child` forks, and the child ends without unwinding into the test.
//! The handler of `interrupted` does nothing.

#![allow(unsafe_code)]
// Each test binary uses its part of this.
#![allow(dead_code, unused_macros, unused_imports)]

use gort_sys::types::{Pid, SigHow, SigSet, Signal, WaitOptions};
use gort_sys::{Errno, Result, raw};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// libc's answer in the form of ours: a value, or the error in its `errno`.
pub(crate) fn answer(value: i64) -> Result<i64> {
    if value == -1 {
        Err(Errno::from_raw(std::io::Error::last_os_error().raw_os_error().unwrap_or(0)))
    } else {
        Ok(value)
    }
}

/// A libc call, with its answer in the form of ours.
macro_rules! c {
    ($call:expr) => {{
        #[allow(clippy::unnecessary_cast)]
        // SAFETY: see the module.
        let value = unsafe { $call } as i64;
        $crate::support::answer(value)
    }};
}
pub(crate) use c;

/// Ends the process by `SIGALRM` if the tests hang.
pub(crate) fn watchdog() {
    // SAFETY: alarm takes no memory.
    unsafe { libc::alarm(120) };
}

/// Runs `body` in a forked child and returns what it returns (0 to 99), 101 if it panicked. The
/// child is killed if it hangs, which is `None`, as is any other death by signal.
pub(crate) fn in_child(body: impl FnOnce() -> i32) -> Option<i32> {
    // SAFETY: the child runs `body` and ends by `_exit`; glibc makes its allocator usable there.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "fork: {}", std::io::Error::last_os_error());
    if pid == 0 {
        watchdog();
        // The test harness would keep the message to itself, and that of this process is a copy.
        std::panic::set_hook(Box::new(|info| {
            let _ = raw::write(std::io::stderr(), format!("in a child: {info}\n").as_bytes());
        }));
        let code = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).unwrap_or(101);
        // SAFETY: nothing of the parent's is to be run or flushed here.
        unsafe { libc::_exit(code) };
    }
    let mut status = 0;
    // SAFETY: `status` is valid for writing.
    assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
    libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status))
}

/// Runs `body` in a forked child in which every assertion must hold.
pub(crate) fn child_holds(body: impl FnOnce()) {
    let code = in_child(|| {
        body();
        0
    });
    assert_eq!(code, Some(0), "the child's assertions; its message is above");
}

/// Sends this thread `SIGUSR1`, without `SA_RESTART`, until `call` has returned.
pub(crate) fn interrupted<T>(call: impl FnOnce() -> T) -> T {
    extern "C" fn nothing(_: i32) {}
    watchdog();
    // SAFETY: all zero is a value of libc's structure.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = nothing as extern "C" fn(i32) as usize;
    c!(libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut())).unwrap();
    let (process, thread) = (raw::getpid(), raw::gettid());
    std::thread::scope(|scope| {
        // Closed when `call` is over, however it ends.
        let (_open, until_closed) = channel::<()>();
        scope.spawn(move || {
            let pause = Duration::from_millis(1);
            while until_closed.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                raw::tgkill(process, thread, Signal::USR1).unwrap();
            }
        });
        call()
    })
}

/// Whether the result is a success; if not, the error is one of those that an environment without
/// the right, or a kernel without the call, gives.
pub(crate) fn allowed<T: std::fmt::Debug>(
    what: &str,
    result: &Result<T>,
    refusals: &[Errno],
) -> bool {
    match result {
        Ok(_) => true,
        Err(errno) => {
            assert!(refusals.contains(errno), "{what}: {errno:?} is none of {refusals:?}");
            eprintln!("{what}: refused here with {errno:?}");
            false
        }
    }
}

/// The errors of a call that a sandbox or a missing right refuses.
pub(crate) const REFUSED: &[Errno] = &[Errno::EPERM, Errno::EACCES, Errno::ENOSYS];

/// A descriptor that is surely closed.
pub(crate) fn closed() -> gort_sys::fd::BorrowedFd<'static> {
    // SAFETY: nothing is done with it but to be told that it is not open; the number is above
    // the limit that tests run with.
    unsafe { gort_sys::fd::BorrowedFd::borrow_raw(i32::MAX - 7) }
}

/// A child that blocks every signal that can be blocked and does nothing until it is dropped.
pub(crate) struct Target(pub(crate) Pid);

impl Target {
    pub(crate) fn new() -> Target {
        let old = raw::rt_sigprocmask(SigHow::SETMASK, Some(&SigSet::FULL)).unwrap();
        // SAFETY: the child makes a few calls and never comes back from here.
        let pid = unsafe { raw::fork() }.unwrap();
        if pid == Pid::SELF {
            let _ = raw::prctl_set_pdeathsig(Signal::KILL);
            loop {
                let _ = raw::pause();
            }
        }
        raw::rt_sigprocmask(SigHow::SETMASK, Some(&old)).unwrap();
        Target(pid)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let _ = raw::kill(self.0, Signal::KILL);
        let _ = raw::wait4(self.0, None, WaitOptions::empty(), None);
    }
}

/// This test thread's own [`Target`].
pub(crate) fn target() -> Pid {
    thread_local! {
        static TARGET: Target = Target::new();
    }
    TARGET.with(|target| target.0)
}
