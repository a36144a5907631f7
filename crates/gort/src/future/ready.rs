//! Futures that wait for descriptors.
//!
//! Each one that has to wait has a goroutine that waits in its place: what an event wakes inside the runtime is
//! goroutines and threads, and a waker may be anybody's code. It waits with a descriptor of its own for the
//! same file, for the first may be with the poller already, or another future may wait for it.

use crate::polled::{Polled, is_ready};
use crate::{Builder, JoinHandle};
use gort_rt::netpoll::Direction;
use gort_sys::raw;
use std::fmt;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// Somebody who waits in a future's place.
struct Stand {
    polled: Arc<Polled<OwnedFd>>,
    goroutine: JoinHandle<io::Result<()>>,
}

/// A future that is ready when a descriptor is; see [`readable`] and [`writable`].
///
/// Dropping it leaves nobody behind who waits. When it was ready it may be polled again, to wait again.
#[must_use = "futures do nothing unless polled"]
pub struct Ready<S> {
    descriptor: S,
    of: Direction,
    stand: Option<Stand>,
}

/// Waits until a read of a descriptor would not block: there is something to be had, or the end, or an error.
/// For a listener, until somebody connects. A file of which poll(2) says that it can always be read is ready
/// at once.
///
/// For descriptors of others (std's, a C library's), whether they are non-blocking or not, and for those
/// of [`gort::net`](crate::net). If others read too, what there was may be gone.
///
/// Who is ready at the first poll pays one system call for it. Who has to wait uses a descriptor, and a
/// goroutine.
///
/// ```
/// use gort::future::{block_on, readable};
/// use std::io::{Read, Write};
/// use std::os::unix::net::UnixStream;
///
/// let (mut here, mut there) = UnixStream::pair()?;
/// gort::go(move || there.write_all(b"hello"));
/// block_on(readable(&here))?;
/// let mut buf = [0; 5];
/// here.read_exact(&mut buf)?;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// Of the future: those of poll(2), epoll_ctl(2), and `EMFILE` or `OutOfMemory` when there is no descriptor or
/// no memory for who waits; `Unsupported` when the runtime cannot run on this system.
pub fn readable<S: AsFd>(descriptor: S) -> Ready<S> {
    Ready { descriptor, of: Direction::Read, stand: None }
}

/// Waits until a write to a descriptor would not block, or fail at once; or, for one that is being
/// connected, until it is or cannot be. Otherwise as [`readable`].
///
/// ```
/// use gort::future::{block_on, writable};
///
/// let (_reader, writer) = std::io::pipe()?;
/// block_on(writable(&writer))?;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// As for [`readable`].
pub fn writable<S: AsFd>(descriptor: S) -> Ready<S> {
    Ready { descriptor, of: Direction::Write, stand: None }
}

/// Fails with `WouldBlock` unless a descriptor is ready.
fn look(descriptor: &impl AsFd, of: Direction) -> io::Result<()> {
    if is_ready(descriptor, of)? { Ok(()) } else { Err(ErrorKind::WouldBlock.into()) }
}

impl Stand {
    fn new(descriptor: &impl AsFd, of: Direction) -> io::Result<Stand> {
        let own = raw::fcntl_dupfd_cloexec(descriptor, 0)?;
        let polled = Arc::new(Polled::new(own)?);
        let waits = Arc::clone(&polled);
        let wait = move || match of {
            Direction::Read => waits.read(|io| look(io, of)),
            Direction::Write => waits.write(|io| look(io, of)),
        };
        Ok(Stand { polled, goroutine: Builder::new().spawn(wait)? })
    }
}

/// Who waits goes on, finds the file closed, and ends.
impl Drop for Stand {
    fn drop(&mut self) {
        let _ = self.polled.close();
    }
}

impl<S: AsFd + Unpin> Future for Ready<S> {
    type Output = io::Result<()>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Ready { descriptor, of, stand } = self.get_mut();
        let waits = match stand {
            Some(waits) => waits,
            None => match look(descriptor, *of) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    stand.insert(Stand::new(descriptor, *of)?)
                }
                ready => return Poll::Ready(ready),
            },
        };
        let joined = ready!(Pin::new(&mut waits.goroutine).poll(context));
        *stand = None;
        Poll::Ready(joined.unwrap_or_else(|payload| resume_unwind(payload)))
    }
}

impl<S: fmt::Debug> fmt::Debug for Ready<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ready { descriptor, of, .. } = self;
        f.debug_struct("Ready").field("descriptor", descriptor).field("of", of).finish()
    }
}
