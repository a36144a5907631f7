//! Libraries that build on thread-locals work on goroutines that move.
//!
//! # Safety
//!
//! crossbeam-epoch's pointers are followed while pinned, and freed by whoever unlinked them.

#[path = "../../../crates/gort/tests/support/mod.rs"]
mod support;

use crossbeam_epoch::{self as epoch, Atomic, Owned};
use rand::RngExt;
use std::collections::HashSet;
use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use support::{all, hop, moving};

#[test]
fn crossbeam_epoch_keeps_what_is_pinned() {
    static LIVE: AtomicUsize = AtomicUsize::new(0);
    struct Node(usize);
    impl Node {
        fn new(value: usize) -> Node {
            LIVE.fetch_add(1, Ordering::Relaxed);
            Node(value)
        }
    }
    impl Drop for Node {
        fn drop(&mut self) {
            assert_ne!(self.0, usize::MAX, "dropped twice");
            self.0 = usize::MAX;
            LIVE.fetch_sub(1, Ordering::Relaxed);
        }
    }
    moving(|_| {
        let shared = Atomic::new(Node::new(0));
        all(4, |me| {
            for round in 0..20 {
                let guard = epoch::pin();
                let node = shared.load(Ordering::Acquire, &guard);
                // SAFETY: never null, and pinned.
                #[allow(unsafe_code)]
                let seen = unsafe { node.deref() };
                let value = seen.0;
                if round % 5 == 0 {
                    hop();
                } else {
                    gort::gosched();
                }
                assert_ne!(value, usize::MAX);
                assert_eq!(seen.0, value, "freed while pinned");
                let new = Owned::new(Node::new(me * 1000 + round));
                let old = shared.swap(new, Ordering::AcqRel, &guard);
                // SAFETY: unlinked by us, once.
                #[allow(unsafe_code)]
                unsafe {
                    guard.defer_destroy(old);
                }
                drop(guard);
                epoch::pin().flush();
            }
        });
        // SAFETY: nobody else has it any more.
        #[allow(unsafe_code)]
        drop(unsafe { shared.into_owned() });
    });
    // What goroutines left behind at their ends is collected by whoever comes later.
    let _watchdog = support::watchdog();
    while LIVE.load(Ordering::Relaxed) != 0 {
        epoch::pin().flush();
    }
}

#[test]
fn every_goroutine_has_its_own_random_numbers() {
    let seen = Mutex::new(HashSet::new());
    moving(|_| {
        all(8, |i| {
            let mut rng = rand::rng();
            let mut numbers = Vec::new();
            for _ in 0..8 {
                numbers.push(rng.random::<u128>());
                if i < 3 {
                    hop();
                }
                numbers.push(rand::rng().random());
            }
            let mut seen = seen.lock().unwrap();
            assert!(numbers.into_iter().all(|number| seen.insert(number)), "a number came twice");
        });
    });
    assert_eq!(seen.into_inner().unwrap().len(), 4 * 8 * 16);
}

/// Collects what is written.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn tracing_spans_belong_to_the_goroutine() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .without_time()
        .with_ansi(false)
        .finish();
    let dispatch = tracing::Dispatch::new(subscriber);
    moving(|procs| {
        all(4, |me| {
            tracing::dispatcher::with_default(&dispatch, || {
                let outer = tracing::info_span!("outer", procs, me);
                let _outer = outer.enter();
                for round in 0..3 {
                    let inner = tracing::info_span!("inner", round);
                    let _inner = inner.enter();
                    hop();
                    tracing::info!("expect procs={procs} me={me} round={round}");
                }
            });
        });
    });
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert_eq!(text.lines().count(), 4 * 4 * 3, "{text}");
    for line in text.lines() {
        let number = |key: &str, from: &str| {
            let at = from.find(key).unwrap_or_else(|| panic!("no {key} in {line}")) + key.len();
            from[at..].split([' ', '}']).next().unwrap().to_owned()
        };
        let (spans, expected) = line.split_once("expect").unwrap();
        for key in ["procs=", "me=", "round="] {
            assert_eq!(number(key, spans), number(key, expected), "{line}");
        }
        assert_eq!((spans.matches("outer{").count(), spans.matches("inner{").count()), (1, 1));
    }
}

#[test]
fn parking_lot_locks_know_their_goroutine() {
    moving(|_| {
        let total = parking_lot::Mutex::new(0);
        all(4, |me| {
            let own = parking_lot::ReentrantMutex::new(me);
            let outer = own.lock();
            hop();
            let inner = own.lock();
            assert_eq!((*outer, *inner), (me, me));
            drop(inner);
            hop();
            assert!(own.is_owned_by_current_thread());
            drop(outer);
            assert!(!own.is_locked());
            for _ in 0..100 {
                *total.lock() += 1;
                gort::gosched();
            }
        });
        assert_eq!(*total.lock(), 400);
        // Held here, moved or not, it is another goroutine's lock there.
        let shared = parking_lot::ReentrantMutex::new(());
        let _held = shared.lock();
        hop();
        gort::scope(|s| {
            s.go(|| assert!(shared.try_lock().is_none()));
        });
    });
}

#[test]
fn regexes_use_their_caches() {
    let words = regex::Regex::new(r"(?i)(?<first>[a-z]+)\s+(?<second>\d{2,})").unwrap();
    moving(|_| {
        all(4, |me| {
            for round in 10..15 {
                let text = format!("x, Goroutine {me}{round}, y");
                let mut found = words.captures_iter(&text);
                let one = found.next().unwrap();
                hop();
                assert_eq!(&one["first"], "Goroutine");
                assert_eq!(&one["second"], format!("{me}{round}"));
                assert!(found.next().is_none());
            }
        });
    });
}
