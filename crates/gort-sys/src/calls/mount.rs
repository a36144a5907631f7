//! Mounts. All are `sys` and most need privilege.

/// The list; see `calls/mod.rs`.
#[doc(hidden)]
#[macro_export]
macro_rules! __calls_mount {
    ($mode:tt) => {
        $crate::__sys! { $mode
            /// Mounts a file system, or changes or moves a mount. Strings are what the file system
            /// takes. [mount(2)]
            ///
            /// [mount(2)]: https://man7.org/linux/man-pages/man2/mount.2.html
            sys mount(source: Option<&CStr>, target: impl Path, fs_type: Option<&CStr>, flags: MountFlags, data: Option<&CStr>) -> Result<()>;

            /// Takes a mount away; it may wait for what is unwritten. [umount(2)]
            ///
            /// [umount(2)]: https://man7.org/linux/man-pages/man2/umount.2.html
            sys umount2(target: impl Path, flags: UmountFlags) -> Result<()>;

            /// Makes `new_root` the root of the mount namespace and puts the old one at `put_old`,
            /// below it. [pivot_root(2)]
            ///
            /// [pivot_root(2)]: https://man7.org/linux/man-pages/man2/pivot_root.2.html
            sys pivot_root(new_root: impl Path, put_old: impl Path) -> Result<()> = $crate::nr::PIVOT_ROOT;

            /// A descriptor for a mount, or for a copy of it. [open_tree(2)]
            ///
            /// [open_tree(2)]: https://man7.org/linux/man-pages/man2/open_tree.2.html
            sys open_tree(dir: impl AsFd, path: impl Path, flags: OpenTreeFlags) -> Result<OwnedFd>;

            /// Attaches a mount, or moves it. [move_mount(2)]
            ///
            /// [move_mount(2)]: https://man7.org/linux/man-pages/man2/move_mount.2.html
            sys move_mount(from_dir: impl AsFd, from: impl Path, to_dir: impl AsFd, to: impl Path, flags: MoveMountFlags) -> Result<()>;

            /// A file system that is being set up; the kernel may load its module. [fsopen(2)]
            ///
            /// [fsopen(2)]: https://man7.org/linux/man-pages/man2/fsopen.2.html
            sys fsopen(fs_type: &CStr, flags: FsopenFlags) -> Result<OwnedFd>;

            /// Any step of setting a file system up. [fsconfig(2)]
            ///
            /// # Safety
            ///
            /// `key`, `value` and `aux` are what the command asks for.
            ///
            /// [fsconfig(2)]: https://man7.org/linux/man-pages/man2/fsconfig.2.html
            unsafe sys fsconfig(fd: impl AsFd, command: u32, key: Option<&CStr>, value: *const u8, aux: i32) -> Result<()>;

            /// [`fsconfig`]: an option without a value. [fsconfig(2)]
            ///
            /// [fsconfig(2)]: https://man7.org/linux/man-pages/man2/fsconfig.2.html
            sys fsconfig_set_flag(fd: impl AsFd, const kernel::fsconfig_command::FSCONFIG_SET_FLAG as u32, key: &CStr, const 0, const 0) -> Result<()> = $crate::nr::FSCONFIG;

            /// [`fsconfig`]: an option with a value. [fsconfig(2)]
            ///
            /// [fsconfig(2)]: https://man7.org/linux/man-pages/man2/fsconfig.2.html
            sys fsconfig_set_string(fd: impl AsFd, const kernel::fsconfig_command::FSCONFIG_SET_STRING as u32, key: &CStr, value: &CStr, const 0) -> Result<()> = $crate::nr::FSCONFIG;

            /// [`fsconfig`]: everything is said; makes or finds the file system. [fsconfig(2)]
            ///
            /// [fsconfig(2)]: https://man7.org/linux/man-pages/man2/fsconfig.2.html
            sys fsconfig_create(fd: impl AsFd, const kernel::fsconfig_command::FSCONFIG_CMD_CREATE as u32, const 0, const 0, const 0) -> Result<()> = $crate::nr::FSCONFIG;

            /// A mount of the file system that has been set up, attached nowhere. [fsmount(2)]
            ///
            /// [fsmount(2)]: https://man7.org/linux/man-pages/man2/fsmount.2.html
            sys fsmount(fd: impl AsFd, flags: FsmountFlags, attributes: MountAttr) -> Result<OwnedFd>;
        }
    };
}
