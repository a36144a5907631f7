//! What is known of a call by its number alone.

/// The class of a call: see [`sys!`](crate::sys).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The kernel may make the caller wait.
    Sys,
    /// Waiting is what the call is for.
    SysBlock,
    /// The kernel answers at once.
    SysNb,
}

/// More than there are numbers.
const LEN: usize = 512;

static CLASSES: [Option<Class>; LEN] = classes();

impl Class {
    /// That of the call with this number. [`Sys`](Class::Sys) where it depends on the arguments, and for a call
    /// that is not declared.
    ///
    /// ```
    /// use gort_sys::{Class, nr};
    /// assert_eq!(Class::of(nr::GETPID), Class::SysNb);
    /// assert_eq!(Class::of(nr::PAUSE), Class::SysBlock);
    /// assert_eq!(Class::of(nr::FUTEX), Class::Sys);
    /// ```
    pub fn of(nr: usize) -> Class {
        CLASSES.get(nr).copied().flatten().unwrap_or(Class::Sys)
    }
}

const fn classes() -> [Option<Class>; LEN] {
    let mut classes = [None; LEN];
    crate::__calls!([classes classes]);
    classes
}

/// A call that was declared as `before`, or not at all, and is declared once more.
const fn declared(before: Option<Class>, class: Class) -> Option<Class> {
    Some(match (before, class) {
        (None, _) => class,
        (Some(Class::SysNb), Class::SysNb) => Class::SysNb,
        (Some(Class::SysBlock), Class::SysBlock) => Class::SysBlock,
        _ => Class::Sys,
    })
}
