//! Process, user and group ids, which are numbers that must not be mixed up.

use crate::Regs;
use crate::arg::{Answer, Arg, Ret};

/// A process or thread id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Pid(pub i32);

impl Pid {
    /// The caller's own process or thread, where a call takes zero for that.
    pub const SELF: Pid = Pid(0);
}

impl Arg for Pid {
    const REGISTERS: usize = 1;

    #[inline(always)]
    fn with(self, regs: Regs, call: impl FnOnce(Regs) -> usize) -> usize {
        self.0.with(regs, call)
    }
}

impl Ret for Pid {
    #[inline(always)]
    fn from_answer(answer: Answer) -> Pid {
        Pid(answer.value() as i32)
    }
}
