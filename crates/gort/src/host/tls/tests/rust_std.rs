//! What Rust's std keeps for each thread, it keeps for each block.

use super::{Block, Outcome, in_block, in_many_threads, yield_now};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};

thread_local! {
    static CONSTANT: Cell<u64> = const { Cell::new(7) };
    static LAZY: RefCell<Vec<u32>> = RefCell::new(vec![1, 2, 3]);
    static COUNTED: RefCell<Vec<Count>> = const { RefCell::new(Vec::new()) };
}

/// Adds one when it is dropped.
struct Count(Arc<AtomicUsize>);

impl Drop for Count {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn variables_begin_anew_in_each_block() {
    CONSTANT.set(99);
    LAZY.with_borrow_mut(Vec::clear);
    let mut block = Block::new();
    for _ in 0..3 {
        block.run(|| {
            assert_eq!(CONSTANT.replace(8), 7);
            LAZY.with_borrow_mut(|v| {
                assert_eq!(*v, [1, 2, 3]);
                v.push(4);
            });
        });
        block.reset();
    }
    assert_eq!(CONSTANT.get(), 99);
    LAZY.with_borrow(|v| assert!(v.is_empty()));
}

#[test]
fn variables_move_along() {
    in_many_threads(|| {
        for i in 0..50 {
            CONSTANT.set(i);
            LAZY.with_borrow_mut(|v| v.push(i as u32));
            yield_now();
            assert_eq!(CONSTANT.get(), i);
            LAZY.with_borrow(|v| assert_eq!(v.len() as u64, i + 4));
        }
    });
}

#[test]
fn destructors_run_once_at_the_end() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let mut block = Block::new();
    for round in 1..=100 {
        let counter = dropped.clone();
        block.run(move || {
            let before = counter.load(Ordering::Relaxed);
            COUNTED.with_borrow_mut(|v| v.push(Count(counter.clone())));
            COUNTED.with_borrow_mut(|v| v.push(Count(counter.clone())));
            assert_eq!(counter.load(Ordering::Relaxed), before);
        });
        assert_eq!(dropped.load(Ordering::Relaxed), 2 * round);
        block.reset();
    }
}

#[test]
fn a_destructor_may_use_and_make_other_variables() {
    struct Late(Arc<AtomicUsize>);
    impl Drop for Late {
        fn drop(&mut self) {
            LAZY.with_borrow(|v| assert_eq!(v.len(), 3));
            COUNTED.with_borrow_mut(|v| v.push(Count(self.0.clone())));
        }
    }
    thread_local! { static LATE: RefCell<Option<Late>> = const { RefCell::new(None) }; }
    let dropped = Arc::new(AtomicUsize::new(0));
    let counter = dropped.clone();
    in_block(move || LATE.set(Some(Late(counter))));
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
}

#[test]
fn borrows_are_held_across_threads() {
    in_many_threads(|| {
        LAZY.with(|cell| {
            let mut borrowed = cell.borrow_mut();
            for i in 0..20 {
                yield_now();
                assert!(LAZY.with(|same| same.try_borrow().is_err()));
                borrowed.push(i);
            }
        });
        assert!(LAZY.with(|cell| cell.try_borrow_mut().is_ok()));
    });
}

#[test]
fn a_reference_count_kept_across_threads_is_right() {
    thread_local! { static ID: Rc<ThreadId> = Rc::new(thread::current().id()); }
    in_many_threads(|| {
        for _ in 0..50 {
            let before = ID.with(Rc::clone);
            yield_now();
            let after = ID.with(Rc::clone);
            assert!(Rc::ptr_eq(&before, &after));
            assert_eq!(Rc::strong_count(&before), 3);
        }
    });
}

#[test]
fn each_block_is_a_thread_to_std() {
    let ids = Arc::new(Mutex::new(vec![thread::current().id()]));
    let mut block = Block::new();
    for _ in 0..5 {
        let ids = ids.clone();
        block.start(move || {
            let id = thread::current().id();
            yield_now();
            assert_eq!(thread::current().id(), id);
            assert_eq!(thread::current().name(), None);
            ids.lock().unwrap().push(id);
        });
        thread::scope(|scope| scope.spawn(|| block.resume()).join()).unwrap();
        assert_eq!(block.resume(), Outcome::Returned);
        block.reset();
    }
    let mut ids = ids.lock().unwrap().clone();
    ids.sort_by_key(|id| format!("{id:?}"));
    ids.dedup();
    assert_eq!(ids.len(), 6);
}

#[test]
fn panics_are_caught_and_counted_for_the_block() {
    in_many_threads(|| {
        struct Yields;
        impl Drop for Yields {
            fn drop(&mut self) {
                assert!(thread::panicking());
                let nested = catch_unwind(|| resume_unwind(Box::new("inner")));
                assert!(nested.is_err());
                // Elsewhere, with the panic under way; the thread that resumes us has none.
                yield_now();
                assert!(thread::panicking());
            }
        }
        for round in 0..10 {
            let payload = catch_unwind(AssertUnwindSafe(|| {
                let _yields = Yields;
                std::panic::panic_any(round);
            }));
            assert_eq!(payload.unwrap_err().downcast_ref(), Some(&round));
            assert!(!thread::panicking());
        }
    });
    assert!(!thread::panicking());
}

#[test]
fn a_panicking_block_leaves_its_thread_alone() {
    let mut block = Block::new();
    for _ in 0..3 {
        block.start(|| panic!("on purpose"));
        assert_eq!(block.resume(), Outcome::Panicked);
        assert!(!thread::panicking());
        block.reset();
    }
}

#[test]
fn a_backtrace_ends_at_the_blocks_entry() {
    in_block(|| {
        let text = std::backtrace::Backtrace::force_capture().to_string();
        assert!(text.contains("block_main"), "{text}");
        // Nothing of who resumed it.
        assert!(!text.contains("resume"), "{text}");
    });
}

#[test]
fn hash_maps_printing_and_formatting_work() {
    in_many_threads(|| {
        let mut map = HashMap::new();
        for i in 0..1000u32 {
            map.insert(i, format!("{i}"));
            if i % 100 == 0 {
                println!("{i}");
                eprintln!("{i}");
                yield_now();
            }
        }
        assert_eq!(map[&999], "999");
    });
}

#[test]
fn threads_start_and_end_from_a_block() {
    let _watchdog = super::watchdog("threads_start_and_end_from_a_block");
    in_many_threads(|| {
        for i in 0..10usize {
            let v = vec![i; 100];
            let thread = thread::spawn(move || v.iter().sum::<usize>());
            yield_now();
            assert_eq!(thread.join().unwrap(), i * 100);
            let mut squares = [0; 4];
            thread::scope(|scope| {
                for (n, square) in squares.iter_mut().enumerate() {
                    scope.spawn(move || *square = n * n);
                }
            });
            assert_eq!(squares, [0, 1, 4, 9]);
        }
    });
}
