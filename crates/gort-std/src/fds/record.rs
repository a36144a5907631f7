//! What there is for a descriptor that somebody has waited for, from then until it is closed.
//!
//! # Safety
//!
//! Records are mapped and never given back: their addresses always lead to one, in some life.

#![allow(unsafe_code)]

use super::wait::Limits;
use gort_rt::netpoll::PollDesc;
use gort_rt::sync::Mutex;
use gort_sys::types::{BorrowedFd, IntOption, Prot};
use gort_sys::{Errno, raw};
use std::ops::Deref;
use std::ptr::with_exposed_provenance;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicUsize, Ordering, fence};

/// See the module.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Record {
    /// The table's reference, and one for each call. A free one has none.
    users: AtomicU32,
    /// How often who reads has waited, if it is to go where what it reads arrives; else 0.
    follows: AtomicU32,
    desc: AtomicPtr<PollDesc>,
    /// One party at a time waits in each direction.
    pub(super) locks: [Mutex; 2],
    pub(super) limits: [Limits; 2],
    /// A read takes all that there is, if it is long enough: TCP.
    stream: AtomicBool,
    /// The last read has left nothing: the next waits for an event first. By who has the lock.
    pub(super) dry: AtomicBool,
    /// The next free one.
    next: AtomicUsize,
}

/// The first of the free ones, and above its address how often one has been taken.
static FREE: AtomicUsize = AtomicUsize::new(0);
const ADDRESS: usize = (1 << 48) - 1;
const TAKEN: usize = 1 << 48;

/// How many bytes of records are mapped at a time.
const CHUNK: usize = 1 << 16;

impl Record {
    /// One for `desc`, with the table's reference.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn take(
        desc: &'static PollDesc,
        descriptor: BorrowedFd<'_>,
        follows: bool,
    ) -> Result<&'static Record, Errno> {
        let record = Record::unused()?;
        let ask = |option| raw::socket_int(descriptor, option);
        // What is wrapped (TLS in the kernel) comes in records.
        let stream = ask(IntOption::PROTOCOL) == Ok(libc::IPPROTO_TCP) && !is_wrapped(descriptor);
        record.stream.store(stream, Ordering::Relaxed);
        record.dry.store(false, Ordering::Relaxed);
        record.follows.store(follows.into(), Ordering::Relaxed);
        record.limits.iter().for_each(Limits::reset);
        record.desc.store(std::ptr::from_ref(desc).cast_mut(), Ordering::Relaxed);
        // Release: with the Acquire in `count`, by who comes late for an earlier life.
        record.users.store(1, Ordering::Release);
        Ok(record)
    }

    fn unused() -> Result<&'static Record, Errno> {
        if let Some(record) = Record::pop() {
            return Ok(record);
        }
        let chunk = raw::mmap_anonymous(CHUNK, Prot::READ | Prot::WRITE)?;
        let first = chunk.cast::<Record>();
        for i in 0..CHUNK / size_of::<Record>() {
            // SAFETY: within what has been mapped, which is page-aligned; zeroes are a record.
            let record: &'static Record = unsafe { &*first.add(i) };
            record.push();
        }
        Record::pop().ok_or(Errno::ENOMEM)
    }

    fn pop() -> Option<&'static Record> {
        // Acquire: with the Release in `push`.
        let mut free = FREE.load(Ordering::Acquire);
        loop {
            // SAFETY: null, or a record's address; they are never freed.
            let first: &'static Record =
                unsafe { with_exposed_provenance::<Record>(free & ADDRESS).as_ref()? };
            let next = first.next.load(Ordering::Relaxed);
            // Counted, for the first may have been taken and be first again.
            let next = next & ADDRESS | (free & !ADDRESS).wrapping_add(TAKEN);
            match FREE.compare_exchange(free, next, Ordering::Acquire, Ordering::Acquire) {
                Ok(_) => return Some(first),
                Err(now) => free = now,
            }
        }
    }

    fn push(&'static self) {
        let at = std::ptr::from_ref(self).expose_provenance();
        let mut free = FREE.load(Ordering::Relaxed);
        loop {
            self.next.store(free & ADDRESS, Ordering::Relaxed);
            let first = free & !ADDRESS | at;
            // Release: what its last life has left is there, and `next`.
            match FREE.compare_exchange(free, first, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => free = now,
            }
        }
    }

    /// A reference, unless it is a free one.
    #[inline]
    pub(super) fn count(&'static self) -> Option<Use> {
        let mut users = self.users.load(Ordering::Relaxed);
        while users != 0 {
            // Acquire: what the word says now is no older than this life.
            let counted =
                self.users.compare_exchange(users, users + 1, Ordering::Acquire, Ordering::Relaxed);
            match counted {
                Ok(_) => return Some(Use(self)),
                Err(now) => users = now,
            }
        }
        None
    }

    /// It has been taken out of the table: who waits is woken, and nobody waits any more.
    pub(super) fn end(&'static self, descriptor: BorrowedFd<'_>) {
        self.desc().leave(descriptor);
        drop(Use(self));
    }

    pub(super) fn desc(&self) -> &'static PollDesc {
        // SAFETY: `take` has put it there, and they are never freed.
        unsafe { &*self.desc.load(Ordering::Relaxed) }
    }

    /// Whether a read that is short leaves nothing.
    #[inline]
    pub(super) fn is_stream(&self) -> bool {
        self.stream.load(Ordering::Relaxed)
    }

    /// It is not any more.
    pub(super) fn is_wrapped(&self) {
        self.stream.store(false, Ordering::Relaxed);
    }

    /// Who reads goes where it arrives: asks the kernel from time to time. By who has the lock.
    pub(super) fn follow(&self, descriptor: BorrowedFd<'_>) {
        let waits = self.follows.load(Ordering::Relaxed);
        if waits == 0 {
            return;
        }
        if (waits.is_power_of_two() || waits.is_multiple_of(16))
            && let Ok(cpu) = raw::socket_int(descriptor, IntOption::INCOMING_CPU)
        {
            self.desc().arrives_on(cpu as usize, descriptor);
        }
        self.follows.store(waits.wrapping_add(1).max(1), Ordering::Relaxed);
    }
}

/// Whether something lies over the connection.
fn is_wrapped(descriptor: BorrowedFd<'_>) -> bool {
    use std::os::fd::AsRawFd;
    let (mut name, mut len) = ([0u8; 16], 16u32);
    let words = [
        descriptor.as_raw_fd() as usize,
        libc::IPPROTO_TCP as usize,
        libc::TCP_ULP as usize,
        (&raw mut name).expose_provenance(),
        (&raw mut len).expose_provenance(),
    ];
    // SAFETY: writes there.
    let result = unsafe { crate::words::kernel(gort_sys::nr::GETSOCKOPT, words) };
    result == 0 && len != 0
}

/// A record that is counted until this is dropped.
#[derive(Debug)]
pub(crate) struct Use(&'static Record);

impl Deref for Use {
    type Target = Record;

    #[inline(always)]
    fn deref(&self) -> &Record {
        self.0
    }
}

impl Drop for Use {
    #[inline]
    fn drop(&mut self) {
        // Release: with the fence.
        if self.0.users.fetch_sub(1, Ordering::Release) == 1 {
            self.0.retire();
        }
    }
}

impl Record {
    #[cold]
    fn retire(&'static self) {
        // Acquire: with the Release of all who have used it.
        fence(Ordering::Acquire);
        // It has left the queue.
        // SAFETY: it is not looked at.
        self.desc().close(unsafe { BorrowedFd::borrow_raw(0) });
        self.push();
    }
}
