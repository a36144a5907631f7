//! `go!` and `#[gort::test]`.

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use support::matrix;

#[test]
fn go_evaluates_arguments_first() {
    static DONE: AtomicUsize = AtomicUsize::new(0);
    fn add(a: usize, b: usize) {
        DONE.fetch_add(a * 1000 + b, Ordering::Relaxed);
    }
    struct Adder(usize);
    impl Adder {
        fn add<const N: usize>(&self, b: usize) {
            add(self.0, b * N);
        }
    }
    matrix(|_| {
        DONE.store(0, Ordering::Relaxed);
        let here = gort::current();
        let seen = AtomicUsize::new(0);
        let argument = |n: usize| {
            assert_eq!(gort::current(), here, "evaluated elsewhere");
            seen.fetch_add(1, Ordering::Relaxed);
            n
        };
        gort::go!(add(argument(1), argument(2)));
        gort::go!(Adder(argument(3)).add::<2>(argument(4)));
        let closure = |n| add(0, n);
        gort::go!(closure(argument(5)));
        assert_eq!(seen.load(Ordering::Relaxed), 5);
        let moved = String::from("123456");
        gort::go! {
            let n = moved.len();
            add(0, n);
        };
        gort::go!({
            add(0, 7);
        });
        let expected = 1002 + 3008 + 5 + 6 + 7;
        while DONE.load(Ordering::Relaxed) != expected {
            gort::gosched();
        }
    });
}

#[gort::test]
fn a_test_is_a_goroutine() {
    assert!(gort::current().is_some());
    assert_eq!(gort::go(|| 1).join().unwrap(), 1);
}

#[gort::test]
fn a_test_may_return_a_result() -> Result<(), std::num::ParseIntError> {
    let number: i32 = "12".parse()?;
    assert_eq!(number, 12);
    Ok(())
}

#[gort::test]
#[should_panic(expected = "in a goroutine's test")]
fn a_test_may_panic() {
    assert!(gort::current().is_none(), "in a goroutine's test");
}

#[gort::test]
#[ignore = "attributes stay"]
fn a_test_may_be_ignored() {
    assert!(gort::current().is_some());
}
