//! How a typed argument becomes registers.
//!
//! # Safety
//!
//! This file reads nothing and calls nothing; it turns borrows into addresses. What the kernel does
//! with an address is the declaration's promise (see [`sys!`](crate::sys)): `&T` is only read,
//! `&mut T` and `&mut [T]` are only written with values that are valid for `T`.

#![allow(unsafe_code)]

use crate::Regs;
use crate::errno::Errno;
use crate::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use core::ffi::CStr;
use core::marker::PhantomData;
use core::mem::MaybeUninit;

/// A type that a declared call can take.
///
/// [`with`](Arg::with) pushes the argument's registers and goes on with the rest of the call, so
/// that whatever the registers point to (a path's copy with its NUL, say) lives until the kernel
/// has answered. An argument that cannot be passed ends the call there, with the error that the
/// kernel would have given.
///
/// One register: integers, flags, [`Pid`](crate::types::Pid), descriptors, references and raw
/// pointers (`None` is a null pointer, or -1 for a descriptor). Two, address and count: slices.
/// An empty slice passes the address of a readable word and zero.
pub trait Arg: Sized {
    /// How many registers it pushes. (A debug build checks that it is true.)
    const REGISTERS: usize;

    /// Pushes onto `regs` and returns what `call` returns, or the kernel's form of an error.
    fn with(self, regs: Regs, call: impl FnOnce(Regs) -> usize) -> usize;
}

/// The registers of the arguments passed so far, and in its type how many they are.
///
/// A call's steps are closures, and where the compiler makes a function of one (a path's step is
/// needed twice, for short paths and for long ones), only a number that is part of a type is known
/// to it. Without that, such a function would have a trap for each count, and choose.
#[doc(hidden)]
#[derive(Debug)]
pub struct Passed<C>(Regs, PhantomData<fn() -> C>);

/// A count of registers: none, or those of an argument and all before it.
#[doc(hidden)]
pub trait Count {
    const COUNT: usize;
}

impl Count for () {
    const COUNT: usize = 0;
}

impl<C: Count, A: Arg> Count for (C, A) {
    const COUNT: usize = C::COUNT + A::REGISTERS;
}

impl Passed<()> {
    #[inline(always)]
    pub const fn nothing() -> Self {
        Passed(Regs::new(), PhantomData)
    }
}

impl<C: Count> Passed<C> {
    /// All arguments are passed.
    #[inline(always)]
    pub fn all(self) -> Regs {
        // Not by `assert!`, whose error quotes core's source where that is installed.
        const { 6usize.checked_sub(C::COUNT).expect("a call takes six registers at most") };
        self.0.exactly(C::COUNT)
    }
}

/// [`Arg::with`], counting.
#[doc(hidden)]
#[inline(always)]
pub fn pass<A: Arg, C: Count>(
    arg: A,
    before: Passed<C>,
    call: impl FnOnce(Passed<(C, A)>) -> usize,
) -> usize {
    arg.with(before.0, |regs| call(Passed(regs, PhantomData)))
}

/// Integers and flags: one register, sign- or zero-extended as the type says.
macro_rules! by_value {
    ($($ty:ty)+) => {$(
        impl Arg for $ty {
            const REGISTERS: usize = 1;

            #[inline(always)]
            fn with(self, regs: Regs, call: impl FnOnce(Regs) -> usize) -> usize {
                call(regs.push(self as usize))
            }
        }
    )+};
}
by_value!(u8 u16 u32 u64 usize i32 i64 isize bool);

impl Arg for BorrowedFd<'_> {
    const REGISTERS: usize = 1;

    #[inline(always)]
    fn with(self, regs: Regs, call: impl FnOnce(Regs) -> usize) -> usize {
        self.as_raw_fd().with(regs, call)
    }
}

/// No descriptor is -1.
impl Arg for Option<BorrowedFd<'_>> {
    const REGISTERS: usize = 1;

    #[inline(always)]
    fn with(self, regs: Regs, call: impl FnOnce(Regs) -> usize) -> usize {
        self.map_or(-1, |fd| fd.as_raw_fd()).with(regs, call)
    }
}

impl<T> Arg for *const T {
    const REGISTERS: usize = 1;

    #[inline(always)]
    fn with(self, regs: Regs, call: impl FnOnce(Regs) -> usize) -> usize {
        call(regs.push(self.expose_provenance()))
    }
}

impl<T> Arg for *mut T {
    const REGISTERS: usize = 1;

    #[inline(always)]
    fn with(self, regs: Regs, call: impl FnOnce(Regs) -> usize) -> usize {
        call(regs.push(self.expose_provenance()))
    }
}

impl<T> Arg for &T {
    const REGISTERS: usize = 1;

    #[inline(always)]
    fn with(self, regs: Regs, call: impl FnOnce(Regs) -> usize) -> usize {
        core::ptr::from_ref(self).with(regs, call)
    }
}

impl<T> Arg for &mut T {
    const REGISTERS: usize = 1;

    #[inline(always)]
    fn with(self, regs: Regs, call: impl FnOnce(Regs) -> usize) -> usize {
        core::ptr::from_mut(self).with(regs, call)
    }
}

impl<T> Arg for Option<&T> {
    const REGISTERS: usize = 1;

    #[inline(always)]
    fn with(self, regs: Regs, call: impl FnOnce(Regs) -> usize) -> usize {
        self.map_or(core::ptr::null(), core::ptr::from_ref).with(regs, call)
    }
}

impl<T> Arg for Option<&mut T> {
    const REGISTERS: usize = 1;

    #[inline(always)]
    fn with(self, regs: Regs, call: impl FnOnce(Regs) -> usize) -> usize {
        self.map_or(core::ptr::null_mut(), core::ptr::from_mut).with(regs, call)
    }
}

impl Arg for &CStr {
    const REGISTERS: usize = 1;

    #[inline(always)]
    fn with(self, regs: Regs, call: impl FnOnce(Regs) -> usize) -> usize {
        self.as_ptr().with(regs, call)
    }
}

impl Arg for Option<&CStr> {
    const REGISTERS: usize = 1;

    #[inline(always)]
    fn with(self, regs: Regs, call: impl FnOnce(Regs) -> usize) -> usize {
        self.map_or(core::ptr::null(), CStr::as_ptr).with(regs, call)
    }
}

/// What an empty slice points to: Rust's own dangling address is not one the kernel may look at.
static EMPTY: u64 = 0;

/// Address and count. Counts of anything but bytes are `int` in many of the kernel's interfaces,
/// so a slice with more elements than that gives `EINVAL` rather than a truncated count.
#[inline(always)]
fn push_slice<T>(ptr: *const T, len: usize, regs: Regs, call: impl FnOnce(Regs) -> usize) -> usize {
    if size_of::<T>() != 1 && len > i32::MAX as usize {
        return Errno::EINVAL.to_ret();
    }
    let address = if len == 0 {
        core::ptr::from_ref(&EMPTY).expose_provenance()
    } else {
        ptr.expose_provenance()
    };
    call(regs.push(address).push(len))
}

impl<T> Arg for &[T] {
    const REGISTERS: usize = 2;

    #[inline(always)]
    fn with(self, regs: Regs, call: impl FnOnce(Regs) -> usize) -> usize {
        push_slice(self.as_ptr(), self.len(), regs, call)
    }
}

impl<T> Arg for &mut [T] {
    const REGISTERS: usize = 2;

    #[inline(always)]
    fn with(self, regs: Regs, call: impl FnOnce(Regs) -> usize) -> usize {
        push_slice(self.as_mut_ptr(), self.len(), regs, call)
    }
}

/// The kernel's answer to a call: the value of its result register.
///
/// Having one means that the kernel gave it, to a call whose declaration names the type that it is
/// about to become: so whoever turns it into a descriptor owns that descriptor.
#[derive(Debug)]
pub struct Answer(usize);

impl Answer {
    /// # Safety
    ///
    /// The kernel has just answered with this value, nobody else has used the answer, and the
    /// call's declaration names the type that [`Ret::from_answer`] is about to make of it.
    #[inline(always)]
    pub unsafe fn new(register: usize) -> Answer {
        Answer(register)
    }

    /// The register.
    #[inline(always)]
    pub fn value(&self) -> usize {
        self.0
    }
}

/// What a declared call returns.
pub trait Ret {
    /// From the kernel's answer.
    fn from_answer(answer: Answer) -> Self;
}

impl<T: Ret> Ret for crate::Result<T> {
    #[inline(always)]
    fn from_answer(answer: Answer) -> crate::Result<T> {
        Errno::from_ret(answer.0).map(|value| T::from_answer(Answer(value)))
    }
}

/// Nothing but success to report.
impl Ret for () {
    #[inline(always)]
    fn from_answer(_: Answer) {}
}

/// The register's low bits.
macro_rules! ret_value {
    ($($ty:ty)+) => {$(
        impl Ret for $ty {
            #[inline(always)]
            fn from_answer(answer: Answer) -> $ty {
                answer.0 as $ty
            }
        }
    )+};
}
ret_value!(u32 u64 usize i32 i64 isize);

impl<T> Ret for *mut T {
    #[inline(always)]
    fn from_answer(answer: Answer) -> *mut T {
        core::ptr::with_exposed_provenance_mut(answer.0)
    }
}

impl Ret for OwnedFd {
    #[inline(always)]
    fn from_answer(answer: Answer) -> OwnedFd {
        // SAFETY: an `Answer` that becomes a descriptor names one that the kernel has just made
        // for the caller (see `Answer::new`).
        unsafe { OwnedFd::from_raw_fd(answer.0 as i32) }
    }
}

/// An out parameter: room for a `T` that the kernel fills.
#[doc(hidden)]
pub type Out<T> = MaybeUninit<T>;
