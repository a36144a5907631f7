//! Finding out what a reader or writer is.
//!
//! std's `copy` chooses its way by specialisation, which stable Rust does not have. Here the types are
//! compared: a type that has no lifetimes and whose id is that of a [`File`] is a [`File`].
//!
//! # Safety
//!
//! [`TypeId::of`] wants a type that is `'static`, so that two that differ by lifetimes only are not taken
//! for one another. [`id_of`] gives these the same id, as the compiler does: it knows no lifetimes when
//! it makes the code. What is concluded from equal ids is only ever "the same but for lifetimes", and
//! the reference that is made of it lives no longer than the one it is made of.

#![allow(unsafe_code)]

use super::pipe::{PipeReader, PipeWriter};
use super::port::{AsPort, Port};
use crate::fs::File;
use crate::net::{TcpStream, UnixStream};
use crate::process::{ChildStderr, ChildStdin, ChildStdout};
use std::any::TypeId;
use std::io::Take;
use std::marker::PhantomData;

/// The id of `T` with all its lifetimes `'static`.
fn id_of<T: ?Sized>() -> TypeId {
    trait Id {
        fn id(&self) -> TypeId
        where
            Self: 'static;
    }
    impl<T: ?Sized> Id for PhantomData<T> {
        fn id(&self) -> TypeId
        where
            Self: 'static,
        {
            TypeId::of::<T>()
        }
    }
    let it = PhantomData::<T>;
    let it: &dyn Id = &it;
    // SAFETY: see the module. `it` has no data, and is not kept.
    let it = unsafe { std::mem::transmute::<&dyn Id, &(dyn Id + 'static)>(it) };
    it.id()
}

/// Where `it` is, if it is a `T`, up to lifetimes.
fn as_a<T: 'static, R: ?Sized>(it: *const R) -> Option<*const T> {
    (id_of::<R>() == TypeId::of::<T>()).then(|| it.cast())
}

/// `T`, or a reference to one.
fn direct<'a, T: AsPort + 'static, R: ?Sized>(it: &'a R) -> Option<&'a T> {
    if let Some(at) = as_a::<T, R>(it) {
        // SAFETY: it is a `T`, borrowed for `'a`.
        return Some(unsafe { &*at });
    }
    let shared = as_a::<&'static T, R>(it);
    let at = shared.or_else(|| as_a::<&'static mut T, R>(it).map(<*const _>::cast))?;
    // SAFETY: it is a reference to a `T`, which lives as long as `R`, hence for `'a` at least; nobody
    // writes through it as long as it is borrowed.
    Some(unsafe { *at.cast::<&'a T>() })
}

/// The same within a [`Take`], and how many bytes that lets through.
fn taken<'a, T: AsPort + 'static, R: ?Sized>(it: &'a R) -> Option<(&'a T, u64)> {
    if let Some(at) = as_a::<Take<T>, R>(it) {
        // SAFETY: it is that, borrowed for `'a`.
        let take = unsafe { &*at };
        return Some((take.get_ref(), take.limit()));
    }
    if let Some(at) = as_a::<Take<&'static T>, R>(it) {
        // SAFETY: as in `direct`.
        let take = unsafe { &*at.cast::<Take<&'a T>>() };
        return Some((take.get_ref(), take.limit()));
    }
    let at = as_a::<Take<&'static mut T>, R>(it)?;
    // SAFETY: as in `direct`.
    let take = unsafe { &*at.cast::<Take<&'a mut T>>() };
    Some((take.get_ref(), take.limit()))
}

/// Lowers the limit of a [`Take`], if `it` is one.
fn lowered<T: AsPort + 'static, R: ?Sized>(it: &mut R, count: u64) -> bool {
    fn lower<T>(take: &mut Take<T>, count: u64) -> bool {
        take.set_limit(take.limit() - count);
        true
    }
    if let Some(at) = as_a::<Take<T>, R>(it) {
        // SAFETY: it is that, and borrowed for writing.
        return lower(unsafe { &mut *at.cast_mut() }, count);
    }
    if let Some(at) = as_a::<Take<&'static T>, R>(it) {
        // SAFETY: as in `direct`, and borrowed for writing.
        return lower(unsafe { &mut *at.cast_mut().cast::<Take<&T>>() }, count);
    }
    match as_a::<Take<&'static mut T>, R>(it) {
        // SAFETY: the same.
        Some(at) => lower(unsafe { &mut *at.cast_mut().cast::<Take<&mut T>>() }, count),
        None => false,
    }
}

/// The first answer for one of the types that the kernel can read from, or write to.
macro_rules! first {
    (reader $($call:tt)*) => {
        first!(@ [File, TcpStream, UnixStream, PipeReader, ChildStdout, ChildStderr] $($call)*)
    };
    (writer $($call:tt)*) => {
        first!(@ [File, TcpStream, UnixStream, PipeWriter, ChildStdin] $($call)*)
    };
    (@ [$($type:ty),*] |$t:ident| $ask:expr) => {
        $({
            type $t = $type;
            if let Some(answer) = $ask {
                return Some(answer);
            }
        })*
    };
}

/// A reader that the kernel knows, and how many bytes may be read.
pub(super) fn source<R: ?Sized>(reader: &R) -> Option<(&dyn Port, u64)> {
    first!(reader | T | direct::<T, R>(reader).map(|it| (it.port(), u64::MAX)));
    first!(reader | T | taken::<T, R>(reader).map(|(it, limit)| (it.port(), limit)));
    None
}

/// A writer that the kernel knows.
pub(super) fn sink<W: ?Sized>(writer: &W) -> Option<&dyn Port> {
    first!(writer | T | direct::<T, W>(writer).map(AsPort::port));
    None
}

/// So many bytes have been read from what [`source`] has found.
pub(super) fn advance<R: ?Sized>(reader: &mut R, count: u64) -> Option<()> {
    first!(reader | T | lowered::<T, R>(reader, count).then_some(()));
    None
}
