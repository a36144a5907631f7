//! A handler in front of the one that the program has, or std.
//!
//! # Safety
//!
//! The handler given to [`Chain::install`] has a handler's signature and may run on any thread between
//! any two instructions. The one that was there before is called as the kernel would call it.

#![allow(unsafe_code)]

use gort_sys::context::sigframe::{self, SignalFrame};
use gort_sys::types::{SaFlags, SigAction, SigInfo, SigSet, Signal};
use gort_sys::{Result, raw};
use std::sync::OnceLock;

/// A handler with `SA_SIGINFO`.
pub(super) type Handler = unsafe extern "C" fn(Signal, *mut SigInfo, *mut SignalFrame);

/// A signal whose handler is ours, and the one before.
pub(super) struct Chain {
    signal: Signal,
    before: OnceLock<SigAction>,
}

impl Chain {
    pub(super) const fn new(signal: Signal) -> Chain {
        Chain { signal, before: OnceLock::new() }
    }

    pub(super) fn signal(&self) -> Signal {
        self.signal
    }

    /// Puts `handler` in front, on the signal stack; once.
    ///
    /// # Errors
    ///
    /// Those of `rt_sigaction`.
    ///
    /// # Safety
    ///
    /// See the module.
    pub(super) unsafe fn install(&self, handler: Handler, mask: SigSet) -> Result<()> {
        if self.before.get().is_some() {
            return Ok(());
        }
        let mut old = SigAction::DEFAULT;
        let new = SigAction {
            handler: handler as *const () as usize,
            flags: SaFlags::SIGINFO | SaFlags::ONSTACK | SaFlags::RESTART | SaFlags::RESTORER,
            restorer: sigframe::restorer(),
            mask,
        };
        // SAFETY: only asks, and then the caller's contract.
        unsafe {
            raw::rt_sigaction(self.signal, None, Some(&mut old))?;
            self.before.get_or_init(|| old);
            raw::rt_sigaction(self.signal, Some(&new), None)
        }
    }

    /// Calls the handler that was there before; whether there was one.
    ///
    /// # Safety
    ///
    /// In `handler`, with its arguments.
    pub(super) unsafe fn pass_on(&self, info: *mut SigInfo, frame: *mut SignalFrame) -> bool {
        let Some(before) = self.before.get() else { return false };
        if before.handler == SigAction::DEFAULT.handler {
            return false;
        }
        if before.handler == SigAction::IGNORE.handler {
            return self.signal == Signal::URG;
        }
        // SAFETY: what was installed is a handler of one of the two shapes, by its flags.
        unsafe {
            if before.flags.contains(SaFlags::SIGINFO) {
                let call = std::mem::transmute::<usize, Handler>(before.handler);
                call(self.signal, info, frame);
            } else {
                let call =
                    std::mem::transmute::<usize, unsafe extern "C" fn(Signal)>(before.handler);
                call(self.signal);
            }
        }
        true
    }
}
