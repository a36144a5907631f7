//! The examples about futures, each as a program of its own.

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;
use support::example::example;

/// So long nothing may come before the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

fn run(name: &str, args: &[&str]) -> Output {
    Command::new(example(name)).args(args).output().unwrap()
}

/// A server that runs until it is dropped, and where it listens.
struct Server {
    child: Child,
    addr: SocketAddr,
}

impl Server {
    fn start(procs: usize) -> Server {
        let mut command = Command::new(example("hyper_server"));
        command.arg("127.0.0.1:0").env("GOMAXPROCS", procs.to_string());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let addr = line.trim().strip_prefix("listening on ").unwrap().parse().unwrap();
        Server { child, addr }
    }

    fn connect(&self) -> BufReader<TcpStream> {
        let stream = TcpStream::connect(self.addr).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        BufReader::new(stream)
    }

    fn get(&self, path: &str) -> Output {
        run("hyper_server", &["get", &format!("http://{}{path}", self.addr)])
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a request, in pieces, and returns the status and the body.
fn ask(stream: &mut BufReader<TcpStream>, pieces: &[&[u8]]) -> (String, Vec<u8>) {
    for piece in pieces {
        stream.get_ref().write_all(piece).unwrap();
    }
    answer(stream)
}

fn answer(stream: &mut BufReader<TcpStream>) -> (String, Vec<u8>) {
    let mut length = 0;
    let mut status = String::new();
    stream.read_line(&mut status).unwrap();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        if let Some(count) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
            length = count.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    (status.split(' ').nth(1).unwrap_or_default().into(), body)
}

#[test]
fn hyper_server() {
    for procs in support::PROCS {
        let server = Server::start(procs);
        let hello = b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
        thread::scope(|s| {
            for client in 0..8 {
                let server = &server;
                s.spawn(move || {
                    let mut stream = server.connect();
                    for _ in 0..20 {
                        let (status, body) = ask(&mut stream, &[hello]);
                        assert_eq!((&*status, &*body), ("200", &b"Hello from a goroutine\n"[..]));
                    }
                    // Two at once, and one in pieces.
                    assert_eq!(ask(&mut stream, &[hello, hello]).0, "200");
                    assert_eq!(answer(&mut stream).0, "200");
                    assert_eq!(ask(&mut stream, &[&hello[..9], &hello[9..]]).0, "200");
                    // Larger than what a socket takes at a time.
                    let body = vec![client; 3_000_000];
                    let head = format!(
                        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
                        body.len()
                    );
                    let (status, back) = ask(&mut stream, &[head.as_bytes(), &body]);
                    assert!(status == "200" && back == body);
                    let slow = b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
                    assert_eq!(ask(&mut stream, &[slow]).0, "200");
                    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
                });
            }
        });
        // Who goes away in the middle does not disturb anybody.
        for pieces in [&hello[..5], b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx"]
        {
            let stream = server.connect();
            stream.get_ref().write_all(pieces).unwrap();
            stream.get_ref().shutdown(Shutdown::Write).unwrap();
            let _ = { stream }.read_to_end(&mut Vec::new());
        }
        let output = server.get("/hello");
        assert!(output.status.success(), "{output:?}");
        assert_eq!(output.stdout, b"Hello from a goroutine\n");
        let output = server.get("/missing");
        assert!(!output.status.success() && support::stderr(&output).contains("404"), "{output:?}");
    }
}

#[test]
fn hyper_client() {
    // One who hangs up.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://{}/", listener.local_addr().unwrap());
    let rude = thread::spawn(move || drop(listener.accept().unwrap()));
    let output = run("hyper_server", &["get", &uri]);
    rude.join().unwrap();
    assert!(!output.status.success(), "{output:?}");
    for args in [&[] as &[&str], &["get", "/no/host"], &["no address"]] {
        assert!(!run("hyper_server", args).status.success());
    }
}

#[test]
fn tokio_bridge() {
    for procs in support::PROCS {
        let mut command = Command::new(example("tokio_bridge"));
        let output = command.env("GOMAXPROCS", procs.to_string()).output().unwrap();
        assert_eq!(support::stdout(&output), "100 trips of 28000 bytes\n", "{output:?}");
    }
}
