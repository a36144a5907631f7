//! Stacks: reserved large, committed by the kernel as they are touched, guarded, never moved.
//!
//! ```text
//!   lo                                                              hi
//!   | guard | stack, grows down  <-  | TLS block | control block | Slot |
//! ```
//!
//! One slot is one power of two of address space in a mapping that holds many ([`arena`]). The
//! `Slot` record at its top links it into free lists; the page it lies in is touched anyway, by the
//! control block. A slot keeps its TLS block when it goes back to a list ([`pool`]), so the next
//! goroutine on it finds both warm. How deep a stack was used can be measured ([`water`]).

mod arena;
mod pool;
mod slot;
mod water;

pub(crate) use arena::{class_for, ensure_room, mappings};
pub(crate) use pool::{SlotCache, count_free, get_global, put_global, take_fresh};
pub(crate) use slot::{DEFAULT_CLASS, Slot};
pub(crate) use water::renew;
pub use water::{StackRange, measure_stacks};
