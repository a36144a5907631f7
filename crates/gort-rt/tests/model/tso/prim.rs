//! Stand-in for `src/prim.rs` in the models that are explored here.
//!
//! What a thing here holds at the beginning is in it; what it holds later only the explorer knows.
//! Orderings change nothing on this machine: a plain store or load has them all but `SeqCst`'s, which
//! a store would need, and a locked instruction has that too.
//!
//! # Safety
//!
//! As in `src/prim.rs`: a link holds null or what was a `&'static T`.

use std::marker::PhantomData;
pub(crate) use std::sync::atomic::Ordering;
use tso::{Ghost, Op, Place, act, peek};

macro_rules! const_fn {
    ($($function:tt)*) => { $($function)* };
}
pub(crate) use const_fn;

fn place<T>(of: &T, initial: u64) -> Place {
    Place { at: std::ptr::from_ref(of).addr(), initial }
}

macro_rules! atomic {
    ($name:ident, $type:ty) => {
        #[derive(Debug, Default)]
        pub(crate) struct $name($type);

        impl $name {
            pub(crate) const fn new(value: $type) -> $name {
                $name(value)
            }

            fn place(&self) -> Place {
                place(self, self.0 as u64)
            }

            #[track_caller]
            pub(crate) fn load(&self, _: Ordering) -> $type {
                act(Op::Load(self.place())) as $type
            }

            #[track_caller]
            pub(crate) fn store(&self, value: $type, ordering: Ordering) {
                assert_ne!(ordering, Ordering::SeqCst, "not a plain store");
                act(Op::Store(self.place(), value as u64));
            }

            #[track_caller]
            pub(crate) fn swap(&self, value: $type, _: Ordering) -> $type {
                act(Op::Update(self.place(), |_, new| new, value as u64)) as $type
            }

            #[track_caller]
            pub(crate) fn fetch_add(&self, value: $type, _: Ordering) -> $type {
                let add = |old, by| (old as $type).wrapping_add(by as $type) as u64;
                act(Op::Update(self.place(), add, value as u64)) as $type
            }

            #[track_caller]
            pub(crate) fn fetch_or(&self, value: $type, _: Ordering) -> $type {
                act(Op::Update(self.place(), |old, bits| old | bits, value as u64)) as $type
            }

            #[track_caller]
            pub(crate) fn fetch_sub(&self, value: $type, ordering: Ordering) -> $type {
                self.fetch_add(value.wrapping_neg(), ordering)
            }

            #[track_caller]
            pub(crate) fn compare_exchange(
                &self,
                expected: $type,
                new: $type,
                _: Ordering,
                _: Ordering,
            ) -> Result<$type, $type> {
                let was = act(Op::Swap(self.place(), expected as u64, new as u64)) as $type;
                if was == expected { Ok(was) } else { Err(was) }
            }

            /// Waits until it has this value, then swaps: a lock.
            #[track_caller]
            pub(crate) fn exchange_when(&self, expected: $type, new: $type) {
                act(Op::SwapOnce(self.place(), expected as u64, new as u64));
            }
        }
    };
}

atomic!(AtomicU32, u32);
atomic!(AtomicUsize, usize);

#[derive(Debug)]
pub(crate) struct AtomicPtr<T>(*mut T);

#[allow(unsafe_code)]
// SAFETY: an address that is never changed, and not followed here.
unsafe impl<T> Sync for AtomicPtr<T> {}

impl<T> AtomicPtr<T> {
    pub(crate) const fn new(value: *mut T) -> AtomicPtr<T> {
        AtomicPtr(value)
    }

    fn place(&self) -> Place {
        place(self, self.0.expose_provenance() as u64)
    }

    #[track_caller]
    pub(crate) fn load(&self, _: Ordering) -> *mut T {
        pointer(act(Op::Load(self.place())))
    }

    #[track_caller]
    pub(crate) fn store(&self, value: *mut T, ordering: Ordering) {
        assert_ne!(ordering, Ordering::SeqCst, "not a plain store");
        act(Op::Store(self.place(), number(value)));
    }

    #[track_caller]
    pub(crate) fn compare_exchange(
        &self,
        expected: *mut T,
        new: *mut T,
        _: Ordering,
        _: Ordering,
    ) -> Result<*mut T, *mut T> {
        let was = pointer(act(Op::Swap(self.place(), number(expected), number(new))));
        if was == expected { Ok(was) } else { Err(was) }
    }
}

fn number<T>(pointer: *mut T) -> u64 {
    pointer.expose_provenance() as u64
}

fn pointer<T>(number: u64) -> *mut T {
    std::ptr::with_exposed_provenance_mut(number as usize)
}

/// A fence of the processor's, if it is `SeqCst`; the others are the compiler's.
#[track_caller]
pub(crate) fn fence(ordering: Ordering) {
    if ordering == Ordering::SeqCst {
        act(Op::Fence);
    }
}

/// Always to be had.
#[track_caller]
pub(crate) fn membarrier() -> bool {
    act(Op::Membarrier);
    true
}

/// As the runtime's.
#[derive(Debug)]
pub(crate) struct Link<T: 'static>(AtomicPtr<T>);

#[allow(unsafe_code)]
impl<T> Link<T> {
    pub(crate) const fn none() -> Link<T> {
        Link(AtomicPtr::new(std::ptr::null_mut()))
    }

    #[track_caller]
    pub(crate) fn get(&self) -> Option<&'static T> {
        // SAFETY: null, or a `&'static T` from `set`.
        unsafe { self.0.load(Ordering::Relaxed).as_ref() }
    }

    #[track_caller]
    pub(crate) fn acquire(&self) -> Option<&'static T> {
        self.get()
    }

    #[track_caller]
    pub(crate) fn set(&self, to: Option<&'static T>) {
        let to = to.map_or(std::ptr::null_mut(), |to| std::ptr::from_ref(to).cast_mut());
        self.0.store(to, Ordering::Relaxed);
    }

    #[track_caller]
    pub(crate) fn publish(&self, to: &'static T) {
        self.set(Some(to));
    }

    #[track_caller]
    pub(crate) fn take(&self) -> Option<&'static T> {
        let was = self.get();
        self.set(None);
        was
    }

    #[track_caller]
    pub(crate) fn is(&self, what: &'static T) -> bool {
        std::ptr::eq(self.0.load(Ordering::Relaxed), what)
    }

    /// Whether something is there, for who only waits.
    pub(crate) fn is_there(&self) -> bool {
        peek(self.0.place()) != 0
    }

    /// Takes what is there, as from a queue.
    #[track_caller]
    pub(crate) fn shift(&self) -> Option<&'static T> {
        let there = self.get()?;
        let taken = self.0.compare_exchange(
            std::ptr::from_ref(there).cast_mut(),
            std::ptr::null_mut(),
            Ordering::AcqRel,
            Ordering::Relaxed,
        );
        taken.is_ok().then_some(there)
    }
}

/// As the runtime's.
#[derive(Debug)]
pub(crate) struct Word(AtomicUsize);

impl Word {
    pub(crate) const fn new(value: usize) -> Word {
        Word(AtomicUsize::new(value))
    }

    #[track_caller]
    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    #[track_caller]
    pub(crate) fn acquire(&self) -> usize {
        self.get()
    }

    #[track_caller]
    pub(crate) fn set(&self, value: usize) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// One step: nobody else writes.
    #[track_caller]
    pub(crate) fn bump(&self) -> usize {
        self.0.add(1)
    }

    /// One less, as `bump`.
    #[track_caller]
    pub(crate) fn lower(&self) -> usize {
        self.0.add(1_usize.wrapping_neg())
    }
}

impl AtomicUsize {
    #[track_caller]
    fn add(&self, by: usize) -> usize {
        act(Op::Bump(self.place(), by as u64)) as usize
    }
}

/// A link that is no part of the machine.
#[derive(Debug)]
pub(crate) struct Quiet<T: 'static>(Ghost, PhantomData<&'static T>);

#[allow(unsafe_code)]
impl<T> Quiet<T> {
    pub(crate) const fn none() -> Quiet<T> {
        Quiet(Ghost::new(), PhantomData)
    }

    pub(crate) fn get(&self) -> Option<&'static T> {
        // SAFETY: null, or a `&'static T` from `set`.
        unsafe { std::ptr::with_exposed_provenance::<T>(self.0.get()).as_ref() }
    }

    pub(crate) fn set(&self, to: Option<&'static T>) {
        self.0.set(to.map_or(0, |to| std::ptr::from_ref(to).expose_provenance()));
    }

    pub(crate) fn take(&self) -> Option<&'static T> {
        let was = self.get();
        self.set(None);
        was
    }
}

/// Each thread's `locks`, raised at the beginning as for a goroutine that is queued.
pub(crate) mod slot {
    use super::Word;
    use tso::me;

    static LOCKS: [Word; 8] = [const { Word::new(1) }; 8];

    pub(crate) fn locks_of(thread: usize) -> &'static Word {
        &LOCKS[thread]
    }

    #[track_caller]
    pub(crate) fn lock() {
        if let Some(thread) = me() {
            LOCKS[thread].bump();
        }
    }

    #[track_caller]
    pub(crate) fn unlock() {
        if let Some(thread) = me() {
            LOCKS[thread].lower();
        }
    }

    pub(crate) fn here() -> gort_sys::context::slot::Here {
        gort_sys::context::slot::Here { pc: 0, sp: 0, bp: 0 }
    }
}
