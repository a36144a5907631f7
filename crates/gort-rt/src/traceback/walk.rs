//! The walk over one stack, frame by frame.
//!
//! # Safety
//!
//! Reads what the kernel says can be read, to see whether it is a signal's return, and a signal's frame, which lies
//! where that code says and is the kernel's.

#![allow(unsafe_code)]

use super::Pc;
use super::cache::Cache;
use super::memory::Stacks;
use super::rule::{Cfa, Row, Rule};
use super::table::{self, Missing};
use gort_sys::context::registers::{CALLEE_SAVED, PC, RBP, RSP, Registers};
use gort_sys::context::sigframe::{SignalFrame, is_sigreturn};

/// More frames than any stack has, and more turns from stack to stack.
const MOST: usize = 1 << 24;
const TURNS: usize = 1 << 16;

/// What goes on: an iterator over frames, from the newest on.
pub(super) struct Walk<'a> {
    registers: Registers,
    /// Whether the program counter is where the frame stands.
    exact: bool,
    stacks: Stacks,
    cache: Option<&'a mut Cache>,
    frames: usize,
    turns: usize,
    ended: bool,
    /// Why it ended before the stack did.
    pub(super) why: Option<&'static str>,
}

impl<'a> Walk<'a> {
    /// From the frame with these registers, which stands where they say (or, if it is not `exact`, where it
    /// has called something), over these stacks.
    pub(super) fn new(
        registers: Registers,
        exact: bool,
        stacks: Stacks,
        cache: Option<&'a mut Cache>,
    ) -> Walk<'a> {
        Walk { registers, exact, stacks, cache, frames: 0, turns: 0, ended: false, why: None }
    }

    /// Nothing to walk.
    pub(super) fn none(why: Option<&'static str>) -> Walk<'a> {
        let mut walk = Walk::new(Registers::UNKNOWN, false, Stacks::NONE, None);
        walk.ended = true;
        walk.why = why;
        walk
    }

    /// From where a goroutine has left its stack: `sp` is as `gort_sys::context::switch` left it.
    pub(super) fn suspended(
        sp: usize,
        mut stacks: Stacks,
        cache: Option<&'a mut Cache>,
    ) -> Walk<'a> {
        /// r15 to r12, rbx, rbp, and the return address.
        const SAVED: [usize; 7] = [15, 14, 13, 12, 3, RBP, PC];
        let mut registers = Registers::UNKNOWN;
        let mut at = sp;
        for register in SAVED {
            match stacks.read(at) {
                Some(value) => registers.set(register, value),
                None => return Walk::none(Some("its stack pointer is wrong")),
            }
            at = at.wrapping_add(size_of::<usize>());
        }
        registers.set(RSP, at);
        Walk::new(registers, false, stacks, cache)
    }

    /// The next frame.
    pub(super) fn next(&mut self) -> Option<Pc> {
        let pc = self.registers.get(PC).filter(|_| !self.ended)?;
        let frame = Pc { pc, exact: self.exact };
        self.frames += 1;
        match self.step(pc) {
            Ok(true) => {}
            Ok(false) => self.ended = true,
            Err(why) => {
                self.ended = true;
                self.why = Some(why);
            }
        }
        Some(frame)
    }

    /// To the caller's frame; whether there is one.
    fn step(&mut self, pc: usize) -> Result<bool, &'static str> {
        if self.frames > MOST {
            return Err("there are too many frames");
        }
        let place = if self.exact { pc } else { pc.wrapping_sub(1) };
        let row = match &mut self.cache {
            Some(cache) if place != 0 => cache.row(place),
            _ => table::row(place),
        };
        let before = self.sp();
        let more = match row {
            Ok(row) => self.apply(&row)?,
            Err(Missing::Entry) if self.is_sigreturn(pc) => self.interrupted()?,
            // Somebody has called what is not there, or a linker's stub: the caller is known.
            Err(Missing::Object | Missing::Entry) if self.exact => self.called()?,
            Err(Missing::Object) => return Err("there is no code"),
            Err(Missing::Entry) => return Err("there is no unwind information"),
            Err(Missing::Form) => return Err("there is unwind information of an unknown kind"),
        };
        if !more {
            return Ok(false);
        }
        let now = self.sp();
        if self.stacks.which(now) != self.stacks.which(before) {
            self.turns += 1;
        } else if now <= before {
            return Err("the stack is damaged: it does not go on upwards");
        }
        if self.turns > TURNS {
            return Err("the stack is damaged: it goes to and fro");
        }
        Ok(self.registers.get(PC) != Some(0))
    }

    fn sp(&self) -> usize {
        self.registers.get(RSP).unwrap_or(0)
    }

    /// Sets the caller's registers by `row`; whether there is a caller.
    fn apply(&mut self, row: &Row) -> Result<bool, &'static str> {
        const UNKNOWN: &str = "a register is not known";
        let own = self.registers;
        let cfa = match row.cfa {
            Cfa::Plus(register, offset) => {
                own.get(register.into()).ok_or(UNKNOWN)?.wrapping_add_signed(offset as isize)
            }
            Cfa::Expression(expression) => {
                expression.value(row.base, &own, None, &mut self.stacks).ok_or(UNKNOWN)?
            }
        };
        // What the interrupted had is there unless the table says otherwise.
        let mut callers = if row.signal { own } else { own.only(CALLEE_SAVED) };
        callers.set(RSP, cfa);
        callers.forget(PC);
        let mut said = row.said;
        while said != 0 {
            let register = said.trailing_zeros() as usize;
            said &= said - 1;
            let Some(rule) = row.rules.get(register) else { break };
            let value = match *rule {
                Rule::Same => continue,
                Rule::Undefined if register == PC => return Ok(false),
                Rule::Undefined => None,
                Rule::At(offset) => {
                    let at = cfa.wrapping_add_signed(offset as isize);
                    Some(self.stacks.read(at).ok_or("the stack is damaged")?)
                }
                Rule::Plus(offset) => Some(cfa.wrapping_add_signed(offset as isize)),
                Rule::Register(other) => own.get(other.into()),
                Rule::AtExpression(expression) => expression
                    .value(row.base, &own, Some(cfa), &mut self.stacks)
                    .and_then(|at| self.stacks.read(at)),
                Rule::Expression(expression) => {
                    expression.value(row.base, &own, Some(cfa), &mut self.stacks)
                }
            };
            match value {
                Some(value) => callers.set(register, value),
                None => callers.forget(register),
            }
        }
        self.registers = callers;
        self.exact = row.signal;
        if callers.get(PC).is_some() { Ok(true) } else { Err(UNKNOWN) }
    }

    /// Whether `pc` is where handlers return to.
    fn is_sigreturn(&mut self, pc: usize) -> bool {
        let code = core::ptr::with_exposed_provenance::<[u8; 9]>(pc);
        // An object may have holes, and what is on a damaged stack may lead there.
        let there = self.stacks.has(pc, size_of::<[u8; 9]>());
        // SAFETY: see the module.
        there && is_sigreturn(unsafe { code.read() })
    }

    /// A handler returns to what was interrupted: the kernel has left its frame here.
    fn interrupted(&mut self) -> Result<bool, &'static str> {
        let at = self.sp();
        if !at.is_multiple_of(align_of::<SignalFrame>())
            || !self.stacks.has(at, size_of::<SignalFrame>())
        {
            return Err("the stack is damaged: a signal's frame is not there");
        }
        let frame = core::ptr::with_exposed_provenance::<SignalFrame>(at);
        // SAFETY: see the module; where it is can be read.
        self.registers = unsafe { &*frame }.registers();
        self.exact = true;
        Ok(true)
    }

    /// A call has just been made: the return address is on top, if what is there can be one.
    fn called(&mut self) -> Result<bool, &'static str> {
        let sp = self.sp();
        let pc = self.stacks.read(sp).filter(|pc| table::row(pc.wrapping_sub(1)).is_ok());
        let pc = pc.ok_or("there is no unwind information")?;
        self.registers.set(PC, pc);
        self.registers.set(RSP, sp.wrapping_add(size_of::<usize>()));
        self.exact = false;
        Ok(true)
    }
}
