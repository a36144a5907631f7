//! Signals: sending them, blocking them, waiting for them.
//!
//! Dispositions belong to the process, masks to the thread. The kernel's sets have 64 bits, and libc's
//! own signals (32 and 33) can be blocked here as anywhere: a mask that is `FULL` in a libc program
//! makes its `setuid` and thread cancellation wait.

/// The list; see `calls/mod.rs`.
#[doc(hidden)]
#[macro_export]
macro_rules! __calls_signal {
    ($mode:tt) => {
        $crate::__sys! { $mode
            /// Sets what happens on a signal, or only asks; the kernel's structure needs a
            /// restorer. [rt_sigaction(2)]
            ///
            /// # Safety
            ///
            /// The handler is a function fit to be one, and so is the restorer.
            ///
            /// [rt_sigaction(2)]: https://man7.org/linux/man-pages/man2/rt_sigaction.2.html
            unsafe sysnb rt_sigaction(signal: Signal, new: Option<&SigAction>, old: Option<&mut SigAction>, const size_of::<SigSet>()) -> Result<()>;

            /// Changes the thread's signal mask by `set`, and returns what it was.
            /// [rt_sigprocmask(2)]
            ///
            /// [rt_sigprocmask(2)]: https://man7.org/linux/man-pages/man2/rt_sigprocmask.2.html
            sysnb rt_sigprocmask(how: SigHow, set: Option<&SigSet>, old: out SigSet, const size_of::<SigSet>()) -> Result<SigSet>;

            /// Signals that are blocked and have arrived. [rt_sigpending(2)]
            ///
            /// [rt_sigpending(2)]: https://man7.org/linux/man-pages/man2/rt_sigpending.2.html
            sysnb rt_sigpending(set: out SigSet, const size_of::<SigSet>()) -> Result<SigSet>;

            /// Waits with this mask until a handler has run; always `EINTR`. [rt_sigsuspend(2)]
            ///
            /// [rt_sigsuspend(2)]: https://man7.org/linux/man-pages/man2/rt_sigsuspend.2.html
            sysblock rt_sigsuspend(mask: &SigSet, const size_of::<SigSet>()) -> Result<()>;

            /// Takes a blocked signal of `set`, waiting for one; `EAGAIN` when the time runs out.
            /// [rt_sigtimedwait(2)]
            ///
            /// [rt_sigtimedwait(2)]: https://man7.org/linux/man-pages/man2/rt_sigtimedwait.2.html
            sysblock rt_sigtimedwait(set: &SigSet, info: Option<&mut SigInfo>, timeout: Option<&Timespec>, const size_of::<SigSet>()) -> Result<Signal>;

            /// Sends a process a signal with information. `info` must not look like the kernel's,
            /// except to the caller's own process. [rt_sigqueueinfo(2)]
            ///
            /// # Safety
            ///
            /// A handler in this process may trust what `info` says as if the kernel said it.
            ///
            /// [rt_sigqueueinfo(2)]: https://man7.org/linux/man-pages/man2/rt_sigqueueinfo.2.html
            unsafe sysnb rt_sigqueueinfo(pid: Pid, signal: Signal, info: &SigInfo) -> Result<()>;

            /// The same for one thread of a process. [rt_tgsigqueueinfo(2)]
            ///
            /// # Safety
            ///
            /// As for [`rt_sigqueueinfo`].
            ///
            /// [rt_tgsigqueueinfo(2)]: https://man7.org/linux/man-pages/man2/rt_tgsigqueueinfo.2.html
            unsafe sysnb rt_tgsigqueueinfo(process: Pid, thread: Pid, signal: Signal, info: &SigInfo) -> Result<()>;

            /// Sets the thread's signal stack, or only asks. [sigaltstack(2)]
            ///
            /// # Safety
            ///
            /// The memory is a stack that nothing else uses until it is replaced.
            ///
            /// [sigaltstack(2)]: https://man7.org/linux/man-pages/man2/sigaltstack.2.html
            unsafe sysnb sigaltstack(new: Option<&SigStack>, old: Option<&mut SigStack>) -> Result<()>;

            /// Waits until a handler has run; always `EINTR`. [pause(2)]
            ///
            /// [pause(2)]: https://man7.org/linux/man-pages/man2/pause.2.html
            sysblock pause() -> Result<()>;

            /// Sends a signal to a process, to a group ([`Pid::group`]), or to all ([`Pid::ANY`]);
            /// with [`Signal::NONE`] only checks. [kill(2)]
            ///
            /// [kill(2)]: https://man7.org/linux/man-pages/man2/kill.2.html
            sysnb kill(pid: Pid, signal: Signal) -> Result<()>;

            /// Sends a signal to a thread, which may have ended and its id be another's; [`tgkill`]
            /// is safer. Signals 32 and 33 give `EINVAL` (see [`ThreadSignal`]). [tkill(2)]
            ///
            /// [tkill(2)]: https://man7.org/linux/man-pages/man2/tkill.2.html
            sysnb tkill(thread: Pid, signal: Signal as ThreadSignal) -> Result<()>;

            /// Sends a signal to a thread of a process. Signals 32 and 33 give `EINVAL` (see
            /// [`ThreadSignal`]). [tgkill(2)]
            ///
            /// [tgkill(2)]: https://man7.org/linux/man-pages/man2/tgkill.2.html
            sysnb tgkill(process: Pid, thread: Pid, signal: Signal as ThreadSignal) -> Result<()>;
        }
    };
}
