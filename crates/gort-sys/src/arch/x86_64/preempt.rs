//! Taking the CPU from code that does not give it: a call made to happen between two instructions.
//!
//! # Safety
//!
//! [`inject`] makes interrupted code call `async_preempt` where it stood. That is right for any code,
//! since all it can see is put back, if the caller keeps what [`inject`] asks for.
//!
//! # The protocol
//!
//! A signal's handler finds that the interrupted goroutine may be taken off its thread, raises `locks`
//! in its slot, and injects. So no second signal injects before `async_preempt` has saved anything.
//! When the handler returns, the goroutine is in `async_preempt`, on its own stack and with no signal
//! frame left, so it can be switched away as from any function and go on on another thread.
//! `async_preempt` lowers `locks` itself, by one instruction: were it done in the called function, a
//! stream of signals could nest without end between there and the return. From that instruction to the
//! return `locks` may be zero, so handlers decline by [`in_range`].
//!
//! ```text
//!   higher   |  ...            |  <- the interrupted stack pointer: the CFA
//!            |  red zone       |  128 bytes that leaf functions use without saying so
//!            |  interrupted pc |  <- on entry
//!            |  flags          |  \
//!            |  rax ... r15    |  / with the pc: `Saved`
//!            |  (to 64 bytes)  |  <- rbp
//!   lower    |  extended state |  <- rsp, at the call
//! ```
//!
//! The unwind information says "signal frame": the address above is where that function was
//! interrupted, not one behind a call, and every register may be live there.
//!
//! # What is saved
//!
//! The flags, the general registers, and every component of the extended state that the kernel enables
//! but for these. PKRU (memory protection keys) stays with the kernel's thread, as what it protects
//! stays with the process. AMX's tiles are 8 KiB that hardly anybody uses: handlers decline while they
//! are in use ([`saves_all`]). XSAVEC writes only what is not in its initial state; CPUs without it
//! have XSAVE or FXSAVE. The called function begins as any function may expect: direction flag clear,
//! MXCSR and x87 at their defaults, no upper halves that slow down SSE code.
//!
//! It cannot be Rust because it has to save what Rust takes for its own.

#![allow(unsafe_code)]

use super::sigframe::SignalFrame;
use super::slot::Slot;
use core::arch::x86_64::{__cpuid, __cpuid_count};
use core::arch::{asm, naked_asm};
use core::mem::offset_of;
use core::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};

/// What a function may keep below its stack pointer (psABI 3.2.2).
const RED_ZONE: usize = 128;
/// For the called function and what it calls before it leaves the stack.
const MARGIN: usize = 4096;
/// What `ldmxcsr` loads: every exception masked, rounding to nearest.
static MXCSR: u32 = 0x1f80;

/// Components of XCR0.
const X87_SSE: u64 = 0b11;
const PKRU: u64 = 1 << 9;
const AMX: u64 = 0b11 << 17;

/// Fixed by [`setup`]: the components that are saved, the bytes they take, how, and what is called.
static MASK: AtomicU64 = AtomicU64::new(0);
static SIZE: AtomicUsize = AtomicUsize::new(0);
static FORM: AtomicU8 = AtomicU8::new(0);
static FUNCTION: AtomicUsize = AtomicUsize::new(0);

/// The instruction that saves the extended state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Form {
    /// Writes what is not in its initial state, closely packed.
    Xsavec = 0,
    /// Writes every component, each at its place.
    Xsave = 1,
    /// Writes x87 and SSE: a CPU or kernel without XSAVE has no more.
    Fxsave = 2,
}

impl Form {
    /// The best that this CPU and kernel have.
    pub fn detect() -> Form {
        const OSXSAVE: u32 = 1 << 27;
        const XSAVEC: u32 = 1 << 1;
        if __cpuid(1).ecx & OSXSAVE == 0 {
            Form::Fxsave
        } else if __cpuid_count(0xd, 1).eax & XSAVEC == 0 {
            Form::Xsave
        } else {
            Form::Xsavec
        }
    }

    /// The components it is to save.
    fn mask(self) -> u64 {
        if self == Form::Fxsave {
            return X87_SSE;
        }
        let (low, high): (u32, u32);
        // SAFETY: reads a register that is there with XSAVE, which the other forms are made of.
        unsafe {
            asm!(
                "xgetbv",
                in("ecx") 0, out("eax") low, out("edx") high,
                options(pure, nomem, nostack, preserves_flags),
            );
        }
        (u64::from(high) << 32 | u64::from(low)) & !(PKRU | AMX)
    }

    /// How many bytes the components of `mask` take: after the legacy region and the header, as
    /// CPUID's leaf 0xD says.
    fn size(self, mask: u64) -> usize {
        const HEAD: usize = 512 + 64;
        const ALIGNED: u32 = 1 << 1;
        let mut size = HEAD;
        for component in (2..63).filter(|component| mask & 1 << component != 0) {
            let leaf = __cpuid_count(0xd, component);
            let start = match self {
                Form::Xsavec if leaf.ecx & ALIGNED != 0 => size.next_multiple_of(64),
                Form::Xsavec => size,
                _ => size.max(leaf.ebx as usize),
            };
            size = start + leaf.eax as usize;
        }
        size
    }
}

/// What has been saved of the interrupted code but for the extended state.
#[repr(C)]
#[derive(Debug)]
pub struct Saved {
    /// r15 to r8, rdi, rsi, rbp, rbx, rdx, rcx, rax.
    general: [usize; 15],
    flags: usize,
    pc: usize,
}

impl Saved {
    /// Where the interrupted code will go on.
    pub fn pc(&self) -> usize {
        self.pc
    }

    /// Its stack pointer.
    pub fn sp(&self) -> usize {
        (&raw const *self).addr() + size_of::<Saved>() + RED_ZONE
    }

    /// Its flags register.
    pub fn flags(&self) -> usize {
        self.flags
    }

    /// Has it go on with other flags.
    ///
    /// # Safety
    ///
    /// The interrupted code does not depend on those that change.
    pub unsafe fn set_flags(&mut self, flags: usize) {
        self.flags = flags;
    }
}

/// Sets what is called and how the extended state is saved. Once, before anything injects. `function` runs on the interrupted stack with `locks` raised, may switch
/// away, and does not unwind. Go: `asyncPreempt2`.
///
/// # Safety
///
/// This CPU has `form`.
pub unsafe fn setup(form: Form, function: extern "C" fn(&mut Saved)) {
    let mask = form.mask();
    MASK.store(mask, Ordering::Relaxed);
    SIZE.store(form.size(mask), Ordering::Relaxed);
    FORM.store(form as u8, Ordering::Relaxed);
    FUNCTION.store(function as *const () as usize, Ordering::Relaxed);
}

/// Bytes of stack that have to be there below the interrupted stack pointer, the called function's
/// included.
#[inline]
pub fn needed() -> usize {
    const ALIGN: usize = 64;
    RED_ZONE + size_of::<Saved>() + ALIGN + SIZE.load(Ordering::Relaxed) + MARGIN
}

/// Whether all that the interrupted code uses would be saved. If not, it has to be left alone.
#[inline]
pub fn saves_all(frame: &SignalFrame) -> bool {
    frame.extended_state() & !(MASK.load(Ordering::Relaxed) | PKRU) == 0
}

/// Whether `pc` is in the function that saves and restores. Nothing may be injected there.
#[inline]
pub fn in_range(pc: usize) -> bool {
    unsafe extern "C" {
        /// The end of `async_preempt`.
        safe fn gort_async_preempt_end();
    }
    let start = async_preempt as *const () as usize;
    let end = gort_async_preempt_end as *const () as usize;
    (start..end).contains(&pc)
}

/// Makes the interrupted code call the function that [`setup`] was given when the handler returns.
/// Afterwards `locks` is lowered, and the code goes on as if nothing had been.
///
/// # Safety
///
/// In a handler of the thread that was interrupted, after [`setup`]. `locks` in the slot of the
/// interrupted code was zero and has been raised, [`saves_all`] holds, [`in_range`] does not, and
/// [`needed`] bytes below its stack pointer are its stack's. It may be away from its thread for as
/// long as the function that [`setup`] was given keeps it away.
#[inline]
pub unsafe fn inject(frame: &mut SignalFrame) {
    let sp = frame.sp() - RED_ZONE - size_of::<usize>();
    // SAFETY: the caller's: stack below the red zone, which is nobody's, and `async_preempt` begins
    // with any registers.
    unsafe {
        core::ptr::with_exposed_provenance_mut::<usize>(sp).write_unaligned(frame.pc());
        frame.set_sp(sp);
        frame.set_pc(async_preempt as *const () as usize);
    }
}

/// Pushes a register, and says where it is.
macro_rules! push {
    ($register:literal) => {
        concat!(
            "push ",
            $register,
            "\n.cfi_adjust_cfa_offset 8\n.cfi_rel_offset ",
            $register,
            ", 0"
        )
    };
}

/// Pops a register.
macro_rules! pop {
    ($register:literal) => {
        concat!("pop ", $register, "\n.cfi_adjust_cfa_offset -8\n.cfi_restore ", $register)
    };
}

/// Saves everything, calls the function that [`setup`] was given, lowers `locks`, puts everything
/// back and returns to where the code was interrupted. Go: `asyncPreempt`.
///
/// # Safety
///
/// Only [`inject`] can have it called.
#[unsafe(naked)]
unsafe extern "C" fn async_preempt() {
    naked_asm!(
        ".cfi_startproc",
        ".cfi_signal_frame",
        ".cfi_def_cfa rsp, {on_entry}",
        ".cfi_offset rip, -{on_entry}",
        "pushfq",
        ".cfi_adjust_cfa_offset 8",
        push!("rax"),
        push!("rcx"),
        push!("rdx"),
        push!("rbx"),
        push!("rbp"),
        push!("rsi"),
        push!("rdi"),
        push!("r8"),
        push!("r9"),
        push!("r10"),
        push!("r11"),
        push!("r12"),
        push!("r13"),
        push!("r14"),
        push!("r15"),
        "cld",
        "mov rbp, rsp",
        ".cfi_def_cfa_register rbp",
        "sub rsp, [rip + {size}]",
        "and rsp, -64",
        // Restoring wants zeros in what saving leaves alone of the header.
        "xor ecx, ecx",
        "mov [rsp + 512], rcx",
        "mov [rsp + 520], rcx",
        "mov [rsp + 528], rcx",
        "mov [rsp + 536], rcx",
        "mov [rsp + 544], rcx",
        "mov [rsp + 552], rcx",
        "mov [rsp + 560], rcx",
        "mov [rsp + 568], rcx",
        "mov eax, [rip + {mask}]",
        "mov edx, [rip + {mask} + 4]",
        "cmp byte ptr [rip + {form}], {xsave}",
        "je 2f",
        "ja 3f",
        "xsavec64 [rsp]",
        "jmp 4f",
        "2:",
        "xsave64 [rsp]",
        "jmp 4f",
        "3:",
        "fxsave64 [rsp]",
        "4:",
        "fninit",
        "ldmxcsr [rip + {mxcsr}]",
        "test al, 4",
        "jz 5f",
        "vzeroupper",
        "5:",
        "mov rdi, rbp",
        "call [rip + {function}]",
        "mov eax, [rip + {mask}]",
        "mov edx, [rip + {mask} + 4]",
        "cmp byte ptr [rip + {form}], {xsave}",
        "ja 6f",
        "xrstor64 [rsp]",
        "jmp 7f",
        "6:",
        "fxrstor64 [rsp]",
        "7:",
        "mov rsp, rbp",
        ".cfi_def_cfa_register rsp",
        "mov rax, [rip + gort_slot@GOTTPOFF]",
        "sub dword ptr fs:[rax + {locks}], 1",
        pop!("r15"),
        pop!("r14"),
        pop!("r13"),
        pop!("r12"),
        pop!("r11"),
        pop!("r10"),
        pop!("r9"),
        pop!("r8"),
        pop!("rdi"),
        pop!("rsi"),
        pop!("rbp"),
        pop!("rbx"),
        pop!("rdx"),
        pop!("rcx"),
        pop!("rax"),
        "popfq",
        ".cfi_adjust_cfa_offset -8",
        "ret {red_zone}",
        ".hidden gort_async_preempt_end",
        ".globl gort_async_preempt_end",
        "gort_async_preempt_end:",
        ".cfi_endproc",
        on_entry = const RED_ZONE + size_of::<usize>(),
        red_zone = const RED_ZONE,
        size = sym SIZE,
        mask = sym MASK,
        form = sym FORM,
        xsave = const Form::Xsave as u8,
        mxcsr = sym MXCSR,
        function = sym FUNCTION,
        locks = const offset_of!(Slot, locks),
    )
}
