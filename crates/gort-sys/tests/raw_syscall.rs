//! The untyped entry points, and the trap below them.
//!
//! What reaches the kernel is read where it shows it: in `/proc/self/task/<tid>/syscall`, which has
//! the number and all six registers of a thread that waits in a call. The call is `pause`, which
//! takes no arguments and so can be given any.
//!
//! # Safety
//!
//! The calls get memory and descriptors of the tests' own, or what the kernel refuses. The handlers
//! do nothing or make one call.

#![allow(unsafe_code, missing_docs)]

use gort_sys::fd::{AsFd, AsRawFd, OwnedFd};
use gort_sys::{Errno, Result, nr, raw, raw_syscall, raw_syscall6, sys};
use std::arch::asm;
use std::fs;
use std::sync::atomic::{AtomicI32, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

sys! { unsafe extern "kernel" {
    sysblock pause0() -> Result<()> = nr::PAUSE;
    sysblock pause1(a: usize) -> Result<()> = nr::PAUSE;
    sysblock pause2(a: usize, b: usize) -> Result<()> = nr::PAUSE;
    sysblock pause3(a: usize, b: usize, c: usize) -> Result<()> = nr::PAUSE;
    sysblock pause4(a: usize, b: usize, c: usize, d: usize) -> Result<()> = nr::PAUSE;
    sysblock pause5(a: usize, b: usize, c: usize, d: usize, e: usize) -> Result<()> = nr::PAUSE;
    sysblock pause6(a: usize, b: usize, c: usize, d: usize, e: usize, f: usize) -> Result<()> = nr::PAUSE;
} }

extern "C" fn interrupt(_: i32) {}

/// Has `signal` run `handler`, without restarting what it interrupts.
fn handle(signal: i32, handler: extern "C" fn(i32)) {
    // SAFETY: the handlers of this file do nothing that a handler may not do.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as *const () as usize;
        assert_eq!(libc::sigaction(signal, &action, std::ptr::null_mut()), 0);
    }
}

/// Runs `call`, which waits in `pause`, until the kernel shows it waiting, then interrupts it.
/// Returns the argument registers that the kernel shows, and what the call returned; `None` for
/// the registers where the kernel shows none.
fn while_pausing<T: Send>(call: impl FnOnce() -> T + Send) -> (Option<[usize; 6]>, T) {
    // One at a time, so that the handler's owner is clear.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    handle(libc::SIGUSR1, interrupt);
    thread::scope(|scope| {
        let (tell, told) = mpsc::channel();
        let pausing = scope.spawn(move || {
            // SAFETY: these answer with a number.
            tell.send(unsafe { (libc::gettid(), libc::pthread_self()) }).unwrap();
            call()
        });
        let (tid, thread) = told.recv().unwrap();
        let shown = format!("/proc/self/task/{tid}/syscall");
        let mut registers = None;
        for _ in 0..10_000 {
            match fs::read_to_string(&shown) {
                Ok(text) => {
                    // A thread that is not in a call is "running".
                    let words: Vec<_> = text.split_whitespace().collect();
                    if words[0].parse() == Ok(nr::PAUSE) {
                        let hex = |word: &str| usize::from_str_radix(&word[2..], 16).unwrap();
                        registers = Some(std::array::from_fn(|i| hex(words[1 + i])));
                        break;
                    }
                }
                Err(error) => {
                    println!("no {shown}: {error}");
                    thread::sleep(Duration::from_millis(100));
                    break;
                }
            }
            thread::sleep(Duration::from_millis(1));
        }
        // A signal that came before the wait would be lost, so it is sent until the thread ends.
        while !pausing.is_finished() {
            // SAFETY: the thread has not been joined.
            unsafe { libc::pthread_kill(thread, libc::SIGUSR1) };
            thread::sleep(Duration::from_millis(1));
        }
        (registers, pausing.join().unwrap())
    })
}

const ARGS: [usize; 6] =
    [0x1111_0001, 0x2222_0000_0002, 0x3333_0003, usize::MAX - 4, 0x5555_0005, 0x6666_0006];

/// The kernel shows the first `count` of [`ARGS`], in order.
fn assert_args(shown: Option<[usize; 6]>, count: usize) {
    if let Some(shown) = shown {
        assert_eq!(shown[..count], ARGS[..count]);
    }
}

#[test]
fn arguments_arrive_in_order() {
    let [a, b, c, d, e, f] = ARGS;
    // SAFETY: `pause` takes no arguments.
    let (shown, got) = while_pausing(|| unsafe { raw_syscall(nr::PAUSE, a, b, c) });
    assert_args(shown, 3);
    assert_eq!(got, (usize::MAX, 0, Errno::EINTR), "interrupted, and not retried");
    // SAFETY: as above.
    let (shown, got) = while_pausing(|| unsafe { raw_syscall6(nr::PAUSE, a, b, c, d, e, f) });
    assert_args(shown, 6);
    assert_eq!(got, (usize::MAX, 0, Errno::EINTR));

    let calls: [fn([usize; 6]) -> Result<()>; 7] = [
        |_| pause0(),
        |[a, ..]| pause1(a),
        |[a, b, ..]| pause2(a, b),
        |[a, b, c, ..]| pause3(a, b, c),
        |[a, b, c, d, ..]| pause4(a, b, c, d),
        |[a, b, c, d, e, _]| pause5(a, b, c, d, e),
        |[a, b, c, d, e, f]| pause6(a, b, c, d, e, f),
    ];
    for (count, call) in calls.into_iter().enumerate() {
        let (shown, got) = while_pausing(move || call(ARGS));
        assert_args(shown, count);
        assert_eq!(got, Err(Errno::EINTR));
    }
}

/// The same by a call that uses all six: the kernel lists the mapping as it was asked for.
#[test]
fn a_mapping_is_made_as_asked() {
    const LEN: usize = 3 * 4096;
    let name = c"gort-six";
    // SAFETY: a C string; the memory reserved is this test's, and is replaced only by itself.
    unsafe {
        let fd = raw_syscall(nr::MEMFD_CREATE, name.as_ptr().addr(), 0, 0).0;
        assert_eq!(raw_syscall(nr::FTRUNCATE, fd, 8 * 4096, 0).2, Errno::NONE);
        let anonymous = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS) as usize;
        let (room, _, errno) = raw_syscall6(nr::MMAP, 0, LEN, 0, anonymous, usize::MAX, 0);
        assert_eq!(errno, Errno::NONE);
        let flags = (libc::MAP_SHARED | libc::MAP_FIXED) as usize;
        let got = raw_syscall6(nr::MMAP, room, LEN, libc::PROT_READ as usize, flags, fd, 2 * 4096);
        assert_eq!((got.0, got.2), (room, Errno::NONE), "a large value is no error");
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        let line = maps.lines().find(|line| line.contains("gort-six")).unwrap();
        assert!(line.starts_with(&format!("{room:x}-{:x} r--s 00002000 ", room + LEN)), "{line}");
        assert_eq!(raw_syscall(nr::MUNMAP, room, LEN, 0).2, Errno::NONE);
        assert_eq!(raw_syscall(nr::CLOSE, fd, 0, 0), (0, 0, Errno::NONE));
    }
}

#[test]
fn results_and_errors() {
    // SAFETY: none of these calls reads or writes memory, or touches a descriptor that is open.
    unsafe {
        let parent = std::os::unix::process::parent_id() as usize;
        // RDX is the third argument and the second result; Linux leaves it as it was.
        assert_eq!(raw_syscall(nr::GETPPID, 1, 2, 3), (parent, 3, Errno::NONE));
        assert_eq!(raw_syscall6(nr::GETPPID, 1, 2, 33, 4, 5, 6), (parent, 33, Errno::NONE));
        let failed = |errno| (usize::MAX, 0, errno);
        let no_fd = -1i64 as usize;
        assert_eq!(raw_syscall(nr::CLOSE, no_fd, 2, 3), failed(Errno::EBADF));
        assert_eq!(raw_syscall6(nr::CLOSE, no_fd, 2, 3, 4, 5, 6), failed(Errno::EBADF));
        assert_eq!(raw_syscall(usize::MAX >> 1, 1, 2, 3), failed(Errno::ENOSYS));
        assert_eq!(raw_syscall(nr::KILL, parent, 4095, 0), failed(Errno::EINVAL));
    }
}

#[test]
fn bad_pointers_are_errors() {
    let file = fs::File::open("/dev/zero").unwrap();
    let fd = file.as_raw_fd() as usize;
    // SAFETY: the addresses are of nothing that belongs to anybody.
    unsafe {
        for address in [0, 1, 8, usize::MAX - 7, 1 << 63] {
            assert_eq!(raw_syscall(nr::READ, fd, address, 8).2, Errno::EFAULT, "{address:#x}");
            assert_eq!(raw_syscall(nr::PIPE2, address, 0, 0).2, Errno::EFAULT, "{address:#x}");
        }
        // A futex word has to be aligned.
        let word = [0u32; 2];
        let odd = word.as_ptr().addr() + 1;
        assert_eq!(raw_syscall6(nr::FUTEX, odd, 1, 1, 0, 0, 0).2, Errno::EINVAL);
    }
}

#[test]
fn libcs_errno_is_left_alone() {
    const SENTINEL: i32 = 12_345;
    // SAFETY: the address is of this thread's own errno; the calls fail without having done
    // anything.
    unsafe {
        let errno = libc::__errno_location();
        *errno = SENTINEL;
        assert_eq!(raw_syscall(nr::CLOSE, usize::MAX, 0, 0).2, Errno::EBADF);
        assert_eq!(raw_syscall6(nr::CLOSE, usize::MAX, 0, 0, 0, 0, 0).2, Errno::EBADF);
        let closed = gort_sys::fd::BorrowedFd::borrow_raw(i32::MAX);
        assert_eq!(raw::read(closed, &mut [0]), Err(Errno::EBADF));
        assert_eq!(*errno, SENTINEL);
        assert_eq!(libc::close(-1), -1);
        assert_eq!(*errno, libc::EBADF, "the comparison can fail");
    }
}

static PIPE: AtomicI32 = AtomicI32::new(-1);

extern "C" fn write_in_handler(signal: i32) {
    let byte = [signal as u8];
    // SAFETY: the byte lives through the call; the pipe is the test's, which waits for the handler.
    unsafe {
        raw_syscall(nr::WRITE, PIPE.load(SeqCst) as usize, byte.as_ptr().addr(), 1);
        raw_syscall6(nr::WRITE, PIPE.load(SeqCst) as usize, byte.as_ptr().addr(), 1, 0, 0, 0);
    }
}

#[test]
fn a_signal_handler_may_make_calls() {
    let (reader, writer) = std::io::pipe().unwrap();
    let writer = OwnedFd::from(writer);
    PIPE.store(writer.as_raw_fd(), SeqCst);
    handle(libc::SIGUSR2, write_in_handler);
    // SAFETY: raises a signal that is handled.
    assert_eq!(unsafe { libc::raise(libc::SIGUSR2) }, 0);
    let mut bytes = [0; 4];
    assert_eq!(raw::read(reader.as_fd(), &mut bytes), Ok(2));
    assert_eq!(bytes[..2], [libc::SIGUSR2 as u8; 2]);
}

/// What the entry points tell the compiler of the instruction: it changes RAX, RCX and R11, no
/// other register, and no flag.
#[test]
fn the_trap_keeps_registers_and_flags() {
    for carry in [0u8, 1] {
        let mut kept = ARGS;
        let (mut r12, mut r13, mut r14, mut r15) = (12u64, 13u64, 14u64, 15u64);
        let (mut low, mut high) = (1.5f64, -2.5f64);
        let (flags_before, flags_after): (u64, u64);
        // SAFETY: getppid touches no memory; the flags are pushed and popped in pairs, and the
        // direction flag is cleared again.
        unsafe {
            asm!(
                "cmp {carry}, 1",
                "cmc",
                "std",
                "pushfq", "pop {before}",
                "syscall",
                "pushfq", "pop {after}",
                "cld",
                carry = in(reg_byte) carry,
                before = out(reg) flags_before,
                after = lateout(reg) flags_after,
                inlateout("rax") nr::GETPPID => _,
                inlateout("rdi") kept[0], inlateout("rsi") kept[1], inlateout("rdx") kept[2],
                inlateout("r10") kept[3], inlateout("r8") kept[4], inlateout("r9") kept[5],
                inlateout("r12") r12, inlateout("r13") r13,
                inlateout("r14") r14, inlateout("r15") r15,
                inlateout("xmm0") low, inlateout("xmm15") high,
                out("rcx") _, out("r11") _,
            );
        }
        assert_eq!(kept, ARGS);
        assert_eq!((r12, r13, r14, r15), (12, 13, 14, 15));
        assert_eq!((low, high), (1.5, -2.5));
        assert_eq!(flags_before, flags_after);
        assert_eq!(flags_before & 1, u64::from(carry), "the carry flag was set as planned");
        assert_ne!(flags_before & 1 << 10, 0, "so was the direction flag");
    }
}
