//! Clients that ask for too much, too slowly, or for nothing that can be understood.

use crate::client::request;
use crate::server::Server;
use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

const LARGE: u64 = 64 << 20;

fn with_large(args: &[&str]) -> Server {
    let server = Server::start(args);
    let path = server.dir.path().join("large");
    std::fs::File::create(path).unwrap().set_len(LARGE).unwrap();
    server
}

#[test]
fn malformed() {
    let server = Server::start(&[]);
    for (bytes, status) in [
        ("\0\r\n\r\n", 400),
        ("hello\r\n\r\n", 400),
        ("GET\r\n\r\n", 400),
        ("GET /a.txt\r\n\r\n", 400),
        ("GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", 505),
        ("GET /a.txt HTTP/1.1\r\n\r\n", 400),
        ("GET /a.txt HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n", 400),
        ("GET /a.txt HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n", 400),
        ("GET /a.txt HTTP/1.1\r\nHost: x\r\nX: \0\r\n\r\n", 400),
        ("GET /a.txt HTTP/2.0\r\nHost: x\r\n\r\n", 505),
        ("GET /a.txt HTTP/0.9\r\nHost: x\r\n\r\n", 505),
        ("\u{16}\u{3}\u{1}\n\n", 400),
    ] {
        let mut client = server.client();
        client.send(bytes);
        let answer = client.answer();
        assert_eq!((answer.status, answer.get("connection")), (status, Some("close")), "{bytes:?}");
        assert!(client.is_over());
    }
    // The log has what came, and is not confused by it.
    server.line("\"GET /a b HTTP/1.1\" 505 ");
    server.line("\"\\x00\" 400 ");
    server.is_well();
}

#[test]
fn long_heads() {
    let server = Server::start(&[]);
    let before = server.descriptors();
    let long = format!("X: {}", "x".repeat(1 << 20));
    let many = "X: y\r\n".repeat(1000);
    for request in [
        request("GET", "/a.txt", &[&long]),
        request("GET", "/a.txt", &[many.trim_end()]),
        request("GET", &format!("/{}", "x".repeat(1 << 20)), &[]),
        "x".repeat(1 << 20),
        // Within the bytes, but too many.
        request("GET", "/a.txt", &["X: y\r\n".repeat(100).trim_end()]),
    ] {
        let mut client = server.client();
        // Whatever of it is taken.
        let _ = client.socket().write_all(request.as_bytes());
        let answer = client.answer();
        assert_eq!((answer.status, answer.get("connection")), (431, Some("close")));
    }
    let fits = format!("X: {}", "x".repeat(16_000));
    assert_eq!(server.get("/a.txt", &[&fits]).status, 200);
    let small = Server::start(&["--max-head", "100"]);
    assert_eq!(small.get("/a.txt", &[]).status, 200);
    assert_eq!(small.get("/a.txt", &[&"X".repeat(100)]).status, 431);
    server.settles(before);
}

#[test]
fn slow_heads() {
    let server = Server::start(&["--head-time", "0.3"]);
    let mut silent = server.client();
    silent.send("GET /a.txt HTTP/1.1\r\nHo");
    let mut slow = server.client();
    for i in 0.. {
        let line = format!("X-{i}: y\r\n");
        if slow.socket().write_all(line.as_bytes()).is_err() {
            break;
        }
        server.is_well();
        thread::sleep(Duration::from_millis(30));
        if server.count(" 408 ") == 2 {
            break;
        }
    }
    for client in [&mut silent, &mut slow] {
        assert_eq!(client.answer().status, 408);
        assert!(client.is_over());
    }
    let mut body = server.client();
    body.send(request("GET", "/a.txt", &["Content-Length: 5"]) + "012");
    assert_eq!(body.answer().status, 408);
}

#[test]
fn idle_clients() {
    let server = Server::start(&["--idle-time", "1"]);
    let before = server.descriptors();
    let (mut never, mut once) = (server.client(), server.client());
    assert_eq!(once.get("/a.txt", &[]).status, 200);
    // Without a word.
    assert!(never.is_over());
    assert!(once.is_over());
    server.settles(before);
}

#[test]
fn slow_readers() {
    let server = with_large(&["--send-time", "0.3"]);
    let before = server.descriptors();
    let mut stuck = server.client();
    stuck.send(request("GET", "/large", &[]));
    let mut zipped = server.client();
    server.dir.write("x.txt", (0..5_000_000).map(|i: u32| (i % 251) as u8).collect::<Vec<_>>());
    zipped.send(request("GET", "/x.txt", &[]).repeat(10));
    server.is_well();
    let stuck_at = format!("{}: takes nothing", stuck.socket().local_addr().unwrap());
    server.line(&stuck_at);
    server.line(&format!("{}: takes nothing", zipped.socket().local_addr().unwrap()));
    server.settles(before);
}

#[test]
fn too_many_connections() {
    let server = Server::start(&["--max-connections", "2"]);
    let (mut first, mut second) = (server.client(), server.client());
    assert_eq!(first.get("/a.txt", &[]).status, 200);
    assert_eq!(second.get("/a.txt", &[]).status, 200);
    let mut third = server.client();
    assert_eq!(third.answer().status, 503);
    assert!(third.is_over());
    server.line("too many connections");
    assert_eq!(first.get("/a.txt", &[]).status, 200);
    drop(second);
    // The server learns of that in time.
    let begin = Instant::now();
    while server.get("/a.txt", &[]).status == 503 {
        assert!(begin.elapsed() < Duration::from_secs(60), "nobody is let in");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn wrong_options() {
    let dir = crate::server::Dir::new();
    for (args, text) in [
        (&["--frob"] as &[&str], "--frob is not an option"),
        (&["--root"], "--root needs a value"),
        (&["--max-head", "x"], "--max-head: x is not a number"),
        (&["--head-time", "-1"], "--head-time: "),
        (&["--listen", "nonsense"], "nonsense: "),
        (&["--root", "/nonexistent"], "/nonexistent: "),
        (&["--tls", "/nonexistent", "/nonexistent"], "httpd: "),
    ] {
        let output = crate::server::command(&dir, args).output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && err.contains(text), "{args:?}: {err}");
    }
}
