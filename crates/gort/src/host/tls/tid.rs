//! Thread ids for goroutines, as libc sees them.
//!
//! libc's recursive and error-checking mutexes know their owner by the `tid` in its control block. Two
//! goroutines with one tid would both own such a mutex, so every block that exists has tids of its
//! own. They lie in 2^29..2^30: above every real one (the kernel's limit is 2^22) and below the bits
//! that a futex word uses for other things.
//!
//! A block owns sixteen of them and takes the next at each reuse, so that a mutex which a goroutine
//! left locked does not at once look locked by the block's next one. A plain counter would touch a
//! shared cache line at each spawn, and would come round to a living goroutine's tid within a minute
//! of fast spawning.

use std::sync::{Mutex, PoisonError};

const FIRST: u32 = 1 << 29;
const PER_BLOCK: u32 = 16;
const BLOCKS: u32 = (1 << 29) / PER_BLOCK;

/// Who has which tids.
pub(super) struct Tids(Mutex<Free>);

struct Free {
    /// Groups from here on were never given out.
    next: u32,
    returned: Vec<u32>,
}

impl Tids {
    pub(super) const fn new() -> Tids {
        Tids(Mutex::new(Free { next: 0, returned: Vec::new() }))
    }

    /// A tid whose group is nobody else's, or `None` when 2^25 blocks exist.
    pub(super) fn take(&self) -> Option<u32> {
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let group = match free.returned.pop() {
            Some(group) => group,
            None if free.next < BLOCKS => {
                free.next += 1;
                free.next - 1
            }
            None => return None,
        };
        Some(FIRST + group * PER_BLOCK)
    }

    /// Takes back the group of `tid`. A tid that is not ours is let go: in a forked child libc has
    /// written the real one over it.
    pub(super) fn give(&self, tid: u32) {
        if let Some(offset) = tid.checked_sub(FIRST) {
            let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            free.returned.push(offset / PER_BLOCK);
        }
    }
}

/// The tid that a block has after `tid`.
#[inline(always)]
pub(super) fn next(tid: u32) -> u32 {
    tid & !(PER_BLOCK - 1) | tid.wrapping_add(1) & (PER_BLOCK - 1)
}

#[cfg(test)]
mod tests {
    use super::{FIRST, PER_BLOCK, Tids, next};
    use std::collections::HashSet;

    #[test]
    fn tids_of_two_blocks_never_meet() {
        let tids = Tids::new();
        let (mut a, mut b) = (tids.take().unwrap(), tids.take().unwrap());
        let (mut seen_a, mut seen_b) = (HashSet::new(), HashSet::new());
        for _ in 0..2 * PER_BLOCK {
            seen_a.insert(a);
            seen_b.insert(b);
            (a, b) = (next(a), next(b));
        }
        assert_eq!((seen_a.len(), seen_b.len()), (PER_BLOCK as usize, PER_BLOCK as usize));
        assert!(seen_a.is_disjoint(&seen_b));
        assert!(seen_a.union(&seen_b).all(|tid| (FIRST..FIRST * 2).contains(tid)));
    }

    #[test]
    fn a_group_comes_back_and_a_real_tid_does_not() {
        let tids = Tids::new();
        let a = tids.take().unwrap();
        tids.give(1234);
        let b = tids.take().unwrap();
        assert_ne!(a / PER_BLOCK, b / PER_BLOCK);
        tids.give(next(a));
        assert_eq!(tids.take(), Some(a));
    }
}
