//! Serves the runtime's figures to Prometheus: `cargo run --example metrics [ADDR:PORT]`, and then
//! `curl 127.0.0.1:7003/metrics`.
//!
//! What it answers is a snapshot as text. So that there is something to see, some goroutines sleep and some
//! pass values on to each other.

use gort::net::{TcpListener, TcpStream};
use gort::runtime::stats;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::time::Duration;

/// As long as a request's head may be, in bytes.
const LONGEST: u64 = 8192;
/// As long as a client may take for it.
const PATIENCE: Duration = Duration::from_secs(10);

/// The request's first line, once the whole head has come.
fn request(stream: &TcpStream) -> io::Result<String> {
    let mut lines = BufReader::new(stream.take(LONGEST)).lines();
    let first = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    for line in lines {
        if line?.is_empty() {
            return Ok(first);
        }
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}

fn answer(mut stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = request(&stream)?;
    let mut words = request.split(' ');
    let (status, body) = match (words.next(), words.next()) {
        (Some("GET"), Some("/metrics")) => ("200 OK", stats().to_string()),
        (Some("GET"), Some(_)) => ("404 Not Found", "It is at /metrics.\n".into()),
        _ => ("405 Method Not Allowed", "Only GET.\n".into()),
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all((head + &body).as_bytes())
}

/// A ring of goroutines by which a value goes round for ever.
fn ring(members: usize) {
    let (first, mut from) = gort::chan::bounded(1);
    for _ in 1..members {
        let (to, next) = gort::chan::bounded(1);
        gort::go(move || from.into_iter().for_each(|value: u64| to.send(value).unwrap()));
        from = next;
    }
    first.send(0).unwrap();
    gort::go(move || {
        for value in from {
            gort::time::sleep(Duration::from_millis(1));
            first.send(value + 1).unwrap();
        }
    });
}

#[gort::main]
fn main() -> io::Result<()> {
    let addr = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7003".into());
    let listener = TcpListener::bind(addr)?;
    println!("listening on {}", listener.local_addr()?);
    ring(10);
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                gort::go(move || {
                    // A client that is gone, or too slow, is not worth a word.
                    let _ = answer(stream);
                });
            }
            Err(error) => {
                eprintln!("accept: {error}");
                gort::time::sleep(Duration::from_millis(50));
            }
        }
    }
}
