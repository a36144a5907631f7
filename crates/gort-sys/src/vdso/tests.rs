//! The slots: what they hold after each way of filling them, and that filling them may race.
//!
//! # Safety
//!
//! libc is asked for addresses, by C strings; nothing at those addresses is called.

use super::*;
use crate::types::ClockId;
use std::ffi::CString;
use std::sync::{Barrier, Mutex, MutexGuard, PoisonError};
use std::thread;

/// The slots are the process's: one test at a time changes them.
fn slots() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

macro_rules! each {
    ($do:ident) => {
        $do!(vdso_clock_gettime "__vdso_clock_gettime");
        $do!(vdso_gettimeofday "__vdso_gettimeofday");
        $do!(vdso_getcpu "__vdso_getcpu");
        $do!(vdso_time "__vdso_time");
    };
}

/// The address that libc's dynamic linker finds for a function of the image.
fn by_libc(name: &str) -> Option<*mut ()> {
    let name = CString::new(name).unwrap();
    // SAFETY: both are C strings, and the image is loaded already, so nothing is run.
    let found = unsafe {
        let image = libc::dlopen(c"linux-vdso.so.1".as_ptr(), libc::RTLD_NOW | libc::RTLD_NOLOAD);
        if image.is_null() {
            return None;
        }
        libc::dlvsym(image, name.as_ptr(), c"LINUX_2.6".as_ptr())
    };
    (!found.is_null()).then_some(found.cast())
}

/// Whether this is an address in the image. That of a stand-in cannot be asked for: a function may
/// be there more than once.
fn in_image(slot: &AtomicPtr<()>) -> bool {
    let address = slot.load(Relaxed).cast_const().cast();
    image().is_some_and(|image| image.as_ptr_range().contains(&address))
}

/// Every slot holds libc's address for it, or the stand-in where libc has none.
fn assert_resolved() {
    macro_rules! check {
        ($name:ident $symbol:literal) => {
            match by_libc($symbol) {
                Some(want) => assert_eq!($name::SLOT.load(Relaxed), want, $symbol),
                None => assert!(!in_image(&$name::SLOT), $symbol),
            }
        };
    }
    each!(check);
}

/// Every slot is as it was when the process started.
fn reset() {
    macro_rules! reset {
        ($name:ident $symbol:literal) => {
            $name::SLOT.store($name::first as *mut (), Relaxed);
        };
    }
    each!(reset);
}

/// Each function does its work, whatever its slot holds.
fn assert_working() {
    let before = nanotime();
    assert!(before > 0 && clock_gettime(ClockId::MONOTONIC).is_ok() && nanotime() >= before);
    assert_eq!(clock_gettime(ClockId(1 << 20)), Err(Errno::EINVAL));
    let (sec, _) = walltime();
    let of_day = gettimeofday().unwrap();
    assert!(of_day.sec >= sec && (0..1_000_000).contains(&of_day.usec), "{of_day:?} after {sec}");
    // The tick that `time` goes by may lag behind the clock.
    assert!(time().unwrap() >= sec - 1, "{:?} after {sec}", time());
    let (cpu, _) = getcpu().unwrap();
    assert!(cpu < 1 << 16, "CPU {cpu}");
}

/// Valgrind unmaps the image and leaves its address.
#[test]
fn an_image_that_is_not_there_is_not_read() {
    let front = address().unwrap();
    assert!(is_mapped(front));
    // Where nothing is ever mapped (`vm.mmap_min_addr`), and beyond user space.
    assert!(!is_mapped(0));
    assert!(!is_mapped(1 << 60));
}

#[test]
fn the_image_is_where_libc_has_it() {
    // SAFETY: only looks a number up.
    let want = unsafe { libc::getauxval(libc::AT_SYSINFO_EHDR) } as usize;
    assert_eq!(address().unwrap_or(0), want);

    let mut auxv = [0; _];
    let len = auxv_by_proc(&mut auxv).expect("/proc is mounted");
    assert_eq!(image_in(&auxv[..len]).unwrap_or(0), want);
    let mut auxv = [0; _];
    match auxv_by_prctl(&mut auxv) {
        Ok(len) => assert_eq!(image_in(&auxv[..len]).unwrap_or(0), want),
        Err(errno) => {
            std::println!("no PR_GET_AUXV here: {errno}");
            assert_eq!(errno, Errno::EINVAL);
        }
    }
}

#[test]
fn an_auxiliary_vector_ends_at_its_null() {
    let key = AT_SYSINFO_EHDR as usize;
    assert_eq!(image_in(&[6, 4096, key, 0x1000, 0, 0]), Some(0x1000));
    assert_eq!(image_in(&[6, 4096, 0, 0, key, 0x1000]), None);
    assert_eq!(image_in(&[key, 0, 0, 0]), None);
    assert_eq!(image_in(&[6, 4096, key]), None);
    assert_eq!(image_in(&[]), None);
}

#[test]
fn slots_hold_what_libc_finds() {
    let _turn = slots();
    resolve();
    assert_resolved();
    assert_working();
}

#[test]
fn without_an_image_the_calls_stand_in() {
    let _turn = slots();
    bind(&[]);
    assert_working();
    // A slot that was not filled would have been by now, from the image.
    macro_rules! check {
        ($name:ident $symbol:literal) => {
            assert!(!in_image(&$name::SLOT), $symbol);
        };
    }
    each!(check);
    resolve();
}

#[test]
fn first_calls_may_race() {
    let _turn = slots();
    const THREADS: usize = 8;
    for _ in 0..200 {
        reset();
        let start = Barrier::new(THREADS);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    start.wait();
                    assert_working();
                });
            }
        });
        assert_resolved();
    }
}
