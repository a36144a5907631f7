//! A descriptor that goroutines wait for: tried first, and waited for when the kernel says that it is
//! not ready.

use crate::sync::Mutex;
use crate::time::clock;
use gort_rt::netpoll::{self, Direction, PollDesc, Unready};
use gort_rt::timer::NEVER;
use gort_sys::raw;
use gort_sys::types::{PollFd, PollFlags, Timespec};
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Until when, and how long, one waits in one direction.
#[derive(Debug)]
struct Limits {
    /// By the clock of timers; [`NEVER`] for no end.
    deadline: AtomicU64,
    /// In nanoseconds; 0 for no end.
    timeout: AtomicU64,
}

impl Limits {
    const fn new() -> Limits {
        Limits { deadline: AtomicU64::new(NEVER), timeout: AtomicU64::new(0) }
    }
}

/// A non-blocking descriptor, registered with the poller.
#[derive(Debug)]
pub(crate) struct Polled<S: AsFd> {
    io: S,
    desc: &'static PollDesc,
    /// One goroutine at a time reads, and one writes.
    locks: [Mutex<()>; 2],
    limits: [Limits; 2],
}

impl<S: AsFd> Polled<S> {
    /// Registers a descriptor that is non-blocking.
    ///
    /// # Errors
    ///
    /// Those of epoll_create(2), eventfd(2) and epoll_ctl(2).
    pub(crate) fn new(io: S) -> io::Result<Polled<S>> {
        crate::boot::ensure()?;
        let desc = netpoll::open(&io)?;
        let limits = [Limits::new(), Limits::new()];
        Ok(Polled { io, desc, locks: [Mutex::new(()), Mutex::new(())], limits })
    }

    pub(crate) fn io(&self) -> &S {
        &self.io
    }

    /// Does `work`, which reads, until the kernel does not say any more that it would block.
    #[inline]
    pub(crate) fn read<R>(&self, work: impl FnMut(&S) -> io::Result<R>) -> io::Result<R> {
        let _one = self.locks[0].lock();
        self.run(Direction::Read, work)
    }

    /// The same for one that writes.
    #[inline]
    pub(crate) fn write<R>(&self, work: impl FnMut(&S) -> io::Result<R>) -> io::Result<R> {
        let _one = self.locks[1].lock();
        self.run(Direction::Write, work)
    }

    fn run<R>(&self, of: Direction, mut work: impl FnMut(&S) -> io::Result<R>) -> io::Result<R> {
        let limits = &self.limits[of as usize];
        let timeout = limits.timeout.load(Ordering::Relaxed);
        let mut until = limits.deadline.load(Ordering::Relaxed);
        if timeout != 0 {
            let ends = clock::nanos_from_now(Duration::from_nanos(timeout));
            if ends < until {
                until = ends;
            }
            self.desc.set_deadline(of, until)?;
        }
        loop {
            self.desc.prepare(of).map_err(|unready| error(unready, timeout != 0))?;
            match work(&self.io) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                result => return result,
            }
            if gort_rt::current().is_some() {
                self.desc.wait(of).map_err(|unready| error(unready, timeout != 0))?;
            } else {
                self.block(of, until)?;
            }
        }
    }

    /// What waits: the ordinary thread.
    fn block(&self, of: Direction, until: u64) -> io::Result<()> {
        let events = match of {
            Direction::Read => PollFlags::IN | PollFlags::RDHUP,
            Direction::Write => PollFlags::OUT,
        };
        let mut fds = [PollFd::new(self.io.as_fd(), events)];
        let mut left = (until != NEVER).then(|| {
            let left = until.saturating_sub(gort_sys::vdso::nanotime());
            Timespec { sec: (left / 1_000_000_000) as i64, nsec: (left % 1_000_000_000) as i64 }
        });
        match raw::ppoll(&mut fds, left.as_mut(), None) {
            Ok(0) => Err(ErrorKind::TimedOut.into()),
            Ok(_) | Err(gort_sys::Errno::EINTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// See `TcpStream::set_read_deadline`.
    pub(crate) fn set_deadline(&self, of: Direction, when: Option<Instant>) -> io::Result<()> {
        let when = when.map_or(NEVER, clock::nanos_at);
        self.limits[of as usize].deadline.store(when, Ordering::Relaxed);
        Ok(self.desc.set_deadline(of, when)?)
    }

    /// See `TcpStream::set_read_timeout`.
    pub(crate) fn set_timeout(&self, of: Direction, time: Option<Duration>) -> io::Result<()> {
        if time == Some(Duration::ZERO) {
            let text = "cannot set a 0 duration timeout";
            return Err(io::Error::new(ErrorKind::InvalidInput, text));
        }
        let limits = &self.limits[of as usize];
        limits.timeout.store(time.map_or(0, clock::nanos), Ordering::Relaxed);
        if time.is_none() {
            self.desc.set_deadline(of, limits.deadline.load(Ordering::Relaxed))?;
        }
        Ok(())
    }

    /// What [`set_timeout`](Polled::set_timeout) has set.
    pub(crate) fn timeout(&self, of: Direction) -> Option<Duration> {
        let nanos = self.limits[of as usize].timeout.load(Ordering::Relaxed);
        (nanos != 0).then(|| Duration::from_nanos(nanos))
    }
}

impl<S: AsFd> Drop for Polled<S> {
    fn drop(&mut self) {
        netpoll::close(&self.io, self.desc);
    }
}

/// As std has them: a timeout that is over is a call that would block.
fn error(unready: Unready, timeout: bool) -> io::Error {
    match unready {
        Unready::TimedOut if timeout => ErrorKind::WouldBlock.into(),
        Unready::TimedOut => ErrorKind::TimedOut.into(),
        Unready::Closing => io::Error::other("use of a closed descriptor"),
    }
}
