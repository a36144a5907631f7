//! Everything at once while signals pre-empt each thread a thousand times a second: memory, unwinding,
//! child processes, printing, channels, sleeping. For how long: `GORT_TEST_STORM`, in seconds.

mod support;

use gort::chan::bounded;
use std::backtrace::Backtrace;
use std::collections::HashMap;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use support::storm::storm;
use support::{Child, all, is_child, stderr, stdout};

fn time() -> Duration {
    let seconds = std::env::var("GORT_TEST_STORM").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(4))
}

/// What a goroutine does over and over; `round` differs each time.
type Deed = fn(round: usize);

const DEEDS: [(&str, Deed); 7] = [
    ("memory", memory),
    ("maps", maps),
    ("unwinding", unwinding),
    ("panics", panics),
    ("processes", processes),
    ("printing", printing),
    ("channels", channels),
];

fn memory(round: usize) {
    let blocks: Vec<Vec<u8>> = (0..50).map(|i| vec![(round + i) as u8; 1 << (i % 16)]).collect();
    for (i, block) in blocks.iter().enumerate() {
        assert!(block.iter().all(|&byte| byte == (round + i) as u8), "not what was written");
    }
}

fn maps(round: usize) {
    let map: HashMap<String, usize> = (0..100).map(|i| (format!("{round} {i}"), i)).collect();
    assert!((0..100).all(|i| map[&format!("{round} {i}")] == i));
}

/// Which goes by way of `dl_iterate_phdr`.
fn unwinding(round: usize) {
    let trace = Backtrace::force_capture();
    if round.is_multiple_of(50) {
        // From here to the goroutine's first frame; an inlined function is named without its path.
        let trace = trace.to_string();
        assert!(trace.contains("unwinding") && trace.contains("gostart"), "{trace}");
    }
}

fn panics(round: usize) {
    let caught = std::panic::catch_unwind(|| std::panic::resume_unwind(Box::new(round)));
    assert_eq!(caught.unwrap_err().downcast_ref(), Some(&round));
}

fn processes(round: usize) {
    let output = Command::new("echo").arg(round.to_string()).output().unwrap();
    assert!(output.status.success(), "{:?}", output.status);
    assert_eq!(output.stdout, format!("{round}\n").as_bytes());
}

fn printing(round: usize) {
    println!("line {round} is whole");
}

fn channels(round: usize) {
    let (sender, receiver) = bounded(round % 3);
    let (answer, answered) = bounded(0);
    gort::go(move || {
        let sum: usize = receiver.iter().sum();
        answer.send(sum).unwrap();
    });
    for i in 0..20 {
        sender.send(i).unwrap();
    }
    drop(sender);
    gort::time::sleep(Duration::from_micros(10));
    assert_eq!(answered.recv(), Ok(190));
}

#[test]
fn goes_on_in_a_storm() {
    let child = Child::new("storm", || {
        for procs in support::PROCS {
            gort::runtime::gomaxprocs(Some(procs));
            let _storm = storm(Some(1000));
            let counts = DEEDS.map(|_| AtomicUsize::new(0));
            let end = Instant::now() + time() / support::PROCS.len() as u32;
            gort::run(|| {
                all(2 * DEEDS.len(), |i| {
                    let (i, mut round) = (i % DEEDS.len(), i);
                    while Instant::now() < end {
                        DEEDS[i].1(round);
                        counts[i].fetch_add(1, Ordering::Relaxed);
                        round += 1;
                    }
                });
            });
            for ((name, _), count) in DEEDS.iter().zip(&counts) {
                eprintln!("{procs} P: {name} {count:?}");
                assert_ne!(count.load(Ordering::Relaxed), 0, "{name} did not get its turn");
            }
        }
        let stats = gort::runtime::stats();
        eprintln!("{stats:?}");
        assert_ne!(stats.preemptions, 0);
    });
    let output = child.run();
    if !is_child() {
        assert!(output.status.success(), "{:?} {}", output.status, stderr(&output));
        let text = stdout(&output);
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("line")).collect();
        assert_ne!(lines.len(), 0);
        assert!(lines.iter().all(|line| line.ends_with(" is whole")), "{lines:?}");
        println!("{}", stderr(&output));
    }
}
