//! How to start a process.
//!
//! # Safety
//!
//! What `pre_exec` is given is its caller's to answer for.

#![allow(unsafe_code)]

use super::{Child, CommandArgs, CommandEnvs, ExitStatus, Output, Stdio};
use crate::ffi::call_with;
use crate::signal;
use std::ffi::OsStr;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process;

/// A process to be started: [`std::process::Command`], with the methods of
/// [`std::os::unix::process::CommandExt`].
///
/// The ends of pipes that a child gets are blocking again, as it expects them.
#[derive(Debug)]
pub struct Command {
    std: process::Command,
    /// Which of the child's standard streams have been said.
    streams: [bool; 3],
}

impl Command {
    /// See [`std::process::Command::new`].
    pub fn new<S: AsRef<OsStr>>(program: S) -> Command {
        process::Command::new(program).into()
    }

    /// See [`std::process::Command::arg`].
    pub fn arg<S: AsRef<OsStr>>(&mut self, arg: S) -> &mut Command {
        self.std.arg(arg);
        self
    }

    /// See [`std::process::Command::args`].
    pub fn args<I, S>(&mut self, args: I) -> &mut Command
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        self.std.args(args);
        self
    }

    /// See [`std::process::Command::env`].
    pub fn env<K: AsRef<OsStr>, V: AsRef<OsStr>>(&mut self, key: K, value: V) -> &mut Command {
        self.std.env(key, value);
        self
    }

    /// See [`std::process::Command::envs`].
    pub fn envs<I, K, V>(&mut self, vars: I) -> &mut Command
    where
        I: IntoIterator<Item = (K, V)>,
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.std.envs(vars);
        self
    }

    /// See [`std::process::Command::env_remove`].
    pub fn env_remove<K: AsRef<OsStr>>(&mut self, key: K) -> &mut Command {
        self.std.env_remove(key);
        self
    }

    /// See [`std::process::Command::env_clear`].
    pub fn env_clear(&mut self) -> &mut Command {
        self.std.env_clear();
        self
    }

    /// See [`std::process::Command::current_dir`].
    pub fn current_dir<P: AsRef<Path>>(&mut self, dir: P) -> &mut Command {
        self.std.current_dir(dir);
        self
    }

    /// See [`std::process::Command::stdin`].
    pub fn stdin<T: Into<Stdio>>(&mut self, stdin: T) -> &mut Command {
        self.std.stdin(stdin);
        self.streams[0] = true;
        self
    }

    /// See [`std::process::Command::stdout`].
    pub fn stdout<T: Into<Stdio>>(&mut self, stdout: T) -> &mut Command {
        self.std.stdout(stdout);
        self.streams[1] = true;
        self
    }

    /// See [`std::process::Command::stderr`].
    pub fn stderr<T: Into<Stdio>>(&mut self, stderr: T) -> &mut Command {
        self.std.stderr(stderr);
        self.streams[2] = true;
        self
    }

    /// Starts it. See [`std::process::Command::spawn`].
    ///
    /// # Errors
    ///
    /// As there; and those of epoll_ctl(2) for its pipes, after which the child has been killed.
    pub fn spawn(&mut self) -> io::Result<Child> {
        Child::from_std(call_with(|| signal::starting(|| self.std.spawn()))?)
    }

    /// Starts it, waits for its end, and returns what it has written. See
    /// [`std::process::Command::output`].
    ///
    /// # Errors
    ///
    /// Those of [`spawn`](Command::spawn), and of reading.
    pub fn output(&mut self) -> io::Result<Output> {
        self.set_unsaid([Stdio::null, Stdio::piped, Stdio::piped]);
        let child = self.spawn();
        self.set_unsaid([Stdio::inherit; 3]);
        child?.wait_with_output()
    }

    /// Starts it and waits for its end. See [`std::process::Command::status`].
    ///
    /// # Errors
    ///
    /// Those of [`spawn`](Command::spawn).
    pub fn status(&mut self) -> io::Result<ExitStatus> {
        self.spawn()?.wait()
    }

    /// Sets those of the streams of which nothing has been said.
    fn set_unsaid(&mut self, streams: [fn() -> Stdio; 3]) {
        let set = [process::Command::stdin, process::Command::stdout, process::Command::stderr];
        for i in (0..3).filter(|i| !self.streams[*i]) {
            set[i](&mut self.std, streams[i]());
        }
    }

    /// See [`std::process::Command::get_program`].
    pub fn get_program(&self) -> &OsStr {
        self.std.get_program()
    }

    /// See [`std::process::Command::get_args`].
    pub fn get_args(&self) -> CommandArgs<'_> {
        self.std.get_args()
    }

    /// See [`std::process::Command::get_envs`].
    pub fn get_envs(&self) -> CommandEnvs<'_> {
        self.std.get_envs()
    }

    /// See [`std::process::Command::get_current_dir`].
    pub fn get_current_dir(&self) -> Option<&Path> {
        self.std.get_current_dir()
    }

    /// See [`CommandExt::uid`].
    pub fn uid(&mut self, id: u32) -> &mut Command {
        self.std.uid(id);
        self
    }

    /// See [`CommandExt::gid`].
    pub fn gid(&mut self, id: u32) -> &mut Command {
        self.std.gid(id);
        self
    }

    /// See [`CommandExt::arg0`].
    pub fn arg0<S: AsRef<OsStr>>(&mut self, arg: S) -> &mut Command {
        self.std.arg0(arg);
        self
    }

    /// See [`CommandExt::process_group`].
    pub fn process_group(&mut self, group: i32) -> &mut Command {
        self.std.process_group(group);
        self
    }

    /// Has the child do something before its program begins. See [`CommandExt::pre_exec`].
    ///
    /// # Safety
    ///
    /// As there: only what a signal's handler may do. There are no goroutines in the child.
    pub unsafe fn pre_exec<F>(&mut self, f: F) -> &mut Command
    where
        F: FnMut() -> io::Result<()> + Send + Sync + 'static,
    {
        // SAFETY: the caller's contract.
        unsafe { self.std.pre_exec(f) };
        self
    }

    /// Becomes the program; returns only to say why not. See [`CommandExt::exec`].
    pub fn exec(&mut self) -> io::Error {
        call_with(|| self.std.exec())
    }
}

impl From<process::Command> for Command {
    /// Which standard streams have been said there is not known: say them again before
    /// [`output`](Command::output).
    fn from(std: process::Command) -> Command {
        Command { std, streams: [false; 3] }
    }
}
