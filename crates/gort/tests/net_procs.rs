//! GOMAXPROCS changes while descriptors are in the queues of Ps that go and come back.

mod support;

use gort::net::{TcpListener, TcpStream, UnixStream};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use support::net::Rng;
use support::{PROCS, all, serial, settle, watchdog};

/// A listener's address, whose connections are sent back what comes.
fn echo() -> SocketAddr {
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
    gort::runtime::gomaxprocs(Some(2));
    let pair = || {
        let (there, here) = net::UnixStream::pair().unwrap();
        (there, UnixStream::from_std(here).unwrap())
    };
    let ((mut first, one), (there, many)) = (pair(), pair());
    let running = AtomicUsize::new(0);
    let readers = Mutex::new(Vec::new());
    // Two that run at the same time have a P each.
    all(2, |_| {
        running.fetch_add(1, Ordering::Relaxed);
        while running.load(Ordering::Relaxed) != 2 {
            std::hint::spin_loop();
        }
        let own: Vec<_> = (0..300)
            .map(|i| {
                let mut here = if i == 0 { &one } else { &many }.try_clone().unwrap();
                gort::go(move || std::io::copy(&mut here, &mut std::io::sink()).unwrap())
            })
            .collect();
        readers.lock().unwrap().extend(own);
    });
    drop((one, many));
    gort::runtime::gomaxprocs(Some(1));
    // Who has slept for the other P sleeps there no more.
    first.write_all(b"one").unwrap();
    std::thread::sleep(Duration::from_millis(20));
    drop((first, there));
    let readers = readers.into_inner().unwrap();
    assert_eq!(readers.into_iter().map(|reader| reader.join().unwrap()).sum::<u64>(), 3);
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

/// One that yields all the time, with nobody to yield to, and one that waits for a descriptor.
#[test]
fn beside_one_that_yields() {
    let _one = serial();
    for procs in PROCS {
        let _watchdog = watchdog();
        gort::runtime::gomaxprocs(Some(procs));
        let (mut there, here) = net::UnixStream::pair().unwrap();
        let mut here = UnixStream::from_std(here).unwrap();
        gort::run(|| {
            let reads = gort::go(move || here.read_exact(&mut [0; 4]).unwrap());
            // It waits by now.
            for _ in 0..1000 {
                gort::gosched();
            }
            let writes = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(5));
                there.write_all(b"ping").unwrap();
                there
            });
            let mut rounds = 0;
            while !reads.is_finished() {
                gort::gosched();
                rounds += usize::from(writes.is_finished());
            }
            // With one P it is this goroutine that finds it; it looks some thousand times in a millisecond.
            assert!(procs != 1 || rounds < 1_000_000, "{rounds}");
            reads.join().unwrap();
            drop(writes.join());
        });
    }
}
