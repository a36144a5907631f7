//! The general registers as unwind tables number them.
//!
//! # Safety
//!
//! Reads registers, and those that a signal's frame holds.

#![allow(unsafe_code)]

use core::arch::asm;

/// Numbers of registers (psABI 3.6.2) that somebody needs by name; the last is the return address, or the
/// program counter.
pub const RBX: usize = 3;
/// See [`RBX`].
pub const RBP: usize = 6;
/// See [`RBX`].
pub const RSP: usize = 7;
/// See [`RBX`].
pub const R12: usize = 12;
/// See [`RBX`].
pub const PC: usize = 16;
/// How many there are.
pub const COUNT: usize = 17;

/// What a call leaves as it was: rbx, rbp, r12 to r15.
pub const CALLEE_SAVED: u32 = 1 << RBX | 1 << RBP | 0b1111 << R12;

/// Registers, as far as they are known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Registers {
    values: [usize; COUNT],
    known: u32,
}

impl Registers {
    /// None is known.
    pub const UNKNOWN: Registers = Registers { values: [0; COUNT], known: 0 };

    /// What is in register `number`.
    #[inline]
    pub fn get(&self, number: usize) -> Option<usize> {
        let known = number < COUNT && self.known & 1 << number != 0;
        if known { self.values.get(number).copied() } else { None }
    }

    /// Sets it.
    #[inline]
    pub fn set(&mut self, number: usize, value: usize) {
        if let Some(place) = self.values.get_mut(number) {
            *place = value;
            self.known |= 1 << number;
        }
    }

    /// It is not known any more.
    #[inline]
    pub fn forget(&mut self, number: usize) {
        if number < COUNT {
            self.known &= !(1 << number);
        }
    }

    /// Those of `mask`; the others are not known.
    #[inline]
    pub fn only(&self, mask: u32) -> Registers {
        Registers { values: self.values, known: self.known & mask }
    }

    /// The caller's own, as far as a call keeps them, with the place where this is.
    #[inline(always)]
    pub fn here() -> Registers {
        let mut registers = Registers::UNKNOWN;
        let at = &raw mut registers.values;
        // SAFETY: writes the caller's registers into its own array.
        unsafe {
            asm!(
                "mov [{at} + 3*8], rbx",
                "mov [{at} + 6*8], rbp",
                "mov [{at} + 7*8], rsp",
                "mov [{at} + 12*8], r12",
                "mov [{at} + 13*8], r13",
                "mov [{at} + 14*8], r14",
                "mov [{at} + 15*8], r15",
                "lea {pc}, [rip]",
                "mov [{at} + 16*8], {pc}",
                at = in(reg) at,
                pc = out(reg) _,
                options(nostack, preserves_flags),
            );
        }
        registers.known = CALLEE_SAVED | 1 << RSP | 1 << PC;
        registers
    }

    /// All of them.
    pub(super) fn all(values: [usize; COUNT]) -> Registers {
        Registers { values, known: (1 << COUNT) - 1 }
    }
}
