//! Futures that wait for descriptors: of std's sockets and pipes, which nothing else of gort's knows.

mod support;

use futures::future::join_all;
use futures::join;
use gort::future::{block_on, go, readable, sleep, timeout, writable};
use gort::time::Elapsed;
use std::fs::File;
use std::future::Future;
use std::io::{ErrorKind, Read, Write, pipe};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;
use support::{all, everywhere, matrix, mixed, serial};

const MS: Duration = Duration::from_millis(1);

struct Nothing;

impl Wake for Nothing {
    fn wake(self: Arc<Self>) {}
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(&Waker::from(Arc::new(Nothing))))
}

/// This process's sockets. Each P has descriptors of its own for its poller, from when it first needs them.
fn descriptors() -> usize {
    let numbers = std::fs::read_dir("/proc/self/fd").unwrap();
    let files = numbers.filter_map(|number| std::fs::read_link(number.ok()?.path()).ok());
    files.filter(|file| file.as_os_str().as_encoded_bytes().starts_with(b"socket:")).count()
}

/// What is not there any more soon.
fn returns_to(baseline: (usize, usize)) {
    while descriptors() > baseline.0 || gort::runtime::num_goroutine() > baseline.1 {
        gort::time::sleep(MS / 10);
    }
}

fn baseline() -> (usize, usize) {
    (descriptors(), gort::runtime::num_goroutine())
}

#[test]
fn ready_at_once() {
    everywhere(|| {
        let (mut here, mut there) = UnixStream::pair().unwrap();
        there.write_all(b"x").unwrap();
        let before = descriptors();
        assert!(matches!(poll(&mut readable(&here)), Poll::Ready(Ok(()))));
        assert!(matches!(poll(&mut writable(&here)), Poll::Ready(Ok(()))));
        assert_eq!(descriptors(), before);
        here.read_exact(&mut [0]).unwrap();
        // A file that epoll refuses.
        let program = File::open("/proc/self/exe").unwrap();
        block_on(readable(&program)).unwrap();
        block_on(writable(program)).unwrap();
    });
}

#[test]
fn waits_for_what_comes() {
    everywhere(|| {
        let (here, there) = UnixStream::pair().unwrap();
        let (mut reader, mut writer) = (&here, &there);
        gort::scope(|s| {
            for byte in 0..20 {
                let mut ready = readable(&here);
                assert!(poll(&mut ready).is_pending());
                s.go(move || writer.write_all(&[byte]).unwrap());
                block_on(&mut ready).unwrap();
                let mut buf = [0; 2];
                assert_eq!((reader.read(&mut buf).unwrap(), buf[0]), (1, byte));
                // Again.
                assert!(poll(&mut ready).is_pending());
            }
        });
    });
}

#[test]
fn waits_for_room() {
    everywhere(|| {
        let (reader, writer) = UnixStream::pair().unwrap();
        writer.set_nonblocking(true).unwrap();
        let drain = thread::spawn(move || {
            thread::sleep(MS);
            let mut sum = 0;
            let mut buf = vec![0; 10_000];
            loop {
                match (&reader).read(&mut buf).unwrap() {
                    0 => return sum,
                    n => sum += n,
                }
            }
        });
        let mut sent = 0;
        block_on(async {
            while sent < 2_000_000 {
                match (&writer).write(&[0; 50_000]) {
                    Ok(n) => sent += n,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        writable(&writer).await.unwrap();
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        });
        drop(writer);
        assert_eq!(drain.join().unwrap(), sent);
    });
}

/// The other end is closed, and a listener.
#[test]
fn ends_and_connections() {
    everywhere(|| {
        let (reader, writer) = pipe().unwrap();
        let mut ready = readable(&reader);
        assert!(poll(&mut ready).is_pending());
        drop(writer);
        block_on(ready).unwrap();
        assert_eq!((&reader).read(&mut [0]).unwrap(), 0);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let mut ready = readable(&listener);
        assert!(poll(&mut ready).is_pending());
        let client = gort::go(move || TcpStream::connect(addr).unwrap());
        block_on(ready).unwrap();
        listener.accept().unwrap();
        client.join().unwrap();
    });
}

/// Two for each direction of one descriptor, and the descriptor is with the poller anyway.
#[test]
fn several_wait_for_one() {
    everywhere(|| {
        let listener = gort::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let client = gort::go(move || gort::net::TcpStream::connect(addr).unwrap());
        let (mut server, _) = listener.accept().unwrap();
        let mut client = client.join().unwrap();
        gort::scope(|s| {
            let read = s.go(|| {
                let mut buf = [0; 1];
                server.read_exact(&mut buf).unwrap();
                buf
            });
            let both = async { join!(readable(&client), readable(&client), writable(&client)) };
            assert!(matches!(block_on(timeout(MS, both)), Err(Elapsed)));
            (&client).write_all(b"?").unwrap();
            assert_eq!(&read.join().unwrap(), b"?");
            s.go(|| gort::time::sleep(MS));
        });
        server.write_all(b"!").unwrap();
        block_on(async { join!(readable(&client), readable(&client)) }).0.unwrap();
        client.read_exact(&mut [0]).unwrap();
    });
}

#[test]
fn dropped_and_gone() {
    everywhere(|| {
        let (here, there) = UnixStream::pair().unwrap();
        let before = baseline();
        let mut waits: Vec<_> = (0..50).map(|_| readable(&here)).collect();
        assert!(waits.iter_mut().all(|ready| poll(ready).is_pending()));
        assert!(descriptors() > 50);
        drop(waits);
        returns_to(before);
        for _ in 0..20 {
            assert!(matches!(block_on(timeout(MS / 20, readable(&here))), Err(Elapsed)));
        }
        returns_to(before);
        // Nobody keeps the file open.
        let mut ready = readable(here);
        assert!(poll(&mut ready).is_pending());
        drop(ready);
        while (&there).write(b"x").is_ok() {
            gort::gosched();
        }
    });
}

#[test]
fn without_descriptors() {
    let _one = (!support::is_child()).then(serial);
    let child = support::Child::new("none are left", || {
        gort::run(|| {
            let (here, _there) = UnixStream::pair().unwrap();
            let _ = block_on(timeout(MS, readable(&here)));
            gort::time::sleep(10 * MS);
            let mut files = Vec::new();
            while let Ok(file) = File::open("/dev/null") {
                files.push(file);
            }
            let error = block_on(readable(&here)).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
            drop(files);
            assert!(matches!(block_on(timeout(MS, readable(&here))), Err(Elapsed)));
        });
    });
    // Few, for the parent's limit is the child's.
    let output = child.run();
    assert!(output.status.success(), "{}", support::stderr(&output));
}

/// To be asked to yield is no answer.
#[test]
fn while_signals_come() {
    matrix(|_| {
        let (here, _there) = UnixStream::pair().unwrap();
        let _storm = support::storm::storm(None);
        for _ in 0..2_000 {
            let waited = block_on(timeout(Duration::ZERO, readable(&here)));
            assert!(matches!(waited, Err(Elapsed)), "{waited:?}");
        }
    });
}

/// Everybody waits for everybody.
#[test]
fn many_at_once() {
    for procs in support::PROCS {
        mixed(procs, 20, 2, |_| {
            let pairs: Vec<_> = (0..5).map(|_| UnixStream::pair().unwrap()).collect();
            let writers = pairs.iter().map(|(_, there)| async move {
                sleep(MS / 10).await;
                (&*there).write_all(b"x").unwrap();
            });
            let readers = pairs.iter().map(|(here, _)| async move {
                for _ in 0..2 {
                    readable(here).await.unwrap();
                }
                (&*here).read_exact(&mut [0]).unwrap();
            });
            block_on(async { join!(join_all(writers), join_all(readers)) });
        });
    }
}

/// Sockets that are given to goroutines as futures.
#[test]
fn owned() {
    matrix(|_| {
        all(10, |_| {
            let (here, there) = UnixStream::pair().unwrap();
            let waits = go(async move { readable(here).await });
            drop(there);
            waits.join().unwrap().unwrap();
        });
    });
}
