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
