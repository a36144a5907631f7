//! C's locks, and what else threads of C's wait for, on goroutines.
//!
//! # The protocol
//!
//! The objects stay libc's: what says whether a lock is free is the word that libc keeps, changed by libc's own
//! functions. A goroutine tries without waiting, and if that fails it parks in the runtime's table of waiters, by the
//! object's address; whoever lets go does so by libc's function, which wakes the threads that wait in the kernel, and
//! then wakes a goroutine. Nothing is added to the objects, so they may be initialised statically, lie in memory
//! that is freed at once, and be used by threads and goroutines at the same time.
//!
//! That no wake-up is lost, and that letting go costs next to nothing while nobody waits, is `count.rs`.
//!
//! Two functions let go of a mutex inside libc, where that is not seen: waiting for a condition (`cond.rs` has what is
//! done about it), and the destruction of threads, which concerns robust mutexes only.
//!
//! What processes share, robust mutexes, and those with a ceiling are left to libc: the goroutine waits on its thread,
//! and the P goes to others first. Of a mutex that inherits priorities the kernel would have to know the owner, which it
//! does not if that is a goroutine: once goroutines wait for C's objects threads wait for such a mutex here, too,
//! and nothing is inherited.
//!
//! # Safety
//!
//! What is called before `main` needs nothing that is not there by then.

#![allow(unsafe_code)]

mod barrier;
mod clock;
mod cond;
mod count;
mod courier;
mod create;
mod join;
mod layout;
mod mutex;
mod once;
mod record;
mod rwlock;
mod sem;

pub(crate) use create::enable;

use crate::taken::Taken;

/// What the files here take over.
pub(crate) static TAKEN: [&[&Taken]; 8] = [
    mutex::TAKEN,
    cond::TAKEN,
    rwlock::TAKEN,
    sem::TAKEN,
    barrier::TAKEN,
    once::TAKEN,
    join::TAKEN,
    create::TAKEN,
];

/// Before `main`, when there is one thread.
extern "C" fn begin() {
    count::prepare();
    sem::prepare();
}

// The dynamic linker calls what is in this section before `main`, with arguments that C's convention
// lets it ignore.
#[used]
#[unsafe(link_section = ".init_array")]
static BEGIN: extern "C" fn() = begin;
