//! Processes and threads: making, replacing, ending and watching them, and what they may use.
//!
//! The calls that make a process are `sysnb`, though they take their time: the child comes back from
//! the same call, and there is no scheduler in it to be told so.

/// The list; see `calls/mod.rs`.
#[doc(hidden)]
#[macro_export]
macro_rules! __calls_process {
    ($mode:tt) => {
        $crate::__sys! { $mode
            /// Makes a process or thread. Returns zero in the child. [clone(2)]
            ///
            /// # Safety
            ///
            /// The child goes on from here, so `stack` is null and memory is not shared: a child
            /// with a stack of its own finds nothing there to return to, and one that shares its
            /// maker's, even with [`CloneFlags::VFORK`], returns before it and spoils its frames.
            /// Both are for assembly around the bare instruction. The other addresses are what the
            /// flags ask for, and with [`CloneFlags::FILES`] a descriptor that one of the two closes
            /// is not used by the other. The child has only the calling thread, and every lock as it
            /// was.
            ///
            /// [clone(2)]: https://man7.org/linux/man-pages/man2/clone.2.html
            unsafe sysnb clone(flags: CloneFlags, stack: *mut u8, parent_tid: *mut Pid, child_tid: *mut Pid, tls: usize) -> Result<Pid>;

            /// [`clone`] with all of its arguments in a structure. [clone3(2)]
            ///
            /// # Safety
            ///
            /// As for [`clone`], and what the structure's addresses name.
            ///
            /// [clone3(2)]: https://man7.org/linux/man-pages/man2/clone3.2.html
            unsafe sysnb clone3(args: &CloneArgs, const size_of::<CloneArgs>()) -> Result<Pid>;

            /// Copies the process. Returns zero in the child. [fork(2)]
            ///
            /// # Safety
            ///
            /// The child has only the calling thread, and every lock as it was: until it calls
            /// `execve` or `exit_group` it may do only what a signal handler may.
            ///
            /// [fork(2)]: https://man7.org/linux/man-pages/man2/fork.2.html
            unsafe sysnb fork(const CloneFlags::exit_signal(Signal::CHLD), const 0, const 0, const 0, const 0) -> Result<Pid> = $crate::nr::CLONE;

            /// Replaces the process by a program; returns only to say why not. [execve(2)]
            ///
            /// # Safety
            ///
            /// `argv` and `envp` are null or arrays of C strings that a null ends.
            ///
            /// [execve(2)]: https://man7.org/linux/man-pages/man2/execve.2.html
            unsafe sys execve(path: impl Path, argv: *const *const core::ffi::c_char, envp: *const *const core::ffi::c_char) -> Result<()>;

            /// [`execve`] of a path below a directory, or of an open file. [execveat(2)]
            ///
            /// # Safety
            ///
            /// As for [`execve`].
            ///
            /// [execveat(2)]: https://man7.org/linux/man-pages/man2/execveat.2.html
            unsafe sys execveat(dir: impl AsFd, path: impl Path, argv: *const *const core::ffi::c_char, envp: *const *const core::ffi::c_char, flags: ExecFlags) -> Result<()>;

            /// Ends the thread. [exit(2)]
            ///
            /// # Safety
            ///
            /// Nothing of the thread is dropped or told: nobody else still uses its stack or waits
            /// for it in any way but the kernel's.
            ///
            /// [exit(2)]: https://man7.org/linux/man-pages/man2/exit.2.html
            unsafe sysnb exit(status: i32) -> !;

            /// Ends the process, all threads of it, at once: no handlers, no buffers flushed.
            /// [exit_group(2)]
            ///
            /// [exit_group(2)]: https://man7.org/linux/man-pages/man2/exit_group.2.html
            sysnb exit_group(status: i32) -> !;

            /// Waits for a child and returns its id. With [`WaitOptions::NOHANG`] that can be
            /// `Pid(0)`, none. [wait4(2)]
            ///
            /// [wait4(2)]: https://man7.org/linux/man-pages/man2/wait4.2.html
            sysblock wait4(child: Pid, status: Option<&mut WaitStatus>, options: WaitOptions, usage: Option<&mut Rusage>) -> Result<Pid>, unless options.contains(WaitOptions::NOHANG);

            /// Waits for a change of a child. With [`WaitOptions::NOHANG`] `info` can come back
            /// without a signal, for none. [waitid(2)]
            ///
            /// [waitid(2)]: https://man7.org/linux/man-pages/man2/waitid.2.html
            sysblock waitid(child: WaitFor<'_>, info: Option<&mut SigInfo>, options: WaitOptions, usage: Option<&mut Rusage>) -> Result<()>, unless options.contains(WaitOptions::NOHANG);

            /// Any of prctl's operations. [prctl(2)]
            ///
            /// # Safety
            ///
            /// The operation does nothing to the process that its code does not expect, and the
            /// arguments are what it takes.
            ///
            /// [prctl(2)]: https://man7.org/linux/man-pages/man2/prctl.2.html
            unsafe sys prctl(operation: i32, arg2: usize, arg3: usize, arg4: usize, arg5: usize) -> Result<usize>;

            /// Names the thread. [PR_SET_NAME(2const)]
            ///
            /// [PR_SET_NAME(2const)]: https://man7.org/linux/man-pages/man2/PR_SET_NAME.2const.html
            sysnb prctl_set_name(const linux_raw_sys::prctl::PR_SET_NAME, name: &ThreadName) -> Result<()> = $crate::nr::PRCTL;

            /// The thread's name. [PR_GET_NAME(2const)]
            ///
            /// [PR_GET_NAME(2const)]: https://man7.org/linux/man-pages/man2/PR_GET_NAME.2const.html
            sysnb prctl_get_name(const linux_raw_sys::prctl::PR_GET_NAME, name: out ThreadName) -> Result<ThreadName> = $crate::nr::PRCTL;

            /// The signal that the thread gets when the thread that made it ends; [`Signal::NONE`]
            /// for none. [PR_SET_PDEATHSIG(2const)]
            ///
            /// [PR_SET_PDEATHSIG(2const)]: https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html
            sysnb prctl_set_pdeathsig(const linux_raw_sys::prctl::PR_SET_PDEATHSIG, signal: Signal) -> Result<()> = $crate::nr::PRCTL;

            /// How late the thread's sleeps may end for the sake of fewer wake-ups, in nanoseconds; 0
            /// for the default. [PR_SET_TIMERSLACK(2const)]
            ///
            /// [PR_SET_TIMERSLACK(2const)]: https://man7.org/linux/man-pages/man2/PR_SET_TIMERSLACK.2const.html
            sysnb prctl_set_timerslack(const linux_raw_sys::prctl::PR_SET_TIMERSLACK, nanoseconds: usize) -> Result<()> = $crate::nr::PRCTL;

            /// What [`prctl_set_pdeathsig`] set. [PR_GET_PDEATHSIG(2const)]
            ///
            /// [PR_GET_PDEATHSIG(2const)]: https://man7.org/linux/man-pages/man2/PR_GET_PDEATHSIG.2const.html
            sysnb prctl_get_pdeathsig(const linux_raw_sys::prctl::PR_GET_PDEATHSIG, signal: out Signal) -> Result<Signal> = $crate::nr::PRCTL;

            /// From now on no execve gives the thread rights that it did not have. There is no way
            /// back. [PR_SET_NO_NEW_PRIVS(2const)]
            ///
            /// [PR_SET_NO_NEW_PRIVS(2const)]: https://man7.org/linux/man-pages/man2/PR_SET_NO_NEW_PRIVS.2const.html
            sysnb prctl_set_no_new_privs(const linux_raw_sys::prctl::PR_SET_NO_NEW_PRIVS, const 1, const 0, const 0, const 0) -> Result<()> = $crate::nr::PRCTL;

            /// What [`prctl_set_no_new_privs`] set: 0 or 1. [PR_GET_NO_NEW_PRIVS(2const)]
            ///
            /// [PR_GET_NO_NEW_PRIVS(2const)]: https://man7.org/linux/man-pages/man2/PR_GET_NO_NEW_PRIVS.2const.html
            sysnb prctl_get_no_new_privs(const linux_raw_sys::prctl::PR_GET_NO_NEW_PRIVS, const 0, const 0, const 0, const 0) -> Result<i32> = $crate::nr::PRCTL;

            /// Whether the process may dump core and be traced. [PR_SET_DUMPABLE(2const)]
            ///
            /// [PR_SET_DUMPABLE(2const)]: https://man7.org/linux/man-pages/man2/PR_SET_DUMPABLE.2const.html
            sysnb prctl_set_dumpable(const linux_raw_sys::prctl::PR_SET_DUMPABLE, dumpable: bool) -> Result<()> = $crate::nr::PRCTL;

            /// Whether the process may dump core and be traced: 0 no, 1 yes, 2 to root alone.
            /// [PR_GET_DUMPABLE(2const)]
            ///
            /// [PR_GET_DUMPABLE(2const)]: https://man7.org/linux/man-pages/man2/PR_GET_DUMPABLE.2const.html
            sysnb prctl_get_dumpable(const linux_raw_sys::prctl::PR_GET_DUMPABLE) -> Result<i32> = $crate::nr::PRCTL;

            /// Enters the namespace that a descriptor stands for; no flags for any kind. [setns(2)]
            ///
            /// [setns(2)]: https://man7.org/linux/man-pages/man2/setns.2.html
            sys setns(fd: impl AsFd, kind: CloneFlags) -> Result<()>;

            /// Gives the thread its own of what it shares. [unshare(2)]
            ///
            /// # Safety
            ///
            /// With [`CloneFlags::FILES`], descriptors that other threads open later mean nothing,
            /// or something else, to this one, and the other way round: no owned or borrowed
            /// descriptor goes between them afterwards.
            ///
            /// [unshare(2)]: https://man7.org/linux/man-pages/man2/unshare.2.html
            unsafe sys unshare(what: CloneFlags) -> Result<()>;

            /// Sets a process's limit, or only asks, and returns what it was. [prlimit64(2)]
            ///
            /// [prlimit64(2)]: https://man7.org/linux/man-pages/man2/prlimit64.2.html
            sysnb prlimit64(pid: Pid, resource: Resource, new: Option<&Rlimit>, old: out Rlimit) -> Result<Rlimit>;

            /// The process's limit. [getrlimit(2)]
            ///
            /// [getrlimit(2)]: https://man7.org/linux/man-pages/man2/getrlimit.2.html
            sysnb getrlimit(const Pid::SELF, resource: Resource, const 0, limit: out Rlimit) -> Result<Rlimit> = $crate::nr::PRLIMIT64;

            /// Sets the process's limit. [setrlimit(2)]
            ///
            /// [setrlimit(2)]: https://man7.org/linux/man-pages/man2/setrlimit.2.html
            sysnb setrlimit(const Pid::SELF, resource: Resource, limit: &Rlimit, const 0) -> Result<()> = $crate::nr::PRLIMIT64;

            /// What a process or thread has used. [getrusage(2)]
            ///
            /// [getrusage(2)]: https://man7.org/linux/man-pages/man2/getrusage.2.html
            sysnb getrusage(whose: RusageOf, usage: out Rusage) -> Result<Rusage>;

            /// Clock ticks since some point in the past; the process's own go to `usage`.
            /// [times(2)]
            ///
            /// [times(2)]: https://man7.org/linux/man-pages/man2/times.2.html
            sysnb times(usage: Option<&mut Tms>) -> Result<i64>;

            /// Sets the process's execution domain, or with `u32::MAX` only asks, and returns what
            /// it was. [personality(2)]
            ///
            /// [personality(2)]: https://man7.org/linux/man-pages/man2/personality.2.html
            sysnb personality(persona: u32) -> Result<u32>;

            /// Traces another thread. The kernel's `PTRACE_PEEK*` store the word at `data`, unlike
            /// libc's. [ptrace(2)]
            ///
            /// # Safety
            ///
            /// Address and data are what the request takes, and the traced process is the caller's
            /// to change.
            ///
            /// [ptrace(2)]: https://man7.org/linux/man-pages/man2/ptrace.2.html
            unsafe sys ptrace(request: u32, pid: Pid, address: usize, data: usize) -> Result<usize>;

            /// Copies from another process's memory. `remote` names addresses there.
            /// [process_vm_readv(2)]
            ///
            /// # Safety
            ///
            /// `local` and `remote` are arrays of so many `struct iovec`, and those of `local` are
            /// the caller's to write.
            ///
            /// [process_vm_readv(2)]: https://man7.org/linux/man-pages/man2/process_vm_readv.2.html
            unsafe sys process_vm_readv(pid: Pid, local: &[IoSliceMut<'_>], remote: *const IoSlice<'_>, remote_count: usize, flags: usize) -> Result<usize>;

            /// Copies to another process's memory. `remote` names addresses there.
            /// [process_vm_writev(2)]
            ///
            /// # Safety
            ///
            /// `remote` is an array of so many `struct iovec`, and what they name is the caller's
            /// to write.
            ///
            /// [process_vm_writev(2)]: https://man7.org/linux/man-pages/man2/process_vm_writev.2.html
            unsafe sys process_vm_writev(pid: Pid, local: &[IoSlice<'_>], remote: *const IoSlice<'_>, remote_count: usize, flags: usize) -> Result<usize>;

            /// Whether two processes share something: 0 if so, else 1 or 2 for an order of the
            /// kernel's, or 3. It waits while one of them is in an execve. [kcmp(2)]
            ///
            /// [kcmp(2)]: https://man7.org/linux/man-pages/man2/kcmp.2.html
            sys kcmp(pid1: Pid, pid2: Pid, kind: KcmpKind, index1: usize, index2: usize) -> Result<i32>;

            /// Begins accounting of processes to a file. [acct(2)]
            ///
            /// [acct(2)]: https://man7.org/linux/man-pages/man2/acct.2.html
            sys acct(path: impl Path) -> Result<()>;

            /// Ends accounting of processes. [acct(2)]
            ///
            /// [acct(2)]: https://man7.org/linux/man-pages/man2/acct.2.html
            sys acct_off(const 0) -> Result<()> = $crate::nr::ACCT;

            /// Sets or gets the thread's FS and GS bases and the like. [arch_prctl(2)]
            ///
            /// # Safety
            ///
            /// To get a base, `address` is valid for writing a word. To set one, nothing on this
            /// thread relies on the old one: everything compiled for this target finds its
            /// thread-locals by FS. Other operations do nothing that the thread's code does not
            /// expect.
            ///
            /// [arch_prctl(2)]: https://man7.org/linux/man-pages/man2/arch_prctl.2.html
            unsafe sysnb arch_prctl(operation: i32, address: usize) -> Result<usize>;

            /// Where the kernel stores zero and wakes one futex waiter when the thread ends.
            /// Returns the thread's id. [set_tid_address(2)]
            ///
            /// # Safety
            ///
            /// The word stays the thread's until it has ended.
            ///
            /// [set_tid_address(2)]: https://man7.org/linux/man-pages/man2/set_tid_address.2.html
            unsafe sysnb set_tid_address(word: *mut Pid) -> Pid;

            /// The list of futexes that the kernel marks as orphaned when the thread ends.
            /// [set_robust_list(2)]
            ///
            /// # Safety
            ///
            /// It is a `struct robust_list_head`, of the length `len`, that is valid until the
            /// thread has ended.
            ///
            /// [set_robust_list(2)]: https://man7.org/linux/man-pages/man2/set_robust_list.2.html
            unsafe sysnb set_robust_list(head: *const u8, len: usize) -> Result<()>;

            /// Another thread's list of robust futexes, and the length of its head.
            /// [get_robust_list(2)]
            ///
            /// [get_robust_list(2)]: https://man7.org/linux/man-pages/man2/get_robust_list.2.html
            sys get_robust_list(thread: Pid, head: out *mut u8, len: out usize) -> Result<(*mut u8, usize)>;

            /// Registers the thread's restartable sequence area. [rseq(2)]
            ///
            /// # Safety
            ///
            /// The area is a `struct rseq` of `len` bytes that is valid until it is unregistered.
            ///
            /// [rseq(2)]: https://man7.org/linux/man-pages/man2/rseq.2.html
            unsafe sysnb rseq(area: *mut u8, len: u32, flags: i32, signature: u32) -> Result<()>;

            /// Any futex operation. [futex(2)]
            ///
            /// # Safety
            ///
            /// The addresses are what the operation takes, and its writes are ones that the words'
            /// owners expect. `timeout` may be a number instead.
            ///
            /// [futex(2)]: https://man7.org/linux/man-pages/man2/futex.2.html
            unsafe sysblock futex(word: *const u32, operation: i32, value: u32, timeout: *const Timespec, word2: *const u32, value3: u32) -> Result<usize>;

            /// Waits as long as `word` holds `expected`, up to a span of monotonic time. `EAGAIN`
            /// when it does not hold it, `ETIMEDOUT` after the time; without an error somebody woke
            /// it, perhaps for another reason. This process's threads only. [futex(2)]
            ///
            /// [futex(2)]: https://man7.org/linux/man-pages/man2/futex.2.html
            sysblock futex_wait(word: &core::sync::atomic::AtomicU32, const linux_raw_sys::general::FUTEX_WAIT_PRIVATE, expected: u32, timeout: Option<&Timespec>) -> Result<()> = $crate::nr::FUTEX;

            /// [`futex_wait`] until a point of monotonic time. [futex(2)]
            ///
            /// [futex(2)]: https://man7.org/linux/man-pages/man2/futex.2.html
            sysblock futex_wait_until(word: &core::sync::atomic::AtomicU32, const linux_raw_sys::general::FUTEX_WAIT_BITSET_PRIVATE, expected: u32, deadline: Option<&Timespec>, const 0, const linux_raw_sys::general::FUTEX_BITSET_MATCH_ANY) -> Result<()> = $crate::nr::FUTEX;

            /// Wakes up to `count` waiters and returns how many. This process's threads only.
            /// [futex(2)]
            ///
            /// [futex(2)]: https://man7.org/linux/man-pages/man2/futex.2.html
            sysnb futex_wake(word: &core::sync::atomic::AtomicU32, const linux_raw_sys::general::FUTEX_WAKE_PRIVATE, count: i32) -> Result<usize> = $crate::nr::FUTEX;

            /// [`futex_wait`] on a word in memory that other processes share. [futex(2)]
            ///
            /// [futex(2)]: https://man7.org/linux/man-pages/man2/futex.2.html
            sysblock futex_wait_shared(word: &core::sync::atomic::AtomicU32, const linux_raw_sys::general::FUTEX_WAIT, expected: u32, timeout: Option<&Timespec>) -> Result<()> = $crate::nr::FUTEX;

            /// [`futex_wake`] on a word in memory that other processes share. [futex(2)]
            ///
            /// [futex(2)]: https://man7.org/linux/man-pages/man2/futex.2.html
            sysnb futex_wake_shared(word: &core::sync::atomic::AtomicU32, const linux_raw_sys::general::FUTEX_WAKE, count: i32) -> Result<usize> = $crate::nr::FUTEX;
        }
    };
}
