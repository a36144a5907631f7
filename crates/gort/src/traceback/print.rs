//! Go's layout of a dump, so that what reads Go's reads ours.
//!
//! ```text
//! goroutine 42 [chan receive, 3 minutes, locked to thread, "worker 3"]:
//! gort::chan::channel::Receiver<T>::recv(...)
//!     /src/gort/chan/channel.rs:120
//! program::work(...)
//!     /src/program/main.rs:10 +0x1f
//! created by program::main in goroutine 1
//!     /src/program/main.rs:7 +0x83
//! ```
//!
//! Arguments are always `...`: no table says where they are. The distance from the function's beginning is
//! left out where the function was inlined, as Go does. Two things are not Go's. The name comes last in the
//! brackets, in quotation marks: there readers expect remarks of which some are not known to them. And
//! files do not end in `.go`, which some readers insist on. panicparse 2.3 does; this helps:
//!
//! ```text
//! sed -E 's/^(\t.*):([0-9]+)( \+0x[0-9a-f]+)?$/\1.go:\2\3/'
//! ```

use super::kind::{Kind, shown};
use super::symbols::{Frame, Symbols};
use gort_rt::traceback::{FIRST, Goroutine, Pc, State};
use std::fmt::Write;
use std::sync::Arc;

/// Adds a goroutine's part of the dump to `text`, without the empty line behind it; with the runtime's own
/// frames if `system`.
pub(super) fn goroutine(
    text: &mut String,
    symbols: &mut Symbols,
    g: &Goroutine,
    pcs: &[Pc],
    system: bool,
) {
    header(text, g);
    match (g.unseen, pcs) {
        (Some(why), []) => {
            // Go's words for it, by which readers know it.
            let what = "goroutine running on other thread; stack unavailable";
            let _ = writeln!(text, "\t{what} ({why})");
        }
        _ => stack(text, symbols, pcs, g.elided, system),
    }
    if g.unseen.is_some() && !pcs.is_empty() {
        text.push_str("...additional frames elided...\n");
    }
    if g.creator != 0 {
        created_by(text, symbols, g);
    }
}

/// The first line of one that runs here.
pub(super) fn running(text: &mut String, id: u64, name: Option<&str>) {
    let _ = write!(text, "goroutine {id} [running");
    end_header(text, name);
}

fn header(text: &mut String, g: &Goroutine) {
    let _ = write!(text, "goroutine {} [{}", g.id, g.status());
    if g.minutes() != 0 {
        let _ = write!(text, ", {} minutes", g.minutes());
    }
    if g.state == State::InC {
        text.push_str(", in C");
    }
    if g.locked {
        text.push_str(", locked to thread");
    }
    end_header(text, g.name.as_str());
}

fn end_header(text: &mut String, name: Option<&str>) {
    if let Some(name) = name {
        text.push_str(", \"");
        quote(text, name);
        text.push('"');
    }
    text.push_str("]:\n");
}

/// A name may not end the brackets, the line, or a remark.
fn quote(text: &mut String, name: &str) {
    for c in name.chars() {
        match c {
            '"' | '\\' | ']' | '[' | ',' => {
                let _ = write!(text, "\\x{:02x}", u32::from(c));
            }
            _ if c.is_control() => text.extend(c.escape_default()),
            _ => text.push(c),
        }
    }
}

/// The frames at `pcs`, of which so many are left out after the first [`FIRST`].
pub(super) fn stack(
    text: &mut String,
    symbols: &mut Symbols,
    pcs: &[Pc],
    elided: usize,
    system: bool,
) {
    let at: Vec<_> = pcs.iter().map(|pc| symbols.frames(*pc)).collect();
    let frames: Vec<_> = at.iter().flat_map(|frames| frames.iter()).collect();
    let kinds: Vec<_> = frames.iter().map(|frame| frame.kind).collect();
    let shown = if system { vec![true; kinds.len()] } else { shown(&kinds) };
    let gap = at.iter().take(FIRST).map(|frames| frames.len()).sum::<usize>();
    for (index, (frame, shown)) in frames.iter().zip(shown).enumerate() {
        if index == gap && elided != 0 {
            let _ = writeln!(text, "...{elided} frames elided...");
        }
        if shown {
            for piece in [&frame.function, "(...)\n\t", &frame.place, "\n"] {
                text.push_str(piece);
            }
        }
    }
}

/// Who made it: the program's function that asked for it, which may be inlined or have inlined `gort`'s.
fn created_by(text: &mut String, symbols: &mut Symbols, g: &Goroutine) {
    let frames: Arc<[Frame]> = symbols.frames(Pc { pc: g.creator, exact: false });
    let user = frames.iter().find(|frame| frame.kind == Kind::User);
    let Some(frame) = user.or(frames.last()) else { return };
    let _ = write!(text, "created by {}", frame.function);
    if g.parent != 0 {
        let _ = write!(text, " in goroutine {}", g.parent);
    }
    let _ = writeln!(text, "\n\t{}", frame.place);
}
