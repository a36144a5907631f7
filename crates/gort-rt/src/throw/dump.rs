//! What goroutines do at the end, in Go's layout.
//!
//! As the dumps that `gort` writes, but for what needs memory to find out: functions that were inlined, and
//! lines. In the line's place is the object with the address there, as `addr2line -e` takes it. No frame is
//! left out: the runtime's own are what is looked for.

use super::Say::{Dec, Text};
use crate::host::{self, Ask};
use crate::out::Out;
use crate::traceback::{self, FIRST, Goroutine, How, Pc, State};

/// All goroutines.
pub(super) fn write(out: &mut Out) {
    traceback::each(How::Dying, &mut |g, pcs| {
        // What comes next may be the end.
        out.flush();
        out.text("\n");
        header(out, g);
        frames(out, pcs, g.elided);
        if let Some(why) = g.unseen {
            let text = if pcs.is_empty() {
                "\tgoroutine running on other thread; stack unavailable ("
            } else {
                "...additional frames elided...\n"
            };
            out.text(text);
            if pcs.is_empty() {
                out.say(&[Text(why), Text(")\n")]);
            }
        }
        if g.creator != 0 {
            out.text("created by ");
            name(out, g.creator - 1, Ask::Function);
            if g.parent != 0 {
                out.say(&[Text(" in goroutine "), Dec(g.parent)]);
            }
            out.text("\n\t");
            name(out, g.creator, Ask::Place);
            out.text("\n");
        }
    });
}

/// The caller's own stack; from a signal's handler on, what that has interrupted.
pub(super) fn here(out: &mut Out, id: u64) {
    out.say(&[Text("\ngoroutine "), Dec(id), Text(" [running]:\n")]);
    let mut pcs = [Pc { pc: 0, exact: false }; FIRST];
    let count = traceback::callers(&mut pcs).min(FIRST);
    let pcs = pcs.split_at(count).0;
    let interrupted = pcs.iter().position(|pc| pc.exact).unwrap_or(0);
    frames(out, pcs.split_at(interrupted).1, 0);
}

fn header(out: &mut Out, g: &Goroutine) {
    out.say(&[Text("goroutine "), Dec(g.id), Text(" ["), Text(g.status())]);
    if g.minutes() != 0 {
        out.say(&[Text(", "), Dec(g.minutes()), Text(" minutes")]);
    }
    if g.state == State::InC {
        out.text(", in C");
    }
    if g.locked {
        out.text(", locked to thread");
    }
    if let Some(name) = g.name.as_str() {
        out.text(", \"");
        for byte in name.bytes() {
            match byte {
                b'"' | b'\\' | b'[' | b']' | b',' | 0..b' ' | 0x7f => {
                    out.text("\\x");
                    out.number((byte / 16).into(), 16);
                    out.number((byte % 16).into(), 16);
                }
                _ => out.byte(byte),
            }
        }
        out.text("\"");
    }
    out.text("]:\n");
}

fn frames(out: &mut Out, pcs: &[Pc], elided: usize) {
    for (index, pc) in pcs.iter().enumerate() {
        if index == FIRST && elided != 0 {
            out.say(&[Text("..."), Dec(elided as u64), Text(" frames elided...\n")]);
        }
        // A return address may be another function's first.
        name(out, pc.pc.saturating_sub(usize::from(!pc.exact)), Ask::Function);
        out.text("(...)\n\t");
        name(out, pc.pc, Ask::Place);
        out.text("\n");
    }
}

fn name(out: &mut Out, pc: usize, ask: Ask) {
    (host::get().symbol)(pc, ask, &mut |text| out.text(text));
}
