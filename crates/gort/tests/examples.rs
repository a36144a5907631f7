//! The small examples, each as a program of its own.

mod support;

use gort_sys::raw;
use gort_sys::types::{Domain, Protocol, SockFlags, SockType};
use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;
use support::example::example;

/// So long nothing may come before the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program that runs until it is dropped, and where it listens.
struct Program {
    child: Child,
    addr: SocketAddr,
}

impl Program {
    fn start(name: &str) -> Program {
        let mut command = Command::new(example(name));
        command.arg("127.0.0.1:0").stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let addr = line.trim().strip_prefix("listening on ").unwrap().parse().unwrap();
        Program { child, addr }
    }

    fn connect(&self) -> BufReader<TcpStream> {
        let stream = TcpStream::connect(self.addr).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        BufReader::new(stream)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A directory that is gone afterwards.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Dir {
        let dir = std::env::temp_dir().join(format!("gort-{name}-{}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        Dir(dir)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn run(name: &str, args: &[&str]) -> Output {
    Command::new(example(name)).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn echo() {
    let program = Program::start("echo");
    let clients: Vec<_> = (0..20u8).map(|i| (i, program.connect())).collect();
    thread::scope(|s| {
        for (i, mut client) in clients {
            s.spawn(move || {
                let message = vec![i; 300_000];
                let mut writer = client.get_ref().try_clone().unwrap();
                thread::scope(|s| {
                    s.spawn(|| {
                        writer.write_all(&message).unwrap();
                        writer.shutdown(Shutdown::Write).unwrap();
                    });
                    let mut back = Vec::new();
                    client.read_to_end(&mut back).unwrap();
                    assert!(back == message);
                });
            });
        }
    });
}

/// A guest's lines.
fn hear(guest: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    guest.read_line(&mut line).unwrap();
    line
}

fn say(guest: &BufReader<TcpStream>, line: &str) {
    guest.get_ref().write_all(line.as_bytes()).unwrap();
}

#[test]
fn chat() {
    let program = Program::start("chat");
    let enter = |name: &str| {
        let mut guest = program.connect();
        let mut prompt = [0; 11];
        guest.read_exact(&mut prompt).unwrap();
        assert_eq!(&prompt, b"your name? ");
        say(&guest, name);
        guest
    };
    let mut ann = enter("ann\n");
    assert_eq!(hear(&mut ann), "* here: \n");
    let mut bob = enter("bob\r\n");
    assert_eq!(hear(&mut bob), "* here: ann\n");
    assert_eq!(hear(&mut ann), "* bob comes in\n");
    say(&ann, "good morning\n");
    for guest in [&mut ann, &mut bob] {
        assert_eq!(hear(guest), "ann: good morning\n");
    }
    // One who hears nothing is thrown out, and the others go on.
    let _deaf = enter("deaf\n");
    for guest in [&mut ann, &mut bob] {
        assert_eq!(hear(guest), "* deaf comes in\n");
    }
    let long = format!("{}\n", "x".repeat(900));
    let (line, thrown_out) = (format!("bob: {long}"), "* deaf does not listen\n");
    let mut said = String::new();
    while said != thrown_out {
        say(&bob, &long);
        said = hear(&mut ann);
        assert!([&*line, thrown_out].contains(&&*said), "{said}");
        assert_eq!(hear(&mut bob), said);
    }
    assert_eq!(hear(&mut ann), line);
    drop(bob);
    assert_eq!(hear(&mut ann), "* bob leaves\n");
}

/// A port at which nobody listens, and nobody else can.
fn taken() -> (OwnedFd, u16) {
    let kind = SockType::STREAM | SockFlags::CLOEXEC;
    let socket = raw::socket(Domain::INET, kind, Protocol::DEFAULT).unwrap();
    raw::bind(&socket, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let named = TcpListener::from(socket);
    let port = named.local_addr().unwrap().port();
    (named.into(), port)
}

#[test]
fn port_scanner() {
    let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    for listener in &listeners {
        let port = listener.local_addr().unwrap().port();
        let range = format!("{}-{}", port.saturating_sub(300), port.saturating_add(300));
        let output = run("port_scanner", &["127.0.0.1", &range]);
        let ports: Vec<u16> =
            text(&output.stdout).lines().map(|line| line.parse().unwrap()).collect();
        assert!(ports.contains(&port), "{port}: {ports:?}");
        assert!(ports.is_sorted() && ports.iter().all(|found| found.abs_diff(port) <= 300));
    }
    let (_taken, port) = taken();
    let port = port.to_string();
    let output = run("port_scanner", &["127.0.0.1", &port]);
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
    for args in [&[] as &[&str], &["127.0.0.1", "x"], &["127.0.0.1", "1-70000"]] {
        assert!(!run("port_scanner", args).status.success());
    }
}

#[test]
fn grep() {
    let dir = Dir::new("grep");
    for i in 0..300 {
        dir.write(&format!("{}/{}/{i}.txt", i % 7, i % 5), format!("one\ntwo {i} needle\nthree\n"));
    }
    dir.write("binary", b"needle\0needle");
    dir.write("latin1", b"needle \xe4");
    std::os::unix::fs::symlink(".", dir.0.join("loop")).unwrap();
    let root = dir.0.to_str().unwrap();
    let output = run("grep", &["needle", root]);
    assert_eq!(output.status.code(), Some(0));
    let mut lines: Vec<_> = text(&output.stdout).lines().collect();
    lines.sort_unstable();
    let mut expected: Vec<_> = (0..300)
        .map(|i| format!("{root}/{}/{}/{i}.txt:2:two {i} needle", i % 7, i % 5))
        .chain([format!("{root}/latin1:1:needle \u{fffd}")])
        .collect();
    expected.sort_unstable();
    assert_eq!(lines, expected);
    assert_eq!(run("grep", &["no such text", root]).status.code(), Some(1));
    assert_eq!(run("grep", &[]).status.code(), Some(2));
    let missing = run("grep", &["x", &format!("{root}/missing")]);
    assert!(text(&missing.stderr).contains("No such file"), "{missing:?}");
}

#[test]
fn socks5() {
    let program = Program::start("socks5");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_be_bytes();
    // Says it all again, in capitals, when the client has said everything.
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut stream = stream;
            let mut said = Vec::new();
            stream.read_to_end(&mut said).unwrap();
            stream.write_all(&said.to_ascii_uppercase()).unwrap();
        }
    });
    let greet = || {
        let mut client = program.connect();
        client.get_ref().write_all(&[5, 2, 7, 0]).unwrap();
        let mut method = [0; 2];
        client.read_exact(&mut method).unwrap();
        assert_eq!(method, [5, 0]);
        client
    };
    let ask = |request: &[&[u8]]| {
        let mut client = greet();
        client.get_ref().write_all(&request.concat()).unwrap();
        let mut reply = [0; 10];
        client.read_exact(&mut reply).unwrap();
        assert_eq!((reply[0], &reply[2..]), (5, &[0, 1, 0, 0, 0, 0, 0, 0][..]));
        (reply[1], client)
    };
    let long = "all work and no play\n".repeat(100_000);
    for host in [&b"\x01\x7f\0\0\x01"[..], b"\x03\x09localhost", b"\x03\x09127.0.0.1"] {
        let (reply, mut client) = ask(&[&[5, 1, 0], host, &port]);
        assert_eq!(reply, 0, "{host:?}");
        client.get_ref().write_all(long.as_bytes()).unwrap();
        client.get_ref().shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer == long.to_uppercase());
    }
    let (_taken, closed) = taken();
    let closed = closed.to_be_bytes();
    for (request, reply) in [
        (&[&[5, 1, 0, 1, 127, 0, 0, 1][..], &closed][..], 5),
        (&[&[5, 2, 0, 1, 127, 0, 0, 1], &port], 7),
        (&[&[5, 1, 0, 9], &port], 8),
        (&[&[5, 1, 0, 3, 9], b"no.such.h", &port], 4),
    ] {
        assert_eq!(ask(request).0, reply, "{request:?}");
    }
    let mut password = program.connect();
    password.get_ref().write_all(&[5, 1, 2]).unwrap();
    let mut rest = Vec::new();
    password.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, [5, 0xff]);
    let mut old = program.connect();
    old.get_ref().write_all(&[4]).unwrap();
    assert_eq!(old.read(&mut [0; 9]).unwrap(), 0);
}

#[test]
fn crawler() {
    let dir = Dir::new("crawler");
    dir.write(
        "index.html",
        "<a href=\"b/page.html\">b</a> <a href=\"/b/missing#x\">m</a> \
         <a href=\"http://elsewhere.invalid/\">e</a>",
    );
    dir.write("b/page.html", "<a href=\"../index.html\">i</a> <a href=\"../many/\">d</a>");
    for i in 0..100 {
        dir.write(&format!("many/{i}.html"), format!("<a href=\"{}.html\">n</a>", (i + 1) % 100));
    }
    let mut server = Command::new(example("httpd"));
    server.args(["--listen", "127.0.0.1:0", "--root"]).arg(&dir.0);
    let mut server = server.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stderr.take().unwrap()).read_line(&mut line).unwrap();
    let url = line[line.find("http://").unwrap()..].trim();
    let output = run("crawler", &[url]);
    let _ = server.kill();
    let _ = server.wait();
    assert!(output.status.success(), "{output:?}");
    let mut lines: Vec<_> = text(&output.stdout).lines().collect();
    assert_eq!(lines.pop(), Some("105 pages"));
    lines.sort_unstable();
    assert!(lines.contains(&"200 /") && lines.contains(&"404 /b/missing"), "{lines:?}");
    assert_eq!(lines.iter().filter(|line| line.starts_with("200 /many/")).count(), 101);
    assert_eq!(lines.len(), 105);
    assert!(!run("crawler", &[]).status.success());
    // One who accepts and says nothing.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let output = run("crawler", &[&url, "1"]);
    assert!(!output.status.success() && text(&output.stderr).contains("crawler: "), "{output:?}");
}

#[test]
fn metrics() {
    let program = Program::start("metrics");
    let ask = |request: &str| {
        let mut client = program.connect();
        say(&client, request);
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{head}");
        (head.lines().next().unwrap().to_owned(), body.to_owned())
    };
    let scrape = || {
        let (status, body) = ask("GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n");
        assert_eq!(status, "HTTP/1.1 200 OK");
        let value = |name: &str| {
            let line = body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.unwrap_or_else(|| panic!("{name}: {body}")).parse::<f64>().unwrap()
        };
        assert_eq!(
            value("gort_latency_seconds_bucket{le=\"+Inf\"}"),
            value("gort_latency_seconds_count")
        );
        // The ring, the listener and the one that answers.
        assert!(value("gort_goroutines") >= 12.0);
        (value("gort_timers_fired_total"), value("gort_goroutines_created_total"))
    };
    let (fired, created) = scrape();
    loop {
        let (now, then) = scrape();
        assert!(then > created);
        if now > fired {
            break;
        }
    }
    assert_eq!(ask("GET / HTTP/1.0\r\n\r\n").0, "HTTP/1.1 404 Not Found");
    assert_eq!(ask("PUT /metrics HTTP/1.1\r\n\r\n").0, "HTTP/1.1 405 Method Not Allowed");
    // A head without an end, one that is too long, and none.
    for head in
        ["GET /metrics HTTP/1.1\r\n".into(), format!("GET /{}", "x".repeat(8192)), String::new()]
    {
        let mut client = program.connect();
        say(&client, &head);
        // Who has said too much may have been refused by now.
        if let Err(error) = client.get_ref().shutdown(Shutdown::Write) {
            assert_eq!(error.kind(), ErrorKind::NotConnected);
        }
        let mut answer = Vec::new();
        let _ = client.read_to_end(&mut answer);
        assert!(answer.is_empty());
    }
    scrape();
}
