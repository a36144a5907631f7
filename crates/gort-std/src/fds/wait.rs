//! A call that is tried, and waited for: see the [module above](super).
//!
//! # Safety
//!
//! A descriptor is borrowed while the call that it was given to lasts.

#![allow(unsafe_code)]

use super::record::Record;
use super::table::{self, borrow};
use super::{flags, is_nonblocking, poll_now, ready_now};
use gort_rt::netpoll::{Direction, Unready};
use gort_rt::timer::{NEVER, deadline};
use gort_sys::types::{IntOption, TimeOption};
use gort_sys::{Errno, raw};
use libc::c_int;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// How often the timeouts of some socket have been set, plus one.
static EPOCH: AtomicU32 = AtomicU32::new(1);

/// A socket's timeouts have been set.
pub(super) fn timeouts_are_set() {
    // Release: with the Acquire in `until`, after the kernel has been told.
    if EPOCH.fetch_add(1, Ordering::Release) == u32::MAX {
        EPOCH.fetch_add(1, Ordering::Release);
    }
}

/// For how long one waits in one direction.
#[derive(Debug)]
pub(super) struct Limits {
    /// Until when who waits does, or who was the last to; what the runtime has been told. By who has the lock.
    until: AtomicU64,
    /// How long a call waits, in nanoseconds; 0 for no end.
    timeout: AtomicU64,
    /// When the kernel was asked for that; 0 for never.
    epoch: AtomicU32,
}

impl Limits {
    /// Nobody has asked.
    pub(super) fn reset(&self) {
        self.until.store(NEVER, Ordering::Relaxed);
        self.epoch.store(0, Ordering::Relaxed);
    }
}

impl Record {
    /// Until when a call that begins to wait now does.
    fn until(&self, of: Direction, fd: c_int) -> u64 {
        let limits = &self.limits[of as usize];
        // Acquire: with `timeouts_are_set`.
        let epoch = EPOCH.load(Ordering::Acquire);
        // Acquire: with the Release below.
        if limits.epoch.load(Ordering::Acquire) != epoch {
            let option = match of {
                Direction::Read => TimeOption::RCVTIMEO,
                Direction::Write => TimeOption::SNDTIMEO,
            };
            // SAFETY: see the module.
            let time = raw::socket_timeout(unsafe { borrow(fd) }, option);
            // What is not a socket has none.
            let nanos = time.map_or(0, |time| {
                (time.sec as u64)
                    .saturating_mul(1_000_000_000)
                    .saturating_add(time.usec as u64 * 1_000)
            });
            limits.timeout.store(nanos, Ordering::Relaxed);
            // Release: the time is there.
            limits.epoch.store(epoch, Ordering::Release);
        }
        match limits.timeout.load(Ordering::Relaxed) {
            0 => NEVER,
            timeout => deadline(timeout),
        }
    }
}

/// What one try has come to.
enum Step {
    /// The call is over.
    Over(Result<usize, Errno>),
    /// A part is done.
    Part,
    /// The kernel would wait.
    Wait,
}

/// Makes a call, the rest of it after so much has been done, and returns the kernel's answer: without
/// waiting, or if it is told so, announced, as long as it takes.
pub(super) trait Call: FnMut(usize, bool) -> usize {}

impl<F: FnMut(usize, bool) -> usize> Call for F {}

/// A call that goes on.
struct Operation {
    fd: c_int,
    of: Direction,
    /// How much has to be done for it to be over; 0 for whatever there is.
    enough: usize,
    /// How much it reads at most, if one that reads less has taken all that a stream has; else 0.
    most: usize,
    done: usize,
    /// Until when it waits, if it has found that it may.
    until: Option<u64>,
}

/// Reads, or accepts. `enough` and `most` are as an operation has them.
#[inline]
pub(super) fn read(
    fd: c_int,
    enough: usize,
    most: usize,
    mut call: impl Call,
) -> Result<usize, Errno> {
    let mut operation = Operation { fd, of: Direction::Read, enough, most, done: 0, until: None };
    if let Some(record) = table::find(fd)
        && record.locks[0].try_lock()
    {
        return operation.run(&record, &mut call);
    }
    match operation.step(call(0, false)) {
        Step::Over(result) => result,
        _ => operation.wait(&mut call),
    }
}

/// Accepts: only the party with the lock tries, for the kernel has no such call that does not wait.
pub(super) fn accept(fd: c_int, mut call: impl Call) -> Result<usize, Errno> {
    let mut operation =
        Operation { fd, of: Direction::Read, enough: 0, most: 0, done: 0, until: None };
    if let Some(record) = table::find(fd)
        && record.locks[0].try_lock()
    {
        return operation.run(&record, &mut call);
    }
    if is_nonblocking(fd)? { Errno::from_ret(call(0, false)) } else { operation.wait(&mut call) }
}

/// Writes, or connects.
#[inline]
pub(super) fn write(fd: c_int, enough: usize, mut call: impl Call) -> Result<usize, Errno> {
    let mut operation =
        Operation { fd, of: Direction::Write, enough, most: 0, done: 0, until: None };
    match operation.step(call(0, false)) {
        Step::Over(result) => result,
        _ => operation.wait(&mut call),
    }
}

impl Operation {
    #[inline(always)]
    fn step(&mut self, register: usize) -> Step {
        match Errno::from_ret(register) {
            Ok(got) => {
                self.done += got;
                if got == 0 || self.done >= self.enough {
                    Step::Over(Ok(self.done))
                } else {
                    Step::Part
                }
            }
            Err(Errno::EAGAIN) => Step::Wait,
            Err(errno) => Step::Over(self.partly(errno)),
        }
    }

    /// It cannot go on.
    fn partly(&self, errno: Errno) -> Result<usize, Errno> {
        if self.done != 0 { Ok(self.done) } else { Err(errno) }
    }

    /// Whether a call that would wait is to say so.
    ///
    /// # Errors
    ///
    /// `EBADF`, also for an end that cannot be read or written: poll(2), which may have been asked, does not say that.
    fn is_nonblocking(&self) -> Result<bool, Errno> {
        let flags = flags(self.fd)?;
        let other = if self.of == Direction::Read { libc::O_WRONLY } else { libc::O_RDONLY };
        if flags & libc::O_ACCMODE == other {
            return Err(Errno::EBADF);
        }
        Ok(flags & libc::O_NONBLOCK != 0)
    }

    /// It has been tried without the lock, and is not over.
    #[cold]
    #[inline(never)]
    fn wait(mut self, call: &mut dyn Call) -> Result<usize, Errno> {
        match self.is_nonblocking() {
            Ok(false) => {}
            Ok(true) => return self.partly(Errno::EAGAIN),
            Err(errno) => return self.partly(errno),
        }
        let Some(record) = table::register(self.fd) else { return self.announce(call) };
        let until = record.until(self.of, self.fd);
        self.until = Some(until);
        let lock = &record.locks[self.of as usize];
        if until == NEVER {
            lock.lock();
        } else if !lock.lock_until(until) {
            return self.partly(Errno::EAGAIN);
        }
        self.run(&record, call)
    }

    /// By the thread.
    fn announce(&mut self, call: &mut dyn Call) -> Result<usize, Errno> {
        loop {
            match self.step(call(self.done, true)) {
                Step::Over(result) => return result,
                Step::Part => {}
                Step::Wait => return self.partly(Errno::EAGAIN),
            }
        }
    }

    /// With the record's lock, which it unlocks.
    #[inline(never)]
    fn run(&mut self, record: &Record, call: &mut dyn Call) -> Result<usize, Errno> {
        // Of one that is not a read there is nothing to be said.
        let stream = self.most != 0 && record.is_stream();
        let mut dry = self.of == Direction::Read && record.dry.load(Ordering::Relaxed);
        if dry && !stream {
            // It may take the event that the next read would wait for, and leave something.
            record.dry.store(false, Ordering::Relaxed);
        }
        let was_dry = dry;
        dry &= stream;
        let result = self.go_on(record, dry, call);
        if stream {
            let short = matches!(result, Ok(got) if got != 0 && got < self.most);
            if short != was_dry {
                record.dry.store(short, Ordering::Relaxed);
            }
        }
        record.locks[self.of as usize].unlock();
        result
    }

    /// `dry`: it is of no use to try before an event has come.
    fn go_on(
        &mut self,
        record: &Record,
        mut dry: bool,
        call: &mut dyn Call,
    ) -> Result<usize, Errno> {
        let mut woken = false;
        loop {
            if record.desc().is_closing() {
                return self.partly(Errno::EBADF);
            }
            woken |= record.desc().take_event(self.of);
            if woken || !dry {
                loop {
                    match self.step(call(self.done, false)) {
                        Step::Over(result) => return result,
                        Step::Part => {}
                        // That a datagram socket was shut down, the kernel tells only who may wait.
                        Step::Wait if woken && self.of == Direction::Read && has_ended(self.fd) => {
                            return self.announce(call);
                        }
                        Step::Wait if self.waits_for_another(record) => {
                            return self.announce(call);
                        }
                        Step::Wait => break,
                    }
                }
            }
            if let Err(errno) = self.park(record) {
                // Who does not wait, or not any more, looks for itself: the event may be on its way.
                if dry
                    && errno == Errno::EAGAIN
                    && let Step::Over(result) = self.step(call(self.done, false))
                {
                    return result;
                }
                return self.partly(errno);
            }
            dry = false;
            woken = true;
        }
    }

    /// Whether it is not this socket that has no room, but the one that a datagram is for: no event tells of that, and
    /// each attempt makes one.
    fn waits_for_another(&self, record: &Record) -> bool {
        self.of == Direction::Write
            && !record.is_stream()
            // SAFETY: see the module.
            && raw::socket_int(unsafe { borrow(self.fd) }, IntOption::TYPE) == Ok(libc::SOCK_DGRAM)
            && ready_now(self.fd, libc::POLLOUT)
            && self.is_nonblocking() == Ok(false)
    }

    /// Waits for an event.
    fn park(&mut self, record: &Record) -> Result<(), Errno> {
        let until = match self.until {
            Some(until) => until,
            None => {
                if self.is_nonblocking()? {
                    return Err(Errno::EAGAIN);
                }
                *self.until.insert(record.until(self.of, self.fd))
            }
        };
        let limits = &record.limits[self.of as usize];
        if limits.until.load(Ordering::Relaxed) != until {
            limits.until.store(until, Ordering::Relaxed);
            record.desc().set_deadline(self.of, until)?;
        }
        // SAFETY: see the module.
        let descriptor = unsafe { borrow(self.fd) };
        if self.of == Direction::Read {
            record.follow(descriptor);
        }
        record.desc().wait(self.of, descriptor).map_err(|unready| match unready {
            Unready::Closing => Errno::EBADF,
            Unready::TimedOut => Errno::EAGAIN,
        })
    }
}

/// Whether nothing more will come.
#[cold]
fn has_ended(fd: c_int) -> bool {
    poll_now(fd, libc::POLLRDHUP) & libc::POLLRDHUP != 0
}

/// `EAGAIN` as the kernel answers it.
pub(super) fn would_wait() -> usize {
    Errno::EAGAIN.to_ret()
}

/// Makes the call if poll(2) says that it need not wait. Announced: somebody else may be faster.
pub(super) fn if_ready(fd: c_int, events: i16, call: impl FnOnce() -> usize) -> usize {
    if ready_now(fd, events) { call() } else { would_wait() }
}
