//! Every goroutine of a process that goes on.

use super::buffer::Buffer;
use super::cache::Cache;
use super::capture::Looker;
use super::{Goroutine, How, Pc, own};
use crate::prim::nanotime;
use crate::sched::all::all_gs;
use crate::sched::state::SCHED;
use crate::sched::stop;
use gort_sys::context::registers::Registers;

/// See [`super::each`].
pub(super) fn each(here: Registers, f: &mut dyn FnMut(&Goroutine, &[Pc])) -> usize {
    if SCHED.procs() == 0 {
        return 0;
    }
    let mut buffer = Buffer::EMPTY;
    if SCHED.is_forked() {
        collect(&mut buffer, here, true);
    } else {
        stop::stop_the_world(|| collect(&mut buffer, here, false));
    }
    buffer.each(f);
    buffer.missing
}

fn collect(buffer: &mut Buffer, here: Registers, only_own: bool) {
    let mut cache = Cache::new();
    let own = own();
    let mut looker = Looker {
        how: How::Live,
        now: nanotime(),
        own: own.map(|gp| (gp, here)),
        cache: cache.as_mut(),
    };
    let mut look = |gp| {
        if let Some((goroutine, frames)) = looker.look(gp) {
            buffer.push(&goroutine, &frames);
        }
    };
    if let Some(gp) = own {
        look(gp);
    }
    let others = all_gs().filter(|gp| !own.is_some_and(|own| core::ptr::eq(own, *gp)));
    others.take_while(|_| !only_own).for_each(look);
}
