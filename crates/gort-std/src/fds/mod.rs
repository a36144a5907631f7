//! Descriptors that goroutines wait for.
//!
//! # The problem
//!
//! A program's descriptors are blocking, and stay so: whether one is, is a flag of the open file, which
//! duplicates, other processes and code that is not taken over share. Nobody says when one begins or ends to
//! be used by goroutines, and a number is another file's as soon as it has been closed.
//!
//! # A call
//!
//! 1. It is tried so that it does not wait, whatever the flag says: sockets by `MSG_DONTWAIT`, what else
//!    knows it by `RWF_NOWAIT`, the rest by poll(2) with no time, and then the call. A regular file is never
//!    waited for: its calls are announced to the scheduler, as are all that are unusual.
//! 2. If it would wait the kernel is asked for the flag. `O_NONBLOCK` means `EAGAIN`, as ever. The answer is
//!    not kept, so that it is true whoever has set it. How long a socket waits at most (`SO_RCVTIMEO`,
//!    `SO_SNDTIMEO`) is kept until the next `setsockopt` of one of the two, of whatever socket.
//! 3. Then the descriptor gets a [record](record), and with it a place in the queue of events of a P, for as
//!    long as it is open; the goroutine parks there, and tries again when something has come. So a descriptor
//!    that nobody ever waited for costs nothing, nor does one that is non-blocking.
//! 4. Sending, and receiving with `MSG_WAITALL`, go on until all is done, as in the kernel; an error after
//!    a part is the part's length.
//!
//! One party at a time waits in each direction; others wait for the record's lock, which has a limit of time
//! if the socket has. The first try is made without the lock if somebody has it: what is there is there for
//! anybody.
//!
//! After a read of TCP that was short there is no more, so the next waits for an event without a call that
//! would fail. Events are edge-triggered, and what says that the end has come stays: see `gort_rt::netpoll`.
//! Only the party with the lock takes events and says that there is no more, in that order, with its read in
//! between; so *there is no more* implies that what comes later is an event that nobody has taken.
//!
//! # The table
//!
//! For each number a word leads to its record, and says what kind of file it is, as far as that is known; and it
//! counts how often the number has been forgotten ([table]). A record is counted: the table's reference, and
//! those of calls. Records are used again, never freed, so a call counts first and looks then whether the
//! word still leads there.
//!
//! | who | what |
//! |-|-|
//! | registers | reads the word; makes the number busy, which fails while it is being closed; enters the queue of events; changes the word, which fails if the number was forgotten since |
//! | closes | makes the number busy; changes the word; wakes who waits (`EBADF`); takes the file out of the queue; closes the number |
//! | finds a number new | as who closes, but for the closing: an older record is of a file that was closed behind our back |
//!
//! One party at a time registers under a number, and nobody while it is being closed. So what is taken out of the
//! queue by its number is what was put in under it, and a record never leads to a file that is closed, as
//! long as either the closing of the one or the making of the next goes through here.
//!
//! # What follows
//!
//! - *The number is used again.* `close`, `dup2`, `dup3` and `close_range` forget it before; `socket`, `socketpair`,
//!   `accept`, `open`, `pipe`, `dup`, `F_DUPFD` and `SCM_RIGHTS` make sure after.
//! - *Closing while others wait.* They get `EBADF`, where the kernel would leave them waiting. One that is just
//!   between two tries may make the second with the number's next file, as a thread may that is about to call.
//! - *dup.* Each number has its own record, in the same queue of events or another. What is the file's (the
//!   flag, the timeouts) is asked of the file. To close one of them takes that one out of the queue by name; it would
//!   stay there otherwise, for the file is still open.
//! - *fork.* The child shares the queues of events with its parent, so it touches none, and no record: there
//!   every call goes straight to the kernel. Who is a child tells the process's id, which is compared before a
//!   record is forgotten: so a child of vfork(2), whose memory is its parent's, leaves the records alone, too.
//! - *exec.* The queues are closed by it; the files are as blocking as the program has made them.
//! - *`SCM_RIGHTS`.* The other process gets a file that is blocking if it was; it may be in a queue of events
//!   here, which does not show. What comes in is a new number.
//! - *Two goroutines on one number.* One waits, the other waits for it. Both try first.
//! - *A goroutine and a thread.* The thread waits in the kernel. What comes wakes both, one of them gets it, and the
//!   other waits on.
//! - *A queue of events of the program's own.* It has its own edges and levels; ours takes nothing from it.
//! - *connect(2)* of the internet's streams has no way not to wait but the flag: it is set for the call, and cleared before
//!   anybody waits. Who asks for it in these microseconds sees it.
//! - *A signal's handler* closes as if this crate were not there: the number is forgotten, but who waits is not
//!   woken, as in the kernel.
//! - *Closed by libc's own code* (`fclose`) *or by assembly:* the number's next file must come from what is listed
//!   above, or its goroutines may wait for the events of the file before.
//!
//! # Safety
//!
//! What is asked of a descriptor here harms nobody, whosever it is.

#![allow(unsafe_code)]

pub(crate) mod record;
pub(crate) mod room;
pub(crate) mod table;
pub(crate) mod wait;

mod io;
pub(crate) mod numbers;
mod recv;
mod send;
mod sockets;

use crate::poll::look;
use crate::taken::Taken;
use crate::words::kernel;
use gort_sys::{Errno, nr};
use libc::{c_int, pollfd};

/// What the files here take over.
pub(crate) static TAKEN: [&[&Taken]; 5] =
    [io::TAKEN, numbers::TAKEN, recv::TAKEN, send::TAKEN, sockets::TAKEN];

/// How the file was opened, and what has been changed of that since.
///
/// # Errors
///
/// `EBADF`.
fn flags(fd: c_int) -> Result<c_int, Errno> {
    // SAFETY: see the module.
    let flags = unsafe { kernel(nr::FCNTL, [fd as usize, libc::F_GETFL as usize]) };
    Ok(Errno::from_ret(flags)? as c_int)
}

/// Whether calls that would wait are to say so.
///
/// # Errors
///
/// `EBADF`.
fn is_nonblocking(fd: c_int) -> Result<bool, Errno> {
    Ok(flags(fd)? & libc::O_NONBLOCK != 0)
}

/// What poll(2) says now.
fn poll_now(fd: c_int, events: i16) -> i16 {
    let mut one = pollfd { fd, events, revents: 0 };
    // SAFETY: one element.
    let result = unsafe { look(&mut one, 1) };
    // If it fails, the call will say why.
    if Errno::from_ret(result).is_err() { libc::POLLNVAL } else { one.revents }
}

/// Whether it says that a call need not wait.
fn ready_now(fd: c_int, events: i16) -> bool {
    poll_now(fd, events) != 0
}
