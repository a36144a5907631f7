//! A descriptor that goroutines wait for: tried first, and waited for when the kernel says that it is
//! not ready.

use crate::sync::Mutex;
use crate::time::clock;
use gort_rt::netpoll::{self, Direction, PollDesc, Unready};
use gort_rt::timer::NEVER;
use gort_sys::vdso::nanotime;
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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

    /// Until when who begins to wait now may wait.
    fn until(&self) -> u64 {
        let (deadline, timeout) =
            (self.deadline.load(Ordering::Relaxed), self.timeout.load(Ordering::Relaxed));
        if timeout == 0 {
            return deadline;
        }
        deadline.min(clock::nanos_from_now(Duration::from_nanos(timeout)))
    }
}

/// A non-blocking descriptor, registered with the poller.
#[derive(Debug)]
pub(crate) struct Polled<S: AsFd> {
    /// Taken by [`into_inner`](Polled::into_inner) only.
    io: Option<S>,
    desc: &'static PollDesc,
    /// One party at a time reads, and one writes.
    locks: [Mutex<()>; 2],
    limits: [Limits; 2],
    /// The last read has left nothing: the next waits for an event first.
    dry: AtomicBool,
    /// Whether nobody waits, but is told so: `set_nonblocking`.
    impatient: AtomicBool,
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
        Ok(Polled {
            io: Some(io),
            desc,
            locks: [Mutex::new(()), Mutex::new(())],
            limits: [Limits::new(), Limits::new()],
            dry: AtomicBool::new(false),
            impatient: AtomicBool::new(false),
        })
    }

    pub(crate) fn io(&self) -> &S {
        self.io.as_ref().expect("taken by `into_inner` only")
    }

    /// The descriptor itself, not polled any more, and still non-blocking.
    pub(crate) fn into_inner(mut self) -> S {
        netpoll::close(self.io(), self.desc);
        self.io.take().expect("taken by `into_inner` only")
    }

    /// Closes the file, while others may wait for it or use it: their calls fail, and so do all that come
    /// later.
    ///
    /// # Errors
    ///
    /// `NotConnected` if it has been closed before.
    pub(crate) fn close(&self) -> io::Result<()> {
        if netpoll::shut(self.io(), self.desc) { Ok(()) } else { Err(closed()) }
    }

    /// Does `work`, which reads, until the kernel does not say any more that it would block.
    #[inline]
    pub(crate) fn read<R>(&self, work: impl FnMut(&S) -> io::Result<R>) -> io::Result<R> {
        let _one = self.locks[0].lock();
        self.run(Direction::Read, false, work)
    }

    /// The same for a read of at most `most` bytes from a stream of which a read takes all that there is:
    /// after one that was short, there is nothing to be had until an event comes.
    #[inline]
    pub(crate) fn read_stream(
        &self,
        most: usize,
        work: impl FnMut(&S) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let _one = self.locks[0].lock();
        let got = self.run(Direction::Read, most != 0 && self.dry.load(Ordering::Relaxed), work);
        let short = matches!(got, Ok(n) if n != 0 && n < most);
        if short != self.dry.load(Ordering::Relaxed) {
            self.dry.store(short, Ordering::Relaxed);
        }
        got
    }

    /// [`read`](Polled::read) for one that writes.
    #[inline]
    pub(crate) fn write<R>(&self, work: impl FnMut(&S) -> io::Result<R>) -> io::Result<R> {
        let _one = self.locks[1].lock();
        self.run(Direction::Write, false, work)
    }

    /// `dry`: it is of no use to try before an event has come.
    #[inline]
    fn run<R>(
        &self,
        of: Direction,
        mut dry: bool,
        mut work: impl FnMut(&S) -> io::Result<R>,
    ) -> io::Result<R> {
        let mut waited = false;
        self.may_begin(of)?;
        loop {
            if self.desc.take_event(of) || !dry {
                match work(self.io()) {
                    Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(_) if self.desc.is_closing() => return Err(closed()),
                    result => return result,
                }
            }
            dry = false;
            self.wait(of, &mut waited)?;
        }
    }

    /// Whether an operation may begin: it has not been closed, and the deadline has not passed.
    #[inline]
    fn may_begin(&self, of: Direction) -> io::Result<()> {
        match self.desc.check(of) {
            Ok(()) => Ok(()),
            Err(Unready::Closing) => Err(closed()),
            Err(Unready::TimedOut) => {
                // Or a timeout has: that was an earlier operation's.
                let deadline = self.limits[of as usize].deadline.load(Ordering::Relaxed);
                if deadline <= nanotime() { Err(ErrorKind::TimedOut.into()) } else { Ok(()) }
            }
        }
    }

    /// Waits for an event; `again` if this operation has waited already.
    fn wait(&self, of: Direction, again: &mut bool) -> io::Result<()> {
        if self.impatient.load(Ordering::Relaxed) {
            return Err(ErrorKind::WouldBlock.into());
        }
        let limits = &self.limits[of as usize];
        if !std::mem::replace(again, true) && limits.timeout.load(Ordering::Relaxed) != 0 {
            self.desc.set_deadline(of, limits.until())?;
        }
        self.desc.wait(of).map_err(|unready| match unready {
            Unready::Closing => closed(),
            Unready::TimedOut if limits.deadline.load(Ordering::Relaxed) <= nanotime() => {
                ErrorKind::TimedOut.into()
            }
            // As std has it.
            Unready::TimedOut => ErrorKind::WouldBlock.into(),
        })
    }

    /// See `TcpStream::set_read_deadline`.
    pub(crate) fn set_deadline(&self, of: Direction, when: Option<Instant>) -> io::Result<()> {
        let limits = &self.limits[of as usize];
        limits.deadline.store(when.map_or(NEVER, clock::nanos_at), Ordering::Relaxed);
        Ok(self.desc.set_deadline(of, limits.until())?)
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

    /// Whether operations that would have to wait fail instead.
    pub(crate) fn set_nonblocking(&self, nonblocking: bool) {
        self.impatient.store(nonblocking, Ordering::Relaxed);
    }

    /// What [`set_nonblocking`](Polled::set_nonblocking) has set.
    pub(crate) fn is_nonblocking(&self) -> bool {
        self.impatient.load(Ordering::Relaxed)
    }
}

impl<S: AsFd> Drop for Polled<S> {
    fn drop(&mut self) {
        if let Some(io) = &self.io {
            netpoll::close(io, self.desc);
        }
    }
}

fn closed() -> io::Error {
    io::Error::new(ErrorKind::NotConnected, "use of a closed descriptor")
}
