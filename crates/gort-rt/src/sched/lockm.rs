//! A goroutine locked to its thread. Go: `LockOSThread`, `stoplockedm`, `startlockedm`.

use super::deadlock;
use super::state::SCHED;
use super::wake::handoffp;
use super::worker::{releasep, sleep, stopm};
use crate::obj::g::{G, current};
use crate::obj::m::M;
use crate::throw::throw;
use gort_sys::context::slot;

/// Ties the goroutine and its thread together until as many [`unlock_os_thread`]s: the goroutine
/// runs on no other thread, the thread runs no other goroutine, and ends with it. Nothing on a
/// thread that is not the runtime's. Go: `runtime.LockOSThread`.
pub fn lock_os_thread() {
    let Some(gp) = current() else { return };
    slot::lock();
    tie(gp, gp.mp());
    slot::unlock();
}

/// Undoes one [`lock_os_thread`]. Go: `runtime.UnlockOSThread`.
pub fn unlock_os_thread() {
    let Some(gp) = current() else { return };
    slot::lock();
    untie(gp, gp.mp());
    slot::unlock();
}

/// Locks `gp`, which cannot be taken off `mp` just now, to `mp` once more.
pub(super) fn tie(gp: &'static G, mp: &'static M) {
    let count = gp.lock_count.get();
    if count == 0 {
        super::template::ensure();
    }
    gp.lock_count.set(count + 1);
    gp.lockedm.set(Some(mp));
    mp.lockedg.set(Some(gp));
}

/// Undoes one [`tie`].
pub(super) fn untie(gp: &'static G, mp: &'static M) {
    let count = gp.lock_count.get();
    gp.lock_count.set(count.saturating_sub(1));
    if count == 1 {
        mp.lockedg.set(None);
        gp.lockedm.set(None);
    }
}

/// `mp`'s goroutine does not run: gives the P away and sleeps until somebody has found it runnable.
pub(super) fn stoplockedm(mp: &'static M) {
    let mut lists = SCHED.lock();
    lists.mlocked += 1;
    deadlock::rested(&lists);
    drop(lists);
    if mp.p.get().is_some() {
        handoffp(releasep(mp));
    }
    sleep(mp);
}

/// `mp` has found a goroutine that another M must run: gives it the P, and sleeps.
pub(super) fn startlockedm(mp: &'static M, gp: &'static G) {
    let Some(other) = gp.lockedm.get() else { throw("startlockedm: not locked") };
    if core::ptr::eq(other, mp) {
        throw("startlockedm: locked to this very M");
    }
    SCHED.lock().mlocked -= 1;
    other.nextp.set(Some(releasep(mp)));
    other.park.wakeup();
    stopm(mp);
}
