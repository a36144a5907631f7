//! Futures on goroutines, so that async crates can be called from plain blocking code.
//!
//! [`block_on`] is `.await` for a goroutine: it parks between polls, and whoever wakes the future makes it
//! runnable. So a future needs no executor of its own here, and may be polled by code that blocks.
//!
//! ```
//! use gort::future::{block_on, sleep, timeout};
//! use std::time::Duration;
//!
//! let answer = gort::go(|| 6 * 7);
//! let both = async {
//!     sleep(Duration::from_millis(1)).await;
//!     answer.await.unwrap()
//! };
//! assert_eq!(block_on(timeout(Duration::from_secs(60), both)), Ok(42));
//! ```
//!
//! The other way round, a [`JoinHandle`] is a future, [`go`] makes a goroutine of one,
//! [`readable`] and [`writable`] wait for descriptors, and [`sleep`], [`timeout`] and [`interval`] for time.
//! These can be polled by any executor on any thread.
//!
//! A crate that needs its own executor around it (tokio's sockets, timers and files) finds it if its handle
//! is entered on the goroutine: `examples/tokio_bridge.rs`. `examples/hyper_server.rs` runs hyper without
//! another executor.

mod ready;
mod time;
mod waker;

pub use ready::{Ready, readable, writable};
pub use time::{Interval, Sleep, interval, sleep, sleep_until, timeout};

use crate::JoinHandle;
use std::pin::pin;
use std::task::{Context, Poll};
use waker::Lent;

/// Runs a future to its end, and returns what it results in. May be called again inside a poll.
///
/// What waits: the goroutine, or the thread if it is an ordinary one. Nothing is allocated for a goroutine,
/// unless this is called inside a poll, and wakers cost nothing to clone. A future that wakes itself while
/// it is polled lets other goroutines go first.
///
/// ```
/// use std::future::ready;
///
/// assert_eq!(gort::future::block_on(async { ready(6).await * 7 }), 42);
/// ```
///
/// # Panics
///
/// With the future's panic.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let parker = Lent::new();
    let waker = parker.waker();
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
        if !parker.park() {
            crate::gosched();
        }
    }
}

/// Starts a goroutine that runs a future to its end.
///
/// The future lives on the goroutine's stack, and may block in a poll, which nobody else waits for.
///
/// ```
/// let handle = gort::future::go(async { 6 * 7 });
/// assert_eq!(handle.join().unwrap(), 42);
/// ```
///
/// # Panics
///
/// As [`gort::go`](fn@crate::go).
#[inline(always)]
pub fn go<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    crate::go(|| block_on(future))
}
