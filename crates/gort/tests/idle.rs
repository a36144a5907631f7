//! With nothing to do, no thread wakes up.

mod support;

use gort::syscall::types::{PipeFlags, Timespec};
use gort::syscall::{self, nanosleep, pipe2, raw};
use gort_rt::{Completed, Completion};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use support::hogs::{Hog, all_progress, among, turn};
use support::storm::threads;
use support::{Child, all, is_child, serial, stderr, stdout};

/// How often each thread but this has been switched to.
fn switches() -> BTreeMap<i32, u64> {
    let count = |tid: i32| {
        let text = std::fs::read_to_string(format!("/proc/self/task/{tid}/status")).ok()?;
        let counts = text.lines().filter(|line| line.contains("voluntary_ctxt_switches"));
        let numbers = counts.filter_map(|line| line.split_whitespace().last()?.parse::<u64>().ok());
        Some((tid, numbers.sum()))
    };
    let own = raw::gettid();
    threads().filter(|thread| *thread != own).filter_map(|thread| count(thread.0)).collect()
}

/// Waits until nothing stirs, and then looks for two seconds whether anything does.
fn quiet(what: &str) {
    let mut before = switches();
    loop {
        std::thread::sleep(Duration::from_millis(100));
        let now = switches();
        if now == before {
            break;
        }
        before = now;
    }
    std::thread::sleep(Duration::from_secs(2));
    let after = switches();
    println!("{what}: {} threads", after.len());
    assert_eq!(after, before, "{what}");
}

#[test]
fn an_idle_program_sleeps() {
    let _one = serial();
    let output = Child::new("idle", || {
        gort::runtime::gomaxprocs(Some(4));
        quiet("at the start");
        gort::run(|| {
            among(&[turn as Hog; 5], |rounds| all_progress(rounds, 10));
            all(100, |_| nanosleep(&Timespec { sec: 0, nsec: 1_000_000 }, None).unwrap());
        });
        quiet("after work");
        let event = Arc::new(Completion::new());
        let pipe = pipe2(PipeFlags::CLOEXEC).unwrap();
        let mut waiting = Vec::new();
        for i in 0..40 {
            let (event, reader) = (Arc::clone(&event), pipe.reader.try_clone().unwrap());
            waiting.push(gort::go(move || {
                let _guard = (i % 2 == 0).then(gort::lock_os_thread);
                match i % 4 {
                    0 | 1 => assert_eq!(raw::read(&reader, &mut [0]), Ok(1)),
                    2 => assert_eq!(syscall::read(&reader, &mut [0]), Ok(1)),
                    _ if i == 3 => event.wait(),
                    _ => {}
                }
            }));
        }
        quiet("while some wait in the kernel, and one for an event");
        for procs in [16, 1, 2] {
            gort::runtime::gomaxprocs(Some(procs));
        }
        quiet("after the world has stopped");
        assert_eq!(event.complete(), Completed::Told);
        assert_eq!(syscall::write(&pipe.writer, &[0; 40]), Ok(40));
        waiting.into_iter().for_each(|one| one.join().unwrap());
        quiet("when all are over");
    })
    .run();
    if !is_child() {
        println!("{}", stdout(&output));
        assert!(output.status.success(), "{:?} {}", output.status, stderr(&output));
    }
}
