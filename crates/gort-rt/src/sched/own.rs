//! Which goroutine an M runs, and with which P: what others read of an M to take its P
//! (`retake.rs`), and the order in which it is written.

use super::state::SCHED;
use super::sysmon;
use crate::obj::g::G;
use crate::obj::m::M;
use crate::obj::p::{P, PStatus};
use crate::prim::Ordering;
use crate::throw::throw;

/// Makes `gp` the goroutine that `mp` runs; what is left is the switch.
///
/// The tick goes first: who sees the goroutine sees that there has been a switch.
#[inline(always)]
pub(crate) fn take_on(mp: &'static M, gp: &'static G) {
    gp.status.execute();
    gp.m.set(Some(mp));
    mp.pp().schedtick.bump();
    mp.curg.publish(gp);
}

/// `mp` owns `pp` from here on. Go: `acquirep`.
pub(crate) fn acquirep(mp: &'static M, pp: &'static P) {
    if mp.p.get().is_some() {
        throw("acquirep: the M has a P already");
    }
    pp.m.set(Some(mp));
    pp.set_status(PStatus::Running);
    mp.p.set(Some(pp));
    if SCHED.sysmonwait.load(Ordering::Relaxed) != 0 {
        sysmon::awaken();
    }
}

/// `mp` no longer owns its P. Go: `releasep`.
pub(crate) fn releasep(mp: &'static M) -> &'static P {
    let pp = mp.pp();
    pp.m.set(None);
    pp.set_status(PStatus::Idle);
    mp.p.set(None);
    pp
}
