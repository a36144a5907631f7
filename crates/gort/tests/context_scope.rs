//! Scopes with a context of their own.

mod support;

use gort::context::{Context, Error, background};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use support::{ON_PURPOSE, matrix, panics, quiet};

/// Starts `count` goroutines that work until the context is over.
fn patient<'s>(s: &'s gort::Scope<'s, '_>, ctx: &'s Context, ended: &'s AtomicUsize, count: usize) {
    for _ in 0..count {
        s.go(move || {
            assert!(ctx.done().recv().is_err());
            assert_eq!(ctx.err(), Some(Error::Canceled));
            ended.fetch_add(1, Relaxed);
        });
    }
}

#[test]
fn all_end_when_one_panics() {
    let _quiet = quiet();
    matrix(|_| {
        let ended = AtomicUsize::new(0);
        let text = panics(|| {
            background().scope(|s, ctx| {
                patient(s, ctx, &ended, 10);
                s.go(|| {
                    gort::gosched();
                    panic!("{ON_PURPOSE}");
                });
            })
        });
        assert_eq!(text, "a scoped goroutine panicked");
        assert_eq!(ended.into_inner(), 10);
    });
}

#[test]
fn all_end_when_the_body_panics() {
    matrix(|_| {
        let ended = AtomicUsize::new(0);
        let text = panics(|| {
            background().scope(|s, ctx| {
                patient(s, ctx, &ended, 10);
                panic!("of the body");
            })
        });
        assert_eq!(text, "of the body");
        assert_eq!(ended.into_inner(), 10);
    });
}

#[test]
fn all_end_when_the_parent_is_cancelled() {
    matrix(|_| {
        let ended = AtomicUsize::new(0);
        let (parent, cancel) = background().with_cancel();
        parent.scope(|s, ctx| {
            patient(s, ctx, &ended, 10);
            s.go(move || cancel.cancel());
        });
        assert_eq!(ended.into_inner(), 10);
    });
}

/// Nobody is told to stop without reason; in the end the context is over, the parent is not.
#[test]
fn it_lasts_as_long_as_the_scope() {
    matrix(|_| {
        let (parent, _cancel) = background().with_cancel();
        let kept = parent.scope(|s, ctx| {
            s.go(|| {
                gort::gosched();
                assert_eq!(ctx.err(), None);
            });
            s.go(|| gort::goexit());
            ctx.clone()
        });
        assert_eq!((kept.err(), parent.err()), (Some(Error::Canceled), None));
    });
}
