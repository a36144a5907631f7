//! Extended attributes, through paths, links and descriptors.
//!
//! # Safety
//!
//! Unsafe code is libc's functions on the arguments of ours.

#![allow(unsafe_code)]

mod scratch;
mod support;

use gort_sys::types::*;
use gort_sys::{Errno, raw};
use proptest::prelude::*;
use scratch::Scratch;
use support::{allowed, c, closed};

const ANY: XattrFlags = XattrFlags::empty();
/// What a file system without attributes, or a kernel without them, answers.
const WITHOUT: &[Errno] = &[Errno::EOPNOTSUPP, Errno::ENOSYS, Errno::EPERM];

#[test]
fn set_read_listed_removed() {
    let scratch = Scratch::new();
    let file = scratch.file("a", b"");
    let path = scratch.path("a");
    let name = c"user.test";
    if !allowed("setxattr", &raw::setxattr(&path, name, b"one", XattrFlags::CREATE), WITHOUT) {
        return;
    }
    assert_eq!(raw::setxattr(&path, name, b"x", XattrFlags::CREATE), Err(Errno::EEXIST));
    let other = c"user.other";
    assert_eq!(raw::fsetxattr(&file, other, b"x", XattrFlags::REPLACE), Err(Errno::ENODATA));
    assert_eq!(raw::fsetxattr(&file, name, b"three", ANY), Ok(()));
    assert_eq!(raw::lsetxattr(&path, other, b"", ANY), Ok(()));
    let mut buf = [0; 32];
    assert_eq!(raw::getxattr(&path, name, &mut []), Ok(5));
    assert_eq!(raw::getxattr(&path, name, &mut buf), Ok(5));
    assert_eq!(&buf[..5], b"three");
    assert_eq!(raw::lgetxattr(&path, other, &mut buf), Ok(0));
    assert_eq!(raw::fgetxattr(&file, name, &mut buf[..4]), Err(Errno::ERANGE));
    let mut lists = [[0; 32]; 3];
    let [a, b, c] = &mut lists;
    let lens = [raw::listxattr(&path, a), raw::llistxattr(&path, b), raw::flistxattr(&file, c)];
    for (len, list) in lens.into_iter().zip(lists) {
        let mut names: Vec<_> = list[..len.unwrap()].split_inclusive(|b| *b == 0).collect();
        names.retain(|name| name.starts_with(b"user."));
        names.sort();
        assert_eq!(names, [&b"user.other\0"[..], b"user.test\0"]);
    }
    assert_eq!(raw::listxattr(&path, &mut buf[..3]), Err(Errno::ERANGE));
    assert_eq!(raw::removexattr(&path, name), Ok(()));
    assert_eq!(raw::lremovexattr(&path, name), Err(Errno::ENODATA));
    assert_eq!(raw::fremovexattr(&file, other), Ok(()));
    assert_eq!(raw::fgetxattr(&file, other, &mut buf), Err(Errno::ENODATA));
}

#[test]
fn links_have_their_own() {
    let scratch = Scratch::new();
    drop(scratch.file("a", b""));
    raw::symlink("a", scratch.path("link")).unwrap();
    let (link, name) = (scratch.path("link"), c"trusted.test");
    let own = raw::lsetxattr(&link, name, b"link", ANY);
    if !allowed("lsetxattr of a link", &own, WITHOUT) {
        return;
    }
    let mut buf = [0; 8];
    assert_eq!(raw::lgetxattr(&link, name, &mut buf), Ok(4));
    assert_eq!(raw::getxattr(&link, name, &mut buf), Err(Errno::ENODATA));
    assert_eq!(raw::lremovexattr(&link, name), Ok(()));
}

#[test]
fn refusals() {
    let scratch = Scratch::new();
    let missing = scratch.path("missing");
    let (name, buf) = (c"user.a", &mut [0; 4]);
    assert_eq!(raw::setxattr(&missing, name, b"", ANY), Err(Errno::ENOENT));
    assert_eq!(raw::lsetxattr(&missing, name, b"", ANY), Err(Errno::ENOENT));
    assert_eq!(raw::fsetxattr(closed(), name, b"", ANY), Err(Errno::EBADF));
    assert_eq!(raw::getxattr(&missing, name, buf), Err(Errno::ENOENT));
    assert_eq!(raw::lgetxattr(&missing, name, buf), Err(Errno::ENOENT));
    assert_eq!(raw::fgetxattr(closed(), name, buf), Err(Errno::EBADF));
    assert_eq!(raw::listxattr(&missing, buf), Err(Errno::ENOENT));
    assert_eq!(raw::llistxattr(&missing, buf), Err(Errno::ENOENT));
    assert_eq!(raw::flistxattr(closed(), buf), Err(Errno::EBADF));
    assert_eq!(raw::removexattr(&missing, name), Err(Errno::ENOENT));
    assert_eq!(raw::lremovexattr(&missing, name), Err(Errno::ENOENT));
    assert_eq!(raw::fremovexattr(closed(), name), Err(Errno::EBADF));
}

/// Names that are long, short, of an unknown kind, or good.
fn name() -> impl Strategy<Value = std::ffi::CString> {
    let length = prop_oneof![0..4usize, 248..260usize, 4090..4100usize];
    let prefix = prop_oneof![Just(""), Just("user."), Just("nonsense."), Just("system.")];
    (prefix, length).prop_map(|(prefix, length)| {
        std::ffi::CString::new(format!("{prefix}{}", "n".repeat(length))).unwrap()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_name_size_and_flag_as_libc(
        name in name(),
        size in prop_oneof![0..100usize, 3900..4100usize, 65_530..65_540usize],
        room in prop_oneof![0..100usize, 3900..4100usize, Just(1 << 17)],
        flags in 0..4u32,
        again in any::<bool>(),
    ) {
        let scratch = Scratch::new();
        drop((scratch.file("ours", b""), scratch.file("theirs", b"")));
        let (ours, theirs) = (scratch.path("ours"), scratch.c_path("theirs"));
        let value = vec![b'v'; size];
        for _ in 0..=u8::from(again) {
            let set = raw::setxattr(&ours, &name, &value, XattrFlags::from_bits_retain(flags));
            let (p, n) = (theirs.as_ptr(), name.as_ptr());
            let their = c!(libc::setxattr(p, n, value.as_ptr().cast(), size, flags as i32));
            prop_assert_eq!(set.map(|()| 0), their);
        }
        let (mut a, mut b) = (vec![0; room], vec![0; room]);
        let their = c!(libc::getxattr(theirs.as_ptr(), name.as_ptr(), b.as_mut_ptr().cast(), room));
        prop_assert_eq!(raw::getxattr(&ours, &name, &mut a).map(|n| n as i64), their);
        prop_assert_eq!(&a, &b);
        let their = c!(libc::listxattr(theirs.as_ptr(), b.as_mut_ptr().cast(), room));
        prop_assert_eq!(raw::listxattr(&ours, &mut a).map(|n| n as i64), their);
        prop_assert_eq!(&a, &b);
        let their = c!(libc::removexattr(theirs.as_ptr(), name.as_ptr()));
        prop_assert_eq!(raw::removexattr(&ours, &name).map(|()| 0), their);
    }
}
