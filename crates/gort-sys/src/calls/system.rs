//! The system as a whole: randomness, names, load, modules, keys, sandboxes.

/// The list; see `calls/mod.rs`.
#[doc(hidden)]
#[macro_export]
macro_rules! __calls_system {
    ($mode:tt) => {
        $crate::__sys! { $mode
            /// Random bytes. Waits while the pool is not ready, soon after boot. Later up to 256
            /// bytes always come whole; of more, a signal may leave only some. [getrandom(2)]
            ///
            /// [getrandom(2)]: https://man7.org/linux/man-pages/man2/getrandom.2.html
            sys getrandom(buf: &mut [u8], flags: RandomFlags) -> Result<usize>;

            /// Load and memory. [sysinfo(2)]
            ///
            /// [sysinfo(2)]: https://man7.org/linux/man-pages/man2/sysinfo.2.html
            sysnb sysinfo(info: out Sysinfo) -> Result<Sysinfo>;

            /// Names of the system. [uname(2)]
            ///
            /// [uname(2)]: https://man7.org/linux/man-pages/man2/uname.2.html
            sysnb uname(names: out Utsname) -> Result<Utsname>;

            /// Sets the host name of the caller's UTS namespace. [sethostname(2)]
            ///
            /// [sethostname(2)]: https://man7.org/linux/man-pages/man2/sethostname.2.html
            sysnb sethostname(name: &[u8] as IntLen) -> Result<()>;

            /// Sets the NIS domain name of the caller's UTS namespace. [setdomainname(2)]
            ///
            /// [setdomainname(2)]: https://man7.org/linux/man-pages/man2/setdomainname.2.html
            sysnb setdomainname(name: &[u8] as IntLen) -> Result<()>;

            /// Reads or controls the kernel's log by the number of the action; number 2 waits for
            /// something to read. [syslog(2)]
            ///
            /// [syslog(2)]: https://man7.org/linux/man-pages/man2/syslog.2.html
            sys syslog(action: i32, buf: &mut [u8] as IntLen) -> Result<usize>;

            /// Restarts or stops the machine, or sets what Ctrl-Alt-Del does. [reboot(2)]
            ///
            /// # Safety
            ///
            /// `argument` is what the command takes: a C string for `RESTART2`. Unsaved data is
            /// lost.
            ///
            /// [reboot(2)]: https://man7.org/linux/man-pages/man2/reboot.2.html
            unsafe sys reboot(const linux_raw_sys::general::LINUX_REBOOT_MAGIC1, const linux_raw_sys::general::LINUX_REBOOT_MAGIC2, command: RebootCommand, argument: *const core::ffi::c_char) -> Result<()>;

            /// The newest version of landlock that the kernel knows. [landlock_create_ruleset(2)]
            ///
            /// [landlock_create_ruleset(2)]: https://man7.org/linux/man-pages/man2/landlock_create_ruleset.2.html
            sysnb landlock_abi(const 0, const 0, const linux_raw_sys::landlock::LANDLOCK_CREATE_RULESET_VERSION) -> Result<i32> = $crate::nr::LANDLOCK_CREATE_RULESET;

            /// Makes a ruleset that forbids this. [landlock_create_ruleset(2)]
            ///
            /// [landlock_create_ruleset(2)]: https://man7.org/linux/man-pages/man2/landlock_create_ruleset.2.html
            sysnb landlock_create_ruleset(forbidden: &LandlockRuleset, const size_of::<LandlockRuleset>(), const 0) -> Result<OwnedFd>;

            /// Adds a rule about files. [landlock_add_rule(2)]
            ///
            /// [landlock_add_rule(2)]: https://man7.org/linux/man-pages/man2/landlock_add_rule.2.html
            sys landlock_add_beneath(ruleset: impl AsFd, const linux_raw_sys::landlock::landlock_rule_type::LANDLOCK_RULE_PATH_BENEATH as u32, rule: &LandlockBeneath<'_>, const 0) -> Result<()> = $crate::nr::LANDLOCK_ADD_RULE;

            /// Adds a rule about a port. [landlock_add_rule(2)]
            ///
            /// [landlock_add_rule(2)]: https://man7.org/linux/man-pages/man2/landlock_add_rule.2.html
            sys landlock_add_port(ruleset: impl AsFd, const linux_raw_sys::landlock::landlock_rule_type::LANDLOCK_RULE_NET_PORT as u32, rule: &LandlockPort, const 0) -> Result<()> = $crate::nr::LANDLOCK_ADD_RULE;

            /// Adds a rule of any type. [landlock_add_rule(2)]
            ///
            /// # Safety
            ///
            /// `rule` is the structure that this type of rule takes.
            ///
            /// [landlock_add_rule(2)]: https://man7.org/linux/man-pages/man2/landlock_add_rule.2.html
            unsafe sys landlock_add_rule(ruleset: impl AsFd, kind: u32, rule: *const u8, flags: u32) -> Result<()>;

            /// Puts a ruleset in force for the thread and its children, for good. Needs
            /// [`prctl_set_no_new_privs`] or the right to administer the system.
            /// [landlock_restrict_self(2)]
            ///
            /// [landlock_restrict_self(2)]: https://man7.org/linux/man-pages/man2/landlock_restrict_self.2.html
            sys landlock_restrict_self(ruleset: impl AsFd, flags: u32) -> Result<()>;

            /// Puts a filter in force, or asks about filters. [seccomp(2)]
            ///
            /// # Safety
            ///
            /// `args` is what the operation takes; a filter that changes what calls do is one that
            /// the process's code expects.
            ///
            /// [seccomp(2)]: https://man7.org/linux/man-pages/man2/seccomp.2.html
            unsafe sys seccomp(operation: u32, flags: u32, args: *const u8) -> Result<usize>;

            /// Whether the kernel knows an action; `EOPNOTSUPP` if not. [seccomp(2)]
            ///
            /// [seccomp(2)]: https://man7.org/linux/man-pages/man2/seccomp.2.html
            sysnb seccomp_action_available(const linux_raw_sys::ptrace::SECCOMP_GET_ACTION_AVAIL, const 0, action: &u32) -> Result<()> = $crate::nr::SECCOMP;

            /// Programs, maps and the like. [bpf(2)]
            ///
            /// # Safety
            ///
            /// `attr` is a `union bpf_attr` of `size` bytes that this command takes.
            ///
            /// [bpf(2)]: https://man7.org/linux/man-pages/man2/bpf.2.html
            unsafe sys bpf(command: i32, attr: *mut u8, size: u32) -> Result<usize>;

            /// A descriptor for a performance counter of a thread or CPU; `None` for no group.
            /// [perf_event_open(2)]
            ///
            /// # Safety
            ///
            /// `attr` is a `struct perf_event_attr`, valid for writing: the kernel writes the
            /// length that it knows to one whose length it refuses (`E2BIG`).
            ///
            /// [perf_event_open(2)]: https://man7.org/linux/man-pages/man2/perf_event_open.2.html
            unsafe sys perf_event_open(attr: *mut u8, thread: Pid, cpu: i32, group: Option<BorrowedFd<'_>>, flags: usize) -> Result<OwnedFd>;

            /// Adds a key to a keyring, or updates it. Type and description are passed as paths
            /// are. [add_key(2)]
            ///
            /// [add_key(2)]: https://man7.org/linux/man-pages/man2/add_key.2.html
            sys add_key(kind: impl Path, description: impl Path, payload: &[u8], keyring: KeyId) -> Result<KeyId>;

            /// Finds a key, and links it into a keyring unless that is `KeyId(0)`. Type and
            /// description are passed as paths are. [request_key(2)]
            ///
            /// [request_key(2)]: https://man7.org/linux/man-pages/man2/request_key.2.html
            sys request_key(kind: impl Path, description: impl Path, const 0, keyring: KeyId) -> Result<KeyId>;

            /// Works on keys and keyrings. [keyctl(2)]
            ///
            /// # Safety
            ///
            /// The arguments are what the operation takes.
            ///
            /// [keyctl(2)]: https://man7.org/linux/man-pages/man2/keyctl.2.html
            unsafe sys keyctl(operation: i32, arg2: usize, arg3: usize, arg4: usize, arg5: usize) -> Result<usize>;

            /// Disk quotas. [quotactl(2)]
            ///
            /// # Safety
            ///
            /// `address` is what the command takes.
            ///
            /// [quotactl(2)]: https://man7.org/linux/man-pages/man2/quotactl.2.html
            unsafe sys quotactl(command: u32, device: impl Path, id: u32, address: *mut u8) -> Result<()>;

            /// Begins to swap to a file or device. [swapon(2)]
            ///
            /// [swapon(2)]: https://man7.org/linux/man-pages/man2/swapon.2.html
            sys swapon(path: impl Path, flags: i32) -> Result<()>;

            /// Ends swapping to a file or device; brings back what is there first. [swapoff(2)]
            ///
            /// [swapoff(2)]: https://man7.org/linux/man-pages/man2/swapoff.2.html
            sys swapoff(path: impl Path) -> Result<()>;

            /// Loads a kernel module from memory. Its parameters are passed as a path is.
            /// [init_module(2)]
            ///
            /// # Safety
            ///
            /// The module is code that will run in the kernel.
            ///
            /// [init_module(2)]: https://man7.org/linux/man-pages/man2/init_module.2.html
            unsafe sys init_module(image: &[u8], parameters: impl Path) -> Result<()>;

            /// Loads a kernel module from a file. Its parameters are passed as a path is.
            /// [finit_module(2)]
            ///
            /// # Safety
            ///
            /// The module is code that will run in the kernel.
            ///
            /// [finit_module(2)]: https://man7.org/linux/man-pages/man2/finit_module.2.html
            unsafe sys finit_module(fd: impl AsFd, parameters: impl Path, flags: i32) -> Result<()>;

            /// Unloads a kernel module. [delete_module(2)]
            ///
            /// # Safety
            ///
            /// Nothing still relies on it; with the flags that force it, nothing is checked.
            ///
            /// [delete_module(2)]: https://man7.org/linux/man-pages/man2/delete_module.2.html
            unsafe sys delete_module(name: impl Path, flags: u32) -> Result<()>;
        }
    };
}
