//! Reads that are shorter than their buffer: after one, a stream is not tried again before an event says
//! that there is more, or that it has ended. None of these may be missed.

mod support;

use gort::net::{TcpListener, TcpStream, UdpSocket};
use gort_sys::raw;
use gort_sys::types::SendFlags;
use std::io::{ErrorKind, Read, Write};
use std::net;
use std::time::Duration;
use support::net::{Rng, start};
use support::{matrix, spin};

/// Short of 10,000 connections under each GOMAXPROCS: `GORT_TEST_ROUNDS` for more.
fn rounds() -> usize {
    let rounds = std::env::var("GORT_TEST_ROUNDS").ok().and_then(|text| text.parse().ok());
    rounds.unwrap_or(2000)
}

/// All that comes until the end, by reads of `room` bytes.
fn read_all(mut stream: &TcpStream, room: usize, most: usize) -> usize {
    let mut buf = vec![0; room];
    let mut all = 0;
    loop {
        match stream.read(&mut buf).unwrap() {
            0 => return all,
            len => all += len,
        }
        assert!(all <= most);
    }
}

/// Some bytes, and the end at every moment after them: with them, or a bit later.
#[test]
fn the_end_behind_data() {
    matrix(|procs| {
        let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let rounds = rounds();
        let server = start(false, move || {
            let mut rng = Rng(procs as u64 + 1);
            for _ in 0..rounds {
                let (mut stream, _) = listener.accept().unwrap();
                let mut len = [0; 1];
                stream.read_exact(&mut len).unwrap();
                stream.write_all(&[1; 256][..len[0].into()]).unwrap();
                match rng.below(4) {
                    0 => {}
                    1 => spin(rng.below(3000) as u64),
                    2 => spin(rng.below(100_000) as u64),
                    _ => stream.shutdown(net::Shutdown::Write).unwrap(),
                }
            }
        });
        let mut rng = Rng(procs as u64 + 2);
        let clients = 4;
        let (work, jobs) = gort::chan::bounded(clients);
        gort::scope(|s| {
            for _ in 0..clients {
                let jobs = jobs.clone();
                s.go(move || {
                    for (len, room) in jobs {
                        let stream = TcpStream::connect(addr).unwrap();
                        (&stream).write_all(&[len]).unwrap();
                        assert_eq!(read_all(&stream, room, len.into()), usize::from(len));
                        // The end stays.
                        assert_eq!((&stream).read(&mut [0; 8]).unwrap(), 0);
                    }
                });
            }
            for _ in 0..rounds {
                work.send((rng.below(256) as u8, rng.below(400) + 1)).unwrap();
            }
            drop(work);
        });
        server.recv().unwrap();
    });
}

/// Pieces of a stream, some of which come while the one before is read, read by buffers that are often
/// too large and sometimes too small; by goroutines and threads.
#[test]
fn pieces() {
    matrix(|procs| {
        let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let readers: Vec<_> = (0..4)
            .map(|i| {
                start(i != 3, move || {
                    let stream = TcpStream::connect(addr).unwrap();
                    let mut rng = Rng(procs as u64 * 10 + i + 1);
                    let (mut at, mut buf) = (0u8, [0; 64]);
                    loop {
                        let room = rng.below(buf.len()) + 1;
                        if rng.below(8) == 0 {
                            stream.peek(&mut buf[..room]).unwrap();
                        }
                        let len = (&stream).read(&mut buf[..room]).unwrap();
                        if len == 0 {
                            return at;
                        }
                        for &byte in &buf[..len] {
                            assert_eq!(byte, at);
                            at = at.wrapping_add(1);
                        }
                    }
                })
            })
            .collect();
        let writers: Vec<_> = (0..4)
            .map(|i| {
                let (mut stream, _) = listener.accept().unwrap();
                start(false, move || {
                    let mut rng = Rng(procs as u64 * 10 + i + 100);
                    let mut at = 0u8;
                    for _ in 0..rounds() {
                        let piece: Vec<u8> =
                            (0..rng.below(40) + 1).map(|n| at.wrapping_add(n as u8)).collect();
                        at = at.wrapping_add(piece.len() as u8);
                        stream.write_all(&piece).unwrap();
                        spin(rng.below(2000) as u64);
                    }
                    at
                })
            })
            .collect();
        let mut sent: Vec<_> = writers.iter().map(|one| one.recv().unwrap()).collect();
        let mut read: Vec<_> = readers.iter().map(|one| one.recv().unwrap()).collect();
        sent.sort_unstable();
        read.sort_unstable();
        assert_eq!(sent, read);
    });
}

/// Urgent data ends a read before the buffer is full, while there is more behind.
#[test]
fn urgent() {
    matrix(|procs| {
        let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (there, _) = listener.accept().unwrap();
        there.set_nodelay(true).unwrap();
        let writer = start(false, move || {
            let mut rng = Rng(procs as u64 + 3);
            let mut sent = 0;
            for _ in 0..500 {
                let len = rng.below(20) + 1;
                sent += raw::send(&there, &[1; 20][..len], SendFlags::empty()).unwrap();
                if rng.below(3) == 0 {
                    // One byte that is not in the stream.
                    assert_eq!(raw::send(&there, b"!", SendFlags::OOB).unwrap(), 1);
                }
                sent += raw::send(&there, &[1; 20][..len], SendFlags::empty()).unwrap();
                spin(rng.below(20_000) as u64);
            }
            sent
        });
        let read = read_all(&stream, 100, usize::MAX);
        let sent = writer.recv().unwrap();
        // The kernel keeps one urgent byte: one that is overtaken by the next comes in the stream.
        assert!((sent..sent + 500).contains(&read), "{sent} {read}");
    });
}

/// All of it has come before the first read, and the event, too, or while it waits.
#[test]
fn urgent_at_once() {
    matrix(|_| {
        let other = UdpSocket::bind("127.0.0.1:0").unwrap();
        gort::scope(|s| {
            // As long as somebody waits events are taken, whoever they are for.
            s.go(|| other.recv(&mut [0; 8]).unwrap_err());
            for round in 0..20 {
                let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
                let (there, _) = listener.accept().unwrap();
                there.set_nodelay(true).unwrap();
                let (sent, is_sent) = gort::chan::bounded(1);
                let reader = s.go(move || {
                    if round % 2 == 0 {
                        is_sent.recv().unwrap();
                        gort::time::sleep(Duration::from_millis(3));
                    }
                    let (mut all, mut buf) = (Vec::new(), [0; 8]);
                    while all.len() < 4 {
                        let len = (&stream).read(&mut buf).unwrap();
                        all.extend_from_slice(&buf[..len]);
                    }
                    all
                });
                gort::gosched();
                for (text, flags) in
                    [("ab", SendFlags::empty()), ("!", SendFlags::OOB), ("cd", SendFlags::empty())]
                {
                    assert_eq!(raw::send(&there, text.as_bytes(), flags), Ok(text.len()));
                }
                // It may be over by now.
                let _ = sent.send(());
                assert_eq!(reader.join().unwrap(), b"abcd");
            }
            other.close().unwrap();
        });
    });
}

/// The same file read by others, who take the data that an event was about.
#[test]
fn others_read() {
    matrix(|procs| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (there, _) = listener.accept().unwrap();
        let clone = stream.try_clone().unwrap();
        let theirs = stream.try_clone().unwrap().into_std().unwrap();
        theirs.set_nonblocking(true).unwrap();
        let read = gort::scope(|s| {
            let ours = [&stream, &clone].map(|stream| s.go(|| read_all(stream, 64, usize::MAX)));
            let theirs = s.go(|| {
                let mut sum = 0;
                loop {
                    match (&theirs).read(&mut [0; 64]) {
                        Ok(0) => return sum,
                        Ok(len) => sum += len,
                        Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
                    }
                    gort::time::sleep(Duration::from_micros(50));
                }
            });
            s.go(|| {
                let mut rng = Rng(procs as u64 + 4);
                for _ in 0..1000 {
                    let len = rng.below(100) + 1;
                    (&there).write_all(&[1; 100][..len]).unwrap();
                    if rng.below(10) == 0 {
                        gort::time::sleep(Duration::from_micros(30));
                    }
                }
                there.shutdown(net::Shutdown::Write).unwrap();
            });
            ours.map(|one| one.join().unwrap()).iter().sum::<usize>() + theirs.join().unwrap()
        });
        let mut rng = Rng(procs as u64 + 4);
        let mut sent = 0;
        for _ in 0..1000 {
            sent += rng.below(100) + 1;
            rng.below(10);
        }
        assert_eq!(read, sent);
    });
}
