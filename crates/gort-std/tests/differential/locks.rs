//! Programs of one party with a futex word, and the locks of pthread's.
//!
//! # Safety
//!
//! The locks are in one place from their initialisation on, and of the kinds that give an error where they are
//! used wrongly; those that are not are only tried. Times and words are on the stack.

#![allow(unsafe_code)]

use crate::calls::call;
use libc::{c_int, timespec};
use proptest::prelude::*;
use proptest::sample::select;
use std::mem::zeroed;
use std::sync::atomic::AtomicU32;

#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// The operation, with this value while the word is 5, and this limit.
    Futex(c_int, u32, Limit),
    /// Where no word can be.
    NoWord(c_int, usize),
    Requeue(bool, u32, u32),
    Mutex(usize, Do),
    Readers(Do),
    Writer(Do),
    Semaphore(Do),
    Condition(Limit),
    Barrier,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Do {
    Take,
    Try,
    /// With a limit of time.
    For(Limit),
    Release,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Limit {
    None,
    Past,
    Soon,
    Wrong,
    Negative,
}

const WAIT_OPS: [c_int; 2] = [libc::FUTEX_WAIT, libc::FUTEX_WAIT_BITSET];
const PRIVATE: c_int = libc::FUTEX_PRIVATE_FLAG;

fn limited() -> impl Strategy<Value = Limit> {
    select(vec![Limit::Past, Limit::Soon, Limit::Wrong, Limit::Negative])
}

fn what() -> impl Strategy<Value = Do> {
    prop_oneof![Just(Do::Take), Just(Do::Try), limited().prop_map(Do::For), Just(Do::Release)]
}

pub(crate) fn op() -> impl Strategy<Value = Op> {
    let clock = libc::FUTEX_CLOCK_REALTIME;
    let waits: Vec<_> = WAIT_OPS.into_iter().flat_map(|op| [op, op | PRIVATE]).collect();
    let all = [
        &waits[..],
        &[
            libc::FUTEX_WAKE | PRIVATE,
            libc::FUTEX_WAKE,
            99,
            77 | PRIVATE,
            libc::FUTEX_WAKE_BITSET | PRIVATE,
            libc::FUTEX_WAIT_BITSET | PRIVATE | clock,
        ],
    ]
    .concat();
    prop_oneof![
        // Who finds the word as it is has a limit.
        4 => (select(waits.clone()), 4u32..6, limited()).prop_map(|(op, value, limit)| Op::Futex(op, value, limit)),
        3 => (select(all.clone()), Just(3u32), prop_oneof![Just(Limit::None), limited()])
            .prop_map(|(op, value, limit)| Op::Futex(op, value, limit)),
        1 => (select(all), select(vec![0usize, 1, 2, 4096])).prop_map(|(op, at)| Op::NoWord(op, at)),
        1 => (any::<bool>(), 0u32..3, 4u32..6).prop_map(|(compare, n, value)| Op::Requeue(compare, n, value)),
        4 => (0usize..3, what()).prop_map(|(which, what)| Op::Mutex(which, what)),
        2 => what().prop_map(Op::Readers),
        2 => what().prop_map(Op::Writer),
        3 => what().prop_map(Op::Semaphore),
        1 => limited().prop_map(Op::Condition),
        1 => Just(Op::Barrier),
    ]
}

/// By this clock; a bitset's and pthread's are moments, a wait's is a duration.
fn time(limit: Limit, clock: c_int, moment: bool) -> timespec {
    // SAFETY: numbers only.
    let mut time: timespec = unsafe { zeroed() };
    if moment {
        call!(clock_gettime(clock, &mut time));
    }
    match limit {
        Limit::Past => time = timespec { tv_sec: i64::from(moment), tv_nsec: 0 },
        Limit::Wrong => time.tv_nsec = 1_000_000_000,
        Limit::Negative => time.tv_sec = -1,
        _ => {
            time.tv_nsec += 300_000;
            time.tv_sec += time.tv_nsec / 1_000_000_000;
            time.tv_nsec %= 1_000_000_000;
        }
    }
    time
}

type Timed = unsafe extern "C" fn(*mut libc::pthread_rwlock_t, *const timespec) -> c_int;

// Not in the crate libc.
unsafe extern "C" {
    fn pthread_rwlock_timedrdlock(
        lock: *mut libc::pthread_rwlock_t,
        limit: *const timespec,
    ) -> c_int;
    fn pthread_rwlock_timedwrlock(
        lock: *mut libc::pthread_rwlock_t,
        limit: *const timespec,
    ) -> c_int;
}

fn timed(function: Timed, lock: *mut libc::pthread_rwlock_t, limit: Limit) -> c_int {
    // SAFETY: see the module.
    unsafe { function(lock, &time(limit, libc::CLOCK_REALTIME, true)) }
}

struct Party {
    word: AtomicU32,
    other: AtomicU32,
    /// Normal, recursive and one that checks, and how often it is held.
    mutexes: [libc::pthread_mutex_t; 3],
    held: [u32; 3],
    lock: libc::pthread_rwlock_t,
    readers: u32,
    writer: bool,
    semaphore: libc::sem_t,
    posted: u32,
    condition: libc::pthread_cond_t,
    barrier: libc::pthread_barrier_t,
}

/// An error is what the function itself returns.
macro_rules! code {
    ($name:ident($($arg:expr),* $(,)?)) => {{
        let call = libc::$name;
        // SAFETY: see the module.
        #[allow(clippy::macro_metavars_in_unsafe, reason = "the module says why it may")]
        unsafe { call($($arg),*) }
    }};
}

pub(crate) fn run(program: &[Op]) -> Vec<String> {
    // SAFETY: numbers and pointers; they are initialised below, where they stay.
    let mut party: Box<Party> = unsafe { Box::new(zeroed()) };
    let kinds =
        [libc::PTHREAD_MUTEX_NORMAL, libc::PTHREAD_MUTEX_RECURSIVE, libc::PTHREAD_MUTEX_ERRORCHECK];
    for (mutex, kind) in party.mutexes.iter_mut().zip(kinds) {
        // SAFETY: numbers only.
        let mut attributes: libc::pthread_mutexattr_t = unsafe { zeroed() };
        code!(pthread_mutexattr_init(&mut attributes));
        code!(pthread_mutexattr_settype(&mut attributes, kind));
        code!(pthread_mutex_init(mutex, &attributes));
    }
    let party = &mut *party;
    *party.word.get_mut() = 5;
    code!(pthread_rwlock_init(&mut party.lock, std::ptr::null()));
    code!(sem_init(&mut party.semaphore, 0, 1));
    party.posted = 1;
    code!(pthread_cond_init(&mut party.condition, std::ptr::null()));
    code!(pthread_barrier_init(&mut party.barrier, std::ptr::null(), 1));
    program.iter().map(|op| format!("{op:?}: {}", party.step(op))).collect()
}

impl Party {
    fn step(&mut self, op: &Op) -> String {
        match *op {
            Op::Futex(op, value, limit) => self.futex(self.word.as_ptr(), op, value, limit),
            Op::NoWord(op, at) => {
                // Just beside the word, or where nothing is.
                let at = if at < 4 {
                    self.word.as_ptr().wrapping_byte_add(at)
                } else {
                    std::ptr::null_mut()
                };
                if at == self.word.as_ptr() {
                    "a word".into()
                } else {
                    self.futex(at, op, 3, Limit::Soon)
                }
            }
            Op::Requeue(compare, count, value) => {
                let op = if compare { libc::FUTEX_CMP_REQUEUE } else { libc::FUTEX_REQUEUE };
                let (word, other) = (self.word.as_ptr(), self.other.as_ptr());
                format!(
                    "{:?}",
                    call!(syscall(
                        libc::SYS_futex,
                        word,
                        op | PRIVATE,
                        count,
                        1_usize,
                        other,
                        value
                    ))
                )
            }
            Op::Mutex(which, what) => self.mutex(which, what),
            Op::Readers(what) => {
                let lock = &raw mut self.lock;
                let code = match what {
                    Do::Take if self.writer => return "would wait".into(),
                    Do::Take => code!(pthread_rwlock_rdlock(lock)),
                    Do::Try => code!(pthread_rwlock_tryrdlock(lock)),
                    Do::For(limit) => timed(pthread_rwlock_timedrdlock, lock, limit),
                    Do::Release if self.readers == 0 => return "not held".into(),
                    Do::Release => code!(pthread_rwlock_unlock(lock)),
                };
                let released = matches!(what, Do::Release);
                if code == 0 {
                    self.readers = if released { self.readers - 1 } else { self.readers + 1 };
                }
                code.to_string()
            }
            Op::Writer(what) => {
                let lock = &raw mut self.lock;
                let code = match what {
                    Do::Take if self.writer || self.readers > 0 => return "would wait".into(),
                    Do::Take => code!(pthread_rwlock_wrlock(lock)),
                    Do::Try => code!(pthread_rwlock_trywrlock(lock)),
                    Do::For(limit) => timed(pthread_rwlock_timedwrlock, lock, limit),
                    Do::Release if !self.writer => return "not held".into(),
                    Do::Release => code!(pthread_rwlock_unlock(lock)),
                };
                if code == 0 {
                    self.writer = !matches!(what, Do::Release);
                }
                code.to_string()
            }
            Op::Semaphore(what) => {
                let semaphore = &raw mut self.semaphore;
                let answer = match what {
                    Do::Take if self.posted == 0 => return "would wait".into(),
                    Do::Take => call!(sem_wait(semaphore)),
                    Do::Try => call!(sem_trywait(semaphore)),
                    Do::For(limit) => {
                        call!(sem_timedwait(semaphore, &time(limit, libc::CLOCK_REALTIME, true)))
                    }
                    Do::Release => call!(sem_post(semaphore)),
                };
                let released = matches!(what, Do::Release);
                if answer.0.is_ok() {
                    self.posted = if released { self.posted + 1 } else { self.posted - 1 };
                }
                format!("{answer:?}")
            }
            Op::Condition(limit) => {
                let mutex = &raw mut self.mutexes[2];
                if self.held[2] == 0 {
                    return "not held".into();
                }
                let moment = time(limit, libc::CLOCK_REALTIME, true);
                code!(pthread_cond_timedwait(&raw mut self.condition, mutex, &moment)).to_string()
            }
            Op::Barrier => code!(pthread_barrier_wait(&raw mut self.barrier)).to_string(),
        }
    }

    fn futex(&self, at: *mut u32, op: c_int, value: u32, limit: Limit) -> String {
        let plain = op & !PRIVATE & !libc::FUTEX_CLOCK_REALTIME;
        let clock = if op & libc::FUTEX_CLOCK_REALTIME == 0 {
            libc::CLOCK_MONOTONIC
        } else {
            libc::CLOCK_REALTIME
        };
        let time = time(limit, clock, plain == libc::FUTEX_WAIT_BITSET);
        let limit = if limit == Limit::None { std::ptr::null() } else { &raw const time };
        // No bits is an error.
        let bits = if value == 4 { 0_u32 } else { !0 };
        let null = std::ptr::null_mut::<u32>();
        let answer = match plain {
            libc::FUTEX_WAIT | libc::FUTEX_WAIT_BITSET => {
                call!(syscall(libc::SYS_futex, at, op, value, limit, null, bits))
            }
            _ => call!(syscall(libc::SYS_futex, at, op, value, null, null, bits)),
        };
        format!("{answer:?}")
    }

    fn mutex(&mut self, which: usize, what: Do) -> String {
        let mutex = &raw mut self.mutexes[which];
        let code = match what {
            Do::Take if which == 0 && self.held[0] > 0 => return "would wait".into(),
            Do::Take => code!(pthread_mutex_lock(mutex)),
            Do::Try => code!(pthread_mutex_trylock(mutex)),
            Do::For(limit) => {
                code!(pthread_mutex_timedlock(mutex, &time(limit, libc::CLOCK_REALTIME, true)))
            }
            Do::Release if which == 0 && self.held[0] == 0 => return "not held".into(),
            Do::Release => code!(pthread_mutex_unlock(mutex)),
        };
        if code == 0 {
            let held = &mut self.held[which];
            *held = if matches!(what, Do::Release) { *held - 1 } else { *held + 1 };
        }
        code.to_string()
    }
}
