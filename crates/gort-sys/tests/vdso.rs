//! The vDSO's functions against the system calls of the same names, made through libc.
//!
//! What a clock shows is compared by calling the kernel before and after: the value in between must
//! lie in between.
//!
//! # Safety
//!
//! libc's functions write to variables of the type they ask for; the handler only stores to atomics.

#![allow(unsafe_code)]

use gort_sys::types::{ClockId, Timespec, Timeval};
use gort_sys::{Errno, vdso};
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::SeqCst};

/// clock_gettime(2) by the kernel.
fn kernel(clock: i32) -> Result<Timespec, i32> {
    let mut at = Timespec { sec: -1, nsec: -1 };
    // SAFETY: `at` has the layout of the kernel's struct.
    match unsafe { libc::syscall(libc::SYS_clock_gettime, clock, &mut at) } {
        0 => Ok(at),
        _ => Err(std::io::Error::last_os_error().raw_os_error().unwrap()),
    }
}

/// What the vDSO says of `clock` is what the kernel says. Returns whether there is such a clock.
fn agrees(clock: i32) -> bool {
    for _ in 0..100 {
        let before = kernel(clock);
        let ours = vdso::clock_gettime(ClockId(clock)).map_err(Errno::raw);
        let after = kernel(clock);
        match (before, ours, after) {
            (Ok(before), Ok(ours), Ok(after)) => {
                assert!(
                    before <= ours && ours <= after,
                    "clock {clock}: {before:?} <= {ours:?} <= {after:?}"
                );
                assert!((0..1_000_000_000).contains(&ours.nsec), "clock {clock}: {ours:?}");
            }
            (before, ours, _) => {
                assert_eq!(ours, before, "clock {clock}");
                return false;
            }
        }
    }
    true
}

#[test]
fn every_clock_shows_what_the_kernel_shows() {
    let there: Vec<i32> = (-64..64).filter(|&clock| agrees(clock)).collect();
    for always in [libc::CLOCK_REALTIME, libc::CLOCK_MONOTONIC, libc::CLOCK_BOOTTIME] {
        assert!(there.contains(&always), "clock {always} in {there:?}");
    }
}

#[test]
fn dynamic_clocks_go_through() {
    // A CPU clock's id is made of the complement of a process or thread id and three bits: which
    // of the clocks (2: what was run), and 4 for a thread.
    // SAFETY: these only answer with a number.
    let (process, thread) = unsafe { (libc::getpid(), libc::syscall(libc::SYS_gettid) as i32) };
    let of_process = !process << 3 | 2;
    let of_thread = !thread << 3 | 2 | 4;
    assert!(of_process < 0 && of_thread < 0);
    assert!(agrees(of_process), "clock {of_process}");
    assert!(agrees(of_thread), "clock {of_thread}");
    assert!(agrees(!0 << 3 | 2), "the caller's own, by process 0");

    let mut by_libc = 0;
    // SAFETY: an out parameter.
    assert_eq!(unsafe { libc::clock_getcpuclockid(process, &mut by_libc) }, 0);
    assert_eq!(by_libc, of_process);

    // A descriptor's clock (3), where the descriptor is no clock.
    let file = std::fs::File::open("/dev/null").unwrap();
    let of_file = !std::os::fd::AsRawFd::as_raw_fd(&file) << 3 | 3;
    assert!(!agrees(of_file), "clock {of_file}");
}

#[test]
fn a_clock_that_does_not_exist_is_invalid() {
    for clock in [64, 1 << 20, i32::MAX, i32::MIN, -1] {
        assert!(!agrees(clock), "clock {clock}");
        assert_eq!(vdso::clock_gettime(ClockId(clock)), Err(Errno::EINVAL), "clock {clock}");
    }
}

#[test]
fn gettimeofday_shows_what_the_kernel_shows() {
    let kernel = || {
        let mut at = Timeval { sec: -1, usec: -1 };
        // SAFETY: `at` has the layout of the kernel's struct; the zone may be null.
        let ret = unsafe { libc::syscall(libc::SYS_gettimeofday, &mut at, 0usize) };
        assert_eq!(ret, 0);
        at
    };
    for _ in 0..1000 {
        let (before, ours, after) = (kernel(), vdso::gettimeofday().unwrap(), kernel());
        assert!(before <= ours && ours <= after, "{before:?} <= {ours:?} <= {after:?}");
        assert!((0..1_000_000).contains(&ours.usec), "{ours:?}");
    }
}

#[test]
fn time_shows_what_the_kernel_shows() {
    // SAFETY: null asks for the result only.
    let kernel = || unsafe { libc::syscall(libc::SYS_time, 0usize) };
    for _ in 0..1000 {
        let (before, ours, after) = (kernel(), vdso::time().unwrap(), kernel());
        assert!(before <= ours && ours <= after, "{before} <= {ours} <= {after}");
    }
}

#[test]
fn getcpu_follows_the_thread() {
    let set_size = size_of::<libc::cpu_set_t>();
    let mut allowed = MaybeUninit::<libc::cpu_set_t>::zeroed();
    // SAFETY: the set has room for as many bytes as are asked for, and any bytes are valid.
    let allowed = unsafe {
        assert_eq!(libc::sched_getaffinity(0, set_size, allowed.as_mut_ptr()), 0);
        allowed.assume_init()
    };
    // SAFETY: the index is below the set's size.
    let is_allowed = |&cpu: &usize| unsafe { libc::CPU_ISSET(cpu, &allowed) };
    let mut seen = 0;
    for cpu in (0..libc::CPU_SETSIZE as usize).filter(is_allowed) {
        // SAFETY: as above; the set is the thread's own, and it ends with this test.
        unsafe {
            let mut one = MaybeUninit::<libc::cpu_set_t>::zeroed().assume_init();
            libc::CPU_SET(cpu, &mut one);
            assert_eq!(libc::sched_setaffinity(0, set_size, &one), 0, "CPU {cpu}");
        }
        let (mut cpu_by_call, mut node_by_call) = (u32::MAX, u32::MAX);
        // SAFETY: two out parameters and an unused one.
        let ret =
            unsafe { libc::syscall(libc::SYS_getcpu, &mut cpu_by_call, &mut node_by_call, 0usize) };
        assert_eq!((ret, cpu_by_call as usize), (0, cpu));
        assert_eq!(vdso::getcpu(), Ok((cpu_by_call, node_by_call)));
        seen += 1;
    }
    assert!(seen > 0);
}

#[test]
fn nanotime_and_walltime_are_the_kernels_clocks() {
    for _ in 0..1000 {
        let nanos = |at: Timespec| at.sec as u64 * 1_000_000_000 + at.nsec as u64;
        let before = nanos(kernel(libc::CLOCK_MONOTONIC).unwrap());
        let ours = vdso::nanotime();
        let after = nanos(kernel(libc::CLOCK_MONOTONIC).unwrap());
        assert!(before <= ours && ours <= after, "{before} <= {ours} <= {after}");

        let before = kernel(libc::CLOCK_REALTIME).unwrap();
        let (sec, nsec) = vdso::walltime();
        let after = kernel(libc::CLOCK_REALTIME).unwrap();
        let ours = Timespec { sec, nsec: nsec.into() };
        assert!(before <= ours && ours <= after, "{before:?} <= {ours:?} <= {after:?}");
    }
}

#[test]
fn nanotime_never_goes_back() {
    let mut last = vdso::nanotime();
    for _ in 0..100_000 {
        let now = vdso::nanotime();
        assert!(now >= last, "{last} then {now}");
        last = now;
    }
}

static IN_HANDLER: AtomicU64 = AtomicU64::new(0);
static SECONDS_IN_HANDLER: AtomicI64 = AtomicI64::new(0);

extern "C" fn handler(_: i32) {
    IN_HANDLER.store(vdso::nanotime(), SeqCst);
    SECONDS_IN_HANDLER.store(vdso::time().unwrap_or(-1), SeqCst);
}

#[test]
fn a_signal_handler_may_look_at_the_clock() {
    // SAFETY: the handler only stores to atomics and calls what is under test; the signal is sent
    // to this thread, which runs the handler before `raise` returns.
    unsafe {
        let mut action: libc::sigaction = MaybeUninit::zeroed().assume_init();
        action.sa_sigaction = handler as *const () as usize;
        assert_eq!(libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut()), 0);
        for _ in 0..100 {
            let before = vdso::nanotime();
            assert_eq!(libc::raise(libc::SIGUSR1), 0);
            let inside = IN_HANDLER.load(SeqCst);
            assert!(before <= inside && inside <= vdso::nanotime());
            assert!(SECONDS_IN_HANDLER.load(SeqCst) > 0);
        }
    }
}
