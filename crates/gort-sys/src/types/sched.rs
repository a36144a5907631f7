//! How the kernel schedules a thread: where, with which policy, how nicely.

use crate::Regs;
use crate::arg::{Answer, Arg, Ret};

/// A set of CPUs, as large as the kernel can be built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct CpuSet([u64; CpuSet::CPUS / 64]);

impl CpuSet {
    /// How many CPUs a set can hold.
    pub const CPUS: usize = 8192;

    /// No CPU.
    pub const EMPTY: CpuSet = CpuSet([0; CpuSet::CPUS / 64]);

    /// Adds a CPU; one past [`CPUS`](CpuSet::CPUS) does not exist and changes nothing.
    pub const fn insert(&mut self, cpu: usize) {
        if cpu < CpuSet::CPUS {
            self.0[cpu / 64] |= 1 << (cpu % 64);
        }
    }

    /// Takes a CPU out.
    pub const fn remove(&mut self, cpu: usize) {
        if cpu < CpuSet::CPUS {
            self.0[cpu / 64] &= !(1 << (cpu % 64));
        }
    }

    /// Whether a CPU is in the set.
    pub const fn contains(&self, cpu: usize) -> bool {
        cpu < CpuSet::CPUS && self.0[cpu / 64] & 1 << (cpu % 64) != 0
    }

    /// How many CPUs are in the set.
    pub fn count(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }
}

numbers! {
    /// A scheduling policy.
    SchedPolicy: i32, general {
        NORMAL SCHED_NORMAL
        FIFO SCHED_FIFO
        RR SCHED_RR
        BATCH SCHED_BATCH
        IDLE SCHED_IDLE
        DEADLINE SCHED_DEADLINE
        EXT SCHED_EXT
        /// Added to another: children start with `NORMAL`.
        RESET_ON_FORK SCHED_RESET_ON_FORK
    }
}

/// A real-time priority: `struct sched_param`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct SchedParam(pub i32);

/// Everything about a thread's scheduling: `struct sched_attr`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct SchedAttr {
    /// This structure's length, which `sched_setattr` knows by itself.
    pub size: u32,
    /// The policy's number.
    pub policy: u32,
    /// `SCHED_FLAG_*`.
    pub flags: u64,
    /// For `NORMAL` and `BATCH`.
    pub nice: i32,
    /// For `FIFO` and `RR`.
    pub priority: u32,
    /// For `DEADLINE`, in nanoseconds.
    pub runtime: u64,
    /// For `DEADLINE`, in nanoseconds.
    pub deadline: u64,
    /// For `DEADLINE`, in nanoseconds.
    pub period: u64,
    /// The least utilisation to assume.
    pub util_min: u32,
    /// The most utilisation to assume.
    pub util_max: u32,
}

impl Default for SchedAttr {
    fn default() -> SchedAttr {
        SchedAttr {
            size: size_of::<SchedAttr>() as u32,
            policy: 0,
            flags: 0,
            nice: 0,
            priority: 0,
            runtime: 0,
            deadline: 0,
            period: 0,
            util_min: 0,
            util_max: 0,
        }
    }
}

/// Attributes to set: the address of a copy with the right length, because the kernel writes to a
/// structure whose length it refuses.
#[derive(Debug)]
pub struct AttrIn<'a>(pub &'a SchedAttr);

impl Arg for AttrIn<'_> {
    const REGISTERS: usize = 1;

    #[inline(always)]
    fn with(self, regs: Regs, call: impl FnOnce(Regs) -> usize) -> usize {
        let mut attr = SchedAttr { size: size_of::<SchedAttr>() as u32, ..*self.0 };
        (&mut attr).with(regs, call)
    }
}

/// A nice value: -20 is the most favoured, 19 the least. The kernel cuts others off to those.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Nice(pub i32);

impl Arg for Nice {
    const REGISTERS: usize = 1;

    #[inline(always)]
    fn with(self, regs: Regs, call: impl FnOnce(Regs) -> usize) -> usize {
        self.0.with(regs, call)
    }
}

/// The kernel answers 20 minus the value, so that no value looks like an error.
impl Ret for Nice {
    #[inline(always)]
    fn from_answer(answer: Answer) -> Nice {
        Nice(20 - answer.value() as i32)
    }
}
