//! What the kernel's frame says of the interrupted code.
//!
//! # Safety
//!
//! The kernel's frame is the beginning of libc's `ucontext_t`. `amx` uses instructions that the kernel
//! has allowed the process to use, and releases the tiles again.

#![allow(unsafe_code)]

use super::alone::alone;
use super::inject::{handle, hit, set_up};
use super::support::{c, watchdog};
use gort_sys::context::preempt::saves_all;
use gort_sys::context::sigframe::SignalFrame;
use gort_sys::raw;
use gort_sys::types::{Pid, SigHow, SigInfo, SigSet, Signal};
use std::arch::{asm, naked_asm};
use std::cell::Cell;

const ASK: Signal = Signal::WINCH;
const X87: u64 = 1 << 0;
const AVX: u64 = 1 << 2;
const TILE_CONFIG: u64 = 1 << 17;
const TILE_DATA: u64 = 1 << 18;

/// What the handler saw.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Seen {
    pc: usize,
    sp: usize,
    flags: usize,
    mask: SigSet,
    extended: u64,
    saved: bool,
}

thread_local! {
    static OURS: Cell<Option<Seen>> = const { Cell::new(None) };
    static LIBCS: Cell<[usize; 4]> = const { Cell::new([0; 4]) };
}

extern "C" fn on_ask(_: i32, _: &SigInfo, frame: &mut SignalFrame) {
    let context = (&raw const *frame).cast::<libc::ucontext_t>();
    // SAFETY: see the module; libc's mask is the longer one, and begins with the kernel's.
    LIBCS.set(unsafe {
        let registers = &(*context).uc_mcontext.gregs;
        let register = |index| registers[index as usize] as usize;
        let mask = (&raw const (*context).uc_sigmask).cast::<usize>().read();
        [register(libc::REG_RIP), register(libc::REG_RSP), register(libc::REG_EFL), mask]
    });
    OURS.set(Some(Seen {
        pc: frame.pc(),
        sp: frame.sp(),
        flags: frame.flags(),
        mask: frame.mask(),
        extended: frame.extended_state(),
        saved: saves_all(frame),
    }));
}

/// Asks here.
fn ask() -> Seen {
    raw::tgkill(raw::getpid(), raw::gettid(), ASK).unwrap();
    OURS.take().expect("the handler has run")
}

#[test]
fn ours_is_libcs() {
    watchdog();
    set_up();
    handle(ASK, on_ask);
    let blocked = SigSet::EMPTY.with(Signal::USR1).with(Signal(64));
    let before = raw::rt_sigprocmask(SigHow::BLOCK, Some(&blocked)).unwrap();
    let here = (&raw const blocked).addr();
    let seen = hit(|_| (), ask);
    raw::rt_sigprocmask(SigHow::SETMASK, Some(&before)).unwrap();
    assert_eq!([seen.pc, seen.sp, seen.flags, seen.mask.0 as usize], LIBCS.get());
    assert_eq!(seen.mask.0, before.0 | blocked.0);
    assert!(seen.sp < here && here - seen.sp < 4096, "{:#x} is not near {here:#x}", seen.sp);
    assert!(seen.saved && seen.extended & (TILE_CONFIG | TILE_DATA) == 0, "{seen:?}");
}

#[test]
fn registers_in_use_are_seen() {
    watchdog();
    set_up();
    handle(ASK, on_ask);
    let seen = hit(
        |_| (),
        || {
            let (process, thread) = (raw::getpid().0, raw::gettid().0);
            // SAFETY: the call takes no memory, and what is loaded is popped.
            unsafe {
                asm!(
                    "fld1",
                    "syscall",
                    "fstp st(0)",
                    inout("rax") libc::SYS_tgkill => _,
                    in("rdi") process, in("rsi") thread, in("rdx") ASK.0,
                    out("rcx") _, out("r11") _,
                    out("st(0)") _, out("st(1)") _, out("st(2)") _, out("st(3)") _,
                    out("st(4)") _, out("st(5)") _, out("st(6)") _, out("st(7)") _,
                );
            }
            OURS.take().expect("the handler has run")
        },
    );
    assert_ne!(seen.extended & X87, 0, "{:#x}", seen.extended);
    if is_x86_feature_detected!("avx") {
        assert_ne!(hit(|_| (), wide).extended & AVX, 0);
    }
}

/// Asks with something in the upper half of a register.
fn wide() -> Seen {
    let (process, thread) = (raw::getpid().0, raw::gettid().0);
    // SAFETY: the call takes no memory.
    unsafe {
        asm!(
            "vpcmpeqd xmm0, xmm0, xmm0",
            "vinsertf128 ymm0, ymm0, xmm0, 1",
            "syscall",
            "vzeroupper",
            inout("rax") libc::SYS_tgkill => _,
            in("rdi") process, in("rsi") thread, in("rdx") ASK.0,
            out("rcx") _, out("r11") _, out("xmm0") _,
        );
    }
    OURS.take().expect("the handler has run")
}

/// Configures tiles, asks, loads one, asks, and releases them.
#[unsafe(naked)]
unsafe extern "C" fn tiles(
    config: &[u8; 64],
    data: &[u8; 1024],
    process: Pid,
    thread: Pid,
    between: extern "C" fn(),
) {
    naked_asm!(
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push rbp",
        "mov rbx, rsi",
        "mov rbp, r8",
        "mov r13, rdx",
        "mov r14, rcx",
        "ldtilecfg [rdi]",
        "mov r12d, 2",
        "2:",
        "mov rdi, r13",
        "mov rsi, r14",
        "mov edx, {signal}",
        "mov eax, {tgkill}",
        "syscall",
        "call rbp",
        "mov eax, 64",
        "tileloadd tmm0, [rbx + rax]",
        "dec r12d",
        "jnz 2b",
        "tilerelease",
        "pop rbp",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "ret",
        signal = const ASK.0,
        tgkill = const libc::SYS_tgkill,
    )
}

/// AMX's tiles are not saved, so whoever uses them is to be left alone, from configuring them on.
#[test]
fn tiles_in_use_are_seen() {
    const REQUEST: i32 = 0x1023;
    thread_local! {
        static ANSWERS: Cell<[u64; 2]> = const { Cell::new([0; 2]) };
    }
    extern "C" fn between() {
        let seen = OURS.take().expect("the handler has run");
        assert!(!seen.saved, "{seen:?}");
        ANSWERS.set([ANSWERS.get()[1], seen.extended & (TILE_CONFIG | TILE_DATA)]);
    }
    alone("frame::tiles_in_use_are_seen", || {
        watchdog();
        set_up();
        handle(ASK, on_ask);
        if let Err(errno) = c!(libc::syscall(libc::SYS_arch_prctl, REQUEST, 18)) {
            println!("no AMX here: {errno}");
        } else {
            let mut config = [0u8; 64];
            // Palette 1; tile 0 has rows of 64 bytes, 16 of them.
            (config[0], config[16], config[48]) = (1, 64, 16);
            hit(
                |_| (),
                || {
                    let (process, thread) = (raw::getpid(), raw::gettid());
                    // SAFETY: allowed by the kernel.
                    unsafe { tiles(&config, &[7; 1024], process, thread, between) };
                },
            );
            assert_eq!(ANSWERS.get(), [TILE_CONFIG, TILE_CONFIG | TILE_DATA]);
        }
        assert!(hit(|_| (), ask).saved);
    });
}
