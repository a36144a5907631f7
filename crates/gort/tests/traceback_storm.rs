//! All goroutines are looked at, over and over, while they come, go, run, park, and are pre-empted all the
//! time, and while GOMAXPROCS changes.
//!
//! Shown to fail: walks without a held thread, over goroutines that run.

mod support;

use gort::chan;
use gort_rt::traceback::{How, State, each};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use support::{Child, StopOnDrop, is_child, serial, stderr, stdout, watchdog};

/// Fewer where each step takes ten times as long.
const GOROUTINES: usize = if cfg!(debug_assertions) { 1_000 } else { 10_000 };

/// Looks at all; how many goroutines there were, and how many frames.
fn look() -> (usize, usize) {
    let (mut all, mut frames, mut current, mut unseen) = (0, 0, 0, 0);
    let missing = each(How::Live, &mut |goroutine, pcs| {
        all += 1;
        frames += pcs.len();
        current += usize::from(goroutine.current);
        if let Some(why) = goroutine.unseen {
            // The machine has not let a thread run for a second.
            assert_eq!((why, goroutine.state), ("its thread does not answer", State::Running));
            unseen += 1;
            return;
        }
        let begun = goroutine.state != State::NotStarted;
        assert_eq!(begun, !pcs.is_empty(), "{goroutine:x?} {pcs:x?}");
        // As far as where each begins, whatever it does.
        assert!(pcs.is_empty() || pcs.len() >= 3, "{goroutine:x?} {pcs:x?}");
    });
    assert_eq!((missing, current), (0, 1));
    assert!(unseen <= 1, "{unseen}");
    (all, frames)
}

#[inline(never)]
fn work(seed: usize) -> usize {
    let mut sum = 0usize;
    for i in 0..2_000 + seed % 2_000 {
        sum = sum.wrapping_mul(31).wrapping_add(black_box(i));
    }
    sum
}

/// Looks `rounds` times, on a goroutine, among others that do all kinds of things.
fn among_many(goroutines: usize, rounds: usize) {
    let stop = AtomicBool::new(false);
    let alive = AtomicUsize::new(0);
    let (send, receive) = chan::bounded::<usize>(4);
    gort::scope(|s| {
        for i in 0..goroutines {
            let (stop, alive, send, receive) = (&stop, &alive, send.clone(), receive.clone());
            s.go(move || {
                alive.fetch_add(1, Ordering::Relaxed);
                while !stop.load(Ordering::Relaxed) {
                    match i % 2048 {
                        0 => _ = black_box(work(i)),
                        1 => _ = gort::go(move || work(i)).join(),
                        2 => gort::gosched(),
                        3 => _ = gort::syscall::sched_yield(),
                        4 => _ = send.try_send(i),
                        5 => gort::ffi::call_with(|| _ = black_box(work(i / 4))),
                        6 => std::thread::yield_now(),
                        _ => gort::time::sleep(std::time::Duration::from_millis(
                            200 + i as u64 % 500,
                        )),
                    }
                    if i % 2048 == 4 {
                        let _ = receive.try_recv();
                    }
                    if i % 2048 != 0 {
                        gort::gosched();
                    }
                }
            });
        }
        while alive.load(Ordering::Relaxed) < goroutines / 8 {
            gort::gosched();
        }
        let _over = Over(&stop);
        // On a goroutine, but not for its turn among the others.
        gort::ffi::call_blocking(|| {
            for _ in 0..rounds {
                let begun = alive.load(Ordering::Relaxed);
                let (all, frames) = look();
                assert!(all > goroutines && frames > 3 * begun, "{all} {begun} {frames}");
            }
        });
    });
}

/// Stops the others even if a look panics.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn in_a_child(label: &'static str, body: impl FnOnce()) {
    let _one = serial();
    let output = Child::new(label, body).env("GORT_DEBUG", "slice=100us").run();
    if !is_child() {
        assert!(output.status.success(), "{:?} {}", output.status, stderr(&output));
        assert!(stdout(&output).contains("it is over\n"), "{}", stdout(&output));
    }
}

#[test]
fn while_they_are_preempted() {
    in_a_child("storm", || {
        for procs in support::PROCS {
            let _watchdog = watchdog();
            gort::runtime::gomaxprocs(Some(procs));
            gort::run(|| among_many(GOROUTINES, 25));
        }
        println!("it is over");
    });
}

/// Who stops the world does not meet others who do.
#[test]
fn while_gomaxprocs_changes() {
    in_a_child("resize", || {
        let _watchdog = watchdog();
        gort::runtime::gomaxprocs(Some(2));
        let sizes = AtomicUsize::new(0);
        let resize = StopOnDrop::start(move || {
            let size = [1, 4, 2, 16, 3][sizes.fetch_add(1, Ordering::Relaxed) % 5];
            gort::runtime::gomaxprocs(Some(size));
        });
        let other = StopOnDrop::start(|| _ = each(How::Live, &mut |_, _| ()));
        gort::run(|| among_many(500, 100));
        drop((resize, other));
        println!("it is over");
    });
}

/// Threads of the program's look, too; they are no goroutines.
#[test]
fn from_a_thread() {
    let _one = serial();
    let _watchdog = watchdog();
    gort::run(|| ());
    let sleeper = gort::go(|| gort::time::sleep(std::time::Duration::from_secs(3600)));
    let mut seen = 0;
    while seen == 0 {
        seen = 0;
        each(How::Live, &mut |goroutine, pcs| {
            assert!(!goroutine.current);
            seen += usize::from(goroutine.id == sleeper.id().as_u64() && pcs.len() > 3);
        });
    }
    assert_eq!(seen, 1);
}
