//! Forms that the kernel wants some arguments in: what `T as FORM` of [`sys!`](crate::sys) names.
//!
//! The parameter of the declared function keeps its plain type; the form is how it becomes
//! registers.

use crate::arg::Arg;
use crate::{Errno, Regs};

/// Bytes whose length the kernel holds as an `int`: more than that gives `EINVAL` before the call
/// instead of a length with its upper half cut off.
#[derive(Debug)]
pub struct IntLen<S>(pub S);

impl<S: Arg + AsRef<[u8]>> Arg for IntLen<S> {
    const REGISTERS: usize = S::REGISTERS;

    #[inline(always)]
    fn with(self, regs: Regs, call: impl FnOnce(Regs) -> usize) -> usize {
        if self.0.as_ref().len() > i32::MAX as usize {
            return Errno::EINVAL.to_ret();
        }
        self.0.with(regs, call)
    }
}

/// A slice whose count goes before its address, and is an `int`.
#[derive(Debug)]
pub struct CountFirst<S>(pub S);

/// Pushes the slice's two registers the other way round.
macro_rules! count_first {
    ($($slice:ty)+) => {$(
        impl<T> Arg for CountFirst<$slice> {
            const REGISTERS: usize = 2;

            #[inline(always)]
            fn with(self, regs: Regs, call: impl FnOnce(Regs) -> usize) -> usize {
                if self.0.len() > i32::MAX as usize {
                    return Errno::EINVAL.to_ret();
                }
                let count = self.0.len();
                self.0.with(Regs::new(), |slice| call(regs.push(count).push(slice.as_slice()[0])))
            }
        }
    )+};
}
count_first!(&[T] &mut [T]);
