//! From an address to its row, by way of `.eh_frame_hdr` and `.eh_frame`.
//!
//! gimli parses; the rows are made here, for its own evaluation keeps more rows than a signal stack has room
//! for and panics where it thinks it cannot fail.
//!
//! # Safety
//!
//! The host says where a loaded object is and where in it its table (`Host::find_unwind`). What is read lies
//! within the object; that the linker and the compiler have filled it in is taken on trust, as every
//! unwinder does. The object stays loaded: somebody has a return address into it.

#![allow(unsafe_code)]

use super::rule::{Cfa, Expression, Row, Rule};
use crate::host::{self, Unwind};
use gimli::{
    BaseAddresses, CallFrameInstruction as Instruction, CallFrameInstructionIter, EhFrame,
    EndianSlice, NativeEndian, Register, UnwindExpression, UnwindSection,
};
use gort_sys::context::registers::COUNT;

type Bytes = EndianSlice<'static, NativeEndian>;

/// Why there is no row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// No object has been loaded there.
    Object,
    /// The object's table does not have it.
    Entry,
    /// The table says something that is not understood here.
    Form,
}

/// How deep rows are remembered while others are made. Compilers use one.
const DEPTH: usize = 4;

/// `.eh_frame_hdr`'s encodings, all others being possible and unused: 4 bytes, relative to themselves; 4
/// bytes; 4 bytes relative to the header.
const ENCODINGS: [u8; 3] = [0x1b, 0x03, 0x3b];

impl Unwind {
    /// Reads a word of 4 bytes, if it is the object's.
    fn word(&self, at: usize) -> Result<u32, Missing> {
        let inside = at >= self.start && at.checked_add(4).is_some_and(|end| end <= self.end);
        let at = core::ptr::with_exposed_provenance::<u32>(at);
        if !inside {
            return Err(Missing::Form);
        }
        // SAFETY: see the module.
        Ok(unsafe { at.read_unaligned() })
    }

    /// The same as a distance from `base`.
    fn relative(&self, base: usize, at: usize) -> Result<usize, Missing> {
        Ok(base.wrapping_add_signed(self.word(at)?.cast_signed() as isize))
    }

    /// Where the entry is of the last function that begins at or before `pc`.
    fn search(&self, pc: usize) -> Result<usize, Missing> {
        let [version, encodings @ ..] = self.word(self.header)?.to_ne_bytes();
        if version != 1 || encodings != ENCODINGS {
            return Err(Missing::Form);
        }
        let table = self.header.wrapping_add(12);
        let place = |index: usize| table.wrapping_add(index.wrapping_mul(8));
        // The first that begins behind.
        let (mut low, mut high) = (0, self.word(self.header.wrapping_add(8))? as usize);
        while low < high {
            let middle = (low + high) / 2;
            if self.relative(self.header, place(middle))? <= pc {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        match low.checked_sub(1) {
            Some(last) => self.relative(self.header, place(last).wrapping_add(4)),
            None => Err(Missing::Entry),
        }
    }
}

/// The row for `pc`.
pub(super) fn row(pc: usize) -> Result<Row, Missing> {
    let object = host::find_unwind(pc).ok_or(Missing::Object)?;
    let entry = object.search(pc)?;
    let end = entry.wrapping_add(4).wrapping_add(object.word(entry)? as usize);
    // What an entry has in common with others comes before it: so far back.
    let back = object.word(entry.wrapping_add(4))? as usize;
    let base = entry.wrapping_add(4).wrapping_sub(back);
    if base < object.start || base >= entry || end <= entry || end > object.end {
        return Err(Missing::Form);
    }
    let start = core::ptr::with_exposed_provenance::<u8>(base);
    // SAFETY: see the module; the bounds have been checked.
    let bytes = unsafe { core::slice::from_raw_parts(start, end - base) };
    parse(EhFrame::new(bytes, NativeEndian), base, entry - base, pc).ok_or(Missing::Form)?
}

/// The row for `pc` by the entry at `entry` of what lies at `base`. `None` where gimli finds that it is
/// none.
#[inline(never)]
fn parse(
    section: EhFrame<Bytes>,
    base: usize,
    entry: usize,
    pc: usize,
) -> Option<Result<Row, Missing>> {
    let bases = BaseAddresses::default().set_eh_frame(base as u64);
    let entry = section.fde_from_offset(&bases, entry.into(), EhFrame::cie_from_offset).ok()?;
    if !entry.contains(pc as u64) {
        return Some(Err(Missing::Entry));
    }
    let common = entry.cie();
    let mut rows = Rows {
        row: Row { base, signal: common.is_signal_trampoline(), ..Row::EMPTY },
        initial: [Rule::Same; COUNT],
        remembered: [Row::EMPTY; DEPTH],
        depth: 0,
        data: common.data_alignment_factor(),
        code: common.code_alignment_factor(),
        at: entry.initial_address(),
        pc: pc as u64,
    };
    rows.all(common.instructions(&section, &bases))?;
    rows.initial = rows.row.rules;
    rows.all(entry.instructions(&section, &bases))?;
    let mut row = rows.row;
    for (register, rule) in row.rules.iter().enumerate() {
        row.said |= u32::from(*rule != Rule::Same) << register;
    }
    Some(Ok(row))
}

/// The making of a row.
struct Rows {
    row: Row,
    /// What `DW_CFA_restore` restores.
    initial: [Rule; COUNT],
    remembered: [Row; DEPTH],
    depth: usize,
    data: i64,
    code: u64,
    /// From which address on the row holds, and for which it is wanted.
    at: u64,
    pc: u64,
}

impl Rows {
    /// Goes through instructions until the row is there. `None` for what is not understood.
    fn all(&mut self, mut instructions: CallFrameInstructionIter<'_, Bytes>) -> Option<()> {
        while let Some(instruction) = instructions.next().ok()? {
            match instruction {
                Instruction::SetLoc { address } => self.at = address,
                Instruction::AdvanceLoc { delta } => {
                    self.at = self.at.wrapping_add(u64::from(delta).wrapping_mul(self.code));
                }
                other => self.one(other)?,
            }
            if self.at > self.pc {
                break;
            }
        }
        Some(())
    }

    fn one(&mut self, instruction: Instruction<usize>) -> Option<()> {
        match instruction {
            Instruction::DefCfa { register, offset } => {
                self.row.cfa = Cfa::Plus(register.0, i32::try_from(offset).ok()?);
            }
            Instruction::DefCfaSf { register, factored_offset } => {
                self.row.cfa = Cfa::Plus(register.0, self.factored(factored_offset)?);
            }
            Instruction::DefCfaRegister { register } => match &mut self.row.cfa {
                Cfa::Plus(own, _) => *own = register.0,
                Cfa::Expression(_) => return None,
            },
            Instruction::DefCfaOffset { offset } => self.distance(i32::try_from(offset).ok()?)?,
            Instruction::DefCfaOffsetSf { factored_offset } => {
                let offset = self.factored(factored_offset)?;
                self.distance(offset)?;
            }
            Instruction::DefCfaExpression { expression } => {
                self.row.cfa = Cfa::Expression(place(expression)?);
            }
            Instruction::Undefined { register } => self.set(register, Rule::Undefined),
            Instruction::SameValue { register } => self.set(register, Rule::Same),
            Instruction::Offset { register, factored_offset } => {
                let offset = self.factored(i64::try_from(factored_offset).ok()?)?;
                self.set(register, Rule::At(offset));
            }
            Instruction::OffsetExtendedSf { register, factored_offset } => {
                let offset = self.factored(factored_offset)?;
                self.set(register, Rule::At(offset));
            }
            Instruction::ValOffset { register, factored_offset } => {
                let offset = self.factored(i64::try_from(factored_offset).ok()?)?;
                self.set(register, Rule::Plus(offset));
            }
            Instruction::ValOffsetSf { register, factored_offset } => {
                let offset = self.factored(factored_offset)?;
                self.set(register, Rule::Plus(offset));
            }
            Instruction::Register { dest_register, src_register } => {
                self.set(dest_register, Rule::Register(src_register.0));
            }
            Instruction::Expression { register, expression } => {
                self.set(register, Rule::AtExpression(place(expression)?));
            }
            Instruction::ValExpression { register, expression } => {
                self.set(register, Rule::Expression(place(expression)?));
            }
            Instruction::Restore { register } => {
                let rule = *self.initial.get(usize::from(register.0)).unwrap_or(&Rule::Same);
                self.set(register, rule);
            }
            Instruction::RememberState => {
                *self.remembered.get_mut(self.depth)? = self.row;
                self.depth += 1;
            }
            Instruction::RestoreState => {
                self.depth = self.depth.checked_sub(1)?;
                self.row = *self.remembered.get(self.depth)?;
            }
            Instruction::ArgsSize { .. } | Instruction::Nop => {}
            _ => return None,
        }
        Some(())
    }

    fn factored(&self, offset: i64) -> Option<i32> {
        i32::try_from(offset.checked_mul(self.data)?).ok()
    }

    fn distance(&mut self, offset: i32) -> Option<()> {
        match &mut self.row.cfa {
            Cfa::Plus(_, own) => *own = offset,
            Cfa::Expression(_) => return None,
        }
        Some(())
    }

    /// Those of vector registers are nobody's here.
    fn set(&mut self, register: Register, rule: Rule) {
        if let Some(place) = self.row.rules.get_mut(usize::from(register.0)) {
            *place = rule;
        }
    }
}

fn place(expression: UnwindExpression<usize>) -> Option<Expression> {
    Some(Expression {
        at: i32::try_from(expression.offset).ok()?,
        len: u16::try_from(expression.length).ok()?,
    })
}
