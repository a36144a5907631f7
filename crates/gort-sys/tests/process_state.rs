//! Limits, use, and what the kernel keeps for each thread.
//!
//! # Safety
//!
//! libc's functions get the arguments of ours; the words that the kernel is told of outlive the
//! children that tell it.

#![allow(unsafe_code)]

mod support;

use gort_sys::types::*;
use gort_sys::{Errno, nr, raw, raw_syscall6};
use std::ptr::null_mut;
use support::{REFUSED, allowed, c, child_holds, watchdog};

#[test]
fn limits() {
    let mut theirs = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    for number in 0..18 {
        let ours = raw::getrlimit(Resource(number));
        let answer = c!(libc::getrlimit(number, &mut theirs));
        assert_eq!(ours.err(), answer.err(), "{number}");
        assert_eq!(raw::prlimit64(Pid::SELF, Resource(number), None).ok(), ours.ok());
        if let Ok(limit) = ours {
            assert_eq!((limit.current, limit.max), (theirs.rlim_cur, theirs.rlim_max), "{number}");
        }
    }
    child_holds(|| {
        let old = raw::getrlimit(Resource::CORE).unwrap();
        let new = Rlimit { current: 0, ..old };
        raw::setrlimit(Resource::CORE, &new).unwrap();
        assert_eq!(raw::prlimit64(Pid::SELF, Resource::CORE, Some(&old)), Ok(new));
        assert_eq!(raw::getrlimit(Resource::CORE), Ok(old));
        let upside_down = Rlimit { current: 2, max: 1 };
        assert_eq!(raw::setrlimit(Resource::CORE, &upside_down), Err(Errno::EINVAL));
    });
    assert_eq!(raw::prlimit64(Pid(i32::MAX), Resource::CORE, None), Err(Errno::ESRCH));
}

#[test]
fn usage() {
    // SAFETY: all zero is a value of libc's structure.
    let mut theirs: libc::rusage = unsafe { std::mem::zeroed() };
    let before = raw::getrusage(RusageOf::SELF).unwrap();
    c!(libc::getrusage(libc::RUSAGE_SELF, &mut theirs)).unwrap();
    let after = raw::getrusage(RusageOf::SELF).unwrap();
    assert!((before.maxrss..=after.maxrss).contains(&theirs.ru_maxrss));
    assert!((before.minflt..=after.minflt).contains(&theirs.ru_minflt));
    let utime = Timeval { sec: theirs.ru_utime.tv_sec, usec: theirs.ru_utime.tv_usec };
    assert!((before.utime..=after.utime).contains(&utime));
    assert!(raw::getrusage(RusageOf::THREAD).unwrap().minflt <= after.minflt);
    assert_eq!(raw::getrusage(RusageOf(7)), Err(Errno::EINVAL));

    let mut tms = libc::tms { tms_utime: 0, tms_stime: 0, tms_cutime: 0, tms_cstime: 0 };
    let (mut first, mut last) = (Tms::default(), Tms::default());
    let start = raw::times(Some(&mut first)).unwrap();
    let theirs = c!(libc::times(&mut tms)).unwrap();
    let end = raw::times(Some(&mut last)).unwrap();
    assert!((start..=end).contains(&theirs));
    assert!((first.utime..=last.utime).contains(&tms.tms_utime));
    assert!(raw::times(None).unwrap() >= end);
}

#[test]
fn personalities() {
    assert_eq!(raw::personality(u32::MAX).map(i64::from), c!(libc::personality(0xffff_ffff)));
    child_holds(|| {
        let old = raw::personality(libc::ADDR_NO_RANDOMIZE as u32).unwrap();
        assert_eq!(raw::personality(old), Ok(libc::ADDR_NO_RANDOMIZE as u32));
    });
}

#[test]
fn thread_pointer_and_lists() {
    const GET_FS: i32 = 0x1003;
    let mut base = 0usize;
    // SAFETY: the kernel writes one word, which is there.
    let got = unsafe { raw::arch_prctl(GET_FS, (&raw mut base).expose_provenance()) };
    let me: usize;
    // SAFETY: the x86-64 ABI keeps the thread pointer's own value in its first word.
    unsafe { std::arch::asm!("mov {}, fs:0", out(reg) me) };
    assert_eq!((got, base), (Ok(0), me));
    // SAFETY: there is no such operation.
    assert_eq!(unsafe { raw::arch_prctl(0, 0) }, Err(Errno::EINVAL));

    let (head, len) = raw::get_robust_list(Pid::SELF).unwrap();
    let (mut their_head, mut their_len) = (0usize, 0usize);
    c!(libc::syscall(libc::SYS_get_robust_list, 0, &mut their_head, &mut their_len)).unwrap();
    assert_eq!((head.addr(), len), (their_head, their_len));
    assert_eq!(raw::get_robust_list(Pid(i32::MAX)), Err(Errno::ESRCH));
    // SAFETY: the very list that libc has registered for this thread.
    assert_eq!(unsafe { raw::set_robust_list(head, len) }, Ok(()));
    // SAFETY: the kernel refuses the length.
    assert_eq!(unsafe { raw::set_robust_list(head, 1) }, Err(Errno::EINVAL));

    child_holds(|| {
        let mut word = Pid(1);
        // SAFETY: the child ends with all of its memory.
        assert_eq!(unsafe { raw::set_tid_address(&mut word) }, raw::gettid());
    });
    // SAFETY: no such flag, so that nothing is registered.
    let refused = unsafe { raw::rseq(null_mut(), 32, 2, 0) };
    assert!(matches!(refused, Err(Errno::EINVAL | Errno::ENOSYS)), "{refused:?}");
}

#[test]
fn accounting_needs_the_right() {
    child_holds(|| {
        let nobody = (Uid(65534), Uid(65534));
        if raw::getuid() == Uid::ROOT {
            raw::setresuid(nobody.0, nobody.1, nobody.0).unwrap();
        }
        for result in [raw::acct("/dev/null"), raw::acct_off()] {
            assert!(!allowed("acct", &result, REFUSED), "as nobody");
        }
    });
    let nowhere = raw::acct("/no/such/file");
    assert!(matches!(nowhere, Err(Errno::ENOENT | Errno::EPERM | Errno::ENOSYS)), "{nowhere:?}");
}

#[test]
fn futexes() {
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
    watchdog();
    static WORD: AtomicU32 = AtomicU32::new(1);
    let short = Timespec { sec: 0, nsec: 1_000_000 };
    assert_eq!(raw::futex_wait(&WORD, 0, None), Err(Errno::EAGAIN));
    assert_eq!(raw::futex_wait_shared(&WORD, 0, None), Err(Errno::EAGAIN));
    assert_eq!(raw::futex_wait(&WORD, 1, Some(&short)), Err(Errno::ETIMEDOUT));
    assert_eq!(raw::futex_wait_shared(&WORD, 1, Some(&short)), Err(Errno::ETIMEDOUT));
    assert_eq!(raw::futex_wait_until(&WORD, 1, Some(&short)), Err(Errno::ETIMEDOUT), "long ago");
    let bad = Timespec { sec: 0, nsec: -1 };
    assert_eq!(raw::futex_wait(&WORD, 1, Some(&bad)), Err(Errno::EINVAL));
    assert_eq!((raw::futex_wake(&WORD, 1), raw::futex_wake_shared(&WORD, 1)), (Ok(0), Ok(0)));

    // Each kind of waiter is woken by its kind of wake, and by no other.
    type Wait = fn() -> gort_sys::Result<()>;
    type Wake = fn() -> gort_sys::Result<usize>;
    let kinds: [(Wait, Wake, Wake); 3] = [
        (
            || raw::futex_wait(&WORD, 1, None),
            || raw::futex_wake(&WORD, 1),
            || raw::futex_wake_shared(&WORD, 1),
        ),
        (
            || raw::futex_wait_until(&WORD, 1, None),
            || raw::futex_wake(&WORD, 1),
            || raw::futex_wake_shared(&WORD, 1),
        ),
        (
            || raw::futex_wait_shared(&WORD, 1, None),
            || raw::futex_wake_shared(&WORD, 1),
            || raw::futex_wake(&WORD, 1),
        ),
    ];
    for (wait, wake, other) in kinds {
        let waiter = std::thread::spawn(wait);
        loop {
            assert_eq!(other(), Ok(0));
            match wake() {
                Ok(0) => std::thread::yield_now(),
                woken => break assert_eq!(woken, Ok(1)),
            }
        }
        assert_eq!(waiter.join().unwrap(), Ok(()));
    }
    assert_eq!(WORD.load(SeqCst), 1);
}

/// `FUTEX_CMP_REQUEUE` uses all six arguments, and each wrong one shows in another way.
#[test]
fn the_six_arguments_of_futex_are_in_order() {
    use std::sync::atomic::AtomicU32;
    watchdog();
    static FROM: AtomicU32 = AtomicU32::new(11);
    static TO: AtomicU32 = AtomicU32::new(22);
    const WAITERS: usize = 4;
    let waiters: Vec<_> =
        (0..WAITERS).map(|_| std::thread::spawn(|| raw::futex_wait(&FROM, 11, None))).collect();
    // Wakes one, moves at most two, if the first word holds the last argument.
    let requeue = |value3| {
        let operation = libc::FUTEX_CMP_REQUEUE | libc::FUTEX_PRIVATE_FLAG;
        let limit = std::ptr::without_provenance(2);
        // SAFETY: both words are statics that nothing but this test uses.
        unsafe { raw::futex(FROM.as_ptr(), operation, 1, limit, TO.as_ptr(), value3) }
    };
    assert_eq!(requeue(12), Err(Errno::EAGAIN));
    // Until all wait: nobody is woken by requeueing nothing onto itself, so ask the kernel's view.
    let mut all = 0;
    while all < WAITERS {
        let (from, operation) = (FROM.as_ptr(), libc::FUTEX_CMP_REQUEUE | libc::FUTEX_PRIVATE_FLAG);
        let [at, op] = [from.expose_provenance(), operation as usize];
        // SAFETY: moves every waiter from the word to itself and wakes none.
        let (moved, _, errno) = unsafe { raw_syscall6(nr::FUTEX, at, op, 0, 100, at, 11) };
        assert!(errno.is_none(), "{errno:?}");
        all = moved;
        std::thread::yield_now();
    }
    assert_eq!(requeue(11), Ok(3), "one woken, two moved");
    assert_eq!(raw::futex_wake(&FROM, 100), Ok(1), "one was left");
    assert_eq!(raw::futex_wake(&TO, 100), Ok(2), "two were moved");
    for waiter in waiters {
        assert_eq!(waiter.join().unwrap(), Ok(()));
    }
}
