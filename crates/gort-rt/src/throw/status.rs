//! What Ps and Ms do at the end. Go: `schedtrace`, with `scheddetail`.
//!
//! Each figure is read by itself and without a lock: who holds the lock may be what has thrown.

use super::Say::{Dec, Text};
use super::out::Out;
use crate::obj::g::G;
use crate::obj::m::M;
use crate::obj::p::{P, PStatus};
use crate::prim::Ordering;
use crate::sched::state::SCHED;
use core::iter::successors;

pub(super) fn write(out: &mut Out) {
    let ms = || successors(SCHED.allm.get(), |mp: &&'static M| mp.alllink.get());
    out.say(&[
        Text("\nSCHED: gomaxprocs="),
        Dec(SCHED.procs() as u64),
        Text(" idleprocs="),
        Dec(SCHED.npidle.load(Ordering::Relaxed).into()),
        Text(" threads="),
        Dec(ms().count() as u64),
        Text(" spinningthreads="),
        Dec(SCHED.nmspinning.load(Ordering::Relaxed).into()),
        Text(" runqueue="),
        Dec(SCHED.runqsize.load(Ordering::Relaxed) as u64),
        Text(" gcwaiting="),
        Dec(SCHED.gcwaiting.load(Ordering::Relaxed).into()),
        Text(" sysmonwait="),
        Dec(SCHED.sysmonwait.load(Ordering::Relaxed).into()),
        Text("\n"),
    ]);
    for pp in SCHED.all_ps() {
        p(out, pp);
    }
    for mp in ms() {
        m(out, mp);
    }
}

fn p(out: &mut Out, pp: &'static P) {
    let status = match pp.status() {
        PStatus::Idle => "idle",
        PStatus::Running => "running",
        PStatus::Stopped => "stopped",
        PStatus::Dead => "dead",
    };
    out.say(&[
        Text("  P"),
        Dec(pp.id.get() as u64),
        Text(": status="),
        Text(status),
        Text(" schedtick="),
        Dec(pp.schedtick.get() as u64),
        Text(" m="),
    ]);
    id(out, pp.m.get().map(|mp| mp.id.get() as u64));
    out.say(&[Text(" runqsize="), Dec(pp.runq.len() as u64), Text("\n")]);
}

fn m(out: &mut Out, mp: &'static M) {
    out.say(&[Text("  M"), Dec(mp.id.get() as u64), Text(": p=")]);
    id(out, mp.p.get().map(|pp| pp.id.get() as u64));
    out.text(" curg=");
    id(out, mp.curg.get().map(G::id));
    out.say(&[
        Text(" tid="),
        Dec(mp.tid.load(Ordering::Relaxed) as u64),
        Text(" spinning="),
        Text(if mp.is_spinning() { "true" } else { "false" }),
        Text(" lockedg="),
    ]);
    id(out, mp.lockedg.get().map(G::id));
    out.text("\n");
}

fn id(out: &mut Out, id: Option<u64>) {
    match id {
        Some(id) => out.number(id, 10),
        None => out.text("nil"),
    }
}
