//! Pipes, and copies of all kinds.

mod support;

use gort::fs::{File, OpenOptions};
use gort::io::{PipeReader, PipeWriter, copy, pipe};
use gort::net::{TcpListener, TcpStream, UnixStream};
use gort::runtime::stats;
use gort_sys::raw::{self, fcntl_getfl, fcntl_getpipe_sz, ioctl_fionread};
use gort_sys::types::{OFlags, PipeFlags};
use std::io::{BufReader, Cursor, ErrorKind, Read, Seek, Write};
use std::os::fd::OwnedFd;
use std::time::Duration;
use support::files::{TempDir, leaks_nothing, pattern};
use support::{all, on_one_p, settle};

/// On goroutines under each GOMAXPROCS, then on an ordinary thread; descriptors are counted.
fn everywhere(test: impl Fn() + Sync) {
    support::everywhere(|| leaks_nothing(&test));
}

/// Two ends of a connection.
fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let there = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (listener.accept().unwrap().0, there)
}

/// What `read` reads while `write` writes.
fn both<R: Send>(write: impl FnOnce() + Send, read: impl FnOnce() -> R) -> R {
    gort::scope(|s| {
        s.go(write);
        read()
    })
}

fn to_end(mut reader: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn pipes() {
    everywhere(|| {
        let (reader, mut writer) = pipe().unwrap();
        let data = pattern(1 << 20);
        let sent = data.clone();
        let got = both(move || writer.write_all(&sent).unwrap(), || to_end(&reader));
        assert!(got == data);
        // Its other end is closed.
        assert_eq!((&reader).read(&mut [0]).unwrap(), 0);
        let (reader, mut writer) = pipe().unwrap();
        drop(reader);
        assert_eq!(writer.write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
    });
}

/// A pipe of packets: a read takes one at most.
#[test]
fn packets() {
    everywhere(|| {
        let pipe = raw::pipe2(PipeFlags::CLOEXEC | PipeFlags::DIRECT).unwrap();
        for i in 0..10 {
            assert_eq!(raw::write(&pipe.writer, &[i; 3]), Ok(3));
        }
        let mut reader = PipeReader::from_std(pipe.reader.into()).unwrap();
        for i in 0..10 {
            let mut buf = [0; 8];
            assert_eq!(reader.read(&mut buf).unwrap(), 3);
            assert_eq!(buf[..3], [i; 3]);
        }
    });
}

#[test]
fn many_pipes() {
    everywhere(|| {
        all(100, |i| {
            let (mut reader, mut writer) = pipe().unwrap();
            let (mut answer, mut question) = pipe().unwrap();
            let echo = gort::go(move || copy(&mut answer, &mut writer).unwrap());
            for round in 0..20 {
                let text = format!("{i} {round}");
                question.write_all(text.as_bytes()).unwrap();
                let mut got = vec![0; text.len()];
                reader.read_exact(&mut got).unwrap();
                assert_eq!(got, text.as_bytes());
            }
            drop(question);
            assert_eq!(to_end(reader), b"");
            assert!(echo.join().unwrap() > 0);
        });
    });
}

/// std's and back; clones; what std makes of it waits for the kernel.
#[test]
fn ends_of_pipes() {
    everywhere(|| {
        let (reader, writer) = pipe().unwrap();
        let mut other = writer.try_clone().unwrap();
        let mut std: std::io::PipeWriter = writer.into_std();
        std.write_all(b"one ").unwrap();
        let mut writer = PipeWriter::from_std(std).unwrap();
        writer.write_all(b"two ").unwrap();
        other.write_all(b"three").unwrap();
        drop((writer, other));
        let clone = reader.try_clone().unwrap();
        drop(reader);
        let owned: OwnedFd = clone.into();
        assert!(!fcntl_getfl(&owned).unwrap().contains(OFlags::NONBLOCK));
        assert_eq!(to_end(PipeReader::from_std(owned.into()).unwrap()), b"one two three");
    });
}

/// Who waits at a pipe takes no thread.
#[test]
fn hundreds_wait() {
    on_one_p(|| {
        let pipes: Vec<_> = (0..200).map(|_| pipe().unwrap()).collect();
        gort::scope(|s| {
            for (reader, _) in &pipes {
                s.go(move || assert_eq!((&mut &*reader).read(&mut [0; 8]).unwrap(), 1));
            }
            for _ in 0..1000 {
                gort::gosched();
            }
            let now = stats();
            assert!(now.threads - now.idle_threads < 10, "{now:?}");
            for (_, writer) in &pipes {
                (&mut &*writer).write_all(b"x").unwrap();
            }
        });
    });
}

/// Copies `data` from each kind of reader to each kind of writer.
fn copies(data: &[u8]) {
    let dir = TempDir::new();
    let path = dir.join("source");
    std::fs::write(&path, data).unwrap();
    let target = dir.join("target");
    let source = || File::open(&path).unwrap();
    let fed = |mut end: Box<dyn Write + Send>| {
        let data = data.to_vec();
        move || end.write_all(&data).unwrap()
    };
    let len = data.len() as u64;

    // From a file.
    assert_eq!(copy(&mut source(), &mut File::create(&target).unwrap()).unwrap(), len);
    assert!(std::fs::read(&target).unwrap() == data);
    let append = OpenOptions::new().append(true).open(&target).unwrap();
    assert_eq!(copy(&mut source(), &mut &append).unwrap(), len);
    assert!(std::fs::read(&target).unwrap() == [data, data].concat());
    let (there, mut here) = connection();
    let got =
        both(move || assert_eq!(copy(&mut source(), &mut here).unwrap(), len), || to_end(&there));
    assert!(got == data);
    let (reader, mut writer) = pipe().unwrap();
    let got =
        both(move || assert_eq!(copy(&mut source(), &mut writer).unwrap(), len), || to_end(reader));
    assert!(got == data);

    // From a connection.
    let (mut there, here) = connection();
    let got = both(fed(Box::new(here)), || {
        let mut file = File::create(&target).unwrap();
        assert_eq!(copy(&mut there, &mut file).unwrap(), len);
        std::fs::read(&target).unwrap()
    });
    assert!(got == data);
    let (mut there, here) = connection();
    let append = OpenOptions::new().append(true).open(&target).unwrap();
    both(fed(Box::new(here)), || assert_eq!(copy(&mut there, &mut &append).unwrap(), len));
    assert!(std::fs::read(&target).unwrap() == [data, data].concat());
    for_streams(data, connection());
    for_streams(data, UnixStream::pair().unwrap());

    // From a pipe.
    let (mut reader, writer) = pipe().unwrap();
    let got = both(fed(Box::new(writer)), || {
        let mut file = File::create(&target).unwrap();
        assert_eq!(copy(&mut reader, &mut file).unwrap(), len);
        std::fs::read(&target).unwrap()
    });
    assert!(got == data);
    for_streams(data, pipe().unwrap());

    // Of what the kernel knows nothing.
    let mut bytes = Vec::new();
    assert_eq!(copy(&mut BufReader::new(source()), &mut bytes).unwrap(), len);
    assert_eq!(copy(&mut Cursor::new(&bytes), &mut File::create(&target).unwrap()).unwrap(), len);
    assert!(std::fs::read(&target).unwrap() == data);
    let mut reader: Box<dyn Read> = Box::new(source());
    assert_eq!(copy(&mut *reader, &mut std::io::sink()).unwrap(), len);
}

/// From one stream through it to a connection and a pipe.
fn for_streams<R, W>(data: &[u8], (mut from, mut feed): (R, W))
where
    R: Read + Send,
    W: Write + Send,
{
    let half = data.len() / 2;
    gort::scope(|s| {
        s.go(move || feed.write_all(data).unwrap());
        let (there, mut here) = connection();
        let (reader, mut writer) = pipe().unwrap();
        let between = s.go(move || {
            let first = copy(&mut (&mut from).take(half as u64), &mut here).unwrap();
            drop(here);
            (first, copy(&mut from, &mut writer).unwrap())
        });
        let first = to_end(&there);
        let second = to_end(reader);
        assert_eq!(between.join().unwrap(), (first.len() as u64, second.len() as u64));
        assert!([first, second].concat() == data);
    });
}

#[test]
fn of_all_kinds() {
    everywhere(|| {
        for len in [0, 1, 70_000, 1_000_000] {
            copies(&pattern(len));
        }
    });
}

/// As much as is let through, from where the file is, and no more.
#[test]
fn limits() {
    everywhere(|| {
        let dir = TempDir::new();
        let path = dir.join("source");
        let data = pattern(100_000);
        std::fs::write(&path, &data).unwrap();
        let mut file = File::open(&path).unwrap();
        file.seek(std::io::SeekFrom::Start(10)).unwrap();
        let mut target = File::create(dir.join("target")).unwrap();
        let mut take = (&mut file).take(50_000);
        assert_eq!(copy(&mut take, &mut target).unwrap(), 50_000);
        assert_eq!(take.limit(), 0);
        assert_eq!(file.stream_position().unwrap(), 50_010);
        let mut take = (&file).take(1000);
        let (reader, mut writer) = pipe().unwrap();
        assert_eq!(copy(&mut take, &mut writer).unwrap(), 1000);
        drop(writer);
        assert!(to_end(reader) == data[50_010..51_010]);
        let mut take = file.take(1 << 40);
        assert_eq!(copy(&mut take, &mut target).unwrap(), 100_000 - 51_010);
        assert_eq!(take.limit(), (1 << 40) - (100_000 - 51_010));
        let copied = std::fs::read(dir.join("target")).unwrap();
        assert!(copied == [&data[10..50_010], &data[51_010..]].concat());
    });
}

/// Files that are not what they look like to the kernel, and failures.
#[test]
fn odd_files() {
    everywhere(|| {
        let dir = TempDir::new();
        let target = dir.join("target");
        // Of length 0, for stat(2).
        let mut version = File::open("/proc/version").unwrap();
        let len = copy(&mut version, &mut File::create(&target).unwrap()).unwrap();
        assert_eq!(len, std::fs::read("/proc/version").unwrap().len() as u64);
        assert_eq!(std::fs::metadata(&target).unwrap().len(), len);
        let mut zeros = File::open("/dev/zero").unwrap().take(100_000);
        let mut file = File::create(&target).unwrap();
        assert_eq!(copy(&mut zeros, &mut file).unwrap(), 100_000);
        assert_eq!(zeros.limit(), 0);
        assert!(std::fs::read(&target).unwrap() == vec![0; 100_000]);

        let mut source = File::open(&target).unwrap();
        let full = copy(&mut source, &mut File::create("/dev/full").unwrap());
        assert_eq!(full.unwrap_err().kind(), ErrorKind::StorageFull);
        let mut here = File::open(dir.path()).unwrap();
        assert_eq!(copy(&mut here, &mut file).unwrap_err().kind(), ErrorKind::IsADirectory);
        let (reader, mut writer) = pipe().unwrap();
        drop(reader);
        source.rewind().unwrap();
        let broken = copy(&mut source, &mut writer);
        assert_eq!(broken.unwrap_err().kind(), ErrorKind::BrokenPipe);
        let (mut reader, mut full) = pipe().unwrap();
        full.write_all(b"x").unwrap();
        drop(full);
        let broken = copy(&mut reader, &mut writer);
        assert_eq!(broken.unwrap_err().kind(), ErrorKind::BrokenPipe);
        let written_only = File::create(&target).unwrap();
        assert!(copy(&mut &written_only, &mut std::io::sink()).is_err());
        assert!(copy(&mut &written_only, &mut &written_only).is_err());
    });
}

/// After a copy that ends in the middle, the rest is there to be read, whatever came before.
#[test]
fn copying_and_reading() {
    everywhere(|| {
        let (mut there, mut here) = connection();
        for _ in 0..20 {
            here.write_all(b"01").unwrap();
            // Less than there is room for: the next read of this kind waits for an event first.
            assert_eq!(there.read(&mut [0; 10]).unwrap(), 2);
            here.write_all(b"23456789").unwrap();
            // All of it has come, in one event, which the copy takes.
            gort::time::sleep(Duration::from_millis(1));
            let (reader, mut writer) = pipe().unwrap();
            assert_eq!(copy(&mut (&mut there).take(3), &mut writer).unwrap(), 3);
            drop(writer);
            assert_eq!(to_end(reader), b"234");
            let mut rest = [0; 5];
            there.read_exact(&mut rest).unwrap();
            assert_eq!(rest, *b"56789");
        }
    });
}

/// How many calls this process has made that read, or are like it, and how many bytes these have got;
/// sysmon's, which are short, among them.
fn reads() -> Option<[u64; 2]> {
    let io = std::fs::read_to_string("/proc/self/io").ok()?;
    let figure = |name| io.lines().find_map(|line| line.strip_prefix(name)?.parse().ok());
    Some([figure("syscr: ")?, figure("rchar: ")?])
}

/// Copies between gort's own are made by the kernel, whether they come as they are, by reference, or with
/// a limit.
#[test]
fn in_the_kernel() {
    const LEN: u64 = 32 << 20;
    on_one_p(|| {
        let Some(before) = reads() else {
            println!("this kernel does not count calls");
            return;
        };
        let dir = TempDir::new();
        let path = dir.join("source");
        let data = pattern(LEN as usize);
        std::fs::write(&path, &data).unwrap();
        let open = || File::open(&path).unwrap();
        let create = || File::create(dir.join("target")).unwrap();
        let copied = [
            copy(&mut open(), &mut create()),
            copy(&mut &open(), &mut &create()),
            copy(&mut &mut open(), &mut &mut create()),
            copy(&mut open().take(LEN), &mut create()),
            copy(&mut (&open()).take(LEN), &mut create()),
            copy(&mut (&mut open()).take(LEN), &mut create()),
        ];
        assert_eq!(copied.map(Result::unwrap), [LEN; 6]);
        // std's 8 KiB at a time are 4,096 calls for each of these.
        let calls = reads().unwrap()[0] - before[0];
        assert!(calls < 2000, "{calls}");

        // Through connections and a pipe to a file: splice(2) does not count.
        let ((mut one, mut two), (mut three, mut four)) = (connection(), connection());
        let (mut reader, mut writer) = pipe().unwrap();
        let before = reads().unwrap()[1];
        gort::scope(|s| {
            s.go(|| {
                two.write_all(&data).unwrap();
                drop(two);
            });
            s.go(move || copy(&mut one, &mut three).unwrap());
            s.go(move || copy(&mut four, &mut writer).unwrap());
            assert_eq!(copy(&mut reader, &mut create()).unwrap(), LEN);
        });
        let bytes = reads().unwrap()[1] - before;
        assert!(bytes < LEN, "{bytes}");
        assert!(std::fs::read(dir.join("target")).unwrap() == data);
    });
}

/// What has been read of a file and is not in the pipe yet is nowhere: the kernel copies.
#[test]
fn from_a_file_in_the_kernel() {
    on_one_p(|| {
        let dir = TempDir::new();
        let path = dir.join("source");
        std::fs::write(&path, pattern(1 << 20)).unwrap();
        let file = File::open(&path).unwrap();
        let mut same = file.try_clone().unwrap();
        let (reader, mut writer) = pipe().unwrap();
        let room = u64::from(fcntl_getpipe_sz(&reader).unwrap());
        let copying = gort::go(move || copy(&mut &file, &mut writer).unwrap());
        while same.stream_position().unwrap() < room {
            gort::gosched();
        }
        settle();
        assert_eq!(same.stream_position().unwrap(), ioctl_fionread(&reader).unwrap() as u64);
        assert!(to_end(reader) == pattern(1 << 20));
        assert_eq!(copying.join().unwrap(), 1 << 20);
    });
}
