//! What code is called, and where it is written.
//!
//! From a file's line tables by `addr2line`, with the functions that were inlined; from its symbols, where
//! there are no line tables. Whatever has been looked up is kept as text, by address: a dump of many
//! goroutines is mostly copying. Debug information in files of its own (`.dwp`, `.dwo`, debug links), or
//! compressed, is not looked for: then it is as if there were none.
//!
//! # Safety
//!
//! The walk over the loaded objects reads what the dynamic linker hands over.

#![allow(unsafe_code)]

use super::elf::{Elf, Symbol};
use super::kind::Kind;
use super::object::Object;
use addr2line::Context;
use addr2line::gimli::{Dwarf, EndianSlice, Error, LittleEndian};
use gort_rt::traceback::Pc;
use rustc_demangle::demangle;
use std::collections::HashMap;
use std::ffi::{c_int, c_void};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

/// A function's frame.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    /// Its demangled name.
    pub(super) function: String,
    /// `FILE:LINE`, with the distance from the function's beginning unless it was inlined; without line
    /// tables `OBJECT:0` and the object's address.
    pub(super) place: String,
}

type Lines = Context<EndianSlice<'static, LittleEndian>>;

struct Loaded {
    object: Object,
    lines: Option<Lines>,
    /// By address.
    functions: Vec<Symbol>,
}

/// All that has been looked up.
#[derive(Default)]
pub(super) struct Symbols {
    /// How often something was loaded or unloaded.
    changes: u64,
    loaded: Vec<Loaded>,
    known: HashMap<Pc, Arc<[Frame]>>,
}

static SYMBOLS: LazyLock<Mutex<Symbols>> = LazyLock::new(Mutex::default);

/// The process's, as what is loaded now has it. Whoever holds it does not write to anybody, who might be
/// waiting for it.
pub(super) fn lock() -> MutexGuard<'static, Symbols> {
    let mut symbols = SYMBOLS.lock().unwrap_or_else(PoisonError::into_inner);
    let changes = changes();
    if symbols.changes != changes {
        symbols.loaded.retain(|loaded| loaded.object.is_mapped());
        symbols.known.clear();
        symbols.changes = changes;
    }
    symbols
}

/// How often something has been loaded or unloaded.
fn changes() -> u64 {
    unsafe extern "C" fn first(info: *mut libc::dl_phdr_info, _: usize, to: *mut c_void) -> c_int {
        // SAFETY: what `dl_iterate_phdr` hands over, and what it was given below.
        unsafe { *to.cast::<u64>() = (*info).dlpi_adds + (*info).dlpi_subs };
        1
    }
    let mut changes = 0;
    // SAFETY: the callback writes to `changes` before this returns.
    unsafe { libc::dl_iterate_phdr(Some(first), (&raw mut changes).cast()) };
    changes
}

impl Symbols {
    /// The frames at `pc`: functions that were inlined there, newest first, and the one they are in.
    pub(super) fn frames(&mut self, pc: Pc) -> Arc<[Frame]> {
        if let Some(frames) = self.known.get(&pc) {
            return Arc::clone(frames);
        }
        // A return address may be another function's first.
        let probe = if pc.exact { pc.pc } else { pc.pc.wrapping_sub(1) };
        let frames: Arc<[Frame]> = match self.loaded(probe) {
            Some(loaded) => loaded.frames(pc.pc, probe).into(),
            None => [Frame::new(None, "", format!("??:0 +{:#x}", pc.pc))].into(),
        };
        self.known.insert(pc, Arc::clone(&frames));
        frames
    }

    fn loaded(&mut self, pc: usize) -> Option<&Loaded> {
        let index = match self.loaded.iter().position(|loaded| loaded.object.contains(pc)) {
            Some(index) => index,
            None => {
                self.loaded.push(Loaded::new(Object::find(pc)?));
                self.loaded.len() - 1
            }
        };
        self.loaded.get(index)
    }
}

impl Loaded {
    fn new(object: Object) -> Loaded {
        let lines = object.elf().and_then(|elf| lines(elf).ok());
        let mut functions: Vec<_> =
            object.elf().map(|elf| elf.functions().collect()).unwrap_or_default();
        functions.sort_unstable_by_key(|function| function.address);
        Loaded { object, lines, functions }
    }

    fn frames(&self, pc: usize, probe: usize) -> Vec<Frame> {
        let (at, address) = (self.object.address(probe), self.object.address(pc));
        let next = self.functions.partition_point(|function| function.address <= at);
        let function = next.checked_sub(1).and_then(|last| self.functions.get(last));
        let function = function.filter(|function| function.contains(at));
        // In full, which in line tables it is not.
        let name = function.and_then(|function| self.object.elf()?.name(function));
        let mut lines = self.lines(at).unwrap_or_default();
        let Some((inlined, file, line)) = lines.pop() else {
            return vec![Frame::new(name, "", format!("{}:0 +{address:#x}", self.object.path()))];
        };
        let mut place = format!("{file}:{line}");
        if let Some(function) = function {
            place += &format!(" +{:#x}", address - function.address);
        }
        let last = Frame::new(name.or(inlined.as_deref()), &file, place);
        let lines = lines
            .into_iter()
            .map(|(name, file, line)| Frame::new(name.as_deref(), &file, format!("{file}:{line}")));
        lines.chain([last]).collect()
    }

    /// From the line tables: functions, files and lines.
    fn lines(&self, at: u64) -> Result<Vec<(Option<String>, String, u32)>, Error> {
        let mut found = Vec::new();
        let Some(lines) = &self.lines else { return Ok(found) };
        let mut frames = lines.find_frames(at).skip_all_loads()?;
        while let Some(frame) = frames.next()? {
            let Some((Some(file), line)) = frame.location.map(|at| (at.file, at.line)) else {
                continue;
            };
            let name = frame.function.as_ref().and_then(|function| function.raw_name().ok());
            found.push((name.map(Into::into), file.into(), line.unwrap_or(0)));
        }
        Ok(found)
    }
}

/// The line tables of a file.
fn lines(elf: Elf<'static>) -> Result<Lines, Error> {
    Context::from_dwarf(Dwarf::load(|id| {
        let section = elf.section(id.name()).unwrap_or_default();
        Ok::<_, Error>(EndianSlice::new(section, LittleEndian))
    })?)
}

/// The name of a function that has none.
const UNKNOWN: &str = "??";

impl Frame {
    fn new(name: Option<&str>, file: &str, place: String) -> Frame {
        let function = name.map_or_else(
            || UNKNOWN.into(),
            |name| {
                let mut name = format!("{:#}", demangle(name));
                // A name from line tables: `f<T>`. A path may begin with `<`.
                match name.find('<') {
                    Some(end @ 1..) if !name[..end].contains("::") => name.truncate(end),
                    _ => {}
                }
                name
            },
        );
        Frame { kind: Kind::of(&function, file), function, place }
    }
}
