//! A web server in plain std, a goroutine for each connection: `cargo run --release -p gort-std --example web
//! [ADDR:PORT]`, and then `curl http://127.0.0.1:8000/`.
//!
//! Nothing here is gort's but `gort::go`, which stands where `std::thread::spawn` would: the streams, the lock and
//! the clock are std's, and whoever waits in them waits without a thread.

use gort_std as _;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;
use std::time::Duration;

/// How long a connection may be silent.
const SILENCE: Duration = Duration::from_secs(60);

static SERVED: Mutex<u64> = Mutex::new(0);

/// Answers one request after the other.
fn serve(stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(SILENCE))?;
    let mut reader = BufReader::new(&stream);
    let mut line = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let path = line.split(' ').nth(1).unwrap_or("/").to_owned();
        // The rest of the head says nothing that matters here.
        while !line.trim_end().is_empty() {
            line.clear();
            reader.read_line(&mut line)?;
        }
        let number = {
            let mut served = SERVED.lock().unwrap();
            *served += 1;
            *served
        };
        let body = format!("{path} is request {number}\n");
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        (&stream).write_all((head + &body).as_bytes())?;
    }
}

#[gort::main]
fn main() -> io::Result<()> {
    let addr = std::env::args().nth(1).unwrap_or("127.0.0.1:8000".into());
    let listener = TcpListener::bind(addr)?;
    println!("listening on {}", listener.local_addr()?);
    for stream in listener.incoming() {
        let stream = stream?;
        gort::go(move || serve(stream));
    }
    Ok(())
}
