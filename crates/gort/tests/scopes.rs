//! Goroutines that borrow.

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use support::{PROCS, hop, moving, serial, watchdog};

#[test]
fn scopes_wait_and_lend() {
    moving(|_| {
        let mut numbers = vec![0; 100];
        let total = AtomicUsize::new(0);
        let returned = gort::scope(|s| {
            for (i, number) in numbers.iter_mut().enumerate() {
                let total = &total;
                s.go(move || {
                    *number = i;
                    gort::gosched();
                    // A goroutine of the scope starts another there.
                    s.go(move || total.fetch_add(i, Ordering::Relaxed));
                });
            }
            "returned"
        });
        assert_eq!((returned, total.load(Ordering::Relaxed)), ("returned", 4950));
        assert!(numbers.into_iter().eq(0..100));
        let text = String::from("lent");
        let named = gort::scope(|s| {
            let named = gort::Builder::new().name("in scope".into());
            let handle = named.spawn_scoped(s, || text.len()).unwrap();
            assert_eq!(handle.name(), Some("in scope"));
            handle.join().unwrap()
        });
        assert_eq!(named, 4);
    });
}

#[test]
fn scopes_panic_as_stds_do() {
    moving(|_| {
        let over = AtomicUsize::new(0);
        let late = || {
            hop();
            over.fetch_add(1, Ordering::Relaxed);
        };
        // One that nobody joined panicked.
        let unjoined = catch_unwind(AssertUnwindSafe(|| {
            gort::scope(|s| {
                s.go(|| resume_unwind(Box::new(1)));
                s.go(late);
            });
        }));
        assert_eq!(unjoined.unwrap_err().downcast_ref(), Some(&"a scoped goroutine panicked"));
        assert_eq!(over.load(Ordering::Relaxed), 1);
        // One that was joined panicked.
        let joined = gort::scope(|s| {
            s.go(late);
            s.go(|| resume_unwind(Box::new(2))).join()
        });
        assert_eq!(joined.map(|()| 0).unwrap_err().downcast_ref(), Some(&2));
        assert_eq!(over.load(Ordering::Relaxed), 2);
        // The body panicked.
        let body = catch_unwind(AssertUnwindSafe(|| {
            gort::scope(|s| {
                s.go(late);
                resume_unwind(Box::new(3))
            })
        }));
        assert_eq!(body.map(|()| 0).unwrap_err().downcast_ref(), Some(&3));
        assert_eq!(over.load(Ordering::Relaxed), 3);
    });
}

#[test]
fn scopes_and_joins_from_ordinary_threads() {
    let _one = serial();
    let _watchdog = watchdog();
    for procs in PROCS {
        gort::runtime::gomaxprocs(Some(procs));
        thread::scope(|threads| {
            for me in 0..4 {
                threads.spawn(move || {
                    assert_eq!(gort::current(), None);
                    for round in 0..50 {
                        let handle = gort::go(move || {
                            gort::gosched();
                            me * round
                        });
                        assert_eq!(handle.join().unwrap(), me * round);
                        let mut lent = [0; 10];
                        gort::scope(|s| {
                            for (i, place) in lent.iter_mut().enumerate() {
                                s.go(move || *place = i);
                            }
                        });
                        assert_eq!(lent.iter().sum::<usize>(), 45);
                        assert_eq!(gort::run(|| lent[9]), 9);
                    }
                });
            }
        });
    }
}
