//! A program for `std::net` and `std::os::unix::net`.

use super::net::{
    Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs, UdpSocket,
};
use super::unix::{self, UnixDatagram, UnixListener, UnixStream};
use std::fmt::Debug;
use std::io::{BufRead, BufReader, IoSlice, IoSliceMut, Read, Result, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::time::Duration;

/// What it says does not have numbers that the kernel chooses.
fn say(lines: &mut Vec<String>, what: &str, value: impl Debug) {
    lines.push(format!("{what}: {value:?}"));
}

/// What kind of an error it is, and how it says so.
fn fails<T>(lines: &mut Vec<String>, what: &str, result: Result<T>) {
    let error = result.err().expect("it fails");
    say(lines, what, (error.kind(), error.raw_os_error(), error.to_string()));
}

fn is_socket<T>(_: &T)
where
    T: AsFd + AsRawFd + FromRawFd + IntoRawFd + From<OwnedFd> + Debug + Send + Sync + 'static,
    OwnedFd: From<T>,
{
}

fn is_stream<T: Read + Write>(_: &T)
where
    for<'a> &'a T: Read + Write,
{
}

pub(crate) fn tcp(lines: &mut Vec<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    is_socket(&listener);
    let addr: SocketAddr = listener.local_addr().unwrap();
    let shown = format!("TcpListener {{ addr: {addr:?}, fd: {} }}", listener.as_raw_fd());
    say(lines, "listener", format!("{listener:?}") == shown);
    let mut client = TcpStream::connect(addr).unwrap();
    is_socket(&client);
    is_stream(&client);
    let (server, from) = listener.accept().unwrap();
    say(lines, "from", from == client.local_addr().unwrap() && server.peer_addr().unwrap() == from);
    let (fd, peer) = (client.as_raw_fd(), client.peer_addr().unwrap());
    let shown = format!("TcpStream {{ addr: {from:?}, peer: {peer:?}, fd: {fd} }}");
    say(lines, "stream", format!("{client:?}") == shown);
    client.write_all(b"one\ntwo\n").unwrap();
    let parts = [IoSlice::new(b"thr"), IoSlice::new(b"ee\n")];
    say(lines, "written", client.write_vectored(&parts).unwrap());
    client.shutdown(Shutdown::Write).unwrap();
    let mut reader = BufReader::new(server.try_clone().unwrap());
    let mut line = String::new();
    say(lines, "line", (reader.read_line(&mut line).unwrap(), line));
    say(lines, "lines", reader.lines().map(|line| line.unwrap()).collect::<Vec<_>>());
    (&server).write_all(b"answer").unwrap();
    let mut buf = [0; 3];
    say(lines, "peek", (client.peek(&mut buf).unwrap(), buf));
    let (mut a, mut b) = ([0; 4], [0; 4]);
    let len =
        client.read_vectored(&mut [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)]).unwrap();
    say(lines, "vectored", (len, a, b));
    fails(lines, "after shutdown", client.write(b"x"));
    client.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    client.set_write_timeout(Some(Duration::from_secs(3))).unwrap();
    let clone = client.try_clone().unwrap();
    say(lines, "timeouts", (clone.read_timeout().unwrap(), clone.write_timeout().unwrap()));
    clone.set_read_timeout(Some(Duration::from_millis(4))).unwrap();
    fails(lines, "timeout", client.read(&mut buf));
    fails(lines, "no time", client.set_read_timeout(Some(Duration::ZERO)));
    client.set_read_timeout(None).unwrap();
    client.set_nonblocking(true).unwrap();
    fails(lines, "nonblocking", client.read(&mut buf));
    fails(lines, "a clone", (&clone).read(&mut buf));
    fails(lines, "peek", client.peek(&mut buf));
    client.set_nonblocking(false).unwrap();
    client.set_nodelay(true).unwrap();
    client.set_ttl(42).unwrap();
    say(lines, "options", (client.nodelay().unwrap(), client.ttl().unwrap()));
    say(lines, "error", client.take_error().unwrap().is_none());
    drop((server, clone));
    say(lines, "end", client.read(&mut buf).unwrap());
    listener.set_ttl(43).unwrap();
    say(lines, "ttl", listener.ttl().unwrap());
    listener.set_nonblocking(true).unwrap();
    fails(lines, "accept", listener.accept());
    fails(lines, "incoming", listener.incoming().next().unwrap());
    say(lines, "error", listener.take_error().unwrap().is_none());
    fails(lines, "in use", TcpListener::bind(addr));
    let other = listener.try_clone().unwrap();
    drop(listener);
    say(lines, "clone", other.local_addr().unwrap() == addr);
    drop(OwnedFd::from(other));
    fails(lines, "refused", TcpStream::connect(addr));
    fails(lines, "refused", TcpStream::connect_timeout(&addr, Duration::from_secs(3)));
    fails(lines, "no time", TcpStream::connect_timeout(&addr, Duration::ZERO));
    fails(lines, "nowhere", TcpStream::connect(&[][..] as &[SocketAddr]));
    fails(lines, "not an address", TcpStream::connect("127.0.0.1"));
    fails(lines, "not an address", TcpListener::bind("127.0.0.1:port"));
    fails(lines, "not ours", TcpListener::bind("8.8.8.8:0"));
    say(lines, "resolved", ("127.0.0.1", 1).to_socket_addrs().unwrap().collect::<Vec<_>>());
}

pub(crate) fn udp(lines: &mut Vec<String>) {
    let here = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let there = UdpSocket::bind("127.0.0.1:0").unwrap();
    is_socket(&here);
    let (addr, to) = (here.local_addr().unwrap(), there.local_addr().unwrap());
    let shown = format!("UdpSocket {{ addr: {addr:?}, fd: {} }}", here.as_raw_fd());
    say(lines, "socket", format!("{here:?}") == shown);
    say(lines, "sent", here.send_to(b"hello", to).unwrap());
    let mut buf = [0; 4];
    say(lines, "peek", there.peek_from(&mut buf).unwrap() == (4, addr));
    say(lines, "received", there.recv_from(&mut buf).unwrap() == (4, addr));
    fails(lines, "not connected", here.send(b"x"));
    fails(lines, "no peer", here.peer_addr());
    fails(lines, "to nobody", here.send_to(b"x", &[][..] as &[SocketAddr]));
    fails(lines, "too long", here.send_to(&[0; 66_000], to));
    here.connect(to).unwrap();
    there.connect(addr).unwrap();
    say(lines, "peer", here.peer_addr().unwrap() == to);
    say(lines, "sent", there.send(b"ab").unwrap());
    say(lines, "peek", (here.peek(&mut buf).unwrap(), buf));
    say(lines, "received", (here.recv(&mut buf).unwrap(), buf));
    here.set_read_timeout(Some(Duration::from_millis(4))).unwrap();
    fails(lines, "timeout", here.try_clone().unwrap().recv(&mut buf));
    here.set_nonblocking(true).unwrap();
    fails(lines, "nonblocking", here.recv_from(&mut buf));
    here.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    say(lines, "timeouts", here.write_timeout().unwrap());
    here.set_broadcast(true).unwrap();
    here.set_ttl(9).unwrap();
    here.set_multicast_ttl_v4(10).unwrap();
    here.set_multicast_loop_v4(false).unwrap();
    say(lines, "options", (here.broadcast().unwrap(), here.ttl().unwrap()));
    say(lines, "options", (here.multicast_ttl_v4().unwrap(), here.multicast_loop_v4().unwrap()));
    fails(lines, "version 6", here.set_multicast_loop_v6(true));
    fails(lines, "version 6", here.multicast_loop_v6());
    fails(lines, "version 6", here.join_multicast_v6(&"ff02::1".parse().unwrap(), 0));
    fails(lines, "version 6", here.leave_multicast_v6(&"ff02::1".parse().unwrap(), 0));
    let group = Ipv4Addr::new(239, 255, 1, 2);
    here.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST).unwrap();
    here.leave_multicast_v4(&group, &Ipv4Addr::LOCALHOST).unwrap();
    fails(lines, "not joined", here.leave_multicast_v4(&group, &Ipv4Addr::LOCALHOST));
    drop(there);
    here.send(b"x").unwrap();
    fails(lines, "refused", here.recv(&mut buf));
    say(lines, "error", here.take_error().unwrap().is_none());
}

pub(crate) fn unix(lines: &mut Vec<String>) {
    let thread = std::thread::current().id();
    let file = format!("gort-drop-in-{}-{thread:?}-{}", std::process::id(), module_path!());
    let path = std::env::temp_dir().join(file.replace(['(', ')', ':'], "-"));
    let listener = UnixListener::bind(&path).unwrap();
    is_socket(&listener);
    let fd = listener.as_raw_fd();
    let shown = format!("{listener:?}").replace(&format!("fd: {fd}"), "fd");
    say(lines, "listener", shown.replace(&format!("{path:?}"), "path"));
    let mut client = UnixStream::connect(&path).unwrap();
    is_socket(&client);
    is_stream(&client);
    let (server, from) = listener.accept().unwrap();
    say(lines, "from", from);
    say(lines, "peer", server.peer_addr().unwrap());
    say(lines, "peer", client.peer_addr().unwrap().as_pathname() == Some(&path));
    let parts = [IoSlice::new(b"one\n"), IoSlice::new(b"two")];
    say(lines, "written", client.write_vectored(&parts).unwrap());
    client.shutdown(Shutdown::Write).unwrap();
    let text = BufReader::new(&server).lines().map(|line| line.unwrap()).collect::<Vec<_>>();
    say(lines, "lines", text);
    client.set_read_timeout(Some(Duration::from_millis(4))).unwrap();
    let mut buf = [0; 4];
    fails(lines, "timeout", client.try_clone().unwrap().read(&mut buf));
    fails(lines, "no time", client.set_write_timeout(Some(Duration::ZERO)));
    client.set_nonblocking(true).unwrap();
    fails(lines, "nonblocking", client.read(&mut buf));
    drop(server);
    say(lines, "end", client.read(&mut buf).unwrap());
    fails(lines, "broken", client.write(b"x"));
    say(lines, "error", client.take_error().unwrap().is_none());
    listener.set_nonblocking(true).unwrap();
    fails(lines, "accept", listener.accept());
    fails(lines, "incoming", (&listener).into_iter().next().unwrap());
    say(lines, "size", listener.incoming().size_hint());
    fails(lines, "in use", UnixListener::bind(&path));
    drop(listener.try_clone().unwrap());
    drop(listener);
    fails(lines, "refused", UnixStream::connect(&path));
    std::fs::remove_file(&path).unwrap();
    fails(lines, "not found", UnixStream::connect(&path));
    fails(lines, "too long", UnixStream::connect("x".repeat(200)));
    fails(lines, "a NUL", UnixStream::connect("x\0y"));
    fails(lines, "no path", UnixStream::connect(""));

    let receiver = UnixDatagram::bind(&path).unwrap();
    is_socket(&receiver);
    let addr: unix::SocketAddr = receiver.local_addr().unwrap();
    let sender = UnixDatagram::unbound().unwrap();
    say(lines, "sent", sender.send_to(b"abcdef", &path).unwrap());
    let (len, from) = receiver.recv_from(&mut buf).unwrap();
    say(lines, "received", (len, from, buf));
    say(lines, "sent", sender.send_to_addr(b"gh", &addr).unwrap());
    say(lines, "received", (receiver.recv(&mut buf).unwrap(), buf));
    fails(lines, "not connected", sender.send(b"x"));
    fails(lines, "no peer", sender.peer_addr());
    sender.connect(&path).unwrap();
    sender.connect_addr(&addr).unwrap();
    say(lines, "sent", sender.send(b"").unwrap());
    say(lines, "received", receiver.recv(&mut buf).unwrap());
    receiver.set_nonblocking(true).unwrap();
    fails(lines, "nonblocking", receiver.recv_from(&mut buf));
    say(lines, "timeouts", (receiver.read_timeout().unwrap(), receiver.write_timeout().unwrap()));
    sender.shutdown(Shutdown::Both).unwrap();
    fails(lines, "after shutdown", sender.send(b"x"));
    std::fs::remove_file(&path).unwrap();
    fails(lines, "not found", receiver.send_to(b"x", &path));
    let (here, there) = UnixDatagram::pair().unwrap();
    say(lines, "pair", (here.send(b"x").unwrap(), there.recv(&mut buf).unwrap()));
    let (mut here, mut there) = UnixStream::pair().unwrap();
    here.write_all(b"xy").unwrap();
    say(lines, "pair", (there.read(&mut buf).unwrap(), there.local_addr().unwrap()));
}
