//! `defer!`, `Defers`, `deferred` and `recovered`: what runs, when, and what stops a panic. What Go's
//! `test/recover.go`, `recover1.go`, `deferprint.go`, `runtime/defer_test.go` and the Goexit programs of
//! `runtime/crash_test.go` look at is here.

mod support;

use gort::panic::{Defers, deferred, recover, recovered};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};
use std::rc::Rc;
use support::{ON_PURPOSE, all, everywhere, hop, moving, panics, quiet};

/// A panic without a message.
fn raise(number: i32) -> ! {
    resume_unwind(Box::new(number))
}

fn number(payload: &(dyn Any + Send)) -> i32 {
    *payload.downcast_ref().expect("a number")
}

fn caught<T>(f: impl FnOnce() -> T) -> i32 {
    number(&*recover(f).err().expect("it panics"))
}

/// What deferred work says.
#[derive(Default)]
struct Log(RefCell<Vec<i32>>);

impl Log {
    fn add(&self, n: i32) {
        self.0.borrow_mut().push(n);
    }

    fn take(&self) -> Vec<i32> {
        self.0.take()
    }
}

#[test]
fn a_block_runs_its_work_last_first_however_it_ends() {
    fn ends(how: i32, log: &Log) -> Option<i32> {
        gort::defer! { log.add(1); }
        for round in 0..10 {
            gort::defer!(log.add(10 + round));
            gort::defer! {
                log.add(20 + round);
                if how == 5 {
                    return;
                }
                log.add(30 + round);
            }
            match how {
                0 => break,
                1 => return Some(round),
                2 => None?,
                3 => raise(round),
                4 if round == 0 => continue,
                _ => break,
            }
        }
        log.add(2);
        None
    }
    everywhere(|| {
        let log = Log::default();
        assert_eq!(ends(0, &log), None);
        assert_eq!(log.take(), [20, 30, 10, 2, 1]);
        assert_eq!(ends(1, &log), Some(0));
        assert_eq!(log.take(), [20, 30, 10, 1]);
        assert_eq!(ends(2, &log), None);
        assert_eq!(log.take(), [20, 30, 10, 1]);
        assert_eq!(caught(|| ends(3, &log)), 0);
        assert_eq!(log.take(), [20, 30, 10, 1]);
        ends(4, &log);
        assert_eq!(log.take(), [20, 30, 10, 21, 31, 11, 2, 1]);
        ends(5, &log);
        assert_eq!(log.take(), [20, 10, 2, 1]);
    });
}

#[test]
fn deferred_work_borrows_or_owns() {
    everywhere(|| {
        let seen = Cell::new(0);
        let text = String::from("owned");
        let length = text.len();
        {
            let mut count = 1;
            gort::defer!(move {
                seen_is(&text, count);
            });
            gort::defer!(seen.set(seen.get() + 1));
            count += 1;
            assert_eq!((count, seen.get()), (2, 0));
        }
        assert_eq!((seen.get(), length), (1, 5));
        fn seen_is(text: &str, count: i32) {
            assert_eq!((text, count), ("owned", 1));
        }
        // One that panics does not keep the others of the block from running.
        let panic = caught(|| {
            gort::defer!(seen.set(7));
            gort::defer!(raise(1));
        });
        assert_eq!((panic, seen.get()), (1, 7));
    });
}

#[test]
fn defer_costs_no_more_than_the_closure() {
    let here = 5;
    let by_value = gort::panic::__Defer::new(move || assert_eq!(black_box(here), 5));
    assert!(size_of_val(&by_value) <= 8);
}

#[test]
fn defers_run_last_first_when_dropped() {
    everywhere(|| {
        let log = Log::default();
        let defers = Defers::new();
        for i in 0..1000 {
            let log = &log;
            match i % 4 {
                0 => defers.push(move || log.add(i)),
                1 => {
                    let boxed = Box::new(i);
                    defers.push(move || log.add(*boxed));
                }
                2 => {
                    let large = [i; 50];
                    defers.push(move || log.add(large[i as usize % 50]));
                }
                _ => {
                    #[repr(align(64))]
                    struct Aligned(i32);
                    let aligned = Aligned(i);
                    defers.push(move || {
                        let aligned = black_box(&aligned);
                        assert_eq!(std::ptr::from_ref(aligned).addr() % 64, 0);
                        log.add(aligned.0);
                    });
                }
            }
        }
        defers.push(|| ());
        assert_eq!(log.take(), []);
        drop(defers);
        assert!(log.take().into_iter().eq((0..1000).rev()));

        let panic = caught(|| {
            let defers = Defers::new();
            defers.push(|| log.add(1));
            defers.push(|| log.add(2));
            raise(3)
        });
        assert_eq!((panic, log.take()), (3, vec![2, 1]));
    });
}

#[test]
fn defers_go_on_after_a_panic_and_the_last_panic_counts() {
    everywhere(|| {
        let log = Log::default();
        let panicking = |defers: &Defers<'_>| {
            for i in 1..=3 {
                defers.push(move || raise(i));
            }
        };
        let panic = caught(|| {
            let defers = Defers::new();
            defers.push(|| log.add(1));
            panicking(&defers);
            defers.push(|| log.add(2));
        });
        assert_eq!((panic, log.take()), (1, vec![2, 1]));
        // While a panic unwinds already that one goes on.
        let panic = caught(|| {
            let defers = Defers::new();
            defers.push(|| log.add(1));
            panicking(&defers);
            defers.push(|| assert!(recovered().is_none()));
            raise(9)
        });
        assert_eq!((panic, log.take()), (9, vec![1]));
    });
}

#[test]
fn what_is_deferred_is_dropped_once() {
    let counted = Rc::new(());
    for end in 0..3 {
        let result = recover(|| {
            let defers = Defers::new();
            for i in 0..10 {
                let counted = Rc::clone(&counted);
                defers.push(move || {
                    let _counted = counted;
                    if end == 1 && i % 3 == 0 {
                        raise(i);
                    }
                });
            }
            assert_eq!(Rc::strong_count(&counted), 11);
            if end == 2 {
                raise(-1);
            }
        });
        assert_eq!(result.is_err(), end != 0);
        assert_eq!(Rc::strong_count(&counted), 1);
    }
}

#[test]
fn recovered_stops_the_panic_where_it_was_deferred() {
    everywhere(|| {
        let log = Log::default();
        let inner = || {
            let value = deferred(|d| {
                d.push(|| log.add(1));
                d.push(|| log.add(number(&*recovered().expect("a panic"))));
                d.push(|| log.add(2));
                if log.0.borrow().is_empty() {
                    raise(77)
                }
                5
            });
            assert!(value.is_none());
            log.add(3);
        };
        inner();
        assert_eq!(log.take(), [2, 77, 1, 3]);
        // Nothing to recover, nothing lost.
        let value = deferred(|d| {
            d.push(|| assert!(recovered().is_none()));
            "a value"
        });
        assert_eq!(value, Some("a value"));
        // Nobody recovers.
        let panic = caught(|| {
            deferred(|d| {
                d.push(|| log.add(1));
                raise(6)
            })
        });
        assert_eq!((panic, log.take()), (6, vec![1]));
    });
}

#[test]
fn a_panic_is_recovered_once() {
    let seen = Cell::new(0);
    let value: Option<()> = deferred(|d| {
        d.push(|| assert!(recovered().is_none()));
        d.push(|| {
            seen.set(number(&*recovered().unwrap()));
            assert!(recovered().is_none());
        });
        raise(1)
    });
    assert_eq!((value, seen.get()), (None, 1));
}

#[test]
fn recovered_does_nothing_outside_of_deferred_work() {
    everywhere(|| {
        assert!(recovered().is_none());
        // In the body, even of one that is called by deferred work.
        let panic = caught(|| {
            deferred(|d| {
                d.push(|| {
                    let value = deferred(|d| {
                        // Deferred, but not by who panics.
                        d.push(|| assert!(recovered().is_none()));
                        assert!(recovered().is_none());
                        let _plain = Defers::new();
                        _plain.push(|| assert!(recovered().is_none()));
                        4
                    });
                    assert_eq!(value, Some(4));
                });
                raise(1)
            })
        });
        assert_eq!(panic, 1);
        // In destructors and what `defer!` runs while a panic unwinds.
        let panic = caught(|| {
            gort::defer!(assert!(recovered().is_none()));
            let _plain = Defers::new();
            _plain.push(|| assert!(recovered().is_none()));
            raise(2)
        });
        assert_eq!(panic, 2);
        // On another goroutine.
        let panic = caught(|| {
            deferred(|d| {
                d.push(|| assert!(gort::go(|| recovered().is_none()).join().unwrap()));
                raise(3)
            })
        });
        assert_eq!(panic, 3);
    });
}

#[test]
fn deferred_work_panics_recovers_and_nests() {
    everywhere(|| {
        let log = Log::default();
        let take = || log.add(number(&*recovered().expect("a panic")));
        // Each takes the place of the one before; the last is recovered.
        let value: Option<()> = deferred(|d| {
            d.push(take);
            d.push(|| raise(3));
            d.push(|| raise(2));
            raise(1)
        });
        assert_eq!((value, log.take()), (None, vec![3]));
        // Recovered, and then another.
        let panic = caught(|| {
            deferred(|d| {
                d.push(|| {
                    take();
                    raise(2)
                });
                raise(1)
            })
        });
        assert_eq!((panic, log.take()), (2, vec![1]));
        // The work has a panic of its own, which is none of the outer one's business.
        let panic = caught(|| {
            deferred(|d| {
                d.push(|| {
                    let inner: Option<()> = deferred(|d| {
                        d.push(take);
                        raise(20)
                    });
                    assert!(inner.is_none());
                    assert_eq!(caught(|| raise(21)), 21);
                });
                raise(1)
            })
        });
        assert_eq!((panic, log.take()), (1, vec![20]));
        // It returned before deferred work panicked, so its value is there once that is recovered.
        let value = deferred(|d| {
            d.push(take);
            d.push(|| raise(8));
            "returned"
        });
        assert_eq!((value, log.take()), (Some("returned"), vec![8]));
        // The same again.
        let panic = caught(|| {
            deferred(|d| {
                d.push(|| resume_unwind(recovered().unwrap()));
                raise(5)
            })
        });
        assert_eq!(panic, 5);
        // Deferred by deferred work of a function further out, by way of a helper.
        fn helper(log: &Log) {
            recovered().into_iter().for_each(|payload| log.add(number(&*payload)));
        }
        let value: Option<()> = deferred(|d| {
            d.push(|| helper(&log));
            deferred(|d| {
                d.push(|| log.add(1));
                raise(4)
            });
        });
        assert_eq!((value, log.take()), (None, vec![1, 4]));
    });
}

#[test]
fn deep_recursion_recovers_at_every_level() {
    fn level(n: i32) -> i32 {
        let seen = Cell::new(0);
        let value = deferred(|d| {
            d.push(|| {
                if let Some(payload) = recovered() {
                    seen.set(number(&*payload));
                }
            });
            let deeper = if n == 0 { 0 } else { level(n - 1) };
            raise(deeper + 1);
        });
        assert_eq!(value, None::<()>);
        seen.get()
    }
    moving(|_| {
        all(2, |_| assert_eq!(level(30), 31));
    });
}

#[test]
fn it_moves_between_threads_meanwhile() {
    moving(|_| {
        all(3, |me| {
            let me = me as i32;
            let seen = Cell::new(-1);
            let value: Option<()> = deferred(|d| {
                d.push(|| {
                    hop();
                    seen.set(number(&*recovered().unwrap()));
                    hop();
                });
                d.push(hop);
                gort::defer!(hop());
                hop();
                raise(me)
            });
            assert_eq!((value, seen.get()), (None, me));
        });
    });
}

#[test]
fn goexit_runs_deferred_work_and_is_not_recovered() {
    everywhere(|| {
        let exits = |f: fn(&Log)| {
            let handle = gort::go(move || {
                let log = Log::default();
                let ended = catch_unwind(AssertUnwindSafe(|| f(&log)));
                assert!(ended.is_err_and(|payload| payload.is::<gort::GoExit>()));
                log.take()
            });
            handle.join().unwrap()
        };
        let log = exits(|log| {
            let defers = Defers::new();
            defers.push(|| log.add(1));
            gort::defer!(log.add(2));
            let _: Option<()> = deferred(|d| {
                d.push(|| log.add(3));
                d.push(|| assert!(recovered().is_none()));
                gort::goexit()
            });
            log.add(9);
        });
        assert_eq!(log, [3, 2, 1]);
        // In deferred work: the rest runs.
        let log = exits(|log| {
            deferred(|d| {
                d.push(|| log.add(1));
                d.push(|| gort::goexit());
                d.push(|| log.add(2));
            });
            log.add(9);
        });
        assert_eq!(log, [2, 1]);
        // In deferred work of a panic, which is over by that.
        let log = exits(|log| {
            let _: Option<()> = deferred(|d| {
                d.push(|| assert!(recovered().is_none()));
                d.push(|| gort::goexit());
                d.push(|| log.add(1));
                raise(1)
            });
        });
        assert_eq!(log, [1]);
        // A panic in deferred work of goexit, recovered: goexit goes on.
        let log = exits(|log| {
            let _: Option<()> = deferred(|d| {
                d.push(|| log.add(number(&*recovered().unwrap())));
                d.push(|| raise(5));
                gort::goexit()
            });
            log.add(9);
        });
        assert_eq!(log, [5]);
        let log = exits(|log| {
            let defers = Defers::new();
            defers.push(|| log.add(1));
            defers.push(|| gort::goexit());
        });
        assert_eq!(log, [1]);
    });
}

#[test]
fn payloads_of_all_kinds() {
    let _quiet = quiet();
    everywhere(|| {
        fn of(f: impl FnOnce()) -> Box<dyn Any + Send> {
            let seen = RefCell::new(None);
            deferred(|d| {
                d.push(|| drop(seen.replace(recovered())));
                f();
            });
            seen.take().expect("it panics")
        }
        let text = of(|| panic!("{ON_PURPOSE} {}", 1));
        assert_eq!(text.downcast_ref::<String>(), Some(&format!("{ON_PURPOSE} 1")));
        assert_eq!(of(|| panic!("on purpose")).downcast_ref(), Some(&"on purpose"));
        assert_eq!(*of(|| raise(3)).downcast::<i32>().unwrap(), 3);
        assert!(of(|| resume_unwind(Box::new(()))).is::<()>());
        // What the language itself panics with.
        let zero = black_box(0);
        let empty: &[i32] = black_box(&[]);
        let none: Option<i32> = black_box(None);
        let again = |f: &dyn Fn()| panics(|| resume_unwind(of(f)));
        assert!(again(&|| _ = black_box(1 / zero)).contains("divide by zero"));
        assert!(again(&|| _ = black_box(empty[1])).contains("index out of bounds"));
        assert!(again(&|| _ = none.unwrap()).contains("unwrap"));
    });
    let any = recover(|| panic_any(String::from(ON_PURPOSE)));
    assert!(any.is_err());
}

#[test]
fn a_payload_that_panics_on_drop_ends_nothing() {
    struct Bad;
    impl Drop for Bad {
        fn drop(&mut self) {
            raise(13);
        }
    }
    everywhere(|| {
        // It is dropped because another panic takes its place.
        let panic = caught(|| {
            deferred(|d| {
                d.push(|| raise(2));
                resume_unwind(Box::new(Bad))
            })
        });
        assert_eq!(panic, 2);
        let panic = caught(|| {
            let defers = Defers::new();
            defers.push(|| raise(2));
            defers.push(|| resume_unwind(Box::new(Bad)));
        });
        assert_eq!(panic, 2);
        // Dropped by who has recovered it.
        let panic = caught(|| {
            deferred(|d| {
                d.push(|| drop(recovered()));
                resume_unwind(Box::new(Bad))
            })
        });
        assert_eq!(panic, 13);
    });
}
