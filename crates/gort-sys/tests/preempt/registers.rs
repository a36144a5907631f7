//! Every register, the flags, and what lies below the stack pointer, before and after.
//!
//! # Safety
//!
//! `hold` keeps the calling convention: it saves what belongs to its caller, and leaves the direction
//! flag, MXCSR and x87 at their defaults. It loads and stores the fields of [`State`], and only those
//! vector registers that there are.

#![allow(unsafe_code)]

use super::clobber::LEVEL;
use super::inject::{count, handle, hit, set_up};
use super::step::{TRAP_FLAG, on_trap, step_on};
use super::storm::storm;
use super::support::watchdog;
use gort_sys::types::Signal;
use std::arch::naked_asm;
use std::mem::offset_of;

/// What is loaded, and stored again.
#[repr(C, align(64))]
#[derive(Clone, PartialEq, Debug)]
struct State {
    vectors: [[u64; 8]; 32],
    masks: [u64; 8],
    /// rax, rbx, rdx, rsi, rdi, rbp, r8 to r15.
    general: [u64; 14],
    /// The 128 bytes below the stack pointer.
    below: [u64; 16],
    /// What `fnsave` writes: three control words of four bytes, 16 bytes about the last instruction,
    /// eight registers.
    x87: [u8; 112],
    flags: u64,
    mxcsr: u32,
}

impl State {
    const ZERO: State = State {
        vectors: [[0; 8]; 32],
        masks: [0; 8],
        general: [0; 14],
        below: [0; 16],
        x87: [0; 112],
        flags: 0,
        mxcsr: 0,
    };

    /// Something that is nowhere a default.
    fn unusual() -> State {
        let mut state = State::ZERO;
        let mut seed = 0x1234_5678_9abc_def1_u64;
        let mut next = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).rotate_left(17) | 1;
            seed
        };
        state.vectors.as_flattened_mut().fill_with(&mut next);
        state.masks.fill_with(&mut next);
        state.general.fill_with(&mut next);
        state.below.fill_with(&mut next);
        // Round up, to double precision; all registers full, with numbers.
        state.x87[..2].copy_from_slice(&0x0a7f_u16.to_le_bytes());
        for (i, register) in state.x87[28..108].chunks_mut(10).enumerate() {
            register.copy_from_slice(&[1 + i as u8, 2, 3, 4, 5, 6, 7, 0x80, i as u8, 0x40]);
        }
        // Carry, zero, direction, overflow; what user code finds set is bit 1 and interrupts.
        state.flags = 0x1 | 0x2 | 0x40 | 0x200 | 0x400 | 0x800;
        // Round up, flush to zero, denormals are zero, every exception masked, two of them seen.
        state.mxcsr = 0x1f80 | 0x4000 | 0x8000 | 0x40 | 0x21;
        state
    }

    /// Without what says where the last x87 instruction was: AMD's CPUs do not keep that.
    fn comparable(mut self) -> State {
        self.x87[12..28].fill(0);
        self.flags &= !(TRAP_FLAG as u64);
        self
    }
}

/// Loads `before`, spins for a while without changing anything, and stores to `after`.
#[unsafe(naked)]
unsafe extern "C" fn hold(before: &State, after: &mut State, spins: usize) {
    naked_asm!(
        "push rbx",
        "push rbp",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "sub rsp, 16",
        "mov [rsp], rsi",
        "mov rcx, rdx",
        "cmp byte ptr [rip + {level}], 1",
        "jb 2f",
        "je 3f",
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7",
        "kmovq k\\n, [rdi + {masks} + \\n * 8]",
        ".endr",
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15",
        "vmovdqu64 zmm\\n, [rdi + {vectors} + \\n * 64]",
        ".endr",
        ".irp n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31",
        "vmovdqu64 zmm\\n, [rdi + {vectors} + \\n * 64]",
        ".endr",
        "jmp 4f",
        "3:",
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15",
        "vmovdqu ymm\\n, [rdi + {vectors} + \\n * 64]",
        ".endr",
        "jmp 4f",
        "2:",
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15",
        "movdqu xmm\\n, [rdi + {vectors} + \\n * 64]",
        ".endr",
        "4:",
        "frstor [rdi + {x87}]",
        "ldmxcsr [rdi + {mxcsr}]",
        "push [rdi + {flags}]",
        "popfq",
        // From here to the stores nothing changes the flags, or moves the stack pointer.
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15",
        "mov rax, [rdi + {below} + \\n * 8]",
        "mov [rsp - 128 + \\n * 8], rax",
        ".endr",
        "mov rax, [rdi + {general}]",
        "mov rbx, [rdi + {general} + 8]",
        "mov rdx, [rdi + {general} + 16]",
        "mov rsi, [rdi + {general} + 24]",
        "mov rbp, [rdi + {general} + 40]",
        ".irp n, 8, 9, 10, 11, 12, 13, 14, 15",
        "mov r\\n, [rdi + {general} + (\\n - 2) * 8]",
        ".endr",
        "mov rdi, [rdi + {general} + 32]",
        "5:",
        "loop 5b",
        "mov rcx, [rsp]",
        "mov [rcx + {general}], rax",
        "mov [rcx + {general} + 8], rbx",
        "mov [rcx + {general} + 16], rdx",
        "mov [rcx + {general} + 24], rsi",
        "mov [rcx + {general} + 32], rdi",
        "mov [rcx + {general} + 40], rbp",
        ".irp n, 8, 9, 10, 11, 12, 13, 14, 15",
        "mov [rcx + {general} + (\\n - 2) * 8], r\\n",
        ".endr",
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15",
        "mov rax, [rsp - 128 + \\n * 8]",
        "mov [rcx + {below} + \\n * 8], rax",
        ".endr",
        "pushfq",
        "pop [rcx + {flags}]",
        "cld",
        "stmxcsr [rcx + {mxcsr}]",
        // Sets the defaults, too.
        "fnsave [rcx + {x87}]",
        "cmp byte ptr [rip + {level}], 1",
        "jb 6f",
        "je 7f",
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7",
        "kmovq [rcx + {masks} + \\n * 8], k\\n",
        ".endr",
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15",
        "vmovdqu64 [rcx + {vectors} + \\n * 64], zmm\\n",
        ".endr",
        ".irp n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31",
        "vmovdqu64 [rcx + {vectors} + \\n * 64], zmm\\n",
        ".endr",
        "vzeroupper",
        "jmp 8f",
        "7:",
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15",
        "vmovdqu [rcx + {vectors} + \\n * 64], ymm\\n",
        ".endr",
        "vzeroupper",
        "jmp 8f",
        "6:",
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15",
        "movdqu [rcx + {vectors} + \\n * 64], xmm\\n",
        ".endr",
        "8:",
        "mov dword ptr [rsp], 0x1f80",
        "ldmxcsr [rsp]",
        "add rsp, 16",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbp",
        "pop rbx",
        "ret",
        level = sym LEVEL,
        vectors = const offset_of!(State, vectors),
        masks = const offset_of!(State, masks),
        general = const offset_of!(State, general),
        below = const offset_of!(State, below),
        x87 = const offset_of!(State, x87),
        flags = const offset_of!(State, flags),
        mxcsr = const offset_of!(State, mxcsr),
    )
}

/// What `hold` stores.
fn held(before: &State, spins: usize) -> State {
    let mut after = State::ZERO;
    // SAFETY: see the module.
    unsafe { hold(before, &mut after, spins) };
    after.comparable()
}

/// The state, and what `hold` makes of it undisturbed: what there is of it on this CPU.
fn undisturbed() -> (State, State) {
    let before = State::unusual();
    let want = held(&before, 1);
    let all = before.clone().comparable();
    assert_eq!((&want.general, &want.below), (&all.general, &all.below));
    assert_eq!((want.flags, want.mxcsr), (all.flags, all.mxcsr));
    assert_eq!(want.x87[28..108], all.x87[28..108]);
    assert!(want.vectors.iter().zip(&all.vectors).take(16).all(|(got, all)| got[..2] == all[..2]));
    (before, want)
}

/// Field by field, for a message that can be read.
fn compare(got: &State, want: &State) {
    assert_eq!(got.general, want.general, "general registers");
    assert_eq!(got.below, want.below, "red zone");
    assert_eq!(got.flags, want.flags, "flags: {:#x}, {:#x}", got.flags, want.flags);
    assert_eq!(got.mxcsr, want.mxcsr, "MXCSR: {:#x}, {:#x}", got.mxcsr, want.mxcsr);
    assert_eq!(got.x87, want.x87, "x87");
    assert_eq!(got.masks, want.masks, "masks");
    assert_eq!(got.vectors, want.vectors, "vectors");
}

#[test]
fn registers_survive_signals() {
    watchdog();
    set_up();
    let (before, want) = undisturbed();
    storm(2000, || compare(&held(&before, 20_000), &want));
}

#[test]
fn registers_survive_a_call_at_every_instruction() {
    watchdog();
    set_up();
    handle(Signal::TRAP, on_trap);
    let (mut before, want) = undisturbed();
    // Stepping begins when `hold` loads the flags, and ends with the first handler outside of `hit`.
    before.flags |= TRAP_FLAG as u64;
    let steps = count();
    let got = hit(step_on, || held(&before, 50));
    compare(&got, &want);
    assert!(count() - steps > 150, "{} instructions", count() - steps);
}
