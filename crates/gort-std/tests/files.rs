//! Files on goroutines, and what goes between files, pipes and sockets.
//!
//! # Safety
//!
//! Numbers and offsets live for as long as the call.

#![allow(unsafe_code)]

mod support;

use gort_std as _;
use libc::c_int;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, PipeReader, PipeWriter, Read, Seek, SeekFrom, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use support::files::{TempDir, leaks_nothing, pattern};
use support::{all, calls, everywhere, on_few_threads};

fn errno() -> c_int {
    io::Error::last_os_error().raw_os_error().expect("an error")
}

#[test]
fn round_trips() {
    everywhere(|| {
        leaks_nothing(|| {
            let dir = TempDir::new();
            let (a, b) = (dir.join("a"), dir.join("b"));
            let bytes = pattern(100_000);
            fs::write(&a, &bytes).unwrap();
            assert_eq!(fs::read(&a).unwrap(), bytes);
            assert_eq!(fs::copy(&a, &b).unwrap(), bytes.len() as u64);
            assert_eq!(fs::read(&b).unwrap(), bytes);
            let mut file = OpenOptions::new().read(true).write(true).open(&b).unwrap();
            file.set_len(10).unwrap();
            file.seek(SeekFrom::End(0)).unwrap();
            file.write_all(b"end").unwrap();
            file.sync_all().unwrap();
            file.sync_data().unwrap();
            assert_eq!((file.metadata().unwrap().len(), fs::metadata(&b).unwrap().len()), (13, 13));
            fs::set_permissions(&b, fs::Permissions::from_mode(0o600)).unwrap();
            assert_eq!(fs::metadata(&b).unwrap().mode() & 0o7777, 0o600);
            fs::create_dir_all(dir.join("c/d")).unwrap();
            fs::rename(&b, dir.join("c/d/b")).unwrap();
            fs::hard_link(&a, dir.join("c/d/a")).unwrap();
            std::os::unix::fs::symlink(&a, dir.join("c/d/s")).unwrap();
            assert_eq!(fs::read_link(dir.join("c/d/s")).unwrap(), a);
            assert!(fs::symlink_metadata(dir.join("c/d/s")).unwrap().is_symlink());
            assert_eq!(fs::canonicalize(dir.join("c/d/s")).unwrap(), fs::canonicalize(&a).unwrap());
            let entries = fs::read_dir(dir.join("c/d")).unwrap();
            let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            assert_eq!(names, ["a", "b", "s"]);
            assert_eq!(fs::read(&b).unwrap_err().kind(), ErrorKind::NotFound);
            let again = OpenOptions::new().write(true).create_new(true).open(&a);
            assert_eq!(again.unwrap_err().kind(), ErrorKind::AlreadyExists);
            assert_eq!(
                fs::remove_dir(dir.join("c")).unwrap_err().kind(),
                ErrorKind::DirectoryNotEmpty
            );
            fs::remove_dir_all(dir.join("c")).unwrap();
            fs::remove_file(&a).unwrap();
            assert_eq!(File::open(&a).unwrap_err().kind(), ErrorKind::NotFound);
        });
    });
}

/// The mode comes through C's variable list of arguments.
#[test]
fn modes() {
    everywhere(|| {
        let dir = TempDir::new();
        let path =
            std::ffi::CString::new(dir.join("a").into_os_string().into_encoded_bytes()).unwrap();
        for (at, mode) in [0o640, 0o604].into_iter().enumerate() {
            // SAFETY: see the module.
            unsafe {
                let flags = libc::O_CREAT | libc::O_EXCL | libc::O_WRONLY | libc::O_CLOEXEC;
                let fd = match at {
                    0 => libc::open(path.as_ptr(), flags, mode),
                    _ => libc::openat(libc::AT_FDCWD, path.as_ptr(), flags, mode),
                };
                let mut found: libc::stat = std::mem::zeroed();
                assert_eq!(libc::fstat(fd, &mut found), 0);
                assert_eq!(found.st_mode & 0o777, mode);
                assert_eq!(libc::stat(path.as_ptr(), &mut found), 0);
                assert_eq!(found.st_mode & 0o777, mode);
                assert_eq!((libc::open(path.as_ptr(), flags, mode), errno()), (-1, libc::EEXIST));
                assert_eq!(libc::unlink(path.as_ptr()), 0);
                assert_eq!(libc::close(fd), 0);
            }
        }
    });
}

#[test]
fn locks_are_one_at_a_time() {
    everywhere(|| {
        let dir = TempDir::new();
        let path = dir.join("lock");
        File::create(&path).unwrap();
        let (inside, rounds) = (AtomicUsize::new(0), AtomicUsize::new(0));
        all(8, |_| {
            let file = File::open(&path).unwrap();
            for _ in 0..10 {
                file.lock().unwrap();
                assert_eq!(inside.fetch_add(1, Ordering::Relaxed), 0);
                gort::gosched();
                rounds.fetch_add(1, Ordering::Relaxed);
                inside.fetch_sub(1, Ordering::Relaxed);
                file.unlock().unwrap();
            }
        });
        assert_eq!(rounds.into_inner(), 80);
        let (one, other) = (File::open(&path).unwrap(), File::open(&path).unwrap());
        one.lock().unwrap();
        assert!(matches!(other.try_lock(), Err(fs::TryLockError::WouldBlock)));
        drop(one);
        other.lock_shared().unwrap();
        // A part of it, as C does it.
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        for command in [libc::F_LOCK, libc::F_TEST, libc::F_ULOCK] {
            // SAFETY: numbers.
            assert_eq!(unsafe { libc::lockf(file.as_raw_fd(), command, 0) }, 0);
        }
    });
}

fn pipe() -> (PipeReader, PipeWriter) {
    io::pipe().expect("there are descriptors")
}

fn splice(from: RawFd, to: RawFd, len: usize, flags: u32) -> isize {
    // SAFETY: numbers.
    let moved = unsafe { libc::splice(from, null_mut(), to, null_mut(), len, flags) };
    if moved < 0 { -errno() as isize } else { moved }
}

#[test]
fn splices() {
    everywhere(|| {
        let ((ar, aw), (br, bw)) = (pipe(), pipe());
        let (a, b) = (ar.as_raw_fd(), bw.as_raw_fd());
        assert_eq!(splice(a, b, 9, libc::SPLICE_F_NONBLOCK), -libc::EAGAIN as isize);
        assert_eq!(splice(a, b, 0, 0), 0);
        // What is refused is refused though there is nothing to be had.
        let (one, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        assert_eq!(splice(a, 1 << 20, 9, 0), -libc::EBADF as isize);
        assert_eq!(splice(a, ar.as_raw_fd(), 9, 0), -libc::EBADF as isize);
        assert_eq!(splice(a, aw.as_raw_fd(), 9, 0), -libc::EINVAL as isize);
        std::thread::scope(|s| {
            s.spawn(|| {
                std::thread::sleep(Duration::from_millis(3));
                (&aw).write_all(b"abc").unwrap();
            });
            assert_eq!(splice(a, b, 9, 0), 3);
            let mut got = [0; 3];
            (&br).read_exact(&mut got).unwrap();
            assert_eq!(&got, b"abc");
        });
        // Nor is there room.
        (&bw).write_all(&[0; 1 << 16]).unwrap();
        (&aw).write_all(b"abc").unwrap();
        std::thread::scope(|s| {
            s.spawn(|| {
                std::thread::sleep(Duration::from_millis(3));
                (&br).read_exact(&mut [0; 1 << 16]).unwrap();
            });
            assert_eq!(splice(a, b, 9, 0), 3);
        });
        (&aw).write_all(b"abc").unwrap();
        assert_eq!(splice(a, one.as_raw_fd(), 9, 0), 3);
        drop(aw);
        assert_eq!(splice(a, b, 9, 0), 0);
    });
}

/// 100 goroutines that splice, from pipes in which there is nothing yet, and the other way round.
#[test]
fn splices_on_few_threads() {
    on_few_threads("splices", || {
        let pipes: Vec<_> = (0..100).map(|_| (pipe(), pipe())).collect();
        gort::scope(|s| {
            for ((from, _), (_, to)) in &pipes {
                s.go(|| assert_eq!(splice(from.as_raw_fd(), to.as_raw_fd(), 100, 0), 1));
            }
            std::thread::sleep(Duration::from_millis(50));
            for ((_, writer), _) in &pipes {
                { writer }.write_all(b"x").unwrap();
            }
        });
        for (_, (reader, _)) in &pipes {
            let mut got = [0];
            { reader }.read_exact(&mut got).unwrap();
            assert_eq!(&got, b"x");
        }
        assert_eq!(calls("splice"), 100);
    });
}

fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

/// std copies by `copy_file_range`, `sendfile` and `splice`.
#[test]
fn copies() {
    const SIZE: usize = 3_000_000;
    everywhere(|| {
        leaks_nothing(|| {
            let dir = TempDir::new();
            let bytes = pattern(SIZE);
            fs::write(dir.join("a"), &bytes).unwrap();
            let (mut client, mut server) = tcp();
            let (mut reader, mut writer) = pipe();
            let mut out = File::create(dir.join("b")).unwrap();
            std::thread::scope(|s| {
                let last = s.spawn(|| io::copy(&mut reader, &mut out).unwrap());
                gort::scope(|g| {
                    g.go(|| {
                        let mut file = File::open(dir.join("a")).unwrap();
                        assert_eq!(io::copy(&mut file, &mut client).unwrap(), SIZE as u64);
                        client.shutdown(std::net::Shutdown::Write).unwrap();
                    });
                    g.go(|| {
                        assert_eq!(io::copy(&mut server, &mut writer).unwrap(), SIZE as u64);
                        drop(writer);
                    });
                });
                assert_eq!(last.join().unwrap(), SIZE as u64);
            });
            assert!(fs::read(dir.join("b")).unwrap() == bytes);
        });
    });
}

#[test]
fn sendfile() {
    everywhere(|| {
        let dir = TempDir::new();
        let bytes = pattern(1_000_000);
        fs::write(dir.join("a"), &bytes).unwrap();
        let file = File::open(dir.join("a")).unwrap();
        let (client, mut server) = tcp();
        let send = |to: RawFd, from: RawFd, at: &mut i64, count| {
            // SAFETY: see the module.
            let sent = unsafe { libc::sendfile(to, from, at, count) };
            if sent < 0 { -errno() as isize } else { sent }
        };
        let (f, c) = (file.as_raw_fd(), client.as_raw_fd());
        let mut at = 10;
        std::thread::scope(|s| {
            s.spawn(|| {
                std::thread::sleep(Duration::from_millis(3));
                let mut got = vec![0; bytes.len() - 10];
                server.read_exact(&mut got).unwrap();
                assert!(got == bytes[10..]);
            });
            assert_eq!(send(c, f, &mut at, 1 << 40), bytes.len() as isize - 10);
        });
        assert_eq!(at, bytes.len() as i64);
        assert_eq!(send(c, f, &mut at, 100), 0);
        assert_eq!(send(c, f, &mut at, usize::MAX), -libc::EINVAL as isize);
        assert_eq!(send(c, 1 << 20, &mut at, 100), -libc::EBADF as isize);
        assert_eq!(send(f, f, &mut at, 100), -libc::EBADF as isize);
        assert_eq!(send(c, c, &mut at, 100), -libc::ESPIPE as isize);
        // Who does not want to wait is told how much there was room for; and for so long only.
        let some = |at: &mut i64| {
            *at = 0;
            while send(c, f, at, 100_000) > 0 {
                *at = 0;
            }
            *at = 0;
            assert_eq!(send(c, f, at, 100_000), -libc::EAGAIN as isize);
        };
        client.set_nonblocking(true).unwrap();
        some(&mut at);
        client.set_nonblocking(false).unwrap();
        client.set_write_timeout(Some(Duration::from_millis(2))).unwrap();
        some(&mut at);
    });
}
