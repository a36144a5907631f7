//! The kernel's scheduling of threads.

/// The list; see `calls/mod.rs`.
#[doc(hidden)]
#[macro_export]
macro_rules! __calls_sched {
    ($mode:tt) => {
        $crate::__sys! { $mode
            /// Lets another thread run first. `sysnb`, because the caller stays runnable: it is no
            /// more waiting than a thread that the kernel pre-empts. [sched_yield(2)]
            ///
            /// [sched_yield(2)]: https://man7.org/linux/man-pages/man2/sched_yield.2.html
            sysnb sched_yield() -> Result<()>;

            /// On which CPUs a thread may run. Only so many bytes as the result says are written,
            /// the rest of `cpus` stays: begin with [`CpuSet::EMPTY`]. [sched_getaffinity(2)]
            ///
            /// [sched_getaffinity(2)]: https://man7.org/linux/man-pages/man2/sched_getaffinity.2.html
            sysnb sched_getaffinity(thread: Pid, const size_of::<CpuSet>(), cpus: &mut CpuSet) -> Result<usize>;

            /// Sets on which CPUs a thread may run; waits until it has left the others.
            /// [sched_setaffinity(2)]
            ///
            /// [sched_setaffinity(2)]: https://man7.org/linux/man-pages/man2/sched_setaffinity.2.html
            sys sched_setaffinity(thread: Pid, const size_of::<CpuSet>(), cpus: &CpuSet) -> Result<()>;

            /// A thread's policy. [sched_getscheduler(2)]
            ///
            /// [sched_getscheduler(2)]: https://man7.org/linux/man-pages/man2/sched_getscheduler.2.html
            sysnb sched_getscheduler(thread: Pid) -> Result<SchedPolicy>;

            /// Sets a thread's policy and priority. It takes the lock of the CPU sets for some
            /// policies. [sched_setscheduler(2)]
            ///
            /// [sched_setscheduler(2)]: https://man7.org/linux/man-pages/man2/sched_setscheduler.2.html
            sys sched_setscheduler(thread: Pid, policy: SchedPolicy, param: &SchedParam) -> Result<()>;

            /// A thread's real-time priority. [sched_getparam(2)]
            ///
            /// [sched_getparam(2)]: https://man7.org/linux/man-pages/man2/sched_getparam.2.html
            sysnb sched_getparam(thread: Pid, param: out SchedParam) -> Result<SchedParam>;

            /// Sets a thread's real-time priority. [sched_setparam(2)]
            ///
            /// [sched_setparam(2)]: https://man7.org/linux/man-pages/man2/sched_setparam.2.html
            sys sched_setparam(thread: Pid, param: &SchedParam) -> Result<()>;

            /// Everything about a thread's scheduling. [sched_getattr(2)]
            ///
            /// [sched_getattr(2)]: https://man7.org/linux/man-pages/man2/sched_getattr.2.html
            sysnb sched_getattr(thread: Pid, attr: out SchedAttr, const size_of::<SchedAttr>(), const 0) -> Result<SchedAttr>;

            /// Sets everything about a thread's scheduling. [sched_setattr(2)]
            ///
            /// [sched_setattr(2)]: https://man7.org/linux/man-pages/man2/sched_setattr.2.html
            sys sched_setattr(thread: Pid, attr: &SchedAttr as AttrIn, const 0) -> Result<()>;

            /// A policy's least real-time priority. [sched_get_priority_min(2)]
            ///
            /// [sched_get_priority_min(2)]: https://man7.org/linux/man-pages/man2/sched_get_priority_min.2.html
            sysnb sched_get_priority_min(policy: SchedPolicy) -> Result<i32>;

            /// A policy's greatest real-time priority. [sched_get_priority_max(2)]
            ///
            /// [sched_get_priority_max(2)]: https://man7.org/linux/man-pages/man2/sched_get_priority_max.2.html
            sysnb sched_get_priority_max(policy: SchedPolicy) -> Result<i32>;

            /// How long a thread runs before the next one's turn. [sched_rr_get_interval(2)]
            ///
            /// [sched_rr_get_interval(2)]: https://man7.org/linux/man-pages/man2/sched_rr_get_interval.2.html
            sysnb sched_rr_get_interval(thread: Pid, interval: out Timespec) -> Result<Timespec>;

            /// The least nice value of whom it is about. [getpriority(2)]
            ///
            /// [getpriority(2)]: https://man7.org/linux/man-pages/man2/getpriority.2.html
            sysnb getpriority(whose: PriorityOf) -> Result<Nice>;

            /// Sets nice values. To the kernel a nice value is a thread's, and a process's id means
            /// its first thread. [setpriority(2)]
            ///
            /// [setpriority(2)]: https://man7.org/linux/man-pages/man2/setpriority.2.html
            sysnb setpriority(whose: PriorityOf, nice: Nice) -> Result<()>;

            /// The CPU and the memory node that the thread is on, by the real call. The vDSO is
            /// faster. [getcpu(2)]
            ///
            /// [getcpu(2)]: https://man7.org/linux/man-pages/man2/getcpu.2.html
            sysnb getcpu(cpu: out u32, node: out u32, const 0) -> Result<(u32, u32)>;

            /// A memory policy: the thread's, or that of an address. [get_mempolicy(2)]
            ///
            /// # Safety
            ///
            /// `mode` and `nodes` are null, or valid for writing, `nodes` for `max_node` bits
            /// rounded up to words.
            ///
            /// [get_mempolicy(2)]: https://man7.org/linux/man-pages/man2/get_mempolicy.2.html
            unsafe sys get_mempolicy(mode: *mut i32, nodes: *mut u64, max_node: usize, address: usize, flags: usize) -> Result<()>;

            /// Sets the thread's memory policy. [set_mempolicy(2)]
            ///
            /// # Safety
            ///
            /// `nodes` is null, or valid for reading `max_node` bits rounded up to words.
            ///
            /// [set_mempolicy(2)]: https://man7.org/linux/man-pages/man2/set_mempolicy.2.html
            unsafe sys set_mempolicy(mode: i32, nodes: *const u64, max_node: usize) -> Result<()>;

            /// Sets a range's memory policy, and may move its pages. [mbind(2)]
            ///
            /// # Safety
            ///
            /// As for [`set_mempolicy`]; the range is the caller's.
            ///
            /// [mbind(2)]: https://man7.org/linux/man-pages/man2/mbind.2.html
            unsafe sys mbind(address: usize, len: usize, mode: i32, nodes: *const u64, max_node: usize, flags: u32) -> Result<()>;
        }
    };
}
