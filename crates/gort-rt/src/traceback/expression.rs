//! DWARF expressions, as far as unwind tables have them: glibc's return from signal handlers, and the
//! linker's tables of procedure stubs.
//!
//! # Safety
//!
//! An expression's bytes lie in the table that it was found in.

#![allow(unsafe_code)]

use super::memory::Stacks;
use super::rule::Expression;
use gimli::{Encoding, EndianSlice, Format, NativeEndian, Operation};
use gort_sys::context::registers::Registers;

/// How many values there may be at a time, and how many operations.
const DEPTH: usize = 16;
const LONGEST: usize = 256;

const ENCODING: Encoding = Encoding { address_size: 8, format: Format::Dwarf32, version: 4 };

struct Values {
    values: [usize; DEPTH],
    len: usize,
}

impl Values {
    fn push(&mut self, value: usize) -> Option<()> {
        *self.values.get_mut(self.len)? = value;
        self.len += 1;
        Some(())
    }

    fn pop(&mut self) -> Option<usize> {
        self.len = self.len.checked_sub(1)?;
        self.values.get(self.len).copied()
    }

    fn peek(&self, below: usize) -> Option<usize> {
        self.values.get(self.len.checked_sub(below)?.checked_sub(1)?).copied()
    }
}

impl Expression {
    /// Its value, with `first` on the stack if there is one. `None` if it is not understood, needs a register
    /// that is not known, or reads elsewhere than on the stack.
    pub(super) fn value(
        self,
        base: usize,
        registers: &Registers,
        first: Option<usize>,
        stacks: &mut Stacks,
    ) -> Option<usize> {
        let at = base.wrapping_add_signed(self.at as isize);
        let at = core::ptr::with_exposed_provenance::<u8>(at);
        // SAFETY: see the module.
        let bytes = unsafe { core::slice::from_raw_parts(at, self.len.into()) };
        let mut rest = EndianSlice::new(bytes, NativeEndian);
        let mut values = Values { values: [0; DEPTH], len: 0 };
        if let Some(first) = first {
            values.push(first)?;
        }
        for _ in 0..LONGEST {
            if rest.is_empty() {
                return values.pop();
            }
            match Operation::parse(&mut rest, ENCODING).ok()? {
                Operation::Skip { target } => rest = jump(bytes, rest, target)?,
                Operation::Bra { target } => {
                    if values.pop()? != 0 {
                        rest = jump(bytes, rest, target)?;
                    }
                }
                operation => one(operation, registers, &mut values, stacks)?,
            }
        }
        None
    }
}

type Bytes<'a> = EndianSlice<'a, NativeEndian>;

/// The rest of `bytes` from so far behind where `rest` begins.
fn jump<'a>(bytes: &'a [u8], rest: Bytes<'a>, distance: i16) -> Option<Bytes<'a>> {
    let here = bytes.len().checked_sub(rest.len())?;
    let to = here.checked_add_signed(distance.into())?;
    Some(EndianSlice::new(bytes.get(to..)?, NativeEndian))
}

fn one(
    operation: Operation<Bytes<'_>>,
    registers: &Registers,
    values: &mut Values,
    stacks: &mut Stacks,
) -> Option<()> {
    let mut two = |f: fn(usize, usize) -> Option<usize>| {
        let (right, left) = (values.pop()?, values.pop()?);
        values.push(f(left, right)?)
    };
    match operation {
        Operation::And => return two(|a, b| Some(a & b)),
        Operation::Or => return two(|a, b| Some(a | b)),
        Operation::Xor => return two(|a, b| Some(a ^ b)),
        Operation::Plus => return two(|a, b| Some(a.wrapping_add(b))),
        Operation::Minus => return two(|a, b| Some(a.wrapping_sub(b))),
        Operation::Mul => return two(|a, b| Some(a.wrapping_mul(b))),
        Operation::Div => return two(|a, b| signed(a.cast_signed().checked_div(b.cast_signed())?)),
        Operation::Mod => return two(usize::checked_rem),
        Operation::Shl => return two(|a, b| Some(a.checked_shl(b as u32).unwrap_or(0))),
        Operation::Shr => return two(|a, b| Some(a.checked_shr(b as u32).unwrap_or(0))),
        Operation::Shra => return two(|a, b| signed(a.cast_signed() >> b.min(63))),
        Operation::Eq => return two(|a, b| Some(usize::from(a == b))),
        Operation::Ne => return two(|a, b| Some(usize::from(a != b))),
        Operation::Ge => return two(|a, b| Some(usize::from(a.cast_signed() >= b.cast_signed()))),
        Operation::Gt => return two(|a, b| Some(usize::from(a.cast_signed() > b.cast_signed()))),
        Operation::Le => return two(|a, b| Some(usize::from(a.cast_signed() <= b.cast_signed()))),
        Operation::Lt => return two(|a, b| Some(usize::from(a.cast_signed() < b.cast_signed()))),
        _ => {}
    }
    let value = match operation {
        Operation::Deref { size: 8, space: false, .. } => stacks.read(values.pop()?)?,
        Operation::RegisterOffset { register, offset, .. } => {
            registers.get(register.0.into())?.wrapping_add_signed(offset as isize)
        }
        Operation::PlusConstant { value } => values.pop()?.wrapping_add(value as usize),
        Operation::UnsignedConstant { value } => value as usize,
        Operation::SignedConstant { value } => value as usize,
        Operation::Address { address } => address as usize,
        Operation::Pick { index } => values.peek(index.into())?,
        Operation::Neg => values.pop()?.wrapping_neg(),
        Operation::Not => !values.pop()?,
        Operation::Abs => values.pop()?.cast_signed().unsigned_abs(),
        Operation::Drop => return values.pop().map(drop),
        Operation::Nop => return Some(()),
        Operation::Swap => {
            let (top, below) = (values.pop()?, values.pop()?);
            values.push(top)?;
            below
        }
        _ => return None,
    };
    values.push(value)
}

fn signed(value: isize) -> Option<usize> {
    Some(value.cast_unsigned())
}
