//! Whatever a goroutine computes is what it would be on a thread, however often it is pre-empted and
//! wherever it goes on. How often that is: `GORT_TEST_PREEMPTIONS`, for each kind of work.

mod support;
#[path = "../../gort-sys/tests/preempt/work.rs"]
#[allow(dead_code, reason = "some of it is for single steps")]
mod work;

use gort::runtime::stats;
use gort_sys::raw::gettid;
use std::hint::black_box;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::storm::storm;
use support::{Child, Migration, StopOnDrop, all, is_child, serial, stderr, stdout, watchdog};
use work::{WORK, Work};

fn wanted() -> usize {
    let number = std::env::var("GORT_TEST_PREEMPTIONS").ok().and_then(|text| text.parse().ok());
    number.unwrap_or(1000)
}

/// Panics that are part of the work are not printed.
fn silence_work() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        gort::run(|| ());
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !info.payload_as_str().is_some_and(|text| text.ends_with(" is a third")) {
                before(info);
            }
        }));
    });
}

/// Changes GOMAXPROCS over and over: each time, goroutines lose their Ps, and queue for others.
fn resize(procs: usize) -> StopOnDrop {
    let mut more = 0;
    StopOnDrop::start(move || {
        more = 1 - more;
        gort::runtime::gomaxprocs(Some(procs + more));
    })
}

/// Does the work on goroutines until they have been pre-empted often enough; how many of them have gone
/// from one thread to another in the middle of it, or more.
fn exact(work: &Work, procs: usize, wanted: usize) -> usize {
    if !work.possible() {
        println!("{}: not on this CPU", work.name);
        return 0;
    }
    let want = (work.run)(work.rounds);
    let goal = stats().preemptions + wanted;
    let (runs, moves) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let busy = || stats().preemptions < goal;
    gort::run(|| {
        all(procs + 2, |_| {
            while busy() {
                let thread = gettid();
                assert_eq!((work.run)(black_box(work.rounds)), want, "{}", work.name);
                runs.fetch_add(1, Ordering::Relaxed);
                moves.fetch_add(usize::from(gettid() != thread), Ordering::Relaxed);
            }
        });
    });
    println!("{}, {procs} P: {runs:?} runs, {moves:?} of them on several threads", work.name);
    moves.into_inner()
}

#[test]
fn under_a_storm_of_signals() {
    let _one = serial();
    let _watchdog = watchdog();
    silence_work();
    for procs in [2, 4] {
        gort::runtime::gomaxprocs(Some(procs));
        let _disturbance = (storm(None), resize(procs));
        assert!(WORK.iter().map(|work| exact(work, procs, wanted())).sum::<usize>() > 0);
    }
}

/// Whoever is pre-empted for others goes on wherever it is its turn.
#[test]
fn in_short_slices() {
    let _one = (!is_child()).then(serial);
    let output = Child::new("slices", || {
        silence_work();
        for procs in [1, 2, 4] {
            gort::runtime::gomaxprocs(Some(procs));
            let moves: usize = WORK.iter().map(|work| exact(work, procs, wanted())).sum();
            assert!(procs == 1 || moves > 0);
        }
    })
    .env("GORT_DEBUG", "slice=100us")
    .run();
    if !is_child() {
        println!("{}", stdout(&output));
        assert!(output.status.success(), "{:?} {}", output.status, stderr(&output));
    }
}

/// All kinds of work, with locked threads in between.
#[test]
fn all_at_the_same_time() {
    let _one = serial();
    let _watchdog = watchdog();
    silence_work();
    let works = || WORK.iter().filter(|work| work.possible());
    let wants: Vec<u64> = works().map(|work| (work.run)(work.rounds)).collect();
    for procs in support::PROCS {
        gort::runtime::gomaxprocs(Some(procs));
        let migration = Migration::start();
        let storm = storm(None);
        let goal = stats().preemptions + wanted();
        gort::run(|| {
            all(3 * wants.len(), |i| {
                let i = i % wants.len();
                let Some(work) = works().nth(i) else { return };
                while stats().preemptions < goal {
                    assert_eq!(
                        Some(&(work.run)(black_box(work.rounds))),
                        wants.get(i),
                        "{}",
                        work.name
                    );
                }
            });
        });
        drop((storm, migration));
    }
}
