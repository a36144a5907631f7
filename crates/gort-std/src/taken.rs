//! What is taken over: the functions, how often goroutines have called them, and which are off.
//!
//! # Safety
//!
//! `take_over!` defines functions of libc's names, for the whole program: each has libc's type, and does what
//! its manual page says.

#![allow(unsafe_code)]

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Counters in cache lines of their own: two threads mostly have different ones.
const SHARDS: usize = 16;

#[derive(Debug)]
#[repr(align(64))]
struct Count(AtomicU64);

/// A function that is taken over.
#[derive(Debug)]
pub(crate) struct Taken {
    name: &'static str,
    what: &'static str,
    off: AtomicBool,
    counts: [Count; SHARDS],
}

impl Taken {
    pub(crate) const fn new(name: &'static str, what: &'static str) -> Taken {
        Taken {
            name,
            what,
            off: AtomicBool::new(false),
            counts: [const { Count(AtomicU64::new(0)) }; SHARDS],
        }
    }

    #[inline(always)]
    pub(crate) fn is_off(&self) -> bool {
        self.off.load(Ordering::Relaxed)
    }

    /// `who`: the thread pointer of the thread. Two that share a counter may lose a count, and take its line
    /// from each other.
    #[inline(always)]
    pub(crate) fn count(&self, who: usize) {
        // 2^64 divided by the golden ratio: threads' blocks have the same lower bits.
        let count = &self.counts[(who.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 60) % SHARDS].0;
        count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }
}

/// A function of libc's that goroutines call the runtime's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// What it does on a goroutine.
    pub what: &'static str,
    /// How often goroutines have called it, about.
    pub calls: u64,
    /// Whether the environment has turned it off.
    pub off: bool,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let off = if self.off { " (off)" } else { "" };
        write!(f, "{:24}{:>12}{off}  {}", self.name, self.calls, self.what.trim())
    }
}

/// All that is taken over, with how often goroutines have called it.
///
/// ```
/// gort_std::taken_over().for_each(|entry| println!("{entry}"));
/// assert!(gort_std::taken_over().any(|entry| entry.name == "nanosleep"));
/// ```
pub fn taken_over() -> impl Iterator<Item = Entry> {
    all().map(|taken| Entry {
        name: taken.name,
        what: taken.what,
        calls: taken.counts.iter().map(|count| count.0.load(Ordering::Relaxed)).sum(),
        off: taken.is_off(),
    })
}

/// A list for each file.
fn all() -> impl Iterator<Item = &'static Taken> {
    [
        crate::epoll::TAKEN,
        crate::files::TAKEN,
        crate::long::TAKEN,
        crate::poll::TAKEN,
        crate::process::TAKEN,
        crate::select::TAKEN,
        crate::signals::TAKEN,
        crate::syscall::TAKEN,
        crate::time::TAKEN,
    ]
    .into_iter()
    .chain(crate::fds::TAKEN)
    .chain(crate::pthread::TAKEN)
    .flatten()
    .copied()
}

/// Turns off what `GORT_STD` says: `off` for all, or names with a `-` each, with commas between them. `threads` makes
/// threads goroutines.
fn turn_off(text: &[u8]) {
    if text.split(|byte| *byte == b',').any(|part| part == b"threads") {
        crate::pthread::enable();
    }
    for taken in all() {
        let named = |part: &[u8]| part.strip_prefix(b"-") == Some(taken.name.as_bytes());
        if text == b"off" || text.split(|byte| *byte == b',').any(named) {
            taken.off.store(true, Ordering::Relaxed);
        }
    }
}

/// Before `main`, when there is one thread.
extern "C" fn begin() {
    crate::fds::room::begin();
    // SAFETY: nobody changes the environment yet.
    let text = unsafe {
        let value = libc::getenv(c"GORT_STD".as_ptr());
        if value.is_null() {
            return;
        }
        std::ffi::CStr::from_ptr(value)
    };
    turn_off(text.to_bytes());
}

// The dynamic linker calls what is in this section before `main`, with arguments that C's convention lets it ignore.
#[used]
#[unsafe(link_section = ".init_array")]
static BEGIN: extern "C" fn() = begin;

/// Defines functions of libc's: what they do on a goroutine that may park is in the body. Elsewhere they are the
/// system call `= NUMBER`, or what stands after `else`.
macro_rules! take_over {
    ($(
        #[doc = $what:literal]
        fn $name:ident($($arg:ident: $type:ty),* $(,)?) -> $ret:tt
        $(= $nr:ident)? $(else $plain:block)? => $body:block
    )*) => {
        #[allow(non_upper_case_globals)]
        mod entries {
            $(pub(super) static $name: $crate::taken::Taken =
                $crate::taken::Taken::new(stringify!($name), $what);)*
        }

        /// What this file takes over.
        pub(crate) static TAKEN: &[&$crate::taken::Taken] = &[$(&entries::$name),*];

        $(
            #[doc = $what]
            ///
            /// # Safety
            ///
            /// That of libc's function.
            #[unsafe(no_mangle)]
            pub(crate) unsafe extern "C-unwind" fn $name($($arg: $type),*) -> $ret {
                if $crate::here::takes(&entries::$name) {
                    $body
                } else {
                    $crate::taken::plain! { [$($arg)*] $(= $nr)? $(else $plain)? }
                }
            }
        )*
    };
}

/// What a function does anywhere else.
macro_rules! plain {
    ([$($arg:ident)*] = $nr:ident) => {
        // SAFETY: the caller's contract.
        $crate::words::answer(unsafe {
            $crate::words::kernel(gort_sys::nr::$nr, [$($crate::words::Word::word($arg)),*])
        })
    };
    ([$($arg:ident)*] else $plain:block) => { $plain };
}

pub(crate) use {plain, take_over};
