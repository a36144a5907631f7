//! Clocks and times.

use crate::Regs;
use crate::arg::Arg;

/// A clock: one of the kernel's, or one made of a process's id or a descriptor (negative numbers).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct ClockId(pub i32);

impl ClockId {
    /// The wall clock; it is set and jumps.
    pub const REALTIME: ClockId = ClockId(0);
    /// Time since some point before boot; it stands still while the machine sleeps.
    pub const MONOTONIC: ClockId = ClockId(1);
}

impl Arg for ClockId {
    const REGISTERS: usize = 1;

    #[inline(always)]
    fn with(self, regs: Regs, call: impl FnOnce(Regs) -> usize) -> usize {
        self.0.with(regs, call)
    }
}

/// Seconds and nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(C)]
pub struct Timespec {
    /// Whole seconds.
    pub sec: i64,
    /// Nanoseconds, 0 to 999,999,999.
    pub nsec: i64,
}

/// Seconds and microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(C)]
pub struct Timeval {
    /// Whole seconds.
    pub sec: i64,
    /// Microseconds, 0 to 999,999.
    pub usec: i64,
}
