//! Channels and select. Go: `runtime/chan.go`, `runtime/select.go`.
//!
//! # The problem
//!
//! Goroutines and threads, any number at each end, pass values to each other in order, and wait
//! where they cannot.
//!
//! # The protocol
//!
//! A channel has one lock, a buffer, and two queues, of those who wait to send and of those who wait
//! to receive (`hchan.rs`). Who waits has an entry (`sudog`) on its own stack, with the address of the
//! value or of the place for it (`waitq.rs`). Whoever comes to the other end takes the first out of
//! the queue, copies the value straight from stack to stack, and wakes it: it finds everything done.
//! So nobody waits to receive while there is a value, and nobody to send while there is a free place.
//!
//! To take somebody out of a queue is to take on its wake-up. It is the only way for it to go on
//! (but for a select, which leaves the queues of its other cases by itself), so what was taken out
//! stays where it is for as long as it takes.
//!
//! # Promises
//!
//! In Go a select knows the values that it may send beforehand. Here it does not: the value is made
//! when the send has been chosen, by code that may do anything. So a send of a select is a *promise*,
//! which is kept or broken later ([`Promise`]). In a channel with a buffer a promise has a
//! place kept for it, which counts as neither free nor filled. In one without, it has a receiver, who
//! stays parked until then: one that waited already, or one that comes when the select waits, which
//! parks first and has the select woken after that. A receiver to whom a promise is broken tries
//! again.
//!
//! # Designs rejected
//!
//! The buffer as a lock-free queue, as in crossbeam-channel: the queues of those who wait need a lock
//! anyway, an operation is a single locked instruction here, too (`lock/latch.rs`), and under
//! a lock closing, hand-over and select are as simple as they sound. Values in boxes for a select
//! that receives without a buffer: the place for it is on the stack.

mod base;
mod buf;
mod hchan;
mod select;
mod wait;
mod waitq;

pub use base::{Handles, Promise};
pub use buf::Memory;
pub use hchan::{AnyChannel, Hchan, Lacking, Refused};
pub use select::{Case, Chosen, How, ready, select};
pub use wait::Wait;
pub(crate) use waitq::Channels;
pub use waitq::Held;

use crate::sched::park::WaitReason;
use gort_sys::context::slot;

/// Waits for ever: the goroutine, or the thread if it is an ordinary one. Go: an operation on a nil
/// channel.
pub fn forever() -> ! {
    loop {
        slot::lock();
        waitq::Waiter::new().park(&[], waitq::Wakes::none(), WaitReason::Never);
    }
}
