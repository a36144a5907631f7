//! Staying on a P for a moment. Go: `procPin`.

use crate::obj::m;
use crate::prim::slot;

/// Runs `f` with the number of the P that it runs on, below 1024, or none if it has no P. Nothing else
/// runs on that P meanwhile, and whatever runs there next sees what `f` has done.
///
/// `f` must not wait, panic, or take long.
#[inline]
pub fn pinned<R>(f: impl FnOnce(Option<usize>) -> R) -> R {
    slot::lock();
    let pp = m::current().and_then(|mp| mp.p.held().ok().flatten());
    let result = f(pp.map(|pp| pp.id.get()));
    slot::unlock();
    result
}
