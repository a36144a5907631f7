//! Ten thousand goroutines in std's sockets have no threads.

use gort_std as _;

#[path = "../../gort/tests/support/mod.rs"]
mod support;

use gort_sys::raw;
use gort_sys::types::{Pid, Resource, Rlimit};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use support::{Child, is_child, stderr};

/// Both ends of each are goroutines here.
const CONNECTIONS: usize = 5_000;

fn threads() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("Threads:")).unwrap();
    line.trim().parse().unwrap()
}

/// As many as the limit on descriptors lets there be.
fn possible() -> usize {
    let both = 2 * CONNECTIONS as u64 + 200;
    let now = raw::prlimit64(Pid::SELF, Resource::NOFILE, None).unwrap();
    let wanted = Rlimit { current: both.min(now.max), max: now.max };
    raw::setrlimit(Resource::NOFILE, &wanted).unwrap();
    CONNECTIONS.min((wanted.current as usize - 200) / 2)
}

#[test]
fn ten_thousand_in_an_echo() {
    let child = Child::new("many", || {
        gort::runtime::gomaxprocs(Some(2));
        let count = possible();
        let most = gort::run(|| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let addr = listener.local_addr().unwrap();
            // std's queue is short, and who does not fit in tries again after a second.
            raw::listen(&listener, i32::MAX).unwrap();
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
            let all = gort::sync::Barrier::new(count + 1);
            gort::scope(|scope| {
                for i in 0..count {
                    let all = &all;
                    scope.go(move || {
                        let mut stream = TcpStream::connect(addr).unwrap();
                        for round in 0..4 {
                            let said = [(i + round) as u8; 64];
                            stream.write_all(&said).unwrap();
                            let mut back = [0; 64];
                            stream.read_exact(&mut back).unwrap();
                            assert_eq!(back, said);
                            if round == 1 {
                                all.wait();
                                all.wait();
                            }
                        }
                    });
                }
                all.wait();
                assert!(gort::runtime::num_goroutine() > 2 * count);
                let most = threads();
                all.wait();
                most
            })
        });
        println!("{count} connections, {most} and {} threads", threads());
        assert!(most < 12 && threads() < 12);
    });
    let output = child.run();
    assert!(is_child() || output.status.success(), "{}", stderr(&output));
}
