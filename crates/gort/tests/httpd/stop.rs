//! Being asked to stop.

use crate::client::request;
use crate::server::Server;
use gort_sys::types::Signal;
use std::net::TcpStream;

fn with_large(args: &[&str]) -> Server {
    let server = Server::start(args);
    let path = server.dir.path().join("large");
    std::fs::File::create(path).unwrap().set_len(64 << 20).unwrap();
    server
}

#[test]
fn answers_are_completed() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = with_large(&[]);
        let (mut fresh, mut idle) = (server.client(), server.client());
        assert_eq!(idle.get("/a.txt", &[]).status, 200);
        let mut half = server.client();
        // One that is known to be read.
        half.send(request("GET", "/a.txt", &[]) + "GET /a.txt HT");
        assert_eq!(half.answer().status, 200);
        let mut reading = server.client();
        reading.send(request("GET", "/large", &[]));
        let head = reading.answer_head();
        assert_eq!(head.status, 200);
        server.signal(signal);
        // Those who wait are sent away, and nobody is let in.
        assert!(idle.is_over());
        assert!(fresh.is_over());
        while TcpStream::connect(server.addr).is_ok() {}
        half.send("TP/1.1\r\nHost: x\r\n\r\n");
        let last = half.answer();
        assert_eq!((last.text(), last.get("connection")), ("hello\n", Some("close")));
        assert!(half.is_over());
        assert_eq!(reading.rest_of(64 << 20), 64 << 20);
        drop(reading);
        assert!(server.exit().success());
        server.line("httpd: drained");
    }
}

#[test]
fn but_not_for_ever() {
    let mut server = with_large(&["--drain-time", "0.3"]);
    let mut stuck = server.client();
    stuck.send(request("GET", "/large", &[]));
    assert_eq!(stuck.answer_head().status, 200);
    server.signal(Signal::TERM);
    assert!(server.exit().success());
    server.line("httpd: 1 connections cut off");
    assert!(stuck.rest().is_ok_and(|rest| rest.len() < 64 << 20));
}
