//! What the kernel does at the edges: signals, numbers that become other files, sockets that fail.
//!
//! # Safety
//!
//! Descriptors are closed by their numbers only where nobody owns them any more.

#![allow(unsafe_code, reason = "C's functions")]

mod support;

use gort_std as _;
use std::fs::File;
use std::io::{Error, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering::Relaxed};
use std::time::Duration;
use support::{alone, everywhere, threads_in};

const SHORT: Duration = Duration::from_millis(20);

/// Two ends of a connection.
fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

/// After a read that was short, who does not wait gets what has just come.
#[test]
fn nonblocking_after_a_short_read() {
    everywhere(|| {
        let (mut client, mut server) = pair();
        let late = gort::go(move || {
            std::thread::sleep(SHORT);
            server.write_all(b"first").unwrap();
            server
        });
        assert_eq!(client.read(&mut [0; 8]).unwrap(), 5);
        let mut server = late.join().unwrap();
        client.set_nonblocking(true).unwrap();
        for _ in 0..100 {
            server.write_all(b"x").unwrap();
            assert_eq!(client.read(&mut [0; 8]).unwrap(), 1);
        }
    });
}

/// What is sent to a socket that is full of others' datagrams waits for room there.
#[test]
fn a_full_receiver_of_others() {
    everywhere(|| {
        let path = std::env::temp_dir().join(format!("gort-std-edges-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let receiver = UnixDatagram::bind(&path).unwrap();
        let first = UnixDatagram::unbound().unwrap();
        first.set_nonblocking(true).unwrap();
        let mut count = 0;
        while first.send_to(b"x", &path).is_ok() {
            count += 1;
        }
        let to = path.clone();
        let second = gort::go(move || {
            let second = UnixDatagram::unbound().unwrap();
            second.send_to(b"last", &to).unwrap()
        });
        // Each attempt that fails is an event that says that there is room: it would try for ever.
        let sleeps = (0..500).any(|_| {
            std::thread::sleep(SHORT);
            threads_in(gort_sys::nr::SENDTO) > 0
        });
        assert!(sleeps, "nobody waits in the kernel");
        for _ in 0..count {
            assert_eq!(receiver.recv(&mut [0; 8]).unwrap(), 1);
        }
        assert_eq!(receiver.recv(&mut [0; 8]).unwrap(), 4);
        assert_eq!(second.join().unwrap(), 4);
        std::fs::remove_file(&path).unwrap();
    });
}

#[test]
fn a_timeout_of_ages() {
    everywhere(|| {
        let (mut client, mut server) = pair();
        client.set_read_timeout(Some(Duration::from_millis(u64::MAX))).unwrap();
        let late = gort::go(move || {
            std::thread::sleep(SHORT);
            server.write_all(b"late").unwrap();
        });
        assert_eq!(client.read(&mut [0; 8]).unwrap(), 4);
        late.join().unwrap();
    });
}

/// A socket that could not be connected can be connected again, and is then connected.
#[test]
fn connect_again() {
    everywhere(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let address = libc::sockaddr_in {
            sin_family: libc::AF_INET as u16,
            sin_port: port.to_be(),
            sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes([127, 0, 0, 1]) },
            sin_zero: [0; 8],
        };
        // SAFETY: C's contract.
        let socket = unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0) };
        let connect = || {
            let len = size_of_val(&address) as u32;
            // SAFETY: the address is there.
            match unsafe { libc::connect(socket, (&raw const address).cast(), len) } {
                0 => 0,
                _ => Error::last_os_error().raw_os_error().unwrap(),
            }
        };
        drop(listener);
        for _ in 0..3 {
            assert_eq!(connect(), libc::ECONNREFUSED);
        }
        let _listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        assert_eq!(connect(), 0);
        assert_eq!(connect(), libc::EISCONN);
        // SAFETY: our own.
        assert_eq!(unsafe { libc::close(socket) }, 0);
    });
}

/// Says that it is over, also when the test has failed.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

extern "C" fn nothing(_: libc::c_int) {}

/// A signal that comes meanwhile does not end what does not wait, nor make it wait.
#[test]
fn signals_while_asking() {
    alone("signals_while_asking", || {
        gort::runtime::gomaxprocs(Some(1));
        // SAFETY: the handler does nothing.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = nothing as *const () as usize;
            action.sa_flags = libc::SA_RESTART;
            assert_eq!(libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut()), 0);
        }
        let over = AtomicBool::new(false);
        let thread = AtomicI32::new(0);
        std::thread::scope(|s| {
            s.spawn(|| {
                while !over.load(Relaxed) {
                    let (process, thread) = (std::process::id(), thread.load(Relaxed));
                    // SAFETY: no memory.
                    unsafe { libc::syscall(libc::SYS_tgkill, process, thread, libc::SIGUSR1) };
                }
            });
            let _end = End(&over);
            gort::run(|| {
                let (end, _other) = UnixStream::pair().unwrap();
                for _ in 0..50_000 {
                    // SAFETY: asks.
                    thread.store(unsafe { libc::gettid() }, Relaxed);
                    let mut one =
                        libc::pollfd { fd: end.as_raw_fd(), events: libc::POLLIN, revents: 0 };
                    // SAFETY: one element, and one set.
                    unsafe {
                        assert_eq!(libc::poll(&mut one, 1, 0), 0, "{}", Error::last_os_error());
                        let mut set: libc::fd_set = std::mem::zeroed();
                        libc::FD_SET(end.as_raw_fd(), &mut set);
                        let null = std::ptr::null_mut();
                        let mut time = libc::timeval { tv_sec: 0, tv_usec: 0 };
                        let found =
                            libc::select(end.as_raw_fd() + 1, &mut set, null, null, &mut time);
                        assert_eq!(found, 0, "{}", Error::last_os_error());
                    }
                }
            });
        });
    });
}

static ONE: u64 = 1;

/// C closes a socket; its number becomes a counter's, a pipe's, and a file's. Not in each attempt: the runtime has a
/// file of its own, which it opens anew from time to time, under the lowest number that is free.
#[test]
fn a_socket_closed_by_c() {
    alone("a_socket_closed_by_c", || {
        let path = std::env::temp_dir().join(format!("gort-std-closed-{}", std::process::id()));
        std::fs::write(&path, b"file").unwrap();
        let used_again = gort::run(|| (0..50).any(|_| use_again(&path).is_some()));
        assert!(used_again, "others have always been faster");
        std::fs::remove_file(&path).unwrap();
    });
}

/// `None` if the number has become another's.
fn use_again(path: &Path) -> Option<()> {
    let (end, mut other) = UnixStream::pair().unwrap();
    let number = end.into_raw_fd();
    let late = gort::go(move || {
        std::thread::sleep(SHORT);
        other.write_all(b"x").unwrap();
        other
    });
    // SAFETY: the buffer is there; the number is ours until C closes it.
    unsafe {
        let mut buf = [0u8; 8];
        assert_eq!(libc::read(number, buf.as_mut_ptr().cast(), 8), 1);
    }
    // Held, so that its number is nobody's.
    let _other = late.join().unwrap();
    closed_by_c(number);
    // Of this nobody says that it is new: the call that is a socket's fails.
    // SAFETY: no memory; then eight bytes, and a number of ours.
    let counter = unsafe { OwnedFd::from_raw_fd(libc::eventfd(0, 0)) };
    if counter.as_raw_fd() != number {
        return None;
    }
    // SAFETY: eight bytes.
    unsafe { assert_eq!(libc::write(number, (&raw const ONE).cast(), 8), 8) };
    closed_by_c(counter.into_raw_fd());
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    if reader.as_raw_fd() != number {
        return None;
    }
    let late = gort::go(move || {
        std::thread::sleep(SHORT);
        writer.write_all(b"pipe").unwrap();
    });
    assert_eq!(reader.read(&mut [0; 8]).unwrap(), 4);
    late.join().unwrap();
    closed_by_c(reader.into_raw_fd());
    let mut file = File::open(path).unwrap();
    if file.as_raw_fd() != number {
        return None;
    }
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    assert_eq!(text, "file");
    assert_eq!(file.write(b"x").unwrap_err().raw_os_error(), Some(libc::EBADF));
    Some(())
}

/// Inside libc, where it is not seen.
fn closed_by_c(number: RawFd) {
    // SAFETY: the caller's own.
    unsafe { assert_eq!(libc::fclose(libc::fdopen(number, c"r".as_ptr())), 0) };
}
