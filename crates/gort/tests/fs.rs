//! Files and directories: std's results, on goroutines and threads.
//!
//! # Safety
//!
//! A descriptor's number is made a file of again once, by whom it belonged to.

#![allow(unsafe_code)]

mod support;

use gort::fs::{self, DirBuilder, File, OpenOptions};
use gort::runtime::stats;
use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, DirEntryExt, FileExt, MetadataExt, OpenOptionsExt};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::atomic::{AtomicBool, Ordering};
use support::files::{TempDir, leaks_nothing, pattern};
use support::{all, on_one_p, spin};

/// On goroutines under each GOMAXPROCS, then on an ordinary thread; descriptors are counted.
fn everywhere(test: impl Fn(&TempDir) + Sync) {
    support::everywhere(|| leaks_nothing(|| test(&TempDir::new())));
}

#[test]
fn reading_and_writing() {
    everywhere(|dir| {
        let path = dir.join("file");
        let data = pattern(100_000);
        let mut file = File::create_new(&path).unwrap();
        file.write_all(&data).unwrap();
        assert_eq!(file.stream_position().unwrap(), 100_000);
        file.flush().unwrap();
        file.rewind().unwrap();
        let mut got = vec![0; 100];
        (&file).read_exact(&mut got).unwrap();
        assert_eq!(got, data[..100]);
        assert_eq!(file.seek(SeekFrom::End(-10)).unwrap(), 99_990);
        got.clear();
        assert_eq!(file.read_to_end(&mut got).unwrap(), 10);
        assert_eq!(got, data[99_990..]);
        assert_eq!(file.read(&mut [0; 10]).unwrap(), 0);
        file.sync_data().unwrap();
        drop(file);
        assert_eq!(fs::read(&path).unwrap(), data);
        assert_eq!(std::fs::read(&path).unwrap(), data);
        fs::write(&path, "text").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "text");
        let mut text = String::new();
        File::open(&path).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "text");
        fs::write(&path, b"\xff").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap_err().kind(), ErrorKind::InvalidData);
    });
}

#[test]
fn at_places_and_in_pieces() {
    everywhere(|dir| {
        let path = dir.join("file");
        let file = File::options().read(true).write(true).create(true).open(&path).unwrap();
        file.write_all_at(b"0123456789", 5).unwrap();
        let mut got = [0; 4];
        file.read_exact_at(&mut got, 8).unwrap();
        assert_eq!(got, *b"3456");
        assert_eq!(file.read_at(&mut got, 100).unwrap(), 0);
        assert_eq!((&file).stream_position().unwrap(), 0);
        let written = (&file).write_vectored(&[IoSlice::new(b"ab"), IoSlice::new(b"cde")]).unwrap();
        assert_eq!(written, 5);
        (&file).rewind().unwrap();
        let (mut first, mut second) = ([0; 3], [0; 4]);
        let mut bufs = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
        assert_eq!((&file).read_vectored(&mut bufs).unwrap(), 7);
        assert_eq!((first, second), (*b"abc", *b"de01"));
        // More pieces than the kernel takes.
        let many: Vec<_> = (0..2000).map(|_| IoSlice::new(b"x")).collect();
        assert_eq!((&file).write_vectored(&many).unwrap(), 1024);
    });
}

#[test]
fn what_a_file_is() {
    everywhere(|dir| {
        let path = dir.join("file");
        let file = OpenOptions::new().write(true).create_new(true).mode(0o640).open(&path).unwrap();
        file.set_len(1234).unwrap();
        file.sync_all().unwrap();
        let known = file.metadata().unwrap();
        assert!(known.is_file());
        assert_eq!((known.len(), known.mode() & 0o777), (1234, 0o640));
        let time = known.modified().unwrap() - std::time::Duration::from_secs(1000);
        file.set_modified(time).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), time);
        file.set_permissions(PermissionsExt::from_mode(0o600)).unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o400)).unwrap();
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o400);
        assert!(format!("{file:?}").starts_with("File {"));
        let mut other = file.try_clone().unwrap();
        other.write_all(b"abc").unwrap();
        assert_eq!((&file).stream_position().unwrap(), 3);
        let again = OpenOptions::new().append(true).open(&path);
        assert!(again.is_ok() || again.unwrap_err().kind() == ErrorKind::PermissionDenied);
        assert_eq!(
            OpenOptions::new().write(true).create_new(true).open(&path).unwrap_err().kind(),
            ErrorKind::AlreadyExists
        );
        fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        drop(OpenOptions::new().write(true).truncate(true).open(&path).unwrap());
        assert_eq!(fs::metadata(&path).unwrap().len(), 0);
    });
}

#[test]
fn directories() {
    everywhere(|dir| {
        let deep = dir.join("a/b/c");
        assert_eq!(fs::create_dir(&deep).unwrap_err().kind(), ErrorKind::NotFound);
        fs::create_dir_all(&deep).unwrap();
        DirBuilder::new().mode(0o700).create(dir.join("private")).unwrap();
        assert_eq!(fs::metadata(dir.join("private")).unwrap().mode() & 0o777, 0o700);
        for i in 0..300 {
            fs::write(deep.join(format!("file{i}")), "").unwrap();
        }
        let mut names: Vec<_> = fs::read_dir(&deep)
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                assert!(entry.file_type().unwrap().is_file());
                assert_eq!(entry.metadata().unwrap().ino(), entry.ino());
                assert_eq!(entry.path(), deep.join(entry.file_name()));
                entry.file_name().into_string().unwrap()
            })
            .collect();
        names.sort_by_key(|name| name[4..].parse::<u32>().unwrap());
        assert_eq!(names, (0..300).map(|i| format!("file{i}")).collect::<Vec<_>>());
        let full = fs::remove_dir(&deep).unwrap_err().kind();
        assert_eq!(full, ErrorKind::DirectoryNotEmpty);
        fs::remove_dir_all(dir.join("a")).unwrap();
        assert!(!fs::exists(&deep).unwrap());
        fs::remove_dir(dir.join("private")).unwrap();
    });
}

#[test]
fn names() {
    everywhere(|dir| {
        let [one, two, three] = ["one", "two", "three"].map(|name| dir.join(name));
        fs::write(&one, pattern(300_000)).unwrap();
        assert_eq!(fs::copy(&one, &two).unwrap(), 300_000);
        assert_eq!(fs::read(&two).unwrap(), pattern(300_000));
        fs::hard_link(&one, &three).unwrap();
        assert_eq!(fs::metadata(&one).unwrap().nlink(), 2);
        fs::rename(&three, &two).unwrap();
        fs::rename(&two, dir.join("four")).unwrap();
        fs::remove_file(&one).unwrap();
        symlink("four", &one).unwrap();
        assert_eq!(fs::read_link(&one).unwrap().to_str(), Some("four"));
        assert!(fs::symlink_metadata(&one).unwrap().is_symlink());
        assert!(fs::metadata(&one).unwrap().is_file());
        let real = std::fs::canonicalize(dir.path()).unwrap();
        assert_eq!(fs::canonicalize(&one).unwrap(), real.join("four"));
        assert!(fs::exists(&one).unwrap() && !fs::exists(&two).unwrap());
    });
}

/// What std says as well.
#[test]
fn bad_input() {
    everywhere(|dir| {
        let missing = dir.join("missing");
        let kind = |result: std::io::Result<()>| result.unwrap_err().kind();
        assert_eq!(kind(File::open(&missing).map(drop)), ErrorKind::NotFound);
        assert_eq!(kind(fs::read(&missing).map(drop)), ErrorKind::NotFound);
        assert_eq!(kind(fs::metadata(&missing).map(drop)), ErrorKind::NotFound);
        assert_eq!(kind(fs::remove_file(&missing)), ErrorKind::NotFound);
        assert_eq!(kind(fs::read_dir(&missing).map(drop)), ErrorKind::NotFound);
        assert_eq!(kind(fs::read_dir("/dev/null").map(drop)), ErrorKind::NotADirectory);
        assert_eq!(kind(File::create(dir.path()).map(drop)), ErrorKind::IsADirectory);
        let mut open = File::open(dir.path()).unwrap();
        assert_eq!(kind(open.read(&mut [0]).map(drop)), ErrorKind::IsADirectory);
        assert_eq!(kind(open.write(&[0]).map(drop)), kind_of_bad_descriptor());
        assert_eq!(kind(File::open("nul\0inside").map(drop)), ErrorKind::InvalidInput);
        assert_eq!(kind(OpenOptions::new().open(dir.path()).map(drop)), ErrorKind::InvalidInput);
        let long = "x/".repeat(5000);
        assert_eq!(kind(File::open(&long).map(drop)), ErrorKind::InvalidFilename);
        let mut full = File::create("/dev/full").unwrap();
        assert_eq!(kind(full.write_all(b"x")), ErrorKind::StorageFull);
        assert_eq!(kind(full.write_all_at(b"x", 0)), ErrorKind::StorageFull);
        let looped = dir.join("loop");
        symlink(&looped, &looped).unwrap();
        assert!(fs::metadata(&looped).is_err());
    });
}

fn kind_of_bad_descriptor() -> ErrorKind {
    std::io::Error::from_raw_os_error(libc::EBADF).kind()
}

/// As deep as a path and the descriptors allow: on the stack that such calls are made on.
#[test]
fn deep_trees() {
    everywhere(|dir| {
        let deep = dir.join("d/".repeat(700));
        fs::create_dir_all(&deep).unwrap();
        fs::write(deep.join("file"), "x").unwrap();
        fs::remove_dir_all(dir.join("d")).unwrap();
        assert!(!fs::exists(dir.join("d")).unwrap());
        let too_deep = dir.join("d/".repeat(2040));
        assert_eq!(fs::create_dir_all(&too_deep).unwrap_err().kind(), ErrorKind::InvalidFilename);
    });
}

#[test]
fn owned_descriptors() {
    everywhere(|dir| {
        let path = dir.join("file");
        fs::write(&path, "0123456789").unwrap();
        let file = File::open(&path).unwrap();
        let number = file.as_raw_fd();
        let mut std = file.into_std();
        assert_eq!(std.as_raw_fd(), number);
        std.read_exact(&mut [0; 2]).unwrap();
        let owned: OwnedFd = File::from(std).into();
        let mut got = [0; 2];
        File::from(owned.try_clone().unwrap()).read_exact(&mut got).unwrap();
        assert_eq!(got, *b"23");
        let number = File::from(owned).into_raw_fd();
        // SAFETY: the number is nobody's else.
        let mut file = unsafe { File::from_raw_fd(number) };
        file.read_exact(&mut got).unwrap();
        assert_eq!(got, *b"45");
        let std: std::fs::File = file.into();
        assert_eq!(std.as_raw_fd(), number);
    });
}

/// One that waits for a lock leaves its P to others.
#[test]
fn locks() {
    everywhere(|dir| {
        let path = dir.join("file");
        let first = File::create(&path).unwrap();
        let second = File::open(&path).unwrap();
        first.lock().unwrap();
        assert!(matches!(second.try_lock(), Err(fs::TryLockError::WouldBlock)));
        let unlocked = AtomicBool::new(false);
        gort::scope(|s| {
            let waiter = s.go(|| {
                second.lock_shared().unwrap();
                assert!(unlocked.load(Ordering::Relaxed));
                second.unlock().unwrap();
            });
            for _ in 0..100 {
                gort::gosched();
            }
            unlocked.store(true, Ordering::Relaxed);
            first.unlock().unwrap();
            waiter.join().unwrap();
        });
        first.try_lock_shared().unwrap();
        second.try_lock_shared().unwrap();
    });
}

/// Opening and reading a FIFO waits in the kernel, and others go on.
#[test]
fn a_fifo() {
    everywhere(|dir| {
        let path = dir.join("fifo");
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        gort::scope(|s| {
            let reader = s.go(|| fs::read_to_string(&path).unwrap());
            for _ in 0..100 {
                gort::gosched();
            }
            let mut writer = OpenOptions::new().write(true).open(&path).unwrap();
            for _ in 0..3 {
                writer.write_all(b"piece ").unwrap();
                spin(100_000);
                gort::gosched();
            }
            drop(writer);
            assert_eq!(reader.join().unwrap(), "piece piece piece ");
        });
    });
}

#[test]
fn many_at_once() {
    everywhere(|dir| {
        all(50, |i| {
            for round in 0..10 {
                let path = dir.join(format!("{i}-{round}"));
                fs::write(&path, pattern(i * 100)).unwrap();
                let mut got = Vec::new();
                File::open(&path).unwrap().read_to_end(&mut got).unwrap();
                assert_eq!(got, pattern(i * 100));
            }
        });
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 500);
    });
}

/// The scheduler is told: it takes the P of a call that lasts as that of a call, not as that of code that
/// has fallen asleep.
#[test]
fn calls_are_announced() {
    on_one_p(|| {
        let dir = TempDir::new();
        let path = dir.join("fifo");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let open = || OpenOptions::new().read(true).write(true).open(&path).unwrap();
        let wake = || (&open()).write_all(b"x").unwrap();
        // By a system call, and by the way of C.
        let calls: [&(dyn Fn(&File) -> usize + Sync); 2] =
            [&|mut fifo: &File| fifo.read(&mut [0]).unwrap(), &|mut fifo: &File| {
                fifo.read_vectored(&mut [IoSliceMut::new(&mut [0])]).unwrap()
            }];
        let taken = || (stats().retaken_calls, stats().rescues);
        for read in calls {
            let fifo = open();
            let announced = || {
                let before = taken();
                gort::scope(|s| {
                    let reader = s.go(|| read(&fifo));
                    while taken() == before {
                        gort::gosched();
                    }
                    wake();
                    assert_eq!(reader.join().unwrap(), 1);
                });
                taken().0 != before.0
            };
            // One whose thread the machine has held up before the call is rescued from.
            while !announced() {}
        }
        let file = File::create(dir.join("file")).unwrap();
        let before = stats().handed_off;
        file.lock().unwrap();
        assert!(stats().handed_off > before);
    });
}
