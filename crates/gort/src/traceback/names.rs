//! Names for a process that is about to end: `gort_rt::host::Host::symbol`.
//!
//! No allocation and no lock. One at a time: a second caller, who can only be a fault in the first, gets no
//! names. The files of the last few objects stay mapped, and the last few hundred functions known, for to
//! find one a whole table is read.
//!
//! # Safety
//!
//! What is known is touched only between taking [`BUSY`] and giving it back.

#![allow(unsafe_code)]

use super::elf::Symbol;
use super::object::Object;
use gort_rt::host::Ask;
use rustc_demangle::demangle;
use std::cell::UnsafeCell;
use std::fmt::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

const OBJECTS: usize = 16;
const FUNCTIONS: usize = 512;

struct Known {
    objects: [Option<Object>; OBJECTS],
    next: usize,
    /// By a hash of the address: the address, and which function that is.
    functions: [(usize, Option<Symbol>); FUNCTIONS],
}

struct Shared(UnsafeCell<Known>);

// SAFETY: see the module.
unsafe impl Sync for Shared {}

static KNOWN: Shared = Shared(UnsafeCell::new(Known {
    objects: [const { None }; OBJECTS],
    next: 0,
    functions: [(0, None); FUNCTIONS],
}));
static BUSY: AtomicBool = AtomicBool::new(false);

/// Says the name of the function that `pc` is in, or its object with the address there.
pub(crate) fn symbol(pc: usize, ask: Ask, say: &mut dyn FnMut(&str)) {
    // Acquire: pairs with the Release below.
    if BUSY.swap(true, Ordering::Acquire) {
        return say("??");
    }
    // SAFETY: see the module.
    unsafe { &mut *KNOWN.0.get() }.symbol(pc, ask, say);
    // Release: pairs with the Acquire above.
    BUSY.store(false, Ordering::Release);
}

impl Known {
    fn symbol(&mut self, pc: usize, ask: Ask, say: &mut dyn FnMut(&str)) {
        let Some(object) = Known::object(&mut self.objects, &mut self.next, pc) else {
            return match ask {
                Ask::Function => say("??"),
                Ask::Place => {
                    let _ = write!(Sink(say), "??:0 +{pc:#x}");
                }
            };
        };
        let address = object.address(pc);
        let _ = match ask {
            Ask::Place => write!(Sink(say), "{}:0 +{address:#x}", object.path()),
            Ask::Function => {
                let place = &mut self.functions[pc / 4 % FUNCTIONS];
                if place.0 != pc {
                    *place = (pc, object.elf().and_then(|elf| elf.function(address)));
                }
                match place.1.and_then(|function| object.elf()?.name(&function)) {
                    Some(name) => write!(Sink(say), "{:#}", demangle(name)),
                    None => Sink(say).write_str("??"),
                }
            }
        };
    }

    fn object<'a>(
        objects: &'a mut [Option<Object>; OBJECTS],
        next: &mut usize,
        pc: usize,
    ) -> Option<&'a Object> {
        let known = |one: &Option<Object>| one.as_ref().is_some_and(|one| one.contains(pc));
        let index = match objects.iter().position(known) {
            Some(index) => index,
            None => {
                let index = *next % OBJECTS;
                objects[index] = Some(Object::find(pc)?);
                *next += 1;
                index
            }
        };
        objects[index].as_ref()
    }
}

struct Sink<'a>(&'a mut dyn FnMut(&str));

impl Write for Sink<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        (self.0)(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Ask, symbol};

    #[test]
    fn functions_are_named_without_allocating() {
        let here = functions_are_named_without_allocating as *const () as usize + 1;
        let (mut name, mut place) = (String::new(), String::new());
        for _ in 0..2 {
            name.clear();
            symbol(here, Ask::Function, &mut |text| name.push_str(text));
            let module = "gort::traceback::names::tests::";
            assert_eq!(name, format!("{module}functions_are_named_without_allocating"));
        }
        symbol(here, Ask::Place, &mut |text| place.push_str(text));
        let program = std::env::current_exe().unwrap();
        assert!(place.starts_with(&format!("{}:0 +0x", program.display())), "{place}");
        let mut nowhere = String::new();
        symbol(8, Ask::Function, &mut |text| nowhere.push_str(text));
        symbol(8, Ask::Place, &mut |text| nowhere.push_str(text));
        assert_eq!(nowhere, "????:0 +0x8");
    }
}
