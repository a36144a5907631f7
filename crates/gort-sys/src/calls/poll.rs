//! Waiting for descriptors.
//!
//! Class `sysblock`, because waiting is what they are for; with a timeout of zero they only look and
//! are `sys`: a descriptor's own lock may be taken on the way. A signal gives `EINTR`.

/// The list; see `calls/mod.rs`.
#[doc(hidden)]
#[macro_export]
macro_rules! __calls_poll {
    ($mode:tt) => {
        $crate::__sys! { $mode
            /// An epoll descriptor, watching nothing. [epoll_create(2)]
            ///
            /// [epoll_create(2)]: https://man7.org/linux/man-pages/man2/epoll_create.2.html
            sysnb epoll_create1(flags: DupFlags) -> Result<OwnedFd>;

            /// Adds, changes or removes what `epoll` watches at `fd`; [`EpollOp::DELETE`] needs no
            /// event. `sysnb`: it takes a lock that is only held while reports are copied.
            /// [epoll_ctl(2)]
            ///
            /// [epoll_ctl(2)]: https://man7.org/linux/man-pages/man2/epoll_ctl.2.html
            sysnb epoll_ctl(epoll: impl AsFd, op: EpollOp, fd: impl AsFd, event: Option<&EpollEvent>) -> Result<()>;

            /// Waits for events, `timeout` milliseconds or, if negative, for ever. [epoll_wait(2)]
            ///
            /// [epoll_wait(2)]: https://man7.org/linux/man-pages/man2/epoll_wait.2.html
            sysblock epoll_wait(epoll: impl AsFd, events: &mut [EpollEvent], timeout: i32) -> Result<usize>, unless timeout == 0;

            /// [`epoll_wait`] with another signal mask meanwhile. [epoll_wait(2)]
            ///
            /// [epoll_wait(2)]: https://man7.org/linux/man-pages/man2/epoll_wait.2.html
            sysblock epoll_pwait(epoll: impl AsFd, events: &mut [EpollEvent], timeout: i32, mask: Option<&SigSet>, const size_of::<SigSet>()) -> Result<usize>, unless timeout == 0;

            /// [`epoll_pwait`] with nanoseconds; no timeout is for ever. [epoll_wait(2)]
            ///
            /// [epoll_wait(2)]: https://man7.org/linux/man-pages/man2/epoll_wait.2.html
            sysblock epoll_pwait2(epoll: impl AsFd, events: &mut [EpollEvent], timeout: Option<&Timespec>, mask: Option<&SigSet>, const size_of::<SigSet>()) -> Result<usize>, unless timeout == Some(&Timespec::default());

            /// Waits until one of the descriptors has what is looked for there, `timeout`
            /// milliseconds or, if negative, for ever. Returns how many have. [poll(2)]
            ///
            /// [poll(2)]: https://man7.org/linux/man-pages/man2/poll.2.html
            sysblock poll(fds: &mut [PollFd<'_>], timeout: i32) -> Result<usize>, unless timeout == 0;

            /// [`poll`] with nanoseconds, of which the rest is left in `timeout`, and another
            /// signal mask meanwhile. [poll(2)]
            ///
            /// [poll(2)]: https://man7.org/linux/man-pages/man2/poll.2.html
            sysblock ppoll(fds: &mut [PollFd<'_>], timeout: Option<&mut Timespec>, mask: Option<&SigSet>, const size_of::<SigSet>()) -> Result<usize>, unless timeout.as_deref() == Some(&Timespec::default());

            /// Waits until a descriptor below `count` in one of the sets is ready and leaves the
            /// ready ones there, and the rest of the time in `timeout`. A count above
            /// [`FdSet::SIZE`] gives `EINVAL`. [select(2)]
            ///
            /// [select(2)]: https://man7.org/linux/man-pages/man2/select.2.html
            sysblock pselect6(count: u32 as SelectCount, read: Option<&mut FdSet>, write: Option<&mut FdSet>, except: Option<&mut FdSet>, timeout: Option<&mut Timespec>, mask: Option<&SigSet> as MaskAndSize) -> Result<usize>, unless timeout.as_deref() == Some(&Timespec::default());
        }
    };
}
