//! A SOCKS5 proxy: `cargo run --release --example socks5 [ADDR:PORT]`, and then
//! `curl --socks5-hostname 127.0.0.1:1080 http://example.org/`.
//!
//! Without authentication, and with CONNECT only. RFC 1928. The protocol is read top to bottom, as it is
//! written; then two goroutines copy, one in each direction, within the kernel.

use gort::net::{TcpListener, TcpStream};
use std::io::{self, Error, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, ToSocketAddrs};
use std::time::{Duration, Instant};

const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const NONE_ACCEPTABLE: u8 = 0xff;
const CONNECT: u8 = 1;

/// What a client is told.
#[derive(Clone, Copy)]
enum Reply {
    Succeeded = 0,
    GeneralFailure = 1,
    NetworkUnreachable = 3,
    HostUnreachable = 4,
    ConnectionRefused = 5,
    CommandNotSupported = 7,
    AddressTypeNotSupported = 8,
}

/// How long the client may take to say what it wants, and the host to answer.
const PATIENCE: Duration = Duration::from_secs(10);

fn bytes<const N: usize>(stream: &mut &TcpStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// A list with its length in front.
fn counted(stream: &mut &TcpStream) -> io::Result<Vec<u8>> {
    let [count] = bytes(stream)?;
    let mut list = vec![0; count.into()];
    stream.read_exact(&mut list)?;
    Ok(list)
}

fn wrong(text: &'static str) -> Error {
    Error::new(ErrorKind::InvalidData, text)
}

/// Which methods of authentication there are, and which is taken.
fn greet(client: &mut &TcpStream) -> io::Result<()> {
    if bytes(client)? != [VERSION] {
        return Err(wrong("this is not SOCKS5"));
    }
    if !counted(client)?.contains(&NO_AUTHENTICATION) {
        client.write_all(&[VERSION, NONE_ACCEPTABLE])?;
        return Err(wrong("the client wants to authenticate itself"));
    }
    client.write_all(&[VERSION, NO_AUTHENTICATION])
}

/// Where the client wants to be connected to; or what to reply.
fn request(client: &mut &TcpStream) -> io::Result<Result<Vec<SocketAddr>, Reply>> {
    let [version, command, _reserved, kind] = bytes(client)?;
    if version != VERSION {
        return Err(wrong("this is not SOCKS5"));
    }
    let host = match kind {
        1 => Ipv4Addr::from(bytes::<4>(client)?).to_string(),
        3 => String::from_utf8(counted(client)?).map_err(|_| wrong("this is not a name"))?,
        4 => Ipv6Addr::from(bytes::<16>(client)?).to_string(),
        _ => return Ok(Err(Reply::AddressTypeNotSupported)),
    };
    let port = u16::from_be_bytes(bytes(client)?);
    if command != CONNECT {
        return Ok(Err(Reply::CommandNotSupported));
    }
    // A name is looked up in C: this goroutine waits for that, and nobody else.
    Ok((host, port).to_socket_addrs().map(Vec::from_iter).map_err(|_| Reply::HostUnreachable))
}

/// To the first that answers.
fn connect(addrs: &[SocketAddr]) -> Result<TcpStream, Reply> {
    let mut reply = Reply::HostUnreachable;
    for addr in addrs {
        match TcpStream::connect_timeout(addr, PATIENCE) {
            Ok(stream) => return Ok(stream),
            Err(error) => {
                reply = match error.kind() {
                    ErrorKind::ConnectionRefused => Reply::ConnectionRefused,
                    ErrorKind::NetworkUnreachable => Reply::NetworkUnreachable,
                    ErrorKind::HostUnreachable | ErrorKind::TimedOut => Reply::HostUnreachable,
                    _ => Reply::GeneralFailure,
                }
            }
        }
    }
    Err(reply)
}

/// The address that a reply ends with is of no use to clients: 0.0.0.0:0.
fn answer(client: &mut &TcpStream, reply: Reply) -> io::Result<()> {
    client.write_all(&[VERSION, reply as u8, 0, 1, 0, 0, 0, 0, 0, 0])
}

/// Copies in one direction. That one has ended is passed on, and the other may go on.
fn pass(mut from: &TcpStream, mut to: &TcpStream) -> io::Result<u64> {
    let copied = gort::io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
    if copied.is_err() {
        // Neither will the other direction be of use.
        let _ = from.shutdown(Shutdown::Both);
    }
    copied
}

fn serve(client: &TcpStream) -> io::Result<()> {
    let mut stream = client;
    client.set_read_deadline(Some(Instant::now() + PATIENCE))?;
    greet(&mut stream)?;
    let host = match request(&mut stream)?.and_then(|addrs| connect(&addrs)) {
        Ok(host) => host,
        Err(reply) => return answer(&mut stream, reply),
    };
    client.set_read_deadline(None)?;
    answer(&mut stream, Reply::Succeeded)?;
    let (up, down) = gort::scope(|s| {
        let up = s.go(|| pass(client, &host));
        let down = pass(&host, client);
        (up.join(), down)
    });
    println!("{} bytes up, {} bytes down", up.unwrap_or(Ok(0))?, down?);
    Ok(())
}

#[gort::main]
fn main() -> io::Result<()> {
    let addr = std::env::args().nth(1).unwrap_or("127.0.0.1:1080".into());
    let listener = TcpListener::bind(addr)?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (client, peer) = listener.accept()?;
        gort::go(move || {
            if let Err(error) = serve(&client) {
                eprintln!("{peer}: {error}");
            }
        });
    }
}
