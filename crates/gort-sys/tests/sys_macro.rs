//! The generator itself: what the functions that `sys!` makes pass, through which class's door, and
//! what they make of the answer.
//!
//! The declarations are fixed to an entry that notes what it is given and answers what the test
//! wants, so that each register can be looked at. (`sys!` is `__sys!` with the trap for an entry.)
//!
//! # Safety
//!
//! The entry that notes makes no call. What is declared for the kernel is as its manual pages say.

#![allow(unsafe_code, missing_docs)]

use gort_sys::arg::Arg;
use gort_sys::fd::{AsFd, AsRawFd, BorrowedFd, CWD, OwnedFd};
use gort_sys::path::PATH_MAX;
use gort_sys::types::Pid;
use gort_sys::{Entry, Errno, Raw, Regs, Result, call, nr, raw, sys};
use std::cell::{Cell, RefCell};
use std::ffi::{CStr, CString, OsStr};
use std::fs::File;
use std::panic::catch_unwind;
use std::path::PathBuf;

/// Notes the call, and answers without the kernel.
enum Noted {}

#[derive(Debug, PartialEq)]
struct Call {
    class: &'static str,
    nr: usize,
    regs: Vec<usize>,
    /// What the first register points to, if the test says that it points to a C string.
    path: Option<CString>,
}

thread_local! {
    static ANSWER: Cell<usize> = const { Cell::new(0) };
    static IS_PATH: Cell<bool> = const { Cell::new(false) };
    static CALLS: RefCell<Vec<Call>> = const { RefCell::new(Vec::new()) };
}

fn note(class: &'static str, nr: usize, regs: Regs) -> usize {
    let regs = regs.as_slice().to_vec();
    let path = IS_PATH.get().then(|| {
        // SAFETY: the test has said that the register is a path's, which is a C string until the
        // call has been answered.
        unsafe { CStr::from_ptr(std::ptr::with_exposed_provenance(regs[0])) }.to_owned()
    });
    CALLS.with_borrow_mut(|calls| calls.push(Call { class, nr, regs, path }));
    ANSWER.get()
}

// SAFETY: the declarations below are made for it: none makes a descriptor or reads an out parameter
// of an answer that the test has not chosen for it.
unsafe impl Entry for Noted {
    unsafe fn sys(nr: usize, regs: Regs) -> usize {
        note("sys", nr, regs)
    }

    unsafe fn sysblock(nr: usize, regs: Regs) -> usize {
        note("sysblock", nr, regs)
    }

    unsafe fn sysnb(nr: usize, regs: Regs) -> usize {
        note("sysnb", nr, regs)
    }
}

gort_sys::__sys! { [fixed Noted]
    sysnb getpid() -> Pid;
    sys fsync(fd: impl AsFd) -> Result<()>;
    sysblock pause() -> Result<()>;
    sys numbered(a: i32) -> Result<usize> = nr::PIVOT_ROOT;
    sys literal(a: i32) -> Result<usize> = 7 * 100;
    sys integers(a: u8, b: i32, c: u32, d: u64, e: isize, f: bool) -> Result<isize> = 1;
    sys borrows(a: &u32, b: &mut u64, c: *const u8, d: *mut u8) -> Result<i32> = 2;
    sys options(a: Option<&u32>, b: Option<&mut u64>, c: Option<BorrowedFd<'_>>) -> Result<()> = 3;
    sys slices(a: &[u8], b: &mut [u16]) -> Result<u64> = 4;
    sys units(a: &[()]) -> Result<()> = 5;
    sys chdir(path: impl Path) -> Result<()>;
    sys two_paths(from: impl Path, to: impl Path) -> Result<()> = 6;
    sys outs(a: i32, first: out u32, b: i32, second: out u64) -> Result<(u32, u64)> = 8;
    sys outs_begun(first: out u32 = 5, a: i32, second: out [u8; 2] = [6, 7]) -> Result<(u32, [u8; 2])> = 8;
    sys pointer() -> Result<*mut u8> = 9;
    unsafe sys danger(address: *mut u8, len: usize) -> Result<()> = 10;
}

/// What `call` returned, and the one call that it made with this answer.
fn noted<T>(answer: usize, call: impl FnOnce() -> T) -> (T, Call) {
    let (got, calls) = all_noted(answer, call);
    let [call] = <[Call; 1]>::try_from(calls).unwrap();
    (got, call)
}

fn all_noted<T>(answer: usize, call: impl FnOnce() -> T) -> (T, Vec<Call>) {
    ANSWER.set(answer);
    CALLS.take();
    (call(), CALLS.take())
}

/// [`noted`], with the first register read as a path.
fn noted_path<T>(call: impl FnOnce() -> T) -> (T, Call) {
    IS_PATH.set(true);
    let noted = noted(0, call);
    IS_PATH.set(false);
    noted
}

fn expected(class: &'static str, nr: usize, regs: &[usize]) -> Call {
    Call { class, nr, regs: regs.to_vec(), path: None }
}

#[test]
fn the_class_picks_the_door_and_the_name_the_number() {
    assert_eq!(noted(42, getpid), (Pid(42), expected("sysnb", nr::GETPID, &[])));
    assert_eq!(noted(0, pause), (Ok(()), expected("sysblock", nr::PAUSE, &[])));
    let file = File::open("/dev/null").unwrap();
    let fd = file.as_raw_fd() as usize;
    for (got, call) in [
        noted(0, || fsync(&file)),
        noted(0, || fsync(file.as_fd())),
        noted(0, || fsync(OwnedFd::from(file.try_clone().unwrap()))),
    ] {
        assert_eq!((got, call.class, call.nr), (Ok(()), "sys", nr::FSYNC));
        assert!(call.regs.len() == 1 && call.regs[0] >= fd);
    }
    let (_, call) = noted(0, || fsync(CWD));
    assert_eq!(call.regs, [libc::AT_FDCWD as usize]);
    assert_eq!(noted(3, || numbered(1)), (Ok(3), expected("sys", nr::PIVOT_ROOT, &[1])));
    assert_eq!(noted(3, || literal(1)), (Ok(3), expected("sys", 700, &[1])));
}

#[test]
fn integers_are_extended_as_their_types_say() {
    let regs = [0xff, usize::MAX - 4, 0xffff_fffb, 1 << 63, usize::MAX, 1];
    let (got, call) =
        noted(-4096isize as usize, || integers(0xff, -5, -5i32 as u32, 1 << 63, -1, true));
    assert_eq!((got, call), (Ok(-4096), expected("sys", 1, &regs)));
}

#[test]
fn borrows_are_addresses() {
    let (word, mut long) = (1u32, 2u64);
    let regs = [(&raw const word).addr(), (&raw const long).addr(), 0x30, 0];
    let (got, call) = noted(usize::MAX >> 33, || {
        borrows(&word, &mut long, std::ptr::without_provenance(0x30), std::ptr::null_mut())
    });
    assert_eq!((got, call), (Ok(i32::MAX), expected("sys", 2, &regs)));
}

#[test]
fn none_is_null_or_minus_one() {
    let (_, call) = noted(0, || options(None, None, None));
    assert_eq!(call, expected("sys", 3, &[0, 0, -1i64 as usize]));
    let (word, mut long) = (1u32, 2u64);
    let regs = [(&raw const word).addr(), (&raw const long).addr(), libc::AT_FDCWD as usize];
    let (_, call) = noted(0, || options(Some(&word), Some(&mut long), Some(CWD)));
    assert_eq!(call, expected("sys", 3, &regs));
}

#[test]
fn slices_are_address_and_count() {
    let (bytes, mut halves) = ([1u8; 5], [2u16; 7]);
    let regs = [bytes.as_ptr().addr(), 5, halves.as_ptr().addr(), 7];
    let (got, call) = noted(9, || slices(&bytes, &mut halves));
    assert_eq!((got, call), (Ok(9), expected("sys", 4, &regs)));
}

#[test]
fn an_empty_slice_has_a_readable_address() {
    let (_, call) = noted(0, || slices(&[], &mut []));
    let [bytes, 0, halves, 0] = call.regs[..] else { panic!("{call:?}") };
    let mut seen = [0u64; 2];
    for address in [bytes, halves] {
        let to = libc::iovec { iov_base: seen.as_mut_ptr().cast(), iov_len: 8 };
        let from =
            libc::iovec { iov_base: std::ptr::with_exposed_provenance_mut(address), iov_len: 8 };
        // SAFETY: there are eight bytes at `to`; whether there are at `from` the kernel finds out.
        let got = unsafe { libc::process_vm_readv(libc::getpid(), &to, 1, &from, 1, 0) };
        assert_eq!(got, 8, "{address:#x}: {}", std::io::Error::last_os_error());
    }
    let file = File::open("/dev/zero").unwrap();
    assert_eq!(raw::read(&file, &mut []), Ok(0));
}

#[test]
fn a_count_beyond_int_is_refused() {
    let most = [(); i32::MAX as usize];
    let (_, call) = noted(0, || units(&most));
    assert_eq!(call.regs[1], i32::MAX as usize);
    let (got, calls) = all_noted(0, || units(&[(); 1 << 32]));
    assert_eq!((got, calls), (Err(Errno::EINVAL), vec![]));
}

#[test]
fn a_path_gets_its_nul() {
    let c_string = CString::new("a/b").unwrap();
    for (got, call) in [
        noted_path(|| chdir("a/b")),
        noted_path(|| chdir(b"a/b".as_slice())),
        noted_path(|| chdir(c"a/b")),
        noted_path(|| chdir(c_string.as_c_str())),
        noted_path(|| chdir(OsStr::new("a/b"))),
        noted_path(|| chdir(PathBuf::from("a/b"))),
        noted_path(|| chdir(String::from("a/b"))),
    ] {
        assert_eq!((got, call.regs.len(), call.path.as_deref()), (Ok(()), 1, Some(c"a/b")));
    }
    let (_, call) = noted_path(|| chdir(c_string.as_c_str()));
    assert_eq!(call.regs[0], c_string.as_ptr().addr(), "a C string goes as it is");
    // Every length around the two sizes of buffer.
    for len in (0..300).chain(PATH_MAX - 3..PATH_MAX) {
        let path = "x".repeat(len);
        let (got, call) = noted_path(|| chdir(&path));
        assert_eq!((got, call.path.unwrap().to_bytes().len()), (Ok(()), len));
    }
}

#[test]
fn a_path_that_cannot_be_passed_is_an_error_before_any_call() {
    for len in [1, 5, 255, 256, 257, PATH_MAX - 1] {
        for at in [0, len / 2, len - 1] {
            let mut path = vec![b'x'; len];
            path[at] = 0;
            let (got, calls) = all_noted(0, || chdir(path.as_slice()));
            assert_eq!((got, calls), (Err(Errno::EINVAL), vec![]), "NUL at {at} of {len}");
            let (got, calls) = all_noted(0, || two_paths("good", path.as_slice()));
            assert_eq!((got, calls), (Err(Errno::EINVAL), vec![]));
        }
    }
    for len in [PATH_MAX, PATH_MAX + 1, 1 << 20] {
        let (got, calls) = all_noted(0, || chdir("x".repeat(len)));
        assert_eq!((got, calls), (Err(Errno::ENAMETOOLONG), vec![]), "{len} bytes");
    }
}

#[test]
fn out_parameters_are_results() {
    let (got, call) = noted(Errno::EFAULT.to_ret(), || outs(1, 2));
    assert_eq!(got, Err(Errno::EFAULT));
    let [1, first, 2, second] = call.regs[..] else { panic!("{call:?}") };
    assert!(first != 0 && second != 0 && first.abs_diff(second) >= 4);
    assert!(first % 4 == 0 && second % 8 == 0);
}

#[test]
fn an_out_parameter_with_a_value_need_not_be_written() {
    let (got, call) = noted(0, || outs_begun(1));
    assert_eq!((got, call.regs[1]), (Ok((5, [6, 7])), 1));
}

#[test]
fn an_unsafe_declaration_is_an_unsafe_function() {
    let function: unsafe fn(*mut u8, usize) -> Result<()> = danger;
    // SAFETY: the entry only notes the call.
    let (got, call) = noted(0, || unsafe { function(std::ptr::without_provenance_mut(16), 3) });
    assert_eq!((got, call), (Ok(()), expected("sys", 10, &[16, 3])));
}

#[test]
fn answers_become_what_is_declared() {
    for errno in [Errno::EPERM, Errno::from_raw(4095)] {
        assert_eq!(noted(errno.to_ret(), || numbered(0)).0, Err(errno));
        assert_eq!(noted(errno.to_ret(), pointer).0, Err(errno));
        assert_eq!(noted(errno.to_ret(), pause).0, Err(errno));
    }
    let high = 0x7fff_ffff_f000;
    assert_eq!(noted(high, pointer).0.unwrap().addr(), high);
    assert_eq!(noted(-4096isize as usize, || numbered(0)).0, Ok(-4096isize as usize));
    // A call that cannot fail has no error to look for.
    assert_eq!(noted(-3isize as usize, getpid).0, Pid(-3));
}

#[test]
fn the_generic_list_takes_any_entry() {
    let file = File::open("/dev/zero").unwrap();
    let mut byte = [1];
    let address = byte.as_ptr().addr();
    let (got, call) = noted(1, || call::read::<Noted>(&file, &mut byte));
    let regs = [file.as_raw_fd() as usize, address, 1];
    assert_eq!((got, call), (Ok(1), expected("sys", nr::READ, &regs)));
    assert_eq!((call::read::<Raw>(&file, &mut byte), byte), (Ok(1), [0]));
}

sys! { unsafe extern "kernel" {
    /// By the kernel's own hand: a single out parameter, two of them, an array, a struct.
    sysnb pipe2(ends: out [OwnedFd; 2], flags: i32) -> Result<[OwnedFd; 2]>;
    sysnb getcpu(cpu: out u32, node: out u32, unused: usize) -> Result<(u32, u32)>;
    sysnb prlimit64(pid: Pid, resource: i32, new: Option<&[u64; 2]>, old: out [u64; 2]) -> Result<[u64; 2]>;
    sysblock six(word: &u32, op: i32, val: u32, timeout: Option<&[i64; 2]>, other: Option<&u32>, bits: u32) -> Result<()> = nr::FUTEX;
} }

#[test]
fn the_kernel_fills_out_parameters() {
    let [reader, writer] = pipe2(libc::O_CLOEXEC).unwrap();
    assert_eq!(raw::write(&writer, b"through"), Ok(7));
    let mut buf = [0; 9];
    assert_eq!(raw::read(&reader, &mut buf), Ok(7));
    assert_eq!(&buf[..7], b"through");
    assert_eq!(pipe2(-1).unwrap_err(), Errno::EINVAL);

    let (cpu, node) = getcpu(0).unwrap();
    assert!(cpu < 1 << 16 && node < 1 << 16);

    let mut by_libc = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: an out parameter.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut by_libc) }, 0);
    let [soft, hard] = prlimit64(Pid::SELF, libc::RLIMIT_NOFILE as i32, None).unwrap();
    assert_eq!([soft, hard], [by_libc.rlim_cur, by_libc.rlim_max]);
}

#[test]
fn six_typed_arguments() {
    // FUTEX_WAIT_BITSET on a word that has another value; on one that has it, until a time in 1970.
    let bitset = libc::FUTEX_WAIT_BITSET | libc::FUTEX_PRIVATE_FLAG;
    assert_eq!(six(&5, bitset, 6, None, None, 1), Err(Errno::EAGAIN));
    assert_eq!(six(&5, bitset, 5, Some(&[0, 1]), None, 1), Err(Errno::ETIMEDOUT));
    assert_eq!(six(&5, bitset, 5, Some(&[0, 1]), None, 0), Err(Errno::EINVAL), "the sixth");
}

#[test]
fn a_seventh_register_is_not_taken_where_no_declaration_counts() {
    let full = (0..6).fold(Regs::new(), |regs, value| regs.push(value));
    assert_eq!(full.as_slice(), [0, 1, 2, 3, 4, 5]);
    let seven = catch_unwind(|| full.push(6));
    assert_eq!(seven.is_err(), cfg!(debug_assertions));
    assert_eq!(seven.unwrap_or(full).as_slice(), full.as_slice());
    let five = (0..5).fold(Regs::new(), |regs, value| regs.push(value));
    let two = catch_unwind(|| [0u8].as_slice().with(five, |regs| regs.as_slice().len()));
    assert_eq!(two.is_err(), cfg!(debug_assertions), "a slice takes two");
    assert_eq!(two.unwrap_or(6), 6);
}

#[test]
fn what_must_not_compile_does_not() {
    let cases = trybuild::TestCases::new();
    // One that passes makes it build them all: registers are counted when code is made.
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/*.rs");
}
