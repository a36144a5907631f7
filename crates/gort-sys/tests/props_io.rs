//! Positions, lengths and offsets over their whole range, against libc's calls on a twin file.
//!
//! # Safety
//!
//! Unsafe code is libc's functions on the arguments of ours.

#![allow(unsafe_code)]

mod scratch;
mod support;

use gort_sys::fd::{AsRawFd, OwnedFd};
use gort_sys::types::*;
use gort_sys::{Errno, raw};
use proptest::prelude::*;
use scratch::Scratch;
use support::c;

const LEN: u64 = 10_000;

/// Two files with the same contents: one for us, one for libc.
struct Twins {
    scratch: Scratch,
    ours: OwnedFd,
    theirs: OwnedFd,
}

impl Twins {
    fn new() -> Twins {
        let scratch = Scratch::new();
        let contents: Vec<u8> = (0..LEN).map(|i| (i % 251) as u8).collect();
        let (ours, theirs) = (scratch.file("ours", &contents), scratch.file("theirs", &contents));
        Twins { scratch, ours, theirs }
    }

    fn number(&self) -> i32 {
        self.theirs.as_raw_fd()
    }

    /// Whether size, storage and (of files that are not huge) contents are the same.
    fn same(&self) -> Result<(), TestCaseError> {
        let (a, b) = (raw::fstat(&self.ours).unwrap(), raw::fstat(&self.theirs).unwrap());
        prop_assert_eq!((a.st_size, a.st_blocks), (b.st_size, b.st_blocks));
        if a.st_size < 1 << 24 {
            let read = |name| std::fs::read(self.scratch.path(name)).unwrap();
            prop_assert!(read("ours") == read("theirs"), "contents differ");
        }
        Ok(())
    }
}

/// Near the start, near the end, near the limits of 32 and 63 bits, and anywhere.
fn offset() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 0..LEN + 100,
        1 => (1 << 32) - 2..(1u64 << 32) + 2,
        2 => i64::MAX as u64 - 5000..i64::MAX as u64 + 3,
        1 => any::<u64>(),
    ]
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn lseek(moves in prop::collection::vec((offset(), any::<bool>(), 0..5i32), 1..8)) {
        let twins = Twins::new();
        for (offset, negative, whence) in moves {
            let by = if negative { (offset as i64).wrapping_neg() } else { offset as i64 };
            let to = match whence {
                libc::SEEK_SET => SeekFrom::Start(by as u64),
                libc::SEEK_CUR => SeekFrom::Current(by),
                libc::SEEK_END => SeekFrom::End(by),
                libc::SEEK_DATA => SeekFrom::Data(by as u64),
                _ => SeekFrom::Hole(by as u64),
            };
            let theirs = c!(libc::lseek(twins.number(), by, whence));
            prop_assert_eq!(raw::lseek(&twins.ours, to).map(|at| at as i64), theirs);
        }
    }

    #[test]
    fn pread_and_pwrite(len in 0..9000usize, at in offset(), start in offset()) {
        let twins = Twins::new();
        let bytes: Vec<u8> = (0..len).map(|i| (i % 13) as u8).collect();
        // Not so far that the test fills the disk: files are sparse, but their end costs metadata.
        let theirs = c!(libc::pwrite(twins.number(), bytes.as_ptr().cast(), len, at as i64));
        prop_assert_eq!(raw::pwrite64(&twins.ours, &bytes, at).map(|n| n as i64), theirs);
        let (mut a, mut b) = (vec![1; len], vec![1; len]);
        for at in [at, start] {
            let theirs = c!(libc::pread(twins.number(), b.as_mut_ptr().cast(), len, at as i64));
            prop_assert_eq!(raw::pread64(&twins.ours, &mut a, at).map(|n| n as i64), theirs);
            prop_assert_eq!(&a, &b);
        }
        twins.same()?;
    }

    #[test]
    fn vectors(lens in prop::collection::vec(0..3000usize, 0..20), at in offset(), flags in 0..64u32) {
        let twins = Twins::new();
        let room: Vec<Vec<u8>> = lens.iter().map(|len| vec![7; *len]).collect();
        let ours: Vec<IoSlice<'_>> = room.iter().map(|part| IoSlice::new(part)).collect();
        let theirs: Vec<libc::iovec> = room
            .iter()
            .map(|part| libc::iovec { iov_base: part.as_ptr() as *mut _, iov_len: part.len() })
            .collect();
        let (n, p, len) = (twins.number(), theirs.as_ptr(), theirs.len() as i32);
        let set = RwFlags::from_bits_retain(flags);
        let answer = c!(libc::pwritev2(n, p, len, at as i64, flags as i32));
        prop_assert_eq!(raw::pwritev2(&twins.ours, &ours, at, set).map(|n| n as i64), answer);
        let answer = c!(libc::pwritev(n, p, len, at as i64));
        prop_assert_eq!(raw::pwritev(&twins.ours, &ours, at).map(|n| n as i64), answer);
        twins.same()?;
        let mut room: Vec<Vec<u8>> = lens.iter().map(|len| vec![7; *len]).collect();
        let mut ours: Vec<_> = room.iter_mut().map(|part| IoSliceMut::new(part)).collect();
        // libc reads over what was written from; the kernel writes there.
        let mut other: Vec<Vec<u8>> = lens.iter().map(|len| vec![7; *len]).collect();
        let theirs: Vec<libc::iovec> = other
            .iter_mut()
            .map(|part| libc::iovec { iov_base: part.as_mut_ptr().cast(), iov_len: part.len() })
            .collect();
        let answer = c!(libc::preadv(n, theirs.as_ptr(), len, at as i64));
        prop_assert_eq!(raw::preadv(&twins.ours, &mut ours, at).map(|n| n as i64), answer);
        drop(ours);
        prop_assert_eq!(room, other);
    }

    #[test]
    fn fallocate(mode in 0..128u32, at in offset(), len in offset()) {
        // Storage is really taken: no more of it than a test should.
        prop_assume!(len < 1 << 20 || len > i64::MAX as u64 - 10_000 || mode & 2 != 0);
        let twins = Twins::new();
        let extent = Extent { offset: at, len };
        let ours = raw::fallocate(&twins.ours, FallocateMode::from_bits_retain(mode), extent);
        let theirs = c!(libc::fallocate(twins.number(), mode as i32, at as i64, len as i64));
        prop_assert_eq!(ours.map(|()| 0), theirs);
        twins.same()?;
    }

    #[test]
    fn truncate_and_sync_file_range(len in offset(), at in offset(), flags in 0..16u32) {
        let twins = Twins::new();
        let theirs = c!(libc::truncate(twins.scratch.c_path("theirs").as_ptr(), len as i64));
        prop_assert_eq!(raw::truncate(twins.scratch.path("ours"), len).map(|()| 0), theirs);
        let theirs = c!(libc::ftruncate(twins.number(), at as i64));
        prop_assert_eq!(raw::ftruncate(&twins.ours, at).map(|()| 0), theirs);
        twins.same()?;
        let part = Extent { offset: at, len };
        let theirs = c!(libc::sync_file_range(twins.number(), at as i64, len as i64, flags));
        let set = SyncFileRangeFlags::from_bits_retain(flags);
        prop_assert_eq!(raw::sync_file_range(&twins.ours, part, set).map(|()| 0), theirs);
        let theirs = c!(libc::readahead(twins.number(), at as i64, len as usize));
        prop_assert_eq!(raw::readahead(&twins.ours, part).map(|()| 0), theirs);
    }

    #[test]
    fn copies(from_at in offset(), to_at in offset(), len in 0..20_000usize, positions in 0..4u8) {
        let (from, to) = (Twins::new(), Twins::new());
        let (mut a, mut b) = (from_at, to_at);
        let (mut c, mut d) = (from_at as i64, to_at as i64);
        let (with_from, with_to) = (positions & 1 != 0, positions & 2 != 0);
        let (p, q) = (with_from.then_some(&mut a), with_to.then_some(&mut b));
        let ours = raw::copy_file_range(&from.ours, p, &to.ours, q, len);
        let null = std::ptr::null_mut;
        let p = if with_from { &raw mut c } else { null() };
        let q = if with_to { &raw mut d } else { null() };
        let theirs = c!(libc::copy_file_range(from.number(), p, to.number(), q, len, 0));
        prop_assert_eq!(ours.map(|n| n as i64), theirs);
        prop_assert_eq!((a as i64, b as i64), (c, d));
        to.same()?;
        let mut at = from_at;
        let mut their_at = from_at as i64;
        let ours = raw::sendfile(&to.ours, &from.ours, Some(&mut at), len);
        let theirs = c!(libc::sendfile(to.number(), from.number(), &mut their_at, len));
        prop_assert_eq!(ours.map(|n| n as i64), theirs);
        prop_assert_eq!(at as i64, their_at);
    }

    /// Operations that take a number, on descriptors of several kinds: the same value or error.
    #[test]
    fn fcntl(op in prop_oneof![1..4u32, 1025..1036u32, any::<u32>()], arg in 0..3000usize, kind in 0..3) {
        // Locks and owners take addresses or other processes; duplicates would have to be closed;
        // F_DUPFD_QUERY (1027) takes a descriptor, and the two here have different numbers.
        prop_assume!(![0, 5, 6, 7, 36, 37, 38, 1026, 1027, 1030].contains(&op) && !(8..=17).contains(&op));
        prop_assume!(!(1035..=1038).contains(&op));
        let fd = || match kind {
            0 => raw::memfd_create(c"x", MemfdFlags::ALLOW_SEALING).unwrap(),
            1 => raw::eventfd2(0, EventfdFlags::empty()).unwrap(),
            _ => raw::pipe2(PipeFlags::empty()).unwrap().reader,
        };
        let (a, b) = (fd(), fd());
        // SAFETY: operations that take a number, or that do not exist.
        let ours = unsafe { raw::fcntl(&a, op, arg) }.map(i64::from);
        let theirs = c!(libc::fcntl(b.as_raw_fd(), op as i32, arg));
        prop_assert_eq!(ours, theirs);
        let flags = |fd: &OwnedFd| (raw::fcntl_getfd(fd), raw::fcntl_getfl(fd));
        prop_assert_eq!(flags(&a), flags(&b));
        let (sealed, size) = (raw::fcntl_get_seals(&a), raw::fcntl_getpipe_sz(&a));
        let their_seals = c!(libc::fcntl(b.as_raw_fd(), libc::F_GET_SEALS));
        prop_assert_eq!(sealed.map(|seals| i64::from(seals.bits())), their_seals);
        let their_size = c!(libc::fcntl(b.as_raw_fd(), libc::F_GETPIPE_SZ));
        prop_assert_eq!(size.map(i64::from), their_size);
    }
}

#[test]
fn the_comparison_can_fail() {
    let twins = Twins::new();
    assert_eq!(raw::pwrite64(&twins.ours, b"x", 0), Ok(1));
    assert!(twins.same().is_err());
    assert_eq!(c!(libc::lseek(-1, 0, 0)), Err(Errno::EBADF));
}
