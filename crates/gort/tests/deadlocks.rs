//! Cycles of goroutines that wait for one another are named, and nobody else is.

mod support;

use gort::runtime::{Cycle, WaitReason, Waiting, deadlocks};
use gort::sync::{Mutex, RwLock};
use gort::{GoId, JoinHandle};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use support::{all, matrix};

/// The cycle that a goroutine is in, as soon as it is.
fn cycle_of(id: GoId) -> Cycle {
    loop {
        let mut found = deadlocks();
        if let Some(i) =
            found.iter().position(|cycle| cycle.goroutines().iter().any(|one| one.id == id))
        {
            return found.swap_remove(i);
        }
        gort::gosched();
    }
}

fn named(i: usize, body: impl FnOnce() + Send + 'static) -> GoId {
    let handle: JoinHandle<()> =
        gort::Builder::new().name(format!("worker {i}")).spawn(body).unwrap();
    handle.id()
}

#[test]
fn cycles_of_mutexes() {
    matrix(|_| {
        for count in 1..=3usize {
            let locks: Arc<Vec<_>> = Arc::new((0..count).map(|_| Mutex::new(())).collect());
            let have = gort::sync::WaitGroup::new();
            have.add(count.cast_signed());
            let ids: Vec<_> = (0..count)
                .map(|i| {
                    let (locks, have) = (Arc::clone(&locks), have.clone());
                    named(i, move || {
                        let _own = locks[i].lock();
                        have.done();
                        have.wait();
                        let _next = locks[(i + 1) % locks.len()].lock();
                    })
                })
                .collect();
            let cycle = cycle_of(ids[0]);
            let found: Vec<_> = cycle.goroutines().iter().map(|one| one.id).collect();
            // It begins with the one that has the lowest number.
            let first = ids.iter().position(|id| id == ids.iter().min().unwrap()).unwrap();
            let expected: Vec<_> = (0..count).map(|i| ids[(first + i) % count]).collect();
            assert_eq!(found, expected);
            let name = |i: usize| {
                format!("goroutine {} [worker {}]", expected[i % count], (first + i) % count)
            };
            let lines: Vec<_> = (0..count)
                .map(|i| format!("{} waits for a lock held by {}", name(i), name(i + 1)))
                .collect();
            assert_eq!(cycle.to_string(), format!("deadlock: {}", lines.join("\n          ")));
        }
    });
}

#[test]
fn cycles_of_other_kinds() {
    matrix(|_| {
        // Who wants to read, and who wants to write.
        let locks = Arc::new((RwLock::new(()), RwLock::new(())));
        let meet = Arc::new(gort::sync::Barrier::new(2));
        let (other, there) = (Arc::clone(&locks), Arc::clone(&meet));
        let reader = gort::go(move || {
            let _own = other.0.write();
            there.wait();
            let _next = other.1.read();
        });
        let writer = gort::go(move || {
            let _own = locks.1.write();
            meet.wait();
            let _next = locks.0.write();
        });
        assert_eq!(cycle_of(reader.id()).goroutines().len(), 2);
        assert_eq!(cycle_of(reader.id()), cycle_of(writer.id()));

        // Who waits for the end of one that wants the lock.
        let outer = gort::go(|| {
            let mutex = Arc::new(Mutex::new(()));
            let guard = mutex.lock();
            let inner = Arc::clone(&mutex);
            gort::go(move || drop(inner.lock())).join().unwrap();
            drop(guard);
        });
        let cycle = cycle_of(outer.id());
        let reason = |one: &Waiting| {
            let outer = one.id == outer.id();
            assert_eq!(one.reason, if outer { WaitReason::Join } else { WaitReason::MutexLock });
        };
        assert_eq!(cycle.goroutines().len(), 2);
        cycle.goroutines().iter().for_each(reason);
        assert!(cycle.to_string().contains("waits for the end of goroutine"), "{cycle}");

        // A writer that waits for itself.
        let twice = gort::go(|| {
            let lock = RwLock::new(());
            let _one = lock.write();
            let _two = lock.upgradable_read();
        });
        assert_eq!(cycle_of(twice.id()).goroutines().len(), 1);
    });
}

/// Whoever waits for a time, or for one that waits in a cycle without being in it, is not in one.
#[test]
fn others_are_not_in_it() {
    matrix(|_| {
        let mutex = Arc::new(Mutex::new(()));
        let inner = Arc::clone(&mutex);
        let stuck = gort::go(move || {
            let _once = inner.lock();
            let _twice = inner.lock();
        });
        let cycle = cycle_of(stuck.id());
        let inner = Arc::clone(&mutex);
        let behind = gort::go(move || drop(inner.lock()));
        let timed = gort::go(move || {
            let own = Mutex::new(());
            let _once = own.lock();
            assert!(own.try_lock_for(Duration::from_millis(20)).is_none());
        });
        let (behind, timed_id) = (behind.id(), timed.id());
        while !timed.is_finished() {
            for found in deadlocks() {
                let among = |id| found.goroutines().iter().any(|one| one.id == id);
                assert!(!among(behind) && !among(timed_id), "{found}");
            }
            gort::gosched();
        }
        assert!(deadlocks().contains(&cycle));
    });
}

/// Locks that change hands all the time, one inside another, in order.
#[test]
fn nothing_is_found_where_all_is_well() {
    matrix(|_| {
        let before = deadlocks();
        let locks: Vec<_> = (0..4).map(|_| Mutex::new(0u64)).collect();
        let table = RwLock::new(0u64);
        let over = AtomicBool::new(false);
        gort::scope(|s| {
            s.go(|| {
                for _ in 0..200 {
                    let new: Vec<_> =
                        deadlocks().into_iter().filter(|one| !before.contains(one)).collect();
                    assert_eq!(new, []);
                    gort::gosched();
                }
                over.store(true, Ordering::Relaxed);
            });
            all(8, |i| {
                let mut n = i;
                while !over.load(Ordering::Relaxed) {
                    n = (n * 5 + 3) % 1021;
                    let (low, high) = (n % 3, n % 3 + 1 + n % (3 - n % 3));
                    let mut one = locks[low].lock();
                    *locks[high].lock() += 1;
                    *one += 1;
                    drop(one);
                    if n % 7 == 0 {
                        *table.write() += 1;
                    } else {
                        gort::go(|| ()).join().unwrap();
                        assert!(*table.read() < u64::MAX);
                    }
                }
            });
        });
    });
}
