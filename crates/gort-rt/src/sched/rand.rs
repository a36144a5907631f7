//! Cheap random numbers. Go: `cheaprandn`.

use crate::obj::m;
use crate::prim::{AtomicUsize, Ordering};
use gort_sys::context::slot;

/// What threads without a P count on.
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// A number below `n`, which is not 0: any, with the same probability.
pub(crate) fn cheaprandn(n: u32) -> u32 {
    slot::lock();
    let random = match m::current().and_then(|mp| mp.p.held().ok().flatten()) {
        Some(pp) => pp.cheaprand() as u64,
        None => mixed(COUNT.fetch_add(1, Ordering::Relaxed) as u64),
    };
    slot::unlock();
    // The upper half of a product: no division, and no more biased than one part in 2^32 / n.
    (((random & 0xffff_ffff) * u64::from(n)) >> 32) as u32
}

/// A number that looks random from one that does not (splitmix64).
fn mixed(n: u64) -> u64 {
    let n = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ n >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ n >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ n >> 31
}
