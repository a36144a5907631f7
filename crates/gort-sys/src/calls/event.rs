//! Descriptors that stand for events: counters, timers, signals, file watches, processes, rings.
//!
//! Making and setting them is `sysnb`: the kernel allocates and links, and waits for nobody. Waiting
//! for what they report is `read`, or a call of `calls/poll.rs`.

/// The list; see `calls/mod.rs`.
#[doc(hidden)]
#[macro_export]
macro_rules! __calls_event {
    ($mode:tt) => {
        $crate::__sys! { $mode
            /// A counter that reads as its value and adds what is written. [eventfd(2)]
            ///
            /// [eventfd(2)]: https://man7.org/linux/man-pages/man2/eventfd.2.html
            sysnb eventfd2(initial: u32, flags: EventfdFlags) -> Result<OwnedFd>;

            /// A timer that becomes readable when it expires. [timerfd_create(2)]
            ///
            /// [timerfd_create(2)]: https://man7.org/linux/man-pages/man2/timerfd_create.2.html
            sysnb timerfd_create(clock: ClockId, flags: TimerfdFlags) -> Result<OwnedFd>;

            /// Sets a timer and returns what it was set to. [timerfd_create(2)]
            ///
            /// [timerfd_create(2)]: https://man7.org/linux/man-pages/man2/timerfd_create.2.html
            sysnb timerfd_settime(fd: impl AsFd, flags: TimerfdTimerFlags, new: &Itimerspec, old: out Itimerspec) -> Result<Itimerspec>;

            /// How long until the timer expires, and its period. [timerfd_create(2)]
            ///
            /// [timerfd_create(2)]: https://man7.org/linux/man-pages/man2/timerfd_create.2.html
            sysnb timerfd_gettime(fd: impl AsFd, current: out Itimerspec) -> Result<Itimerspec>;

            /// A descriptor that reads as the pending signals of `mask`, which the reader keeps
            /// blocked. [signalfd(2)]
            ///
            /// [signalfd(2)]: https://man7.org/linux/man-pages/man2/signalfd.2.html
            sysnb signalfd4(const -1, mask: &SigSet, const size_of::<SigSet>(), flags: SignalfdFlags) -> Result<OwnedFd>;

            /// Gives a descriptor made by [`signalfd4`] another mask. [signalfd(2)]
            ///
            /// [signalfd(2)]: https://man7.org/linux/man-pages/man2/signalfd.2.html
            sysnb signalfd4_set(fd: impl AsFd, mask: &SigSet, const size_of::<SigSet>(), const 0) -> Result<()> = $crate::nr::SIGNALFD4;

            /// A descriptor that reads as what happens to the files it watches. [inotify_init(2)]
            ///
            /// [inotify_init(2)]: https://man7.org/linux/man-pages/man2/inotify_init.2.html
            sysnb inotify_init1(flags: InotifyFlags) -> Result<OwnedFd>;

            /// Watches a file, or changes what an existing watch of it looks for. Not `sysnb`: it
            /// walks the path. [inotify_add_watch(2)]
            ///
            /// [inotify_add_watch(2)]: https://man7.org/linux/man-pages/man2/inotify_add_watch.2.html
            sys inotify_add_watch(fd: impl AsFd, path: impl Path, mask: InotifyMask) -> Result<WatchId>;

            /// Ends a watch. [inotify_rm_watch(2)]
            ///
            /// [inotify_rm_watch(2)]: https://man7.org/linux/man-pages/man2/inotify_rm_watch.2.html
            sysnb inotify_rm_watch(fd: impl AsFd, watch: WatchId) -> Result<()>;

            /// A descriptor for a process, readable when it has ended. [pidfd_open(2)]
            ///
            /// [pidfd_open(2)]: https://man7.org/linux/man-pages/man2/pidfd_open.2.html
            sysnb pidfd_open(pid: Pid, flags: PidfdFlags) -> Result<OwnedFd>;

            /// Sends the process or, if the descriptor stands for one, the thread a signal. Signals
            /// 32 and 33 give `EINVAL` (see [`ThreadSignal`]). [pidfd_send_signal(2)]
            ///
            /// [pidfd_send_signal(2)]: https://man7.org/linux/man-pages/man2/pidfd_send_signal.2.html
            sysnb pidfd_send_signal(fd: impl AsFd, signal: Signal as ThreadSignal, const 0, const 0) -> Result<()>;

            /// A duplicate of another process's descriptor, which needs the right to trace it. Not
            /// `sysnb`: it waits for an `execve` there. [pidfd_getfd(2)]
            ///
            /// [pidfd_getfd(2)]: https://man7.org/linux/man-pages/man2/pidfd_getfd.2.html
            sys pidfd_getfd(fd: impl AsFd, target: RawFd, const 0) -> Result<OwnedFd>;

            /// Makes a submission and a completion ring; what the kernel has chosen is in `params`.
            /// [io_uring_setup(2)]
            ///
            /// # Safety
            ///
            /// Addresses in `params` (`IORING_SETUP_NO_MMAP`) belong to the caller for the ring's
            /// life, and the result is a descriptor (no `IORING_SETUP_REGISTERED_FD_ONLY`).
            ///
            /// [io_uring_setup(2)]: https://man7.org/linux/man-pages/man2/io_uring_setup.2.html
            unsafe sys io_uring_setup(entries: u32, params: &mut IoUringParams) -> Result<OwnedFd>;

            /// Submits entries and waits for completions: class `sysblock`, or `sys` where it waits
            /// for none. [io_uring_enter(2)]
            ///
            /// # Safety
            ///
            /// What the submitted entries point to lives until they complete, they take no
            /// descriptor or memory away that somebody else uses, and `arg` with `arg_size` is what
            /// the flags say.
            ///
            /// [io_uring_enter(2)]: https://man7.org/linux/man-pages/man2/io_uring_enter.2.html
            unsafe sysblock io_uring_enter(fd: impl AsFd, submit: u32, complete: u32, flags: IoUringEnterFlags, arg: *const u8, arg_size: usize) -> Result<u32>, unless complete == 0;

            /// Registers buffers, files and the like with a ring, or unregisters them.
            /// [io_uring_register(2)]
            ///
            /// # Safety
            ///
            /// The argument is what the operation asks for, and what it registers lives until it is
            /// unregistered.
            ///
            /// [io_uring_register(2)]: https://man7.org/linux/man-pages/man2/io_uring_register.2.html
            unsafe sys io_uring_register(fd: impl AsFd, op: u32, arg: *mut u8, count: u32) -> Result<u32>;
        }
    };
}
