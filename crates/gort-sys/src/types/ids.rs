//! Process, user and group ids, which are numbers that must not be mixed up.

numbers! {
    /// A process, thread, process group or session id.
    Pid: i32
}

impl Pid {
    /// The caller's own process or thread, where a call takes zero for that.
    pub const SELF: Pid = Pid(0);

    /// The group with this id, as [`kill`](crate::raw::kill) and [`wait4`](crate::raw::wait4) take
    /// it: the number negated. `Pid(1)` has no such form there; it gives -1, which is everybody.
    pub const fn group(self) -> Pid {
        Pid(self.0.wrapping_neg())
    }

    /// Everybody: every process that may be signalled, every child.
    pub const ANY: Pid = Pid(-1);
}

numbers! {
    /// A user id.
    Uid: u32
}

impl Uid {
    /// The superuser.
    pub const ROOT: Uid = Uid(0);
    /// Where a call sets several ids: leave this one as it is.
    pub const KEEP: Uid = Uid(u32::MAX);
}

numbers! {
    /// A group id.
    Gid: u32
}

impl Gid {
    /// The superuser's group.
    pub const ROOT: Gid = Gid(0);
    /// Where a call sets several ids: leave this one as it is.
    pub const KEEP: Gid = Gid(u32::MAX);
}
