//! Runs the threads of a model in every way that x86 could, store buffers and all.
//!
//! # The machine
//!
//! x86-TSO (Owens, Sarkar, Sewell 2009). A plain store goes into its thread's own buffer, first in, first
//! out, and at some later step from there into memory. A load takes the youngest store to the place
//! that is in its own buffer, else what is in memory. A locked instruction or a fence waits until the
//! own buffer is empty. Loads are never early and stores never overtake each other, so this is all the
//! disorder there is; what a compiler may do besides is not seen here.
//!
//! A membarrier ([`Op::Membarrier`]) is what membarrier(2) promises and no more: every other thread's
//! buffer has been empty at some moment between the call's begin and its end, each at a moment of its
//! own.
//!
//! # Exploring
//!
//! Each operation of a thread is a step, and so is each move of a store from a buffer into memory. From
//! every state every possible step is taken, depth first, without a bound; to get back to a state, memory
//! and the threads' stacks are put back. A state that was met before is not gone into again: it is the
//! same if memory, buffers, and everything that each thread has been told so far are, for threads do
//! nothing but what follows from that. (States are told apart by 64 bits of hash.)
//!
//! What a thread does between two operations belongs to the first one's step, with what it looks up in and
//! writes to [`Ghost`]s: these are for assertions, and for what a model does not want to look into.
//!
//! A state in which nothing can go on is a deadlock, unless all is done; a thread in a loop that only
//! looks again is to spin ([`Op::Spin`]), which waits for something to change; a run that does not end
//! within some thousand steps is taken for one that never does.

mod coroutine;
mod explore;
mod machine;

pub use explore::{Body, Explored, explore};
pub use machine::{Ghost, Op, Place, act, me, name, peek};
