//! GOMAXPROCS changes while descriptors are in the queues of Ps that go and come back.

mod support;

use gort::net::{TcpListener, TcpStream};
use std::io::{Read, Write};
use std::net;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use support::net::Rng;
use support::{PROCS, serial, settle, watchdog};

/// A listener's address, whose connections are sent back what comes.
fn echo() -> net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    gort::go(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            gort::go(move || {
                let mut buf = [0; 64];
                while let Ok(got @ 1..) = stream.read(&mut buf) {
                    stream.write_all(&buf[..got]).unwrap();
                }
            });
        }
    });
    addr
}

fn answers(mut stream: impl Read + Write) {
    stream.write_all(b"ping").unwrap();
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"ping");
}

/// More than one look brings, for a P that is not in use.
#[test]
fn many_at_once() {
    let _one = serial();
    let _watchdog = watchdog();
    for procs in [1, 2] {
        gort::runtime::gomaxprocs(Some(16));
        let addr = echo();
        let streams: Vec<_> = (0..500).map(|_| net::TcpStream::connect(addr).unwrap()).collect();
        (0..3).for_each(|_| streams.iter().for_each(answers));
        gort::runtime::gomaxprocs(Some(procs));
        for round in 0..3 {
            // Nobody looks meanwhile, and then somebody does.
            let hogs: Vec<_> = (0..procs)
                .map(|_| {
                    gort::go(|| {
                        support::spin(if cfg!(debug_assertions) { 5_000_000 } else { 50_000_000 })
                    })
                })
                .collect();
            streams.iter().for_each(|mut stream| stream.write_all(&[round; 8]).unwrap());
            for mut stream in &streams {
                let mut answer = [0; 8];
                stream.read_exact(&mut answer).unwrap();
                assert_eq!(answer, [round; 8]);
            }
            hogs.into_iter().for_each(|hog| hog.join().unwrap());
        }
    }
}

/// All the time, under way.
#[test]
fn over_and_over() {
    let _one = serial();
    let _watchdog = watchdog();
    let addr = echo();
    let done = AtomicUsize::new(0);
    gort::scope(|s| {
        for seed in 0..20 {
            let done = &done;
            s.go(move || {
                let mut rng = Rng(seed + 1);
                for _ in 0..20 {
                    let stream = TcpStream::connect(addr).unwrap();
                    for _ in 0..50 {
                        answers(&stream);
                        match rng.below(20) {
                            0 => settle(),
                            1 => gort::time::sleep(Duration::from_micros(200)),
                            _ => {}
                        }
                    }
                }
                done.fetch_add(1, Ordering::Relaxed);
            });
        }
        let mut rng = Rng(7);
        while done.load(Ordering::Relaxed) != 20 {
            gort::runtime::gomaxprocs(Some(PROCS[rng.below(PROCS.len())]));
            gort::time::sleep(Duration::from_micros(rng.below(2000) as u64));
        }
    });
}
