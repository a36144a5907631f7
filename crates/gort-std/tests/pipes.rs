//! Pipes and what else is read and written: by `RWF_NOWAIT`, or by poll(2), or announced.
//!
//! # Safety
//!
//! A terminal's numbers are nobody else's. Buffers live for as long as the call.

#![allow(unsafe_code)]

use gort_std as _;

#[path = "../../gort/tests/support/mod.rs"]
mod support;

use std::fs::File;
use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::process::{Command, Stdio};
use std::time::Duration;
use support::everywhere;
use support::files::TempDir;

const SHORT: Duration = Duration::from_millis(5);

#[test]
fn pipes() {
    everywhere(|| {
        let (mut reader, mut writer) = std::io::pipe().unwrap();
        let late = gort::go(move || {
            std::thread::sleep(SHORT);
            writer.write_all(b"one ").unwrap();
            std::thread::sleep(SHORT);
            let parts = [IoSlice::new(b"t"), IoSlice::new(b"wo")];
            assert_eq!(writer.write_vectored(&parts).unwrap(), 3);
        });
        let (mut a, mut b) = ([0; 3], [0; 5]);
        let got = reader.read_vectored(&mut [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)]);
        assert_eq!((got.unwrap(), &a, &b[..1]), (4, b"one", &b" "[..]));
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "two");
        late.join().unwrap();
        let (reader, mut writer) = std::io::pipe().unwrap();
        drop(reader);
        assert_eq!(writer.write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn more_than_a_pipe_holds() {
    everywhere(|| {
        const LEN: usize = 1_000_003;
        let (mut reader, mut writer) = std::io::pipe().unwrap();
        let data: Vec<u8> = (0..LEN).map(|i| (i % 253) as u8).collect();
        let sent = data.clone();
        let writes = gort::go(move || {
            assert_eq!(writer.write(&sent).unwrap(), LEN);
            let parts: Vec<_> = sent.chunks(70_001).map(IoSlice::new).collect();
            assert_eq!(writer.write_vectored(&parts).unwrap(), LEN);
        });
        std::thread::sleep(SHORT);
        let mut got = vec![0; 2 * LEN];
        reader.read_exact(&mut got).unwrap();
        assert!(got[..LEN] == data && got[LEN..] == data);
        assert_eq!(reader.read(&mut [0]).unwrap(), 0);
        writes.join().unwrap();
    });
}

#[test]
fn a_childs_output() {
    everywhere(|| {
        let mut command = Command::new("sh");
        command.args(["-c", "read line; sleep 0.02; echo got $line"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"it\n").unwrap();
        let mut text = String::new();
        child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "got it\n");
        assert!(child.wait().unwrap().success());
    });
}

/// What the kernel gives no `RWF_NOWAIT` for: the line is read when it is there.
#[test]
fn terminals() {
    use std::os::fd::FromRawFd;
    everywhere(|| {
        let (mut master, mut slave) = (0, 0);
        let null = std::ptr::null_mut();
        // SAFETY: writes two numbers, which are ours.
        let (mut master, mut slave) = unsafe {
            assert_eq!(libc::openpty(&mut master, &mut slave, null, null.cast(), null.cast()), 0);
            (File::from_raw_fd(master), File::from_raw_fd(slave))
        };
        let reader = gort::go(move || {
            let mut line = [0; 80];
            let got = slave.read(&mut line).unwrap();
            slave.write_all(b"thanks").unwrap();
            (line[..got].to_vec(), slave)
        });
        std::thread::sleep(SHORT);
        master.write_all(b"half").unwrap();
        std::thread::sleep(SHORT);
        master.write_all(b" a line\n").unwrap();
        let (line, slave) = reader.join().unwrap();
        assert_eq!(line, b"half a line\n");
        let mut back = Vec::new();
        while !back.ends_with(b"thanks") {
            let mut buf = [0; 80];
            let got = master.read(&mut buf).unwrap();
            back.extend_from_slice(&buf[..got]);
        }
        drop(slave);
    });
}

#[test]
fn files() {
    everywhere(|| {
        let path = std::env::temp_dir().join(format!("gort-std-file-{}", std::process::id()));
        let mut file =
            File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        file.write_all(b"0123456789").unwrap();
        assert_eq!(file.write_vectored(&[IoSlice::new(b"ab"), IoSlice::new(b"c")]).unwrap(), 3);
        file.write_all_at(b"XY", 4).unwrap();
        let mut part = [0; 4];
        file.read_exact_at(&mut part, 3).unwrap();
        assert_eq!(&part, b"3XY6");
        file.seek(SeekFrom::Start(0)).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "0123XY6789abc");
        let mut null = File::options().read(true).write(true).open("/dev/null").unwrap();
        assert_eq!(null.read(&mut [0; 4]).unwrap(), 0);
        assert_eq!(null.write(b"gone").unwrap(), 4);
        let mut zero = File::open("/dev/zero").unwrap();
        let mut bytes = [7; 4];
        zero.read_exact(&mut bytes).unwrap();
        assert_eq!(bytes, [0; 4]);
        let dir = File::open("/").unwrap();
        assert_eq!((&dir).read(&mut [0]).unwrap_err().kind(), ErrorKind::IsADirectory);
    });
    let calls = |name| gort_std::taken_over().find(|entry| entry.name == name).unwrap().calls;
    assert!(calls("pread64") != 0 && calls("pwrite64") != 0 && calls("writev") != 0);
}

/// Reading and writing with an offset, or without one and as `readv` does, and with flags.
#[test]
fn with_offsets_and_flags() {
    unsafe extern "C" {
        fn preadv64v2(fd: i32, list: *const libc::iovec, count: i32, at: i64, flags: i32) -> isize;
        fn pwritev64v2(fd: i32, list: *const libc::iovec, count: i32, at: i64, flags: i32)
        -> isize;
    }
    type Call = unsafe extern "C" fn(i32, *const libc::iovec, i32, i64, i32) -> isize;
    let (reads, writes): ([Call; 2], [Call; 2]) =
        ([libc::preadv2, preadv64v2], [libc::pwritev2, pwritev64v2]);
    let result = |result: isize| match result {
        -1 => Err(std::io::Error::last_os_error().raw_os_error().unwrap()),
        count => Ok(count as usize),
    };
    everywhere(|| {
        for (read, write) in reads.into_iter().zip(writes) {
            let read = |fd: i32, buf: &mut [u8], at, flags| {
                let list = libc::iovec { iov_base: buf.as_mut_ptr().cast(), iov_len: buf.len() };
                // SAFETY: writes there.
                result(unsafe { read(fd, &list, 1, at, flags) })
            };
            let write = move |fd: i32, buf: &[u8], at, flags| {
                let list =
                    libc::iovec { iov_base: buf.as_ptr().cast_mut().cast(), iov_len: buf.len() };
                // SAFETY: reads there.
                result(unsafe { write(fd, &list, 1, at, flags) })
            };
            let dir = TempDir::new();
            let options = File::options().read(true).write(true).create(true).clone();
            let file = options.open(dir.join("a")).unwrap();
            let (fd, mut buf) = (file.as_raw_fd(), [0; 8]);
            assert_eq!(write(fd, b"abcdef", 3, 0), Ok(6));
            assert_eq!(write(fd, b"xy", -1, 0), Ok(2));
            assert_eq!(write(fd, b"!", 0, libc::RWF_APPEND), Ok(1));
            assert_eq!(read(fd, &mut buf, 0, 0), Ok(8));
            assert_eq!(&buf, b"xy\0abcde");
            assert_eq!(read(fd, &mut buf, -1, libc::RWF_HIPRI), Ok(8));
            assert_eq!(&buf, b"\0abcdef!");
            assert_eq!(read(fd, &mut buf, -2, 0), Err(libc::EINVAL));
            let (reader, writer) = std::io::pipe().unwrap();
            let fd = reader.as_raw_fd();
            assert_eq!(read(fd, &mut buf, -1, libc::RWF_NOWAIT), Err(libc::EAGAIN));
            assert_eq!(read(fd, &mut buf, 0, 0), Err(libc::ESPIPE));
            let late = gort::go(move || {
                std::thread::sleep(SHORT);
                assert_eq!(write(writer.as_raw_fd(), b"late", -1, 0), Ok(4));
            });
            assert_eq!(read(fd, &mut buf, -1, 0), Ok(4));
            late.join().unwrap();
        }
    });
}

/// Counters in the kernel, whose reads and writes may wait.
#[test]
fn counters() {
    use gort_sys::types::EventfdFlags;
    everywhere(|| {
        let counter = File::from(gort_sys::raw::eventfd2(0, EventfdFlags::CLOEXEC).unwrap());
        let other = counter.try_clone().unwrap();
        let adds = gort::go(move || {
            std::thread::sleep(SHORT);
            (&other).write_all(&u64::to_ne_bytes(u64::MAX - 1)).unwrap();
            // There is no room for one more.
            (&other).write_all(&1u64.to_ne_bytes()).unwrap();
        });
        let mut count = [0; 8];
        (&counter).read_exact(&mut count).unwrap();
        assert_eq!(u64::from_ne_bytes(count), u64::MAX - 1);
        (&counter).read_exact(&mut count).unwrap();
        assert_eq!(u64::from_ne_bytes(count), 1);
        adds.join().unwrap();
    });
}
