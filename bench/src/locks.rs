//! Locks on gort, and parking_lot's on threads.

use crate::{LOCKS, RIVALS, timed};
use gort::sync::{Mutex, RwLock, WaitGroup};
use std::hint::black_box;

/// Runs a workload by name, on a goroutine.
pub(crate) fn run(workload: &str) -> Option<f64> {
    Some(match workload {
        "mutex" => timed(LOCKS, ours::rivals),
        "uncontended" => timed(LOCKS, |count| uncontended(&Mutex::new(0), count)),
        "rwlock" => timed(LOCKS, ours::readers),
        "waitgroup" => timed(LOCKS / 8, groups),
        _ => return None,
    })
}

/// As far as there is a comparison.
pub(crate) fn run_parking_lot(workload: &str) -> Option<f64> {
    Some(match workload {
        "mutex" => timed(LOCKS, parking_lot::rivals),
        "uncontended" => timed(LOCKS, |count| uncontended(&::parking_lot::Mutex::new(0), count)),
        "rwlock" => timed(LOCKS, parking_lot::readers),
        _ => return None,
    })
}

/// Those for whom a mutex and a read-write lock are called so, and where rivals are made.
macro_rules! rivals {
    ($scope:path, $go:ident) => {
        pub(super) fn rivals(times: u64) {
            let count = Mutex::new(0);
            $scope(|s| {
                for _ in 0..RIVALS {
                    s.$go(|| (0..times / RIVALS).for_each(|_| *count.lock() += 1));
                }
            });
            assert_eq!(count.into_inner(), times / RIVALS * RIVALS);
        }

        /// One in ten writes.
        pub(super) fn readers(times: u64) {
            let count = RwLock::new(0);
            $scope(|s| {
                for _ in 0..RIVALS {
                    s.$go(|| {
                        let mut seen = 0;
                        for n in 0..times / RIVALS {
                            if n % 10 == 0 {
                                *count.write() += 1;
                            } else {
                                seen += *count.read();
                            }
                        }
                        black_box(seen);
                    });
                }
            });
            assert_eq!(count.into_inner(), (times / RIVALS).div_ceil(10) * RIVALS);
        }
    };
}

mod ours {
    use super::*;

    rivals!(gort::scope, go);
}

mod parking_lot {
    use crate::RIVALS;
    use parking_lot::{Mutex, RwLock};
    use std::hint::black_box;

    rivals!(std::thread::scope, spawn);
}

/// So many goroutines, a few at a time.
fn groups(times: u64) {
    for _ in 0..times / RIVALS {
        let group = WaitGroup::new();
        for _ in 0..RIVALS {
            group.go(|| {});
        }
        group.wait();
    }
}

fn uncontended<R: lock_api::RawMutex>(lock: &lock_api::Mutex<R, u64>, times: u64) {
    for _ in 0..times {
        *lock.lock() += 1;
    }
}
