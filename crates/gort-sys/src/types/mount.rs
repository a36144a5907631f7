//! File systems: how they are mounted and moved.

flags! {
    /// What `mount` does, and how the mount behaves.
    MountFlags: u64, general {
        RDONLY MS_RDONLY
        NOSUID MS_NOSUID
        NODEV MS_NODEV
        NOEXEC MS_NOEXEC
        SYNCHRONOUS MS_SYNCHRONOUS
        REMOUNT MS_REMOUNT
        DIRSYNC MS_DIRSYNC
        NOSYMFOLLOW MS_NOSYMFOLLOW
        NOATIME MS_NOATIME
        NODIRATIME MS_NODIRATIME
        BIND MS_BIND
        MOVE MS_MOVE
        REC MS_REC
        SILENT MS_SILENT
        UNBINDABLE MS_UNBINDABLE
        PRIVATE MS_PRIVATE
        SLAVE MS_SLAVE
        SHARED MS_SHARED
        RELATIME MS_RELATIME
        STRICTATIME MS_STRICTATIME
        LAZYTIME MS_LAZYTIME
    }
}

flags! {
    /// How a mount is taken away.
    UmountFlags: u32, general {
        FORCE MNT_FORCE
        /// Out of the tree now, gone when nobody uses it.
        DETACH MNT_DETACH
        EXPIRE MNT_EXPIRE
        NOFOLLOW UMOUNT_NOFOLLOW
    }
}

flags! {
    /// How `open_tree` opens a mount. [`AtFlags`](crate::types::AtFlags) have bits here too:
    /// `EMPTY_PATH`, `RECURSIVE`, `SYMLINK_NOFOLLOW`, `NO_AUTOMOUNT`.
    OpenTreeFlags: u32, general {
        CLOEXEC OPEN_TREE_CLOEXEC
        /// A copy, attached nowhere.
        CLONE OPEN_TREE_CLONE
        RECURSIVE AT_RECURSIVE
        EMPTY_PATH AT_EMPTY_PATH
        SYMLINK_NOFOLLOW AT_SYMLINK_NOFOLLOW
        NO_AUTOMOUNT AT_NO_AUTOMOUNT
    }
}

flags! {
    /// How `move_mount` looks up its two paths: `F_` is from, `T_` is to.
    MoveMountFlags: u32, general {
        F_SYMLINKS MOVE_MOUNT_F_SYMLINKS
        F_AUTOMOUNTS MOVE_MOUNT_F_AUTOMOUNTS
        F_EMPTY_PATH MOVE_MOUNT_F_EMPTY_PATH
        T_SYMLINKS MOVE_MOUNT_T_SYMLINKS
        T_AUTOMOUNTS MOVE_MOUNT_T_AUTOMOUNTS
        T_EMPTY_PATH MOVE_MOUNT_T_EMPTY_PATH
        SET_GROUP MOVE_MOUNT_SET_GROUP
        BENEATH MOVE_MOUNT_BENEATH
    }
}

flags! {
    /// How `fsopen` makes its descriptor.
    FsopenFlags: u32, general {
        CLOEXEC FSOPEN_CLOEXEC
    }
}

flags! {
    /// How `fsmount` makes its descriptor.
    FsmountFlags: u32, general {
        CLOEXEC FSMOUNT_CLOEXEC
    }
}

flags! {
    /// How a mount made by `fsmount` behaves.
    MountAttr: u32, general {
        RDONLY MOUNT_ATTR_RDONLY
        NOSUID MOUNT_ATTR_NOSUID
        NODEV MOUNT_ATTR_NODEV
        NOEXEC MOUNT_ATTR_NOEXEC
        NOATIME MOUNT_ATTR_NOATIME
        STRICTATIME MOUNT_ATTR_STRICTATIME
        NODIRATIME MOUNT_ATTR_NODIRATIME
        NOSYMFOLLOW MOUNT_ATTR_NOSYMFOLLOW
    }
}
