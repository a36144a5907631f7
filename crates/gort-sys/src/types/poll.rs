//! Waiting for descriptors: epoll, poll and select.

use crate::arg::Arg;
use crate::fd::{AsRawFd, BorrowedFd, RawFd};
use crate::types::SigSet;
use crate::{Errno, Regs};
use core::marker::PhantomData;

numbers! {
    /// What `epoll_ctl` does with the descriptor.
    EpollOp: u32, general {
        ADD EPOLL_CTL_ADD
        MODIFY EPOLL_CTL_MOD
        DELETE EPOLL_CTL_DEL
    }
}

flags! {
    /// What an epoll descriptor watches for, how, and what has happened.
    EpollFlags: u32, general {
        IN EPOLLIN
        PRI EPOLLPRI
        OUT EPOLLOUT
        /// Reported whether asked for or not.
        ERR EPOLLERR
        /// Reported whether asked for or not.
        HUP EPOLLHUP
        RDHUP EPOLLRDHUP
        EXCLUSIVE EPOLLEXCLUSIVE
        WAKEUP EPOLLWAKEUP
        /// Off after one report, until modified.
        ONESHOT EPOLLONESHOT
        /// Edge-triggered: reported when something changes.
        ET EPOLLET
    }
}

/// What is watched for or has happened, and the caller's own word about it: `struct epoll_event`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(target_arch = "x86_64", repr(C, packed))]
#[cfg_attr(not(target_arch = "x86_64"), repr(C))]
pub struct EpollEvent {
    /// The events.
    pub events: EpollFlags,
    /// Given back as it was.
    pub data: u64,
}

same_layout!(EpollEvent = general epoll_event { events events data data });

flags! {
    /// What `poll` looks for and finds.
    PollFlags: u16, general {
        IN POLLIN
        PRI POLLPRI
        OUT POLLOUT
        /// Reported whether asked for or not.
        ERR POLLERR
        /// Reported whether asked for or not.
        HUP POLLHUP
        /// Reported whether asked for or not: the number is no open descriptor.
        NVAL POLLNVAL
        RDNORM POLLRDNORM
        RDBAND POLLRDBAND
        WRNORM POLLWRNORM
        WRBAND POLLWRBAND
        RDHUP POLLRDHUP
    }
}

/// A descriptor and what `poll` looks for and finds there: `struct pollfd`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct PollFd<'fd> {
    fd: RawFd,
    events: PollFlags,
    found: PollFlags,
    owner: PhantomData<BorrowedFd<'fd>>,
}

same_layout!(PollFd<'static> = general pollfd { fd fd events events found revents });

impl<'fd> PollFd<'fd> {
    /// Looks for `events` at `fd`.
    pub fn new(fd: BorrowedFd<'fd>, events: PollFlags) -> PollFd<'fd> {
        PollFd { fd: fd.as_raw_fd(), events, found: PollFlags::empty(), owner: PhantomData }
    }

    /// What was found by the last call that answered.
    pub const fn found(&self) -> PollFlags {
        self.found
    }
}

/// A set of descriptors below 1024: `fd_set`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct FdSet([u64; 16]);

impl FdSet {
    /// How many descriptors there is room for.
    pub const SIZE: u32 = linux_raw_sys::general::__FD_SETSIZE;

    fn place(fd: BorrowedFd<'_>) -> Option<(usize, u64)> {
        let fd = u32::try_from(fd.as_raw_fd()).ok().filter(|fd| *fd < FdSet::SIZE)?;
        Some((fd as usize / 64, 1 << (fd % 64)))
    }

    /// Adds a descriptor. False where its number is too large for any set.
    #[must_use]
    pub fn insert(&mut self, fd: BorrowedFd<'_>) -> bool {
        let place = FdSet::place(fd);
        if let Some((word, bit)) = place {
            self.0[word] |= bit;
        }
        place.is_some()
    }

    /// Whether a descriptor is in the set.
    pub fn contains(&self, fd: BorrowedFd<'_>) -> bool {
        FdSet::place(fd).is_some_and(|(word, bit)| self.0[word] & bit != 0)
    }
}

/// How many numbers from zero on `pselect6` looks at: more than an [`FdSet`] holds gives `EINVAL`,
/// for the kernel would go on beyond it.
#[derive(Clone, Copy, Debug)]
pub struct SelectCount(pub u32);

impl Arg for SelectCount {
    const REGISTERS: usize = 1;

    #[inline(always)]
    fn with(self, regs: Regs, call: impl FnOnce(Regs) -> usize) -> usize {
        if self.0 > FdSet::SIZE {
            return Errno::EINVAL.to_ret();
        }
        self.0.with(regs, call)
    }
}

/// A signal mask and its size behind one pointer: `pselect6` has no seventh argument.
#[derive(Clone, Copy, Debug)]
pub struct MaskAndSize<'a>(pub Option<&'a SigSet>);

impl Arg for MaskAndSize<'_> {
    const REGISTERS: usize = 1;

    #[inline(always)]
    fn with(self, regs: Regs, call: impl FnOnce(Regs) -> usize) -> usize {
        let mask = self.0.map_or(core::ptr::null(), core::ptr::from_ref);
        let pair = [mask.expose_provenance(), size_of::<SigSet>()];
        (&pair).with(regs, call)
    }
}
