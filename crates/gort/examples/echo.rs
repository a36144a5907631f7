//! Sends back whatever it is sent: `cargo run --example echo [ADDR:PORT]`, and then `nc 127.0.0.1 7000`.
//!
//! A goroutine for each connection, as one would use a thread, of which there could not be so many.

use gort::net::{TcpListener, TcpStream};
use std::io::{self, Read, Write};

fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buf = [0; 4096];
    loop {
        match stream.read(&mut buf)? {
            0 => return Ok(()),
            count => stream.write_all(&buf[..count])?,
        }
    }
}

#[gort::main]
fn main() -> io::Result<()> {
    let addr = std::env::args().nth(1).unwrap_or("127.0.0.1:7000".into());
    let listener = TcpListener::bind(addr)?;
    println!("listening on {}", listener.local_addr()?);
    for stream in listener.incoming() {
        let stream = stream?;
        gort::go(move || {
            if let Err(error) = echo(stream) {
                eprintln!("a connection ends: {error}");
            }
        });
    }
    Ok(())
}
