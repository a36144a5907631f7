//! Who a process is: its ids, its user and groups, its capabilities.
//!
//! To the kernel, users, groups and capabilities belong to a thread. The calls that set them change
//! the calling thread alone; libc's functions of the same names tell every thread to do the same.

/// The list; see `calls/mod.rs`.
#[doc(hidden)]
#[macro_export]
macro_rules! __calls_ids {
    ($mode:tt) => {
        $crate::__sys! { $mode
            /// The process's id. [getpid(2)]
            ///
            /// [getpid(2)]: https://man7.org/linux/man-pages/man2/getpid.2.html
            sysnb getpid() -> Pid;

            /// The parent's id. [getppid(2)]
            ///
            /// [getppid(2)]: https://man7.org/linux/man-pages/man2/getppid.2.html
            sysnb getppid() -> Pid;

            /// The thread's id. [gettid(2)]
            ///
            /// [gettid(2)]: https://man7.org/linux/man-pages/man2/gettid.2.html
            sysnb gettid() -> Pid;

            /// The caller's process group. [getpgrp(2)]
            ///
            /// [getpgrp(2)]: https://man7.org/linux/man-pages/man2/getpgrp.2.html
            sysnb getpgrp() -> Pid;

            /// A process's process group. [getpgid(2)]
            ///
            /// [getpgid(2)]: https://man7.org/linux/man-pages/man2/getpgid.2.html
            sysnb getpgid(pid: Pid) -> Result<Pid>;

            /// Puts a process into a process group; [`Pid::SELF`] as group makes it lead a new one.
            /// [setpgid(2)]
            ///
            /// [setpgid(2)]: https://man7.org/linux/man-pages/man2/setpgid.2.html
            sysnb setpgid(pid: Pid, group: Pid) -> Result<()>;

            /// A process's session. [getsid(2)]
            ///
            /// [getsid(2)]: https://man7.org/linux/man-pages/man2/getsid.2.html
            sysnb getsid(pid: Pid) -> Result<Pid>;

            /// Begins a session, and returns its id. [setsid(2)]
            ///
            /// [setsid(2)]: https://man7.org/linux/man-pages/man2/setsid.2.html
            sysnb setsid() -> Result<Pid>;

            /// The real user. [getuid(2)]
            ///
            /// [getuid(2)]: https://man7.org/linux/man-pages/man2/getuid.2.html
            sysnb getuid() -> Uid;

            /// The effective user. [geteuid(2)]
            ///
            /// [geteuid(2)]: https://man7.org/linux/man-pages/man2/geteuid.2.html
            sysnb geteuid() -> Uid;

            /// The real group. [getgid(2)]
            ///
            /// [getgid(2)]: https://man7.org/linux/man-pages/man2/getgid.2.html
            sysnb getgid() -> Gid;

            /// The effective group. [getegid(2)]
            ///
            /// [getegid(2)]: https://man7.org/linux/man-pages/man2/getegid.2.html
            sysnb getegid() -> Gid;

            /// Real, effective and saved user. [getresuid(2)]
            ///
            /// [getresuid(2)]: https://man7.org/linux/man-pages/man2/getresuid.2.html
            sysnb getresuid(real: out Uid, effective: out Uid, saved: out Uid) -> Result<(Uid, Uid, Uid)>;

            /// Real, effective and saved group. [getresgid(2)]
            ///
            /// [getresgid(2)]: https://man7.org/linux/man-pages/man2/getresgid.2.html
            sysnb getresgid(real: out Gid, effective: out Gid, saved: out Gid) -> Result<(Gid, Gid, Gid)>;

            /// Sets the thread's user. [setuid(2)]
            ///
            /// [setuid(2)]: https://man7.org/linux/man-pages/man2/setuid.2.html
            sysnb setuid(user: Uid) -> Result<()>;

            /// Sets the thread's group. [setgid(2)]
            ///
            /// [setgid(2)]: https://man7.org/linux/man-pages/man2/setgid.2.html
            sysnb setgid(group: Gid) -> Result<()>;

            /// Sets the thread's real and effective user; [`Uid::KEEP`] leaves one alone.
            /// [setreuid(2)]
            ///
            /// [setreuid(2)]: https://man7.org/linux/man-pages/man2/setreuid.2.html
            sysnb setreuid(real: Uid, effective: Uid) -> Result<()>;

            /// Sets the thread's real and effective group; [`Gid::KEEP`] leaves one alone.
            /// [setregid(2)]
            ///
            /// [setregid(2)]: https://man7.org/linux/man-pages/man2/setregid.2.html
            sysnb setregid(real: Gid, effective: Gid) -> Result<()>;

            /// Sets the thread's real, effective and saved user; [`Uid::KEEP`] leaves one alone.
            /// [setresuid(2)]
            ///
            /// [setresuid(2)]: https://man7.org/linux/man-pages/man2/setresuid.2.html
            sysnb setresuid(real: Uid, effective: Uid, saved: Uid) -> Result<()>;

            /// Sets the thread's real, effective and saved group; [`Gid::KEEP`] leaves one alone.
            /// [setresgid(2)]
            ///
            /// [setresgid(2)]: https://man7.org/linux/man-pages/man2/setresgid.2.html
            sysnb setresgid(real: Gid, effective: Gid, saved: Gid) -> Result<()>;

            /// Sets the user for file access, if allowed, and returns what it was. [setfsuid(2)]
            ///
            /// [setfsuid(2)]: https://man7.org/linux/man-pages/man2/setfsuid.2.html
            sysnb setfsuid(user: Uid) -> Uid;

            /// Sets the group for file access, if allowed, and returns what it was. [setfsgid(2)]
            ///
            /// [setfsgid(2)]: https://man7.org/linux/man-pages/man2/setfsgid.2.html
            sysnb setfsgid(group: Gid) -> Gid;

            /// The supplementary groups go to the front of `groups`; returns how many. With an
            /// empty slice only counts; with one too short gives `EINVAL`. [getgroups(2)]
            ///
            /// [getgroups(2)]: https://man7.org/linux/man-pages/man2/getgroups.2.html
            sysnb getgroups(groups: &mut [Gid] as CountFirst) -> Result<usize>;

            /// Sets the thread's supplementary groups. [setgroups(2)]
            ///
            /// [setgroups(2)]: https://man7.org/linux/man-pages/man2/setgroups.2.html
            sysnb setgroups(groups: &[Gid] as CountFirst) -> Result<()>;

            /// A thread's capabilities, the first 32 and the others. [capget(2)]
            ///
            /// [capget(2)]: https://man7.org/linux/man-pages/man2/capget.2.html
            sysnb capget(thread: Pid as CapHeader, data: out [CapData; 2]) -> Result<[CapData; 2]>;

            /// Sets the calling thread's capabilities, which `thread` has to name. [capset(2)]
            ///
            /// [capset(2)]: https://man7.org/linux/man-pages/man2/capset.2.html
            sysnb capset(thread: Pid as CapHeader, data: &[CapData; 2]) -> Result<()>;
        }
    };
}
