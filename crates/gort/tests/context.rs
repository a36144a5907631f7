//! Contexts: what is cancelled by what, in trees of any shape, and error groups.

mod support;

use gort::chan::{TryRecvError, select};
use gort::context::{Context, Error, background};
use gort::sync::{ErrGroup, Mutex};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};
use support::storm::storm;
use support::{ON_PURPOSE, PROCS, matrix, mixed, panics, quiet};

fn over(ctx: &Context) -> bool {
    let closed = ctx.done().try_recv() == Err(TryRecvError::Disconnected);
    assert_eq!(closed, ctx.err().is_some(), "the channel says something else");
    closed
}

#[test]
fn cancelling_reaches_what_is_derived_and_nothing_else() {
    let (root, cancel_root) = background().with_cancel();
    let (left, cancel_left) = root.with_cancel();
    let (right, _) = root.with_value(1).with_cancel();
    let (leaf, _) = left.with_value("x").with_cancel();
    let same = leaf.clone().with_value(2.5);
    cancel_left();
    assert_eq!([&root, &left, &right, &leaf, &same].map(over), [false, true, false, true, true]);
    assert_eq!(leaf.err(), Some(Error::Canceled));
    assert_eq!(leaf.cause().unwrap().to_string(), "context canceled");
    cancel_root.cancel();
    cancel_root();
    assert!(over(&root) && over(&right) && !over(&background()));
    // Born over.
    let (late, _) = right.with_cancel();
    assert!(over(&late));
}

#[test]
fn the_first_cause_is_kept() {
    let (root, cancel_root) = background().with_cancel();
    let (child, cancel_child) = root.with_cancel();
    assert!(child.cause().is_none());
    cancel_child.cancel_with("the child");
    cancel_root.cancel_with(std::io::Error::other("the root"));
    cancel_child.cancel_with("again");
    let causes = [&root, &child, &root.with_cancel().0].map(|ctx| ctx.cause().unwrap().to_string());
    assert_eq!(causes, ["the root", "the child", "the root"]);
    assert_eq!(child.err(), Some(Error::Canceled));
    assert_eq!(Error::DeadlineExceeded.to_string(), "context deadline exceeded");
}

#[test]
fn values_are_found_by_their_types() {
    #[derive(Debug, PartialEq)]
    struct Mine(i32);
    let ctx = background().with_value(1i32).with_value("text").with_value(Mine(2));
    let (other, _) = ctx.with_value(3i32).with_cancel();
    assert_eq!((ctx.value::<i32>(), other.value::<i32>()), (Some(&1), Some(&3)));
    assert_eq!((other.value::<&str>(), other.value::<Mine>()), (Some(&"text"), Some(&Mine(2))));
    assert!(other.value::<u32>().is_none() && background().value::<i32>().is_none());
    // Long lists, shared and dropped, are no deep recursion.
    let mut long = ctx;
    for n in 0..200_000u64 {
        long = long.with_value(n);
    }
    assert_eq!((long.value::<u64>(), long.value::<i32>()), (Some(&199_999), Some(&1)));
}

#[test]
fn a_hundred_thousand_children_hear_of_it() {
    matrix(|_| {
        let (root, cancel) = background().with_cancel();
        let children: Vec<_> = (0..100_000).map(|_| root.with_cancel()).collect();
        // Every thousandth has been asked for its channel before.
        let asked: Vec<_> = children.iter().step_by(1000).map(|(ctx, _)| ctx.done()).collect();
        cancel();
        assert!(children.iter().all(|(ctx, _)| ctx.err() == Some(Error::Canceled)));
        assert!(asked.iter().all(|done| done.try_recv() == Err(TryRecvError::Disconnected)));
    });
}

/// On a goroutine's stack, which is not large.
#[test]
fn a_hundred_thousand_generations_hear_of_it() {
    matrix(|_| {
        let (root, cancel) = background().with_cancel();
        let mut line = vec![root];
        for _ in 0..100_000 {
            line.push(line.last().unwrap().with_cancel().0);
        }
        cancel();
        assert!(line.iter().all(|ctx| ctx.err().is_some()));
        // The youngest is the last to go, and takes all others with it.
        let youngest = line.pop();
        drop(line);
        drop(youngest);
    });
}

#[test]
fn goroutines_and_threads_wait_for_it() {
    for procs in PROCS {
        let (ctx, cancel) = background().with_cancel();
        let waiting = AtomicUsize::new(0);
        mixed(procs, 11, 3, |i| {
            if i == 10 {
                while waiting.load(Relaxed) < 13 {
                    gort::gosched();
                }
                return cancel();
            }
            waiting.fetch_add(1, Relaxed);
            let (other, never) = gort::chan::bounded::<i32>(0);
            if i % 2 == 0 {
                assert!(ctx.done().recv().is_err());
            } else {
                select! {
                    recv(ctx.done()) -> _ => {}
                    recv(never) -> _ => unreachable!(),
                }
            }
            drop(other);
            assert_eq!(ctx.err(), Some(Error::Canceled));
        });
    }
}

/// Contexts are derived, dropped, asked and cancelled all at once: none is forgotten.
#[test]
fn whatever_is_derived_while_it_is_cancelled_is_over() {
    for procs in PROCS {
        for _ in 0..20 {
            let (root, cancel) = background().with_cancel();
            let all = Mutex::new(Vec::new());
            mixed(procs, 9, 1, |i| {
                if i == 4 {
                    gort::gosched();
                    return cancel();
                }
                let mut here = root.clone();
                for round in 0..50 {
                    let (child, cancel) = here.with_cancel();
                    match (i + round) % 5 {
                        0 => drop(child.done().clone()),
                        1 => here = child.clone(),
                        2 => cancel(),
                        3 => continue,
                        _ => {}
                    }
                    all.lock().push(child);
                }
            });
            assert!(all.into_inner().iter().all(over));
        }
    }
}

/// A clone of the receiver sees the end when nobody can cancel any more.
#[test]
fn a_channel_outlives_its_context() {
    let (ctx, cancel) = background().with_cancel();
    let done = ctx.done().clone();
    drop(ctx);
    assert_eq!(done.try_recv(), Err(TryRecvError::Empty));
    drop(cancel);
    assert_eq!(done.try_recv(), Err(TryRecvError::Disconnected));
}

/// None of these comes before the time, and each comes.
#[test]
fn a_deadline_ends_it() {
    matrix(|_| {
        let begin = Instant::now();
        let time = Duration::from_millis(5);
        let (ctx, _cancel) = background().with_timeout(time);
        let (child, _) = ctx.with_value(1).with_cancel();
        let (sooner, _keep) = ctx.with_timeout(Duration::from_millis(1));
        let (later, _keep) = ctx.with_deadline(begin + Duration::from_secs(1000));
        assert!(ctx.deadline().unwrap() >= begin + time);
        assert_eq!([&child, &later].map(|ctx| ctx.deadline()), [ctx.deadline(); 2]);
        assert!(sooner.deadline() < ctx.deadline());
        assert!(sooner.done().recv().is_err());
        for ctx in [&ctx, &child, &later] {
            assert!(ctx.done().recv().is_err());
            assert_eq!(ctx.err(), Some(Error::DeadlineExceeded));
            assert_eq!(ctx.cause().unwrap().to_string(), "context deadline exceeded");
        }
        assert!(begin.elapsed() >= time);
    });
}

#[test]
fn a_deadline_that_is_past_or_never() {
    matrix(|_| {
        for (past, _) in [
            background().with_deadline(Instant::now()),
            background().with_timeout(Duration::ZERO),
            background().with_timeout(Duration::from_secs(9)).0.with_deadline(Instant::now()),
        ] {
            assert!(over(&past));
            assert_eq!(past.err(), Some(Error::DeadlineExceeded));
        }
        let (never, cancel) = background().with_timeout(Duration::MAX);
        assert!(never.deadline().is_none() && !over(&never));
        cancel();
        assert_eq!(never.err(), Some(Error::Canceled));
    });
}

/// Whoever is first decides what is said; and timers that nobody needs are gone.
#[test]
fn cancelling_before_the_deadline() {
    matrix(|_| {
        for round in 0..200 {
            let (ctx, cancel) = background().with_timeout(Duration::from_micros(100));
            if round % 2 == 0 {
                gort::gosched();
                cancel();
            } else {
                let _ = ctx.done().recv();
            }
            let first = ctx.err().unwrap();
            cancel();
            assert_eq!(ctx.err(), Some(first));
            // Dropped with its timer still to come.
            drop(ctx.with_timeout(Duration::from_secs(1000)));
            drop(background().with_timeout(Duration::from_secs(1000)));
        }
    });
}

#[test]
fn a_group_has_the_first_error_and_cancels() {
    matrix(|_| {
        let (group, ctx) = ErrGroup::with_context(&background());
        for n in 0..10 {
            let ctx = ctx.clone();
            group.go(move || {
                if n == 3 {
                    return Err(n);
                }
                let _ = ctx.done().recv();
                Err(100 + n)
            });
        }
        assert_eq!(group.wait(), Err(3));
        assert_eq!(ctx.err(), Some(Error::Canceled));
        assert_eq!(group.wait(), Ok(()), "it is given once");
        let (group, ctx) = ErrGroup::<()>::with_context(&background());
        group.go(|| Ok(()));
        assert_eq!(group.wait(), Ok(()));
        assert!(over(&ctx), "the group is done");
    });
}

#[test]
fn a_groups_limit_is_kept() {
    matrix(|_| {
        let group = ErrGroup::<()>::new();
        group.set_limit(Some(3));
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        for _ in 0..30 {
            let (running, most) = (running.clone(), most.clone());
            group.go(move || {
                most.fetch_max(running.fetch_add(1, Relaxed) + 1, Relaxed);
                gort::gosched();
                running.fetch_sub(1, Relaxed);
                Ok(())
            });
        }
        group.wait().unwrap();
        assert!(most.load(Relaxed) <= 3);
        let (go_on, wait) = gort::chan::bounded::<()>(0);
        for _ in 0..3 {
            let wait = wait.clone();
            assert!(group.try_go(move || {
                let _ = wait.recv();
                Ok(())
            }));
        }
        assert!(!group.try_go(|| unreachable!()));
        assert_eq!(
            panics(|| group.set_limit(None)),
            "errgroup: modify limit while 3 goroutines in the group are still active",
        );
        drop(go_on);
        group.wait().unwrap();
        group.set_limit(Some(0));
        assert!(!group.try_go(|| unreachable!()));
        group.set_limit(None);
        assert!(group.try_go(|| Ok(())));
        group.wait().unwrap();
    });
}

#[test]
fn a_panic_in_a_group_comes_out_of_wait() {
    let _quiet = quiet();
    matrix(|_| {
        let (group, ctx) = ErrGroup::with_context(&background());
        group.go(|| Err(1));
        group.go(|| panic!("{ON_PURPOSE}"));
        group.go(move || {
            let _ = ctx.done().recv();
            Ok(())
        });
        assert_eq!(panics(|| group.wait()), ON_PURPOSE);
    });
}

#[test]
fn in_a_storm() {
    let _storm = storm(Some(2000));
    goroutines_and_threads_wait_for_it();
    whatever_is_derived_while_it_is_cancelled_is_over();
    a_deadline_ends_it();
    cancelling_before_the_deadline();
    a_group_has_the_first_error_and_cancels();
    a_groups_limit_is_kept();
}
