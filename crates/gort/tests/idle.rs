//! With nothing to do, no thread wakes up.

mod support;

use gort::net::TcpListener;
use gort::syscall::types::{PipeFlags, Timespec};
use gort::syscall::{self, nanosleep, pipe2, raw};
use gort_rt::{Completed, Completion};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net;
use std::sync::Arc;
use std::time::Duration;
use support::hogs::{Hog, all_progress, among, turn};
use support::storm::threads;
use support::{Child, all, is_child, spin, stderr, stdout};

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

/// Connections, one end of each with a goroutine that sends back what comes.
fn connections(count: usize) -> Vec<net::TcpStream> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let connect = |_| {
        let there = net::TcpStream::connect(addr).unwrap();
        let (mut here, _) = listener.accept().unwrap();
        gort::go(move || {
            let mut buf = [0; 64];
            while let Ok(got @ 1..) = here.read(&mut buf) {
                // For long enough that all Ps take part.
                spin(1_000_000);
                here.write_all(&buf[..got]).unwrap();
            }
        });
        there
    };
    (0..count).map(connect).collect()
}

fn all_answer(streams: &[net::TcpStream]) {
    streams.iter().for_each(|mut stream| stream.write_all(b"ping").unwrap());
    for mut stream in streams {
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"ping");
    }
}

/// Also when the Ps in whose queues the sockets are do not exist any more, or again.
#[test]
fn an_idle_program_with_sockets_sleeps() {
    let output = Child::new("sockets", || {
        gort::runtime::gomaxprocs(Some(16));
        let streams = connections(64);
        (0..10).for_each(|_| all_answer(&streams));
        quiet("with 16");
        for procs in [2, 1, 16] {
            gort::runtime::gomaxprocs(Some(procs));
            quiet("with other Ps");
            // The others stay where they are.
            all_answer(&streams[..16]);
            quiet("after work");
        }
        all_answer(&streams);
    })
    .run();
    if !is_child() {
        println!("{}", stdout(&output));
        assert!(output.status.success(), "{:?} {}", output.status, stderr(&output));
    }
}
