//! The example `web`, as a program of its own: five thousand connections, a dozen threads.
//!
//! # Safety
//!
//! Limits are read and written where they are.

#![allow(unsafe_code)]

#[path = "../../gort/tests/support/mod.rs"]
mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use support::example::example;
use support::watchdog;

/// As far as this process may have descriptors.
const CONNECTIONS: usize = 5_000;

/// So many at a time: no more wait to be accepted than std has room for (128), which would cost a second.
const BATCH: usize = 100;

/// Ends it.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// As many descriptors as there may be, here and in the children: how many.
fn descriptors() -> usize {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: see the module.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit), 0);
        limit.rlim_cur = limit.rlim_max;
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &limit), 0);
    }
    limit.rlim_cur as usize
}

/// An answer's last line.
fn answer(stream: &mut BufReader<TcpStream>) -> String {
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        match line.trim_end().split_once(": ") {
            Some(("Content-Length", value)) => length = value.parse().unwrap(),
            _ if line == "\r\n" => break,
            _ => assert_eq!(line, "HTTP/1.1 200 OK\r\n"),
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    String::from_utf8(body).unwrap()
}

#[test]
fn many_connections() {
    let _watchdog = watchdog();
    let count = CONNECTIONS.min(descriptors() - 200);
    println!("{count} connections");
    let mut server = Command::new(example("web"))
        .arg("127.0.0.1:0")
        .env("GOMAXPROCS", "2")
        .stdout(Stdio::piped())
        .spawn()
        .map(Server)
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let addr = line.trim().strip_prefix("listening on ").unwrap();
    let mut streams: Vec<BufReader<TcpStream>> = Vec::new();
    for round in 0..2 {
        let mut served: Vec<usize> = Vec::new();
        for first in (0..count).step_by(BATCH) {
            let batch = first..count.min(first + BATCH);
            for i in batch.clone() {
                if round == 0 {
                    streams.push(BufReader::new(TcpStream::connect(addr).unwrap()));
                }
                let request = format!("GET /{round}/{i} HTTP/1.1\r\nHost: here\r\n\r\n");
                streams[i].get_mut().write_all(request.as_bytes()).unwrap();
            }
            for i in batch {
                let text = answer(&mut streams[i]);
                let number = text.strip_prefix(&format!("/{round}/{i} is request ")).unwrap();
                served.push(number.trim_end().parse().unwrap());
            }
        }
        served.sort_unstable();
        assert!(served.into_iter().eq(round * count + 1..=(round + 1) * count));
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.0.id())).unwrap();
    let threads = status.lines().find_map(|line| line.strip_prefix("Threads:")).unwrap();
    println!("{} threads", threads.trim());
    assert!(threads.trim().parse::<usize>().unwrap() < 12);
}
