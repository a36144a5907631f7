//! `Errno` against libc's constants and messages, and its promises: no allocation, two bytes.
//!
//! # Safety
//!
//! libc's texts are C strings; the allocator that counts is the system's.

#![allow(unsafe_code)]

use gort_sys::Errno;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int};
use std::fmt::Write;
use std::io;

/// Every name in libc's list.
macro_rules! for_each_name {
    ($do:ident) => {
        $do!(
            EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES
            EFAULT ENOTBLK EBUSY EEXIST EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY
            ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM ERANGE EDEADLK ENAMETOOLONG ENOLCK
            ENOSYS ENOTEMPTY ELOOP ENOMSG EIDRM ECHRNG EL2NSYNC EL3HLT EL3RST ELNRNG EUNATCH ENOCSI
            EL2HLT EBADE EBADR EXFULL ENOANO EBADRQC EBADSLT EBFONT ENOSTR ENODATA ETIME ENOSR
            ENONET ENOPKG EREMOTE ENOLINK EADV ESRMNT ECOMM EPROTO EMULTIHOP EDOTDOT EBADMSG
            EOVERFLOW ENOTUNIQ EBADFD EREMCHG ELIBACC ELIBBAD ELIBSCN ELIBMAX ELIBEXEC EILSEQ
            ERESTART ESTRPIPE EUSERS ENOTSOCK EDESTADDRREQ EMSGSIZE EPROTOTYPE ENOPROTOOPT
            EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE
            EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNRESET ENOBUFS EISCONN
            ENOTCONN ESHUTDOWN ETOOMANYREFS ETIMEDOUT ECONNREFUSED EHOSTDOWN EHOSTUNREACH EALREADY
            EINPROGRESS ESTALE EUCLEAN ENOTNAM ENAVAIL EISNAM EREMOTEIO EDQUOT ENOMEDIUM EMEDIUMTYPE
            ECANCELED ENOKEY EKEYEXPIRED EKEYREVOKED EKEYREJECTED EOWNERDEAD ENOTRECOVERABLE
            ERFKILL EHWPOISON
        )
    };
}

/// The largest number that has a name.
const LAST: i32 = libc::EHWPOISON;

unsafe extern "C" {
    /// glibc's name for a number, null if it has none; newer than the libc crate's list.
    safe fn strerrorname_np(number: c_int) -> *const c_char;
}

/// libc's message; the test never sets a locale, so it is the C locale's.
fn strerror(number: i32) -> String {
    let mut buffer = [0; 128];
    // SAFETY: the length is the buffer's; what is written is a C string.
    unsafe {
        libc::strerror_r(number, buffer.as_mut_ptr(), buffer.len());
        CStr::from_ptr(buffer.as_ptr()).to_str().unwrap().to_owned()
    }
}

#[test]
fn names_have_libcs_numbers() {
    let mut names = 0;
    macro_rules! check {
        ($($name:ident)+) => {$(
            assert_eq!(Errno::$name.raw(), libc::$name, stringify!($name));
            assert_eq!(Errno::$name.name(), Some(stringify!($name)));
            assert_eq!(Errno::from_raw(libc::$name), Errno::$name);
            names += 1;
        )+};
    }
    for_each_name!(check);
    assert_eq!((1..=4095).filter(|&n| Errno::from_raw(n).name().is_some()).count(), names);
    assert_eq!(Errno::EWOULDBLOCK.raw(), libc::EWOULDBLOCK);
    assert_eq!(Errno::EDEADLOCK.raw(), libc::EDEADLOCK);
    assert_eq!(Errno::ENOTSUP.raw(), libc::ENOTSUP);
}

#[test]
fn names_are_glibcs() {
    for number in 1..=4095 {
        let name = strerrorname_np(number);
        // SAFETY: where it is not null, it is a C string that lives for ever.
        let want = (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) }.to_str().unwrap());
        // glibc has one name for the number of both.
        let want = if number == libc::EOPNOTSUPP { Some("EOPNOTSUPP") } else { want };
        assert_eq!(Errno::from_raw(number).name(), want, "{number}");
    }
}

#[test]
fn messages_are_libcs() {
    let mut gaps = Vec::new();
    for number in 0..=4095 {
        let errno = Errno::from_raw(number);
        assert_eq!(errno.to_string(), strerror(number), "{number}");
        if errno.name().is_some() || number == 0 {
            assert_eq!(errno.message(), strerror(number));
        } else {
            assert_eq!(errno.message(), "Unknown error");
            gaps.extend((number <= LAST).then_some(number));
        }
    }
    assert_eq!(gaps, [41, 58], "the kernel's numbering has two gaps");
}

#[test]
fn text_is_padded_and_cut_like_any() {
    for (errno, display, debug) in [
        (Errno::EIO, "Input/output error", "EIO"),
        (Errno::NONE, "Success", "Errno(0)"),
        (Errno::from_raw(41), "Unknown error 41", "Errno(41)"),
        (Errno::from_raw(4095), "Unknown error 4095", "Errno(4095)"),
    ] {
        assert_eq!(format!("{errno}"), display);
        assert_eq!(format!("{errno:?}"), debug);
        assert_eq!(format!("{errno:#?}"), debug);
        assert_eq!(format!("{errno:<25}|"), format!("{display:<25}|"));
        assert_eq!(format!("{errno:*^26}|"), format!("{display:*^26}|"));
        assert_eq!(format!("{errno:>12?}|"), format!("{debug:>12}|"));
        assert_eq!(format!("{errno:.4}|"), format!("{display:.4}|"));
    }
}

#[test]
fn the_top_4095_values_are_errors() {
    for number in 1..=4095usize {
        let errno = Errno::from_raw(number as i32);
        assert_eq!(Errno::from_ret(number.wrapping_neg()), Err(errno));
        assert_eq!(errno.to_ret(), number.wrapping_neg());
        assert_eq!(errno.raw(), number as i32);
    }
    let highest_mapping = (1 << 47) - 4096;
    for value in [0, 1, 4095, 4096, highest_mapping, usize::MAX >> 1, 1 << 63, -4096i64 as usize] {
        assert_eq!(Errno::from_ret(value), Ok(value), "{value:#x}");
    }
    assert_eq!(Errno::from_ret(-1i64 as usize), Err(Errno::EPERM));
    assert!(Errno::NONE.is_none() && !Errno::EPERM.is_none());
    assert_eq!(Errno::default(), Errno::NONE);
}

#[test]
fn numbers_outside_the_range_are_invalid() {
    for number in [-1, -4095, 4096, 65536 + 2, i32::MIN, i32::MAX] {
        assert_eq!(Errno::from_raw(number), Errno::EINVAL, "{number}");
    }
    assert_eq!(Errno::from_raw(0), Errno::NONE);
}

#[test]
fn io_errors_go_both_ways() {
    for number in 0..=4095 {
        let errno = Errno::from_raw(number);
        let error = io::Error::from(errno);
        assert_eq!(error.raw_os_error(), Some(number));
        assert_eq!(Errno::try_from(error).unwrap(), errno);
    }
    for (errno, kind) in [
        (Errno::ENOENT, io::ErrorKind::NotFound),
        (Errno::EAGAIN, io::ErrorKind::WouldBlock),
        (Errno::EINTR, io::ErrorKind::Interrupted),
        (Errno::EPIPE, io::ErrorKind::BrokenPipe),
    ] {
        assert_eq!(io::ErrorKind::from(errno), kind);
    }
    let own = io::Error::new(io::ErrorKind::NotFound, "no error number");
    let given_back = Errno::try_from(own).unwrap_err();
    assert_eq!(given_back.kind(), io::ErrorKind::NotFound);
    assert_eq!(given_back.to_string(), "no error number");
    assert!(Errno::try_from(io::Error::from(io::ErrorKind::NotFound)).is_err());
}

/// `Temporary` and `Timeout` of Go's `syscall.Errno` (Go 1.27).
#[test]
fn temporary_and_timeout_are_gos() {
    let timeout = [Errno::EAGAIN, Errno::EWOULDBLOCK, Errno::ETIMEDOUT];
    let temporary = [Errno::EINTR, Errno::EMFILE, Errno::ENFILE];
    for errno in (0..=4095).map(Errno::from_raw) {
        assert_eq!(errno.is_timeout(), timeout.contains(&errno), "{errno:?}");
        let want = timeout.contains(&errno) || temporary.contains(&errno);
        assert_eq!(errno.is_temporary(), want, "{errno:?}");
    }
}

#[test]
fn an_errno_is_small_and_an_error() {
    assert_eq!(size_of::<Errno>(), 2);
    assert_eq!(size_of::<gort_sys::Result<u32>>(), 8);
    let error: Box<dyn std::error::Error + Send + Sync> = Errno::EIO.into();
    assert_eq!(error.downcast_ref(), Some(&Errno::EIO));
}

/// Counts the allocations of each thread.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's contract, passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, address: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract, passed on.
        unsafe { System.dealloc(address, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often `work` allocates.
fn allocations(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

/// Text in a fixed buffer.
struct Fixed([u8; 256], usize);

impl Write for Fixed {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let room = self.0.get_mut(self.1..self.1 + text.len()).ok_or(std::fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.1 += text.len();
        Ok(())
    }
}

#[test]
fn nothing_is_allocated() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 1, "the count works");
    let count = allocations(|| {
        for number in 0..=4095usize {
            let errno = Errno::from_ret(number.wrapping_neg()).err().unwrap_or(Errno::NONE);
            let mut text = Fixed([0; 256], 0);
            write!(text, "{errno} {errno:?} {errno:>30} {errno:>30?}").unwrap();
            assert!(text.1 > 60);
            let error = io::Error::from(errno);
            assert_eq!(Errno::try_from(error).ok(), Some(errno));
        }
    });
    assert_eq!(count, 0);
}
