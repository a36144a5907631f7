//! Memory: mapped, moved, protected, advised, locked.
//!
//! # Safety
//!
//! Every mapping here is made by its test, which uses it between making and unmapping it, and the
//! addresses given to unsafe calls lie in it or are ones the kernel refuses. What is unmapped is
//! only asked about again in a child, where no other thread can have mapped it. The rest is libc's
//! functions on the arguments of ours.

#![allow(unsafe_code)]

mod scratch;
mod support;

use gort_sys::fd::AsFd;
use gort_sys::types::*;
use gort_sys::{Errno, raw};
use proptest::prelude::*;
use scratch::Scratch;
use std::os::fd::AsRawFd;
use std::ptr::null_mut;
use support::{REFUSED, allowed, c, child_holds};

const PAGE: usize = 4096;
const RW: Prot = Prot::READ.union(Prot::WRITE);
const ANONYMOUS: MapFlags = MapFlags::PRIVATE.union(MapFlags::ANONYMOUS);

#[test]
fn fresh_zeroes() {
    child_holds(|| {
        let map = raw::mmap_anonymous(3 * PAGE, RW).unwrap();
        // SAFETY: see the module.
        unsafe {
            assert_eq!(map.add(3 * PAGE - 1).read(), 0);
            map.write(7);
            assert_eq!(raw::munmap(map.add(PAGE), PAGE), Ok(()));
            assert_eq!(raw::msync(map, 3 * PAGE, MsyncFlags::ASYNC), Err(Errno::ENOMEM));
            assert_eq!(raw::munmap(map, 3 * PAGE), Ok(()));
            assert_eq!(raw::munmap(map.add(1), PAGE), Err(Errno::EINVAL));
            assert_eq!(raw::munmap(map, 0), Err(Errno::EINVAL));
        }
        assert_eq!(raw::mmap_anonymous(0, RW), Err(Errno::EINVAL));
        assert_eq!(raw::mmap_anonymous(usize::MAX / 2, RW), Err(Errno::ENOMEM));
    });
}

#[test]
fn a_file_by_all_six_arguments() {
    let scratch = Scratch::new();
    let mut contents = vec![b'a'; PAGE];
    contents.extend(vec![b'b'; PAGE]);
    let file = scratch.file("a", &contents);
    // SAFETY: see the module; the file does not shrink meanwhile.
    unsafe {
        let place = raw::mmap_anonymous(4 * PAGE, Prot::empty()).unwrap();
        let target = place.add(2 * PAGE);
        let flags = MapFlags::SHARED | MapFlags::FIXED;
        let map = raw::mmap(target, PAGE, RW, flags, Some(file.as_fd()), PAGE as u64).unwrap();
        assert_eq!(map, target);
        assert_eq!(map.read(), b'b');
        map.write(b'!');
        assert_eq!(raw::msync(map, PAGE, MsyncFlags::SYNC), Ok(()));
        assert_eq!(std::fs::read(scratch.path("a")).unwrap()[PAGE], b'!');
        let both = MsyncFlags::SYNC | MsyncFlags::ASYNC;
        assert_eq!(raw::msync(map, PAGE, both), Err(Errno::EINVAL));
        let taken = ANONYMOUS | MapFlags::FIXED_NOREPLACE;
        assert_eq!(raw::mmap(map, PAGE, RW, taken, None, 0), Err(Errno::EEXIST));
        let none = Some(support::closed());
        assert_eq!(raw::mmap(null_mut(), PAGE, RW, MapFlags::PRIVATE, none, 0), Err(Errno::EBADF));
        assert_eq!(raw::mmap(null_mut(), PAGE, RW, MapFlags::PRIVATE, None, 0), Err(Errno::EBADF));
        let odd = raw::mmap(null_mut(), PAGE, RW, MapFlags::SHARED, Some(file.as_fd()), 5);
        assert_eq!(odd, Err(Errno::EINVAL));
        assert_eq!(raw::munmap(place, 4 * PAGE), Ok(()));
    }
}

#[test]
fn moved_and_protected() {
    child_holds(|| {
        // SAFETY: see the module.
        unsafe {
            let map = raw::mmap_anonymous(2 * PAGE, RW).unwrap();
            map.write(7);
            let moved =
                raw::mremap(map, 2 * PAGE, 64 * PAGE, MremapFlags::MAYMOVE, null_mut()).unwrap();
            assert_eq!((moved.read(), moved.add(63 * PAGE).read()), (7, 0));
            let target = raw::mmap_anonymous(PAGE, RW).unwrap();
            let fixed = MremapFlags::MAYMOVE | MremapFlags::FIXED;
            assert_eq!(raw::mremap(moved, PAGE, PAGE, fixed, target), Ok(target));
            assert_eq!(target.read(), 7);
            let odd = raw::mremap(target, PAGE, PAGE, MremapFlags::FIXED, target.add(PAGE));
            assert_eq!(odd, Err(Errno::EINVAL));

            assert_eq!(raw::mprotect(target, PAGE, Prot::READ), Ok(()));
            // The kernel itself may not write there now.
            let pipe = raw::pipe2(PipeFlags::CLOEXEC).unwrap();
            assert_eq!(raw::write(&pipe.writer, b"x"), Ok(1));
            let (_, _, errno) = gort_sys::raw_syscall(
                gort_sys::nr::READ,
                pipe.reader.as_raw_fd() as usize,
                target.expose_provenance(),
                1,
            );
            assert_eq!(errno, Errno::EFAULT);
            assert_eq!(raw::mprotect(target.add(1), PAGE, RW), Err(Errno::EINVAL));
            assert_eq!(raw::munmap(target, PAGE), Ok(()));
            assert_eq!(raw::mprotect(target, PAGE, RW), Err(Errno::ENOMEM));
            assert_eq!(raw::munmap(moved.add(PAGE), 63 * PAGE), Ok(()));
        }
    });
}

#[test]
fn advised_and_asked_about() {
    child_holds(|| {
        // SAFETY: see the module.
        unsafe {
            let map = raw::mmap_anonymous(4 * PAGE, RW).unwrap();
            map.write(7);
            let mut pages = [0xff; 4];
            assert_eq!(raw::mincore(map, 4 * PAGE, pages.as_mut_ptr()), Ok(()));
            assert_eq!(pages.map(|page| page & 1), [1, 0, 0, 0]);
            assert_eq!(raw::madvise(map, PAGE, Advice::DONTNEED), Ok(()));
            assert_eq!(map.read(), 0);
            for advice in [Advice::NORMAL, Advice::WILLNEED, Advice::DONTDUMP, Advice::FREE] {
                assert_eq!(raw::madvise(map, 4 * PAGE, advice), Ok(()), "{advice:?}");
            }
            assert_eq!(raw::madvise(map, PAGE, Advice(9999)), Err(Errno::EINVAL));
            let guarded = raw::madvise(map, PAGE, Advice::GUARD_INSTALL);
            if allowed("MADV_GUARD_INSTALL", &guarded, &[Errno::EINVAL]) {
                assert_eq!(raw::madvise(map, PAGE, Advice::GUARD_REMOVE), Ok(()));
                assert_eq!(map.read(), 0);
            }
            assert_eq!(raw::munmap(map, 4 * PAGE), Ok(()));
            assert_eq!(raw::madvise(map, PAGE, Advice::DONTNEED), Err(Errno::ENOMEM));
            assert_eq!(raw::mincore(map, PAGE, pages.as_mut_ptr()), Err(Errno::ENOMEM));
            assert_eq!(raw::mincore(map.add(1), PAGE, pages.as_mut_ptr()), Err(Errno::EINVAL));
        }
    });
}

#[test]
fn locked() {
    child_holds(|| {
        let map = raw::mmap_anonymous(2 * PAGE, RW).unwrap();
        let refused = &[Errno::EPERM, Errno::ENOMEM, Errno::EAGAIN];
        if allowed("mlock", &raw::mlock(map, PAGE), refused) {
            assert_eq!(raw::munlock(map, PAGE), Ok(()));
            assert_eq!(raw::mlock2(map, 2 * PAGE, MlockFlags::ONFAULT), Ok(()));
        }
        if allowed("mlockall", &raw::mlockall(MlockAllFlags::CURRENT), refused) {
            assert_eq!(raw::munlockall(), Ok(()));
        }
        assert_eq!(raw::munlockall(), Ok(()));
        let unknown = MlockFlags::from_bits_retain(1 << 20);
        assert_eq!(raw::mlock2(map, PAGE, unknown), Err(Errno::EINVAL));
        assert_eq!(raw::mlockall(MlockAllFlags::empty()), Err(Errno::EINVAL));
        let nowhere = std::ptr::without_provenance(16 * PAGE);
        let answers = [raw::mlock(nowhere, PAGE), raw::munlock(nowhere, PAGE)];
        assert_eq!(answers, [Err(Errno::ENOMEM); 2]);
    });
}

#[test]
fn the_break_moves_and_stays() {
    child_holds(|| {
        // SAFETY: a child that allocates nothing between the calls, and gives the pages back.
        let (at, grown, refused, back) = unsafe {
            let at = raw::brk(null_mut());
            let grown = raw::brk(at.wrapping_add(PAGE));
            let refused = raw::brk(std::ptr::without_provenance_mut(1));
            (at, grown, refused, raw::brk(at))
        };
        assert_eq!(grown.addr(), at.addr() + PAGE);
        assert_eq!((refused, back), (grown, at));
    });
}

#[test]
fn barriers() {
    let query = raw::membarrier(MembarrierCommand::QUERY, 0, 0);
    if !allowed("membarrier", &query, REFUSED) {
        return;
    }
    let theirs = c!(libc::syscall(libc::SYS_membarrier, 0, 0, 0));
    assert_eq!(query.map(i64::from), theirs);
    let register = raw::membarrier(MembarrierCommand::REGISTER_PRIVATE_EXPEDITED, 0, 0);
    assert_eq!(register, Ok(0));
    assert_eq!(raw::membarrier(MembarrierCommand::PRIVATE_EXPEDITED, 0, 0), Ok(0));
    assert_eq!(raw::membarrier(MembarrierCommand(1 << 30), 0, 0), Err(Errno::EINVAL));
    assert_eq!(raw::membarrier(MembarrierCommand::QUERY, 9, 0), Err(Errno::EINVAL));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..Default::default() })]

    /// The same error, or both a mapping, for any length, offset, protection and flags.
    #[test]
    fn mmap_refuses_what_libc_refuses(
        pages in prop_oneof![0..20_000usize, Just(usize::MAX), Just(1 << 47), Just(usize::MAX - 4095)],
        prot in 0..16u32,
        flags in prop::sample::subsequence(
            vec![libc::MAP_SHARED, libc::MAP_PRIVATE, libc::MAP_ANONYMOUS, libc::MAP_NORESERVE, libc::MAP_STACK], 0..5),
        offset in prop_oneof![0..20_000u64, Just(4096), Just(8192), Just(1 << 63), Just(u64::MAX - 4095)],
        with_file in any::<bool>(),
    ) {
        let file = raw::memfd_create(c"map", MemfdFlags::CLOEXEC).unwrap();
        let flags = flags.into_iter().fold(0, |all, flag| all | flag);
        let (prot, fd) = (Prot::from_bits_retain(prot), with_file.then(|| file.as_fd()));
        let set = MapFlags::from_bits_retain(flags as u32);
        // SAFETY: a new mapping, nowhere in particular, that nobody looks at.
        let ours = unsafe { raw::mmap(null_mut(), pages, prot, set, fd, offset) };
        let number = fd.map_or(-1, |fd| fd.as_raw_fd());
        let bits = prot.bits() as i32;
        let theirs = c!(libc::mmap(null_mut(), pages, bits, flags, number, offset as i64));
        prop_assert_eq!(ours.map(drop), theirs.map(drop));
        if let (Ok(ours), Ok(theirs)) = (ours, theirs) {
            prop_assert_eq!(ours.addr() % PAGE, 0);
            // SAFETY: the two mappings just made.
            let gone = unsafe { [raw::munmap(ours, pages), raw::munmap(theirs as *mut u8, pages)] };
            prop_assert_eq!(gone, [Ok(()); 2]);
        }
        let wrong = offset as usize | 1;
        let asked = raw::msync(std::ptr::without_provenance(wrong), pages, MsyncFlags::SYNC);
        let theirs = c!(libc::msync(wrong as *mut _, pages, libc::MS_SYNC));
        prop_assert_eq!(asked.map(|()| 0), theirs);
    }
}
