//! The watchdog finds those who run for too long, and those who wait to be run for too long, and nobody
//! else.

mod support;

use gort::runtime::{set_watchdog, stats};
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use support::hogs::turn;
use support::{Child, is_child, serial, stderr, stdout};

/// How many lines say this of the goroutine that is called so.
fn said(output: &Output, goroutine: &str, what: &str) -> usize {
    let start = format!("gort: watchdog: goroutine {goroutine} has {what} for ");
    stderr(output).lines().filter(|line| line.starts_with(&start)).count()
}

/// All that the watchdog has said, with the rest of each line checked.
fn lines(output: &Output) -> Vec<String> {
    assert!(output.status.success(), "{:?} {}", output.status, stderr(output));
    let err = stderr(output);
    let lines = err.lines().filter(|line| line.starts_with("gort: watchdog: "));
    let checked = lines.inspect(|line| {
        let rest = line.split_once(" for ").unwrap().1;
        let (millis, rest) = rest.split_once("ms ").unwrap();
        assert!(millis.parse::<u64>().is_ok(), "{line}");
        let plain: String = rest.chars().filter(|c| !c.is_ascii_digit()).collect();
        let ends = [
            "without yielding, M , P ",
            "without yielding, M , without a P",
            "in the run queue of P ",
            "in a global run queue",
        ];
        assert!(ends.contains(&&*plain), "{line}");
    });
    checked.map(str::to_owned).collect()
}

/// What a child has printed behind a word.
fn printed(output: &Output, word: &str) -> String {
    let out = stdout(output);
    let line = out.lines().find(|line| line.starts_with(word)).unwrap_or_else(|| panic!("{out}"));
    line[word.len()..].trim().to_owned()
}

/// Starts a goroutine that does not yield until it is told to. What it is called in messages is printed behind
/// `name`.
fn hog(name: &'static str) -> (Arc<AtomicBool>, gort::JoinHandle<()>) {
    let stop = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stop);
    let hog = gort::Builder::new().name(name.into()).spawn(move || {
        println!("{name} {} [{name}]", gort::current().unwrap());
        turn(&told, &AtomicU64::new(0));
    });
    (stop, hog.unwrap())
}

/// Waits, on an ordinary thread, for so many alarms.
fn await_alarms(count: usize) {
    while stats().alarms < count {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Lets the thread that writes find the goroutine, and have written.
fn settle() {
    std::thread::sleep(Duration::from_secs(1));
}

/// A hog that nobody waits for, and one that keeps another goroutine from running: each is said once, though it
/// goes on.
#[test]
fn a_hog_that_signals_cannot_interrupt() {
    let _one = serial();
    for (label, procs) in [("alone", 2), ("one P", 1)] {
        let output = Child::new(label, || {
            let (stop, hog) = hog("hog");
            await_alarms(1);
            // With one P it is taken from the hog after a slice: then it runs without.
            let other = gort::go(|| ());
            settle();
            stop.store(true, Ordering::Relaxed);
            hog.join().unwrap();
            other.join().unwrap();
        })
        .env("GOMAXPROCS", procs)
        .env("GORT_DEBUG", "asyncpreemptoff=1,watchdog=30ms")
        .run();
        if !is_child() {
            let (all, stderr) = (lines(&output), stderr(&output));
            let hog = printed(&output, "hog");
            assert_eq!(said(&output, &hog, "run"), 1, "{all:?}");
            // And where it is.
            let trace =
                format!("\ngoroutine {} [running, \"hog\"]:\n", hog.trim_end_matches(" [hog]"));
            let (_, trace) = stderr.split_once(&trace).unwrap_or_else(|| panic!("{stderr}"));
            assert!(trace.contains("support::hogs::turn(...)\n"), "{stderr}");
            assert!(trace.contains("\ncreated by watchdog::hog\n"), "{stderr}");
        }
    }
}

/// On one P, with a slice of a second, a goroutine lets a hog go first.
#[test]
fn who_waits_to_be_run() {
    let _one = serial();
    let output = Child::new("starving", || {
        gort::run(|| {
            println!("waiter {}", gort::current().unwrap());
            let (stop, hog) = hog("hog");
            gort::gosched();
            stop.store(true, Ordering::Relaxed);
            hog.join().unwrap();
        });
        settle();
    })
    .env("GOMAXPROCS", 1)
    .env("GORT_DEBUG", "asyncpreemptoff=1,slice=1s,watchdog=20ms")
    .run();
    if !is_child() {
        let all = lines(&output);
        let waiter = printed(&output, "waiter");
        assert_eq!(said(&output, &waiter, "waited"), 1, "{all:?}");
        assert!(all.iter().any(|line| line.ends_with(" in the run queue of P 0")), "{all:?}");
    }
}

/// Those who yield, park, sleep, or sit in the kernel, announced or not, are not said to run on; whoever does is,
/// in the same program.
#[test]
fn the_well_behaved() {
    let _one = serial();
    let output = Child::new("well", || {
        let over = Arc::new(AtomicBool::new(false));
        let busy = |yields: fn()| {
            let over = Arc::clone(&over);
            gort::go(move || {
                while !over.load(Ordering::Relaxed) {
                    (0..1000).for_each(|round| _ = std::hint::black_box(round));
                    yields();
                }
            })
        };
        let goroutines = [
            busy(gort::gosched),
            busy(gort::gosched),
            busy(|| gort::time::sleep(Duration::from_micros(100))),
            busy(|| _ = gort::fs::metadata("/").unwrap()),
            busy(|| std::thread::sleep(Duration::from_millis(100))),
            busy(|| gort::go(|| ()).join().unwrap()),
        ];
        std::thread::sleep(Duration::from_millis(800));
        over.store(true, Ordering::Relaxed);
        goroutines.into_iter().for_each(|goroutine| goroutine.join().unwrap());
        println!("alarms {}", stats().alarms);
        let (stop, hog) = hog("hog");
        await_alarms(stats().alarms + 1);
        settle();
        stop.store(true, Ordering::Relaxed);
        hog.join().unwrap();
    })
    .env("GOMAXPROCS", 4)
    .env("GORT_DEBUG", "watchdog=40ms")
    .run();
    if !is_child() {
        let all = lines(&output);
        let running: Vec<_> = all.iter().filter(|line| line.contains(" has run for ")).collect();
        let number = printed(&output, "hog");
        assert_eq!(said(&output, &number, "run"), 1, "{all:?}");
        assert_eq!(running.len(), 1, "{all:?}");
    }
}

/// It can be set at any time, and taken away.
#[test]
fn on_and_off() {
    let _one = serial();
    let output = Child::new("set", || {
        assert_eq!(set_watchdog(None), None);
        let (stop, first) = hog("first");
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(stats().alarms, 0);
        assert_eq!(set_watchdog(Some(Duration::from_millis(30))), None);
        await_alarms(1);
        settle();
        stop.store(true, Ordering::Relaxed);
        first.join().unwrap();
        assert_eq!(set_watchdog(None), Some(Duration::from_millis(30)));
        let alarms = stats().alarms;
        let (stop, second) = hog("second");
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(stats().alarms, alarms);
        // Less than there can be.
        assert_eq!(set_watchdog(Some(Duration::ZERO)), None);
        assert_eq!(set_watchdog(Some(Duration::MAX)), Some(Duration::from_millis(1)));
        settle();
        stop.store(true, Ordering::Relaxed);
        second.join().unwrap();
    })
    .env("GOMAXPROCS", 2)
    .run();
    if !is_child() {
        let all = lines(&output);
        assert_eq!(said(&output, &printed(&output, "first"), "run"), 1, "{all:?}");
    }
}
