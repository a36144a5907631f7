//! Futures on gort and on tokio: one that is ready, and two parties that take turns.

use crate::{TIMES, timed};
use std::future::{Ready, ready};
use std::hint::black_box;
use std::pin::Pin;
use tokio::sync::oneshot;

type Party = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What is sent to and fro: where the answer is to go.
struct Ball(oneshot::Sender<Ball>);

/// Runs a workload by name, on a goroutine.
pub(crate) fn run(workload: &str) -> Option<f64> {
    match workload {
        "blockon" => Some(at_once(gort::future::block_on)),
        "oneshot" => Some(turns(gort::future::go, |handle| handle.join().unwrap())),
        _ => None,
    }
}

/// The same on tokio, whose parties are tasks.
pub(crate) fn run_tokio(workload: &str) -> Option<f64> {
    if !["blockon", "oneshot"].contains(&workload) {
        return None;
    }
    let runtime = crate::tokio_peer::builder().build().ok()?;
    Some(match workload {
        "blockon" => at_once(|future| runtime.block_on(future)),
        _ => turns(|future| runtime.spawn(future), |task| runtime.block_on(task).unwrap()),
    })
}

/// Nanoseconds for a future that is ready.
fn at_once(block_on: impl Fn(Ready<u64>) -> u64) -> f64 {
    timed(100 * TIMES, |count| {
        for n in 0..count {
            assert_eq!(block_on(black_box(ready(n))), n);
        }
    })
}

/// Nanoseconds for a turn, there and back.
fn turns<H>(spawn: impl Fn(Party) -> H, join: impl Fn(H)) -> f64 {
    timed(2 * TIMES, |count| {
        let (first, served) = oneshot::channel();
        let there = spawn(Box::pin(serve(first, count)));
        let back = spawn(Box::pin(play(served)));
        join(there);
        join(back);
    })
}

async fn serve(mut to: oneshot::Sender<Ball>, count: u64) {
    for _ in 0..count {
        let (back, answer) = oneshot::channel();
        let _ = to.send(Ball(back));
        let Ok(Ball(next)) = answer.await else { return };
        to = next;
    }
}

async fn play(mut from: oneshot::Receiver<Ball>) {
    while let Ok(Ball(to)) = from.await {
        let (back, next) = oneshot::channel();
        let _ = to.send(Ball(back));
        from = next;
    }
}
