//! Sockets.

mod support;

use gort::net::{TcpListener, TcpStream};
use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};
use support::{all, matrix};

fn echo(listener: TcpListener, count: usize) {
    for stream in listener.incoming().take(count) {
        let mut stream = stream.unwrap();
        gort::go(move || {
            let mut buf = [0; 1024];
            loop {
                match stream.read(&mut buf).unwrap() {
                    0 => break,
                    n => stream.write_all(&buf[..n]).unwrap(),
                }
            }
        });
    }
}

#[test]
fn echo_of_many() {
    matrix(|_| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let server = gort::go(move || echo(listener, 50));
        all(50, |i| {
            let mut stream = TcpStream::connect(addr).unwrap();
            for round in 0..100 {
                let message = format!("message {round} of {i}");
                stream.write_all(message.as_bytes()).unwrap();
                let mut answer = vec![0; message.len()];
                stream.read_exact(&mut answer).unwrap();
                assert_eq!(answer, message.as_bytes());
            }
        });
        server.join().unwrap();
    });
}

#[test]
fn deadlines() {
    matrix(|_| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let start = Instant::now();
        stream.set_read_deadline(Some(start + Duration::from_millis(20))).unwrap();
        let error = stream.read(&mut [0; 10]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(start.elapsed() >= Duration::from_millis(20));
        stream.set_read_deadline(None).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        assert_eq!(stream.read(&mut [0; 10]).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(stream.read(&mut [0; 10]).unwrap_err().kind(), ErrorKind::WouldBlock);
    });
}

/// Whoever sleeps for a timer does not sleep for descriptors; somebody has to when the first goroutine
/// waits for one.
#[test]
fn first_to_wait_beside_a_timer() {
    matrix(|_| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
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
