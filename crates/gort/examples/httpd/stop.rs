//! Being asked to stop: SIGTERM and SIGINT.
//!
//! # Safety
//!
//! A signal handler that only stores to an atomic.

#![allow(unsafe_code)]

use gort::chan::{Receiver, bounded};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

static ASKED: AtomicBool = AtomicBool::new(false);

extern "C" fn ask(_signal: libc::c_int) {
    ASKED.store(true, Ordering::Relaxed);
}

/// A channel that has something, or is closed, when the program is asked to stop.
pub(crate) fn requested() -> io::Result<Receiver<()>> {
    for signal in [libc::SIGTERM, libc::SIGINT] {
        // SAFETY: the handler may run anywhere.
        if unsafe { libc::signal(signal, ask as *const () as libc::sighandler_t) } == libc::SIG_ERR
        {
            return Err(io::Error::last_os_error());
        }
    }
    let (sender, receiver) = bounded(1);
    gort::go(move || {
        while !ASKED.load(Ordering::Relaxed) {
            gort::time::sleep(Duration::from_millis(50));
        }
        let _ = sender.send(());
    });
    Ok(receiver)
}
