//! Thread-locals, and what std and libc keep for each thread, belong to the goroutine and move with
//! it.
//!
//! # Safety
//!
//! libc's `errno` is read and written through the address that libc gives for it.

mod support;

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, ThreadId};
use std::time::Duration;
use support::{all, hop, moving};

thread_local! {
    static CONSTANT: Cell<u64> = const { Cell::new(7) };
    static LAZY: RefCell<Vec<usize>> = RefCell::new(vec![1, 2, 3]);
    static ID: Rc<ThreadId> = Rc::new(thread::current().id());
}

#[test]
fn variables_begin_anew_and_move_along() {
    moving(|_| {
        for _ in 0..3 {
            all(4, |me| {
                assert_eq!(CONSTANT.replace(me as u64), 7);
                LAZY.with_borrow(|v| assert_eq!(*v, [1, 2, 3]));
                let at = CONSTANT.with(|c| std::ptr::from_ref(c).addr());
                for i in 0..5 {
                    LAZY.with_borrow_mut(|v| v.push(me));
                    hop();
                    assert_eq!(CONSTANT.get(), me as u64);
                    assert_eq!(CONSTANT.with(|c| std::ptr::from_ref(c).addr()), at);
                    LAZY.with_borrow(|v| assert_eq!(v[3..], vec![me; i + 1]));
                }
            });
        }
    });
}

#[test]
fn destructors_run_once_before_join_returns() {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    static DROPPED: AtomicUsize = AtomicUsize::new(0);
    struct Counted {
        owner: ThreadId,
    }
    impl Drop for Counted {
        fn drop(&mut self) {
            assert_eq!(thread::current().id(), self.owner);
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
    }
    thread_local! {
        static COUNTED: Counted = {
            MADE.fetch_add(1, Ordering::Relaxed);
            Counted { owner: thread::current().id() }
        };
    }
    moving(|_| {
        for _ in 0..50 {
            let before = DROPPED.load(Ordering::Relaxed);
            let one = gort::go(|| COUNTED.with(|c| assert_eq!(c.owner, thread::current().id())));
            one.join().unwrap();
            assert_eq!(DROPPED.load(Ordering::Relaxed), before + 1);
        }
        all(8, |_| {
            COUNTED.with(|_| hop());
            COUNTED.with(|_| hop());
        });
        assert_eq!(DROPPED.load(Ordering::Relaxed), MADE.load(Ordering::Relaxed));
    });
    assert_eq!(MADE.load(Ordering::Relaxed), 4 * 58);
}

#[test]
fn a_destructor_may_yield_and_use_other_variables() {
    static DROPPED: AtomicUsize = AtomicUsize::new(0);
    struct Yields;
    impl Drop for Yields {
        fn drop(&mut self) {
            let id = thread::current().id();
            LAZY.with_borrow_mut(|v| {
                assert_eq!(v.len(), 3);
                hop();
                v.clear();
            });
            assert_eq!(thread::current().id(), id);
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
    }
    thread_local! { static YIELDS: RefCell<Option<Yields>> = const { RefCell::new(None) }; }
    moving(|_| {
        let before = DROPPED.load(Ordering::Relaxed);
        all(4, |_| YIELDS.set(Some(Yields)));
        let one = gort::go(|| YIELDS.set(Some(Yields)));
        one.join().unwrap();
        assert_eq!(DROPPED.load(Ordering::Relaxed), before + 5);
    });
    assert_eq!(DROPPED.load(Ordering::Relaxed), 4 * 5);
}

#[test]
fn borrows_and_counts_are_held_across_threads() {
    moving(|_| {
        all(4, |me| {
            LAZY.with(|cell| {
                let mut borrowed = cell.borrow_mut();
                for _ in 0..5 {
                    hop();
                    assert!(LAZY.with(|same| same.try_borrow().is_err()));
                    borrowed.push(me);
                }
            });
            LAZY.with_borrow(|v| assert_eq!(v[3..], [me; 5]));
            let held = ID.with(Rc::clone);
            for n in 0..5 {
                let more: Vec<_> = (0..n).map(|_| ID.with(Rc::clone)).collect();
                hop();
                assert!(Rc::ptr_eq(&held, &ID.with(Rc::clone)));
                assert_eq!(Rc::strong_count(&held), 2 + more.len());
            }
        });
    });
}

#[test]
fn each_goroutine_is_a_thread_to_std() {
    let seen = Mutex::new(HashSet::from([thread::current().id()]));
    moving(|_| {
        all(50, |i| {
            let (id, handle) = (thread::current().id(), thread::current());
            if i < 4 {
                hop();
            } else {
                gort::gosched();
            }
            assert_eq!(thread::current().id(), id);
            assert_eq!(handle.id(), id);
            assert!(seen.lock().unwrap().insert(id), "{id:?} twice");
        });
    });
    let thread = thread::spawn(|| thread::current().id()).join().unwrap();
    assert!(seen.lock().unwrap().insert(thread));
    assert_eq!(seen.lock().unwrap().len(), 4 * 50 + 2);
}

#[test]
fn park_and_unpark_find_the_goroutine() {
    moving(|_| {
        let me = thread::current();
        let other = thread::spawn(move || me.unpark());
        // Blocks the thread, which is std's to do; the token is this goroutine's.
        thread::park();
        other.join().unwrap();
        thread::current().unpark();
        hop();
        thread::park();
    });
}

#[test]
fn panics_are_counted_for_the_goroutine() {
    struct Hops;
    impl Drop for Hops {
        fn drop(&mut self) {
            assert!(thread::panicking());
            hop();
            assert!(thread::panicking());
            let nested = catch_unwind(|| {
                struct Nested;
                impl Drop for Nested {
                    fn drop(&mut self) {
                        hop();
                        assert!(thread::panicking());
                    }
                }
                let _nested = Nested;
                resume_unwind(Box::new("inner"))
            });
            assert!(nested.is_err());
            hop();
            assert!(thread::panicking());
        }
    }
    moving(|_| {
        let over = AtomicBool::new(false);
        gort::scope(|s| {
            // Where panicking goroutines come by, nobody else panics.
            s.go(|| {
                while !over.load(Ordering::Relaxed) {
                    assert!(!thread::panicking());
                    gort::gosched();
                }
            });
            all(3, |me| {
                for round in 0..2 {
                    let payload = catch_unwind(AssertUnwindSafe(|| {
                        let _hops = Hops;
                        resume_unwind(Box::new((me, round)));
                    }));
                    assert_eq!(payload.unwrap_err().downcast_ref(), Some(&(me, round)));
                    assert!(!thread::panicking());
                }
            });
            over.store(true, Ordering::Relaxed);
        });
    });
}

#[test]
fn a_hook_runs_on_the_goroutine() {
    thread_local! { static SEEN: Cell<Option<u32>> = const { Cell::new(None) }; }
    struct Number(u32);
    let outer = support::serial();
    gort::run(|| ());
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| match info.payload().downcast_ref() {
        Some(Number(n)) => SEEN.set(Some(*n)),
        None => before(info),
    }));
    drop(outer);
    moving(|_| {
        all(4, |me| {
            let _ = catch_unwind(|| panic_any(Number(me as u32)));
            hop();
            assert_eq!(SEEN.get(), Some(me as u32));
        });
    });
}

#[test]
fn errno_stays() {
    moving(|_| {
        all(4, |me| {
            for _ in 0..5 {
                // SAFETY: the calls take any number; one fails with EBADF, the other with EINVAL.
                #[allow(unsafe_code)]
                let expected = unsafe {
                    if me % 2 == 0 {
                        assert_eq!(libc::close(-1), -1);
                        libc::EBADF
                    } else {
                        assert_eq!(libc::kill(0, 1000), -1);
                        libc::EINVAL
                    }
                };
                hop();
                assert_eq!(io::Error::last_os_error().raw_os_error(), Some(expected));
            }
        });
    });
}

/// The program by which stackful coroutines that move between threads are shown to be unsound in
/// Rust: a reference count without atomics, reached through a thread-local, used from two threads.
///
/// Runs for 5 seconds, or `GORT_TEST_SECONDS`.
#[test]
fn thread_local_rc_kept_by_ten_thousand() {
    let seconds = std::env::var("GORT_TEST_SECONDS").ok().and_then(|text| text.parse().ok());
    let _one = support::serial();
    let _watchdog = seconds.is_none().then(support::watchdog);
    gort::runtime::gomaxprocs(Some(60));
    let stop = AtomicBool::new(false);
    let moves = AtomicUsize::new(0);
    thread::scope(|s| {
        s.spawn(|| {
            thread::sleep(Duration::from_secs(seconds.unwrap_or(5)));
            stop.store(true, Ordering::Relaxed);
        });
        gort::run(|| {
            all(10_000, |_| {
                let mine = thread::current().id();
                ID.with(|id| {
                    let mut thread = gort_sys::raw::gettid();
                    while !stop.load(Ordering::Relaxed) {
                        let kept = Rc::clone(id);
                        gort::gosched();
                        let again = ID.with(Rc::clone);
                        assert_eq!((*kept, *again), (mine, mine));
                        assert_eq!(Rc::strong_count(id), 3);
                        let now = gort_sys::raw::gettid();
                        if now != thread {
                            moves.fetch_add(1, Ordering::Relaxed);
                            thread = now;
                        }
                    }
                });
            });
        });
    });
    assert!(moves.load(Ordering::Relaxed) > 0, "nothing has moved");
}
