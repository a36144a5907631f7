//! A descriptor that goroutines wait for: tried first, and waited for when the kernel says that it is
//! not ready.

#[cfg(test)]
mod tests;

use crate::sync::Mutex;
use crate::time::clock;
use gort_rt::netpoll::{Direction, PollDesc, Unready};
use gort_rt::timer::NEVER;
use gort_sys::types::{IntOption, PollFd, PollFlags};
use gort_sys::vdso::nanotime;
use gort_sys::{Errno, raw};
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What a descriptor and its clones share: to the kernel they are one, and so they are to users of std.
#[derive(Debug, Default)]
struct Settings {
    /// How long one waits in each direction, in nanoseconds; 0 for no end.
    timeouts: [AtomicU64; 2],
    /// Whether nobody waits, but is told so: `set_nonblocking`.
    impatient: AtomicBool,
}

/// Until when one waits in one direction.
#[derive(Debug)]
struct Limit {
    /// By the clock of timers; [`NEVER`] for no end.
    deadline: AtomicU64,
    /// When the timeout of whoever waits is over, or of who was the last to wait.
    timeout: AtomicU64,
}

impl Limit {
    const fn new() -> Limit {
        Limit { deadline: AtomicU64::new(NEVER), timeout: AtomicU64::new(NEVER) }
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
    limits: [Limit; 2],
    /// The last read has left nothing: the next waits for an event first.
    dry: AtomicBool,
    /// How often who reads has waited, if it is to go where what it reads arrives; else 0.
    follows: AtomicU32,
    settings: Arc<Settings>,
}

impl<S: AsFd> Polled<S> {
    /// Registers a descriptor that is non-blocking.
    ///
    /// # Errors
    ///
    /// Those of epoll_create(2), eventfd(2) and epoll_ctl(2).
    pub(crate) fn new(io: S) -> io::Result<Polled<S>> {
        Polled::with(io, Arc::default())
    }

    /// The same for another descriptor of the file: what is set for one of them is for both, deadlines
    /// aside.
    ///
    /// # Errors
    ///
    /// As for [`new`](Polled::new).
    pub(crate) fn clone_as(&self, io: S) -> io::Result<Polled<S>> {
        Polled::with(io, Arc::clone(&self.settings))
    }

    fn with(io: S, settings: Arc<Settings>) -> io::Result<Polled<S>> {
        crate::boot::ensure()?;
        let desc = PollDesc::open(&io)?;
        Ok(Polled {
            io: Some(io),
            desc,
            locks: [Mutex::new(()), Mutex::new(())],
            limits: [Limit::new(), Limit::new()],
            dry: AtomicBool::new(false),
            follows: AtomicU32::new(0),
            settings,
        })
    }

    /// Who reads is to go on where what it reads arrives. For a connection that was accepted: the other end
    /// stays where it is.
    pub(crate) fn following(self) -> Polled<S> {
        self.follows.store(1, Ordering::Relaxed);
        self
    }

    pub(crate) fn io(&self) -> &S {
        self.io.as_ref().expect("taken by `into_inner` only")
    }

    /// The descriptor itself, not polled any more, and still non-blocking.
    pub(crate) fn into_inner(mut self) -> S {
        self.desc.close(self.io());
        self.io.take().expect("taken by `into_inner` only")
    }

    /// Closes the file, while others may wait for it or use it: their calls fail, and so do all that come
    /// later.
    ///
    /// # Errors
    ///
    /// `NotConnected` if it has been closed before.
    pub(crate) fn close(&self) -> io::Result<()> {
        if self.desc.shut(self.io()) { Ok(()) } else { Err(closed()) }
    }

    /// Does `work`, which does not wait.
    ///
    /// # Errors
    ///
    /// Those of `work`; `NotConnected` if it has been closed.
    pub(crate) fn ask<R>(&self, work: impl FnOnce(&S) -> io::Result<R>) -> io::Result<R> {
        if self.desc.is_closing() {
            return Err(closed());
        }
        work(self.io()).map_err(|error| if self.desc.is_closing() { closed() } else { error })
    }

    /// Does `work`, which reads, until the kernel does not say any more that it would block.
    #[inline]
    pub(crate) fn read<R>(&self, work: impl FnMut(&S) -> io::Result<R>) -> io::Result<R> {
        let _one = self.locks[0].lock();
        // It may take the event that the next `read_stream` would wait for, and leave something.
        if self.dry.load(Ordering::Relaxed) {
            self.dry.store(false, Ordering::Relaxed);
        }
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
        // Who does not wait looks for itself.
        let dry = self.dry.load(Ordering::Relaxed) && most != 0 && !self.is_nonblocking();
        let got = self.run(Direction::Read, dry, work);
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
        if self.is_nonblocking() {
            return Err(Errno::EAGAIN.into());
        }
        let waits = self.follows.load(Ordering::Relaxed);
        if waits != 0 && of == Direction::Read {
            self.follow(waits);
        }
        let limits = &self.limits[of as usize];
        if !std::mem::replace(again, true) {
            let timeout = self.timeout(of).map_or(NEVER, clock::nanos_from_now);
            // By who waits, and that is one at a time.
            if timeout != limits.timeout.load(Ordering::Relaxed) {
                limits.timeout.store(timeout, Ordering::Relaxed);
                self.limit(of)?;
            }
        }
        self.desc.wait(of, self.io()).map_err(|unready| match unready {
            Unready::Closing => closed(),
            Unready::TimedOut if limits.deadline.load(Ordering::Relaxed) <= nanotime() => {
                ErrorKind::TimedOut.into()
            }
            // As std has it.
            Unready::TimedOut => Errno::EAGAIN.into(),
        })
    }

    /// Tells the runtime until when one may wait.
    fn limit(&self, of: Direction) -> io::Result<()> {
        let limits = &self.limits[of as usize];
        let until = || {
            let timeout = limits.timeout.load(Ordering::Relaxed);
            limits.deadline.load(Ordering::Relaxed).min(timeout)
        };
        loop {
            let told = until();
            self.desc.set_deadline(of, told)?;
            // Somebody may have set another, and told the runtime before: its lock orders the two.
            if until() == told {
                return Ok(());
            }
        }
    }

    /// Asks the kernel from time to time where what is read arrives. By who reads.
    #[inline]
    fn follow(&self, waits: u32) {
        if (waits.is_power_of_two() || waits.is_multiple_of(16))
            && let Ok(cpu) = raw::socket_int(self.io(), IntOption::INCOMING_CPU)
        {
            self.desc.arrives_on(cpu as usize, self.io());
        }
        self.follows.store(waits.wrapping_add(1).max(1), Ordering::Relaxed);
    }

    /// See `TcpStream::set_read_deadline`.
    pub(crate) fn set_deadline(&self, of: Direction, when: Option<Instant>) -> io::Result<()> {
        let deadline = when.map_or(NEVER, clock::nanos_at);
        self.limits[of as usize].deadline.store(deadline, Ordering::Relaxed);
        self.limit(of)
    }

    /// See `TcpStream::set_read_timeout`.
    pub(crate) fn set_timeout(&self, of: Direction, time: Option<Duration>) -> io::Result<()> {
        if time == Some(Duration::ZERO) {
            let text = "cannot set a 0 duration timeout";
            return Err(io::Error::new(ErrorKind::InvalidInput, text));
        }
        let nanos = time.map_or(0, clock::nanos);
        self.settings.timeouts[of as usize].store(nanos, Ordering::Relaxed);
        Ok(())
    }

    /// What [`set_timeout`](Polled::set_timeout) has set.
    pub(crate) fn timeout(&self, of: Direction) -> Option<Duration> {
        let nanos = self.settings.timeouts[of as usize].load(Ordering::Relaxed);
        (nanos != 0).then(|| Duration::from_nanos(nanos))
    }

    /// Whether operations that would have to wait fail instead.
    pub(crate) fn set_nonblocking(&self, nonblocking: bool) {
        self.settings.impatient.store(nonblocking, Ordering::Relaxed);
    }

    /// What [`set_nonblocking`](Polled::set_nonblocking) has set.
    pub(crate) fn is_nonblocking(&self) -> bool {
        self.settings.impatient.load(Ordering::Relaxed)
    }
}

impl<S: AsFd> Drop for Polled<S> {
    fn drop(&mut self) {
        if let Some(io) = &self.io {
            self.desc.close(io);
        }
    }
}

/// Whether a read of the descriptor, or a write to it, would not wait.
///
/// # Errors
///
/// Those of poll(2).
pub(crate) fn is_ready(descriptor: impl AsFd, of: Direction) -> io::Result<bool> {
    let events = match of {
        Direction::Read => PollFlags::IN,
        Direction::Write => PollFlags::OUT,
    };
    loop {
        // It does not wait, but a signal that is on its way ends it all the same.
        match raw::poll(&mut [PollFd::new(descriptor.as_fd(), events)], 0) {
            Err(Errno::EINTR) => {}
            count => return Ok(count? != 0),
        }
    }
}

fn closed() -> io::Error {
    io::Error::new(ErrorKind::NotConnected, "use of a closed descriptor")
}
