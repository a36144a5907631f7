//! Channels and select, from goroutines and threads alike.
//!
//! The interface is crossbeam-channel's, version 0.5, so a program written for that needs no more
//! than another `use`; Go's [`close`](Sender::close) comes on top. Every operation that has to wait
//! parks the goroutine that calls it, or blocks the thread if it is an ordinary one, in any mix at
//! the same channel.
//!
//! ```
//! use gort::chan::{bounded, select};
//!
//! let (numbers, from) = bounded(0);
//! let (quit, done) = bounded::<()>(0);
//! gort::go(move || {
//!     for _ in 0..10 {
//!         print!("{} ", from.recv().unwrap());
//!     }
//!     quit.close();
//! });
//! let (mut x, mut y) = (0, 1);
//! loop {
//!     select! {
//!         send(numbers, x) -> _ => (x, y) = (y, x + y),
//!         recv(done) -> _ => break,
//!     }
//! }
//! assert!(x >= 55);
//! ```
//!
//! # In which order
//!
//! Values arrive in the order in which they were sent. Those who wait are served in the order in
//! which they came, at each end. What a sender did before it sent is seen by whoever receives the
//! value.
//!
//! # Closing
//!
//! A channel is closed by `close`, or when the last handle of either end is dropped. Whoever waits at
//! it is told at once. What is in it can still be received, but is dropped when there is no receiver
//! any more; what a sender could not send, it has back.

mod channel;
mod clock;
mod error;
mod iter;
#[doc(hidden)]
pub mod macros;
mod select;
mod shared;
mod timeout;
mod timeout_error;

pub use crate::{select, select_biased};
pub use channel::{Receiver, Sender, bounded, never, unbounded};
pub use clock::{after, at, tick};
pub use error::{RecvError, SendError, TryReadyError, TryRecvError, TrySelectError, TrySendError};
pub use iter::{IntoIter, Iter, TryIter};
pub use select::{Select, SelectedOperation};
pub use timeout_error::{
    ReadyTimeoutError, RecvTimeoutError, SelectTimeoutError, SendTimeoutError,
};
