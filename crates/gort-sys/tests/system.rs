//! The system as a whole.
//!
//! # Safety
//!
//! What could change the machine is called only in a form that is refused; the rest happens in
//! children or asks for something. libc's functions get the arguments of ours.

#![allow(unsafe_code)]

mod scratch;
mod support;

use gort_sys::fd::AsFd;
use gort_sys::types::*;
use gort_sys::{Errno, Result, raw};
use scratch::Scratch;
use std::ptr::{null, null_mut};
use support::{REFUSED, allowed, c, child_holds, closed, in_child};

#[test]
fn random_bytes() {
    let (mut a, mut b) = ([0; 64], [0; 64]);
    assert_eq!(raw::getrandom(&mut a, RandomFlags::empty()), Ok(64));
    assert_eq!(raw::getrandom(&mut b, RandomFlags::NONBLOCK), Ok(64));
    assert_ne!(a, b);
    assert_eq!(raw::getrandom(&mut [], RandomFlags::empty()), Ok(0));
    for flags in 0..32 {
        let ours = raw::getrandom(&mut a, RandomFlags::from_bits_retain(flags));
        let theirs = c!(libc::getrandom(b.as_mut_ptr().cast(), 64, flags));
        assert_eq!(ours.map(|len| len as i64), theirs, "{flags}");
    }
}

#[test]
fn load_and_memory() {
    let ours = raw::sysinfo().unwrap();
    // SAFETY: all zero is a value of libc's structure.
    let mut theirs: libc::sysinfo = unsafe { std::mem::zeroed() };
    c!(libc::sysinfo(&mut theirs)).unwrap();
    assert_eq!(
        (ours.total_ram, ours.total_swap, ours.unit),
        (theirs.totalram, theirs.totalswap, theirs.mem_unit)
    );
    assert!(theirs.uptime >= ours.uptime && ours.threads > 0 && ours.free_ram <= ours.total_ram);
}

#[test]
fn names() {
    let ours = raw::uname().unwrap();
    // SAFETY: all zero is a value of libc's structure.
    let mut theirs: libc::utsname = unsafe { std::mem::zeroed() };
    c!(libc::uname(&mut theirs)).unwrap();
    let field = |field: &[libc::c_char; 65]| -> Vec<u8> {
        field.iter().take_while(|&&byte| byte != 0).map(|&byte| byte as u8).collect()
    };
    assert_eq!(ours.sysname(), field(&theirs.sysname));
    assert_eq!(ours.nodename(), field(&theirs.nodename));
    assert_eq!(ours.release(), field(&theirs.release));
    assert_eq!(ours.version(), field(&theirs.version));
    assert_eq!(ours.machine(), field(&theirs.machine));
    assert_eq!(ours.domainname(), field(&theirs.domainname));
    assert!(format!("{ours:?}").contains("sysname: Linux"));
    // Setting them is tested in a namespace of its own (see process.rs); here as nobody.
    as_nobody(|| {
        assert_eq!(raw::sethostname(b"x"), Err(Errno::EPERM));
        assert_eq!(raw::setdomainname(b"x"), Err(Errno::EPERM));
    });
}

/// Runs `body` in a child without any right of the superuser's.
fn as_nobody(body: impl FnOnce()) {
    child_holds(|| {
        if raw::getuid() == Uid::ROOT {
            raw::setresuid(Uid(65534), Uid(65534), Uid(65534)).unwrap();
        }
        body();
    });
}

#[test]
fn the_kernels_log() {
    let mut buf = [0u8; 4096];
    for action in [3, 9, 10, 99, -1] {
        let ours = raw::syslog(action, &mut buf).map(|len| len as i64);
        let theirs = c!(libc::klogctl(action, buf.as_mut_ptr().cast(), 4096));
        // Others may write to the log in between: only what can change may differ.
        let stable = ours == theirs || (ours.is_ok() && theirs.is_ok() && action != 10);
        assert!(stable, "{action}: {ours:?} {theirs:?}");
    }
}

/// A length that the kernel holds as an `int` is refused when it does not fit one, not cut off.
#[test]
fn lengths_beyond_an_int() {
    let len = (1usize << 32) + 4;
    let (prot, flags) =
        (libc::PROT_READ, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE);
    let address = c!(libc::mmap(null_mut(), len, prot, flags, -1, 0)).unwrap();
    let address = std::ptr::with_exposed_provenance::<u8>(address as usize);
    {
        // SAFETY: so many zeros have just been mapped, and nobody writes to them.
        let long = unsafe { std::slice::from_raw_parts(address, len) };
        assert_eq!(raw::sethostname(long), Err(Errno::EINVAL));
        assert_eq!(raw::setdomainname(long), Err(Errno::EINVAL));
        let pair = raw::socketpair(Domain::UNIX, SockType::STREAM, Protocol::DEFAULT).unwrap();
        let (level, name) = (libc::SOL_SOCKET, libc::SO_KEEPALIVE);
        // SAFETY: the option's value is a number.
        assert_eq!(unsafe { raw::setsockopt(&pair[0], level, name, long) }, Err(Errno::EINVAL));
        // SAFETY: as above; the first four bytes alone would do.
        assert_eq!(unsafe { raw::setsockopt(&pair[0], level, name, &long[..4]) }, Ok(()));
    }
    c!(libc::munmap(address.cast_mut().cast(), len)).unwrap();
}

#[test]
fn restarting_is_refused() {
    as_nobody(|| {
        // SAFETY: refused for want of the right, and no such command.
        let result = unsafe { raw::reboot(RebootCommand(1), null()) };
        assert!(!allowed("reboot", &result, REFUSED));
    });
    // SAFETY: no such command.
    let result = unsafe { raw::reboot(RebootCommand(1), null()) };
    assert!(matches!(result, Err(Errno::EINVAL | Errno::EPERM)), "{result:?}");
}

/// The errors of kernels that were built without something.
const ABSENT: &[Errno] = &[Errno::ENOSYS, Errno::EPERM, Errno::EACCES, Errno::EOPNOTSUPP];

#[test]
fn landlock() {
    let abi = raw::landlock_abi();
    assert_eq!(abi.map(i64::from), c!(libc::syscall(libc::SYS_landlock_create_ruleset, 0, 0, 1)));
    if !allowed("landlock", &abi, ABSENT) {
        return;
    }
    let (fs, dir) = (LandlockFs::WRITE_FILE, std::fs::File::open("/dev").unwrap());
    let net = if abi.unwrap_or(0) < 4 { LandlockNet::empty() } else { LandlockNet::BIND_TCP };
    let unknown = LandlockRuleset { fs: LandlockFs::from_bits_retain(1 << 63), net };
    assert_eq!(raw::landlock_create_ruleset(&unknown).err(), Some(Errno::EINVAL));
    assert_eq!(
        raw::landlock_create_ruleset(&LandlockRuleset::default()).err(),
        Some(Errno::ENOMSG)
    );
    let scratch = Scratch::new();
    let path = scratch.path("locked");
    std::fs::write(&path, "").unwrap();
    child_holds(|| {
        let ruleset = raw::landlock_create_ruleset(&LandlockRuleset { fs, net }).unwrap();
        let rule = LandlockBeneath::new(fs, dir.as_fd());
        raw::landlock_add_beneath(&ruleset, &rule).unwrap();
        let nothing = LandlockBeneath::new(LandlockFs::empty(), dir.as_fd());
        assert_eq!(raw::landlock_add_beneath(&ruleset, &nothing), Err(Errno::ENOMSG));
        assert_eq!(raw::landlock_add_beneath(&dir, &rule), Err(Errno::EBADFD));
        // SAFETY: no such type of rule.
        let refused = unsafe { raw::landlock_add_rule(&ruleset, 99, null(), 0) };
        assert_eq!(refused, Err(Errno::EINVAL));
        let port = LandlockPort { access: net, port: 1 << 20 };
        assert_eq!(
            raw::landlock_add_port(&ruleset, &port).err(),
            Some(if net.is_empty() { Errno::ENOMSG } else { Errno::EINVAL })
        );
        if !net.is_empty() {
            raw::landlock_add_port(&ruleset, &LandlockPort { access: net, port: 9 }).unwrap();
        }
        raw::prctl_set_no_new_privs().unwrap();
        assert_eq!(raw::landlock_restrict_self(closed(), 0), Err(Errno::EBADF));
        raw::landlock_restrict_self(&ruleset, 0).unwrap();
        let open = |path: &std::path::Path| std::fs::File::options().write(true).open(path);
        let refused = open(&path).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::EACCES));
        open("/dev/null".as_ref()).unwrap();
    });
}

#[test]
fn seccomp() {
    const ALLOW: u32 = 0x7fff_0000;
    for action in [ALLOW, 0x0005_0000, 0, 12345] {
        let ours = raw::seccomp_action_available(&action);
        let theirs = c!(libc::syscall(libc::SYS_seccomp, 2, 0, &raw const action));
        assert_eq!(ours.map(|()| 0), theirs, "{action:#x}");
    }
    child_holds(|| {
        raw::prctl_set_no_new_privs().unwrap();
        // Refuses getppid with ENOTEMPTY, and allows the rest.
        let code = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
        let mut filter = [
            code(0x20, 0, 0, 0),
            code(0x15, 0, 1, libc::SYS_getpgrp as u32),
            code(0x06, 0, 0, 0x0005_0000 | Errno::ENOTEMPTY.raw() as u32),
            code(0x06, 0, 0, ALLOW),
        ];
        let program = libc::sock_fprog { len: 4, filter: filter.as_mut_ptr() };
        // SAFETY: the filter changes one call, in a child that expects it.
        let result = unsafe { raw::seccomp(1, 0, (&raw const program).cast()) };
        if allowed("seccomp", &result, &[ABSENT, &[Errno::EINVAL]].concat()) {
            assert_eq!(raw::getpgrp(), Pid(-Errno::ENOTEMPTY.raw()));
        }
        // SAFETY: no such operation.
        let refused = unsafe { raw::seccomp(99, 0, null()) };
        assert!(matches!(refused, Err(Errno::EINVAL | Errno::ENOSYS)), "{refused:?}");
    });
}

#[test]
fn programs_and_counters() {
    let mut attr = [0u8; 128];
    // SAFETY: no such command.
    let result = unsafe { raw::bpf(9999, attr.as_mut_ptr(), 128) };
    assert_eq!(
        result.map(|v| v as i64),
        c!(libc::syscall(libc::SYS_bpf, 9999, attr.as_mut_ptr(), 128))
    );
    assert!(matches!(result, Err(Errno::EINVAL | Errno::EPERM | Errno::ENOSYS)), "{result:?}");
    // An array map: type, key and value size, entries.
    for (field, value) in [2u32, 4, 8, 1].iter().enumerate() {
        attr[field * 4..][..4].copy_from_slice(&value.to_ne_bytes());
    }
    // SAFETY: BPF_MAP_CREATE only reads the attributes.
    let map = unsafe { raw::bpf(0, attr.as_mut_ptr(), 128) };
    if allowed("bpf", &map, &[ABSENT, &[Errno::EINVAL]].concat()) {
        c!(libc::close(map.unwrap_or(0) as i32)).unwrap();
    }

    // A software clock: type 1, length, configuration 0.
    let mut event = [0u32; 32];
    (event[0], event[1]) = (1, 128);
    let event = event.as_mut_ptr().cast();
    // SAFETY: a whole structure of attributes.
    let counter = unsafe { raw::perf_event_open(event, Pid::SELF, -1, None, 0) };
    let refusals = [ABSENT, &[Errno::ENOENT, Errno::ENODEV, Errno::EINVAL]].concat();
    if allowed("perf_event_open", &counter.as_ref().map(drop).map_err(|e| *e), &refusals) {
        let mut count = [0; 8];
        assert_eq!(raw::read(counter.unwrap(), &mut count), Ok(8));
    }
    // SAFETY: refused.
    let refused = unsafe { raw::perf_event_open(event, Pid::SELF, -1, Some(closed()), 1 << 20) };
    assert!(matches!(
        refused.err(),
        Some(Errno::EINVAL | Errno::ENOSYS | Errno::EPERM | Errno::EACCES)
    ));
}

#[test]
fn keys() {
    let keyring = KeyId::THREAD_KEYRING;
    let key = raw::add_key("user", "gort:test", b"secret", keyring);
    if !allowed("add_key", &key, &[ABSENT, &[Errno::EDQUOT]].concat()) {
        return;
    }
    assert_eq!(raw::request_key("user", "gort:test", KeyId(0)), key);
    let (mut buf, id) = ([0u8; 16], key.unwrap_or(KeyId(0)).0 as usize);
    const READ: i32 = 11;
    // SAFETY: the buffer has so many bytes.
    let len = unsafe { raw::keyctl(READ, id, buf.as_mut_ptr().expose_provenance(), 16, 0) };
    assert_eq!((len, &buf[..6]), (Ok(6), &b"secret"[..]));
    assert_eq!(raw::request_key("user", "gort:none", KeyId(0)), Err(Errno::ENOKEY));
    assert_eq!(raw::add_key("no such type", "x", b"", keyring), Err(Errno::ENODEV));
    assert_eq!(raw::add_key("us\0er", "x", b"", keyring), Err(Errno::EINVAL));
    // SAFETY: no such operation.
    assert_eq!(unsafe { raw::keyctl(9999, 0, 0, 0, 0) }, Err(Errno::EOPNOTSUPP));
}

#[test]
fn what_only_the_administrator_may() {
    fn all() -> [(&'static str, Result<()>); 6] {
        let null_file = std::fs::File::open("/dev/null").unwrap();
        // SAFETY: none of these exists or is what the call takes.
        unsafe {
            [
                ("swapon", raw::swapon("/no/such/file", 0)),
                ("swapoff", raw::swapoff("/no/such/file")),
                ("quotactl", raw::quotactl(0x8000_0700, "/dev/null", 0, null_mut())),
                ("init_module", raw::init_module(&[0; 4], "")),
                ("finit_module", raw::finit_module(&null_file, "", 0)),
                ("delete_module", raw::delete_module("no_such_module", libc::O_NONBLOCK as u32)),
            ]
        }
    }
    let documented = |what: &str, errno| match what {
        "swapon" | "swapoff" => errno == Errno::ENOENT,
        "quotactl" => matches!(
            errno,
            Errno::ENOTBLK | Errno::EINVAL | Errno::ENODEV | Errno::ENOENT | Errno::ESRCH
        ),
        "delete_module" => errno == Errno::ENOENT,
        _ => matches!(errno, Errno::ENOEXEC | Errno::EINVAL),
    };
    for (what, result) in all() {
        let errno = result.expect_err(what);
        let fits = documented(what, errno) || REFUSED.contains(&errno);
        assert!(fits, "{what}: {errno:?}");
    }
    as_nobody(|| {
        for (what, result) in all() {
            let errno = result.expect_err(what);
            // Quotas look for the device first.
            assert!(REFUSED.contains(&errno) || what == "quotactl", "{what}: {errno:?}");
        }
    });
}

#[test]
fn the_end_of_a_process() {
    assert_eq!(in_child(|| raw::exit_group(42)), Some(42));
    assert_eq!(in_child(|| raw::exit_group(256 + 7)), Some(7), "the low byte");
}
