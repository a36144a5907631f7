//! Many connections that say nothing most of the time: each has its goroutine, and together they have no
//! threads. How many: `GORT_TEST_CONNECTIONS`; as many as the limit on descriptors lets there be.

mod support;

use gort::net::TcpListener;
use gort_sys::raw;
use gort_sys::types::{Pid, Resource, Rlimit};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};
use support::net::Rng;
use support::storm::threads;
use support::{Child, is_child, matrix, resident, stderr};

/// Connections to one address, of which there are some 28,000.
const EACH: usize = 20_000;

fn wanted() -> usize {
    let count = std::env::var("GORT_TEST_CONNECTIONS").ok().and_then(|text| text.parse().ok());
    count.unwrap_or(2_000)
}

/// How many connections there can be, both ends of each here.
fn possible() -> usize {
    let both = 2 * wanted() as u64 + 100;
    let now = raw::prlimit64(Pid::SELF, Resource::NOFILE, None).unwrap();
    let more = Rlimit { current: both.max(now.current), max: both.max(now.max) };
    let _ = raw::setrlimit(Resource::NOFILE, &more);
    let least = Rlimit { current: both.min(now.max), max: now.max };
    let _ = raw::setrlimit(Resource::NOFILE, &least);
    let now = raw::prlimit64(Pid::SELF, Resource::NOFILE, None).unwrap();
    wanted().min((now.current as usize - 100) / 2)
}

/// What is sent comes back.
fn answers(mut stream: &TcpStream) {
    stream.write_all(b"ping").unwrap();
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"ping");
}

#[test]
fn idle_connections() {
    let child = Child::new("idle", || {
        gort::runtime::gomaxprocs(Some(2));
        let count = possible();
        gort::run(|| {
            let listener = TcpListener::bind("0.0.0.0:0").unwrap();
            let port = listener.local_addr().unwrap().port();
            let before = resident();
            gort::go(move || {
                for stream in listener.incoming() {
                    let mut stream = stream.unwrap();
                    gort::go(move || {
                        let mut buf = [0; 256];
                        while let Ok(got @ 1..) = stream.read(&mut buf) {
                            stream.write_all(&buf[..got]).unwrap();
                        }
                    });
                }
            });
            let start = Instant::now();
            let streams: Vec<TcpStream> = (0..count)
                .map(|i| {
                    let at = Ipv4Addr::new(127, 0, 0, 1 + (i / EACH) as u8);
                    let stream = TcpStream::connect((at, port)).unwrap();
                    answers(&stream);
                    stream
                })
                .collect();
            eprintln!("{count} connections in {:?}", start.elapsed());
            eprintln!("{} bytes for each", (resident() - before) / count);
            assert!(gort::runtime::num_goroutine() >= count);
            let mut rng = Rng(1);
            let start = Instant::now();
            for _ in 0..1000 {
                answers(&streams[rng.below(count)]);
            }
            eprintln!("{:?} for an answer", start.elapsed() / 1000);
            // Those that run, sysmon, the test's, and one that another may have left behind.
            let threads = threads().count();
            eprintln!("{threads} threads");
            assert!(threads <= 8, "{threads} threads");
            drop(streams);
            while gort::runtime::num_goroutine() > 2 {
                gort::time::sleep(Duration::from_millis(1));
            }
        });
    });
    let output = child.run();
    if !is_child() {
        assert!(output.status.success(), "{:?} {}", output.status, stderr(&output));
        println!("{}", stderr(&output));
    }
}

/// Whoever sleeps for a timer does not sleep for descriptors; somebody has to when the first goroutine
/// waits for one.
#[test]
fn first_to_wait_beside_a_timer() {
    matrix(|_| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut ours = gort::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut theirs, _) = listener.accept().unwrap();
        drop(listener);
        gort::go!(gort::time::sleep(Duration::from_secs(3600)));
        for _ in 0..20 {
            let writer = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(20));
                theirs.write_all(b"x").unwrap();
                theirs
            });
            // The others run out of work meanwhile, and sleep.
            let start = Instant::now();
            while start.elapsed() < Duration::from_millis(5) {}
            ours.read_exact(&mut [0]).unwrap();
            theirs = writer.join().unwrap();
        }
    });
}
