//! A process that was started.
//!
//! That it has ended is known by its pidfd, which the poller takes. Until somebody has waited for the
//! child its number is not given to another process, so the pidfd can be made when it is wanted.

use super::{ExitStatus, Output};
use crate::ffi::call_blocking;
use crate::io::pipe_end;
use crate::polled::Polled;
use gort_sys::raw;
use gort_sys::types::{Pid, PidfdFlags};
use std::io::{self, ErrorKind, Read};
use std::process;

pipe_end! {
    /// A child's standard input: [`std::process::ChildStdin`].
    ChildStdin, process::ChildStdin, Write
}

pipe_end! {
    /// A child's standard output: [`std::process::ChildStdout`].
    ChildStdout, process::ChildStdout, Read
}

pipe_end! {
    /// A child's standard error: [`std::process::ChildStderr`].
    ChildStderr, process::ChildStderr, Read
}

/// A process that was started: [`std::process::Child`]. As there, one that is dropped goes on.
#[derive(Debug)]
pub struct Child {
    /// Its standard input, if that is a pipe.
    pub stdin: Option<ChildStdin>,
    /// Its standard output, if that is a pipe.
    pub stdout: Option<ChildStdout>,
    /// Its standard error, if that is a pipe.
    pub stderr: Option<ChildStderr>,
    std: process::Child,
}

impl Child {
    /// The same child, here.
    ///
    /// # Errors
    ///
    /// Those of epoll_ctl(2) for its pipes, after which the child has been killed.
    pub fn from_std(mut std: process::Child) -> io::Result<Child> {
        let (stdin, stdout, stderr) = (std.stdin.take(), std.stdout.take(), std.stderr.take());
        let mut child = Child { stdin: None, stdout: None, stderr: None, std };
        let take = || {
            child.stdin = stdin.map(ChildStdin::from_std).transpose()?;
            child.stdout = stdout.map(ChildStdout::from_std).transpose()?;
            child.stderr = stderr.map(ChildStderr::from_std).transpose()?;
            Ok(())
        };
        if let Err(error) = take() {
            child.kill()?;
            child.wait()?;
            return Err(error);
        }
        Ok(child)
    }

    /// See [`std::process::Child::id`].
    pub fn id(&self) -> u32 {
        self.std.id()
    }

    /// See [`std::process::Child::kill`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn kill(&mut self) -> io::Result<()> {
        self.std.kill()
    }

    /// Waits until it has ended, having closed its standard input. See [`std::process::Child::wait`].
    ///
    /// What waits: the goroutine, parked. On a kernel without pidfds (before 5.3), or without a
    /// descriptor to spare, its thread waits with it, without its P.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        drop(self.stdin.take());
        if let Some(status) = self.try_wait()? {
            return Ok(status);
        }
        let pid = Pid(self.std.id().cast_signed());
        let polled = match raw::pidfd_open(pid, PidfdFlags::empty()) {
            Ok(pidfd) => Polled::new(pidfd),
            Err(errno) => Err(errno.into()),
        };
        let Ok(polled) = polled else { return call_blocking(|| self.std.wait()) };
        polled.read(|_| self.try_wait()?.ok_or_else(|| ErrorKind::WouldBlock.into()))
    }

    /// Whether it has ended. See [`std::process::Child::try_wait`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.std.try_wait()
    }

    /// Waits until it has ended, and returns what comes out of its pipes; both are read at the same time.
    /// See [`std::process::Child::wait_with_output`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn wait_with_output(mut self) -> io::Result<Output> {
        drop(self.stdin.take());
        let (stdout, stderr) = match (self.stdout.take(), self.stderr.take()) {
            (Some(stdout), Some(stderr)) => crate::scope(|s| {
                let other = s.go(|| all(Some(stderr)));
                let this = all(Some(stdout));
                // It does not panic.
                let other = other.join().unwrap_or_else(|_| Err(ErrorKind::Other.into()));
                Ok::<_, io::Error>((this?, other?))
            })?,
            (stdout, stderr) => (all(stdout)?, all(stderr)?),
        };
        Ok(Output { status: self.wait()?, stdout, stderr })
    }
}

fn all<R: Read>(pipe: Option<R>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        pipe.read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}
