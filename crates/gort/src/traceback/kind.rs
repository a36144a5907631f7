//! Which frames are a person's own.
//!
//! A dump shows what the program does, not how the runtime makes it wait. So by a function's name:
//!
//! - the runtime's own (`gort_rt`, `gort_sys`) is hidden, and so is what Rust calls closures and unwinds
//!   by;
//! - of a row of `gort`'s frames the oldest is shown: what the program has called;
//! - a function of Rust's libraries is shown if the program has called it, and not if `gort` has;
//! - what has nothing of the program's below it has called the goroutine's function, and is hidden, unless
//!   nothing else is there: then the goroutine is one of `gort`'s own.

/// Whose a function is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The program's.
    User,
    /// `gort`'s.
    Public,
    /// Rust's own libraries': as its caller's.
    Library,
    /// Nobody's that matters.
    Hidden,
}

/// How Rust's own functions begin that only carry a call on. What ends in `:`, `_` or `<` is a beginning.
const CARRIERS: [&str; 17] = [
    "__rust_",
    "__rustc::",
    "_Unwind_",
    "_start",
    "clone",
    "clone3",
    "core::ops::function::",
    "core::panic::unwind_safe::",
    "core::panicking::",
    "core::ptr::drop_in_place<",
    "rust_begin_unwind",
    "rust_panic",
    "start_thread",
    "std::panic::",
    "std::panicking::",
    "std::rt::",
    "std::sys::backtrace::",
];

/// Where they are written, below `library/`.
const CARRIER_FILES: [&str; 8] = [
    "core/src/ops/function.rs",
    "core/src/panic.rs",
    "core/src/panic/",
    "core/src/panicking.rs",
    "std/src/panic.rs",
    "std/src/panicking.rs",
    "std/src/rt.rs",
    "std/src/sys/backtrace.rs",
];

/// The traits through which closures are called.
const CALLS: [&str; 3] =
    ["core::ops::function::FnOnce<", "core::ops::function::FnMut<", "core::ops::function::Fn<"];

impl Kind {
    /// By the demangled name; by the file, if that is known and the name is only a name, without a path:
    /// there is no more in line tables about functions that were inlined.
    pub(super) fn of(name: &str, file: &str) -> Kind {
        if !name.contains("::") || name.starts_with('{') {
            let written = Kind::of_file(file);
            if written != Kind::User {
                return written;
            }
        }
        let call = name.split_once(" as ").is_some_and(|(of, rest)| {
            of.starts_with('<') && CALLS.iter().any(|call| rest.starts_with(call))
        });
        let plain = name.trim_start_matches(['<', '&', '*', '(']);
        let plain = plain.strip_prefix("dyn ").unwrap_or(plain);
        let of = |crate_name: &str| {
            plain.strip_prefix(crate_name).is_some_and(|rest| rest.starts_with("::"))
        };
        let carries = CARRIERS.iter().any(|carrier| match plain.strip_prefix(carrier) {
            Some(rest) => rest.is_empty() || carrier.ends_with(['_', ':', '<']),
            None => false,
        });
        let own = ["gort::task::", "gort::traceback::", "gort::panic::install_hook"];
        let own = own.iter().any(|own| plain.starts_with(own)) || of("gort_rt") || of("gort_sys");
        if call || own || carries {
            Kind::Hidden
        } else if of("gort") {
            Kind::Public
        } else if ["alloc", "core", "std"].into_iter().any(of) {
            Kind::Library
        } else {
            Kind::User
        }
    }

    fn of_file(file: &str) -> Kind {
        // As the compiler has been told to call them, which for ours is below the workspace.
        let here = file!().strip_suffix("traceback/kind.rs").unwrap_or("gort/src/");
        let below = |dir: &str| file.find(dir).map(|at| &file[at + dir.len()..]);
        let library = below("/library/");
        let carries = library
            .is_some_and(|file| CARRIER_FILES.iter().any(|carrier| file.starts_with(carrier)));
        let own =
            |file: &str| file == "task.rs" || file.starts_with("traceback/") || file == "panic.rs";
        let runtime = [gort_rt::SOURCE, gort_sys::SOURCE].iter().any(|dir| below(dir).is_some());
        match below(here) {
            Some(file) if own(file) => Kind::Hidden,
            Some(_) => Kind::Public,
            None if carries || runtime => Kind::Hidden,
            None if library.is_some() => Kind::Library,
            None => Kind::User,
        }
    }
}

/// Which of a goroutine's frames, newest first, are shown.
pub(super) fn shown(kinds: &[Kind]) -> Vec<bool> {
    let mut shown = vec![false; kinds.len()];
    // From the oldest on: `row` is where a row of `gort`'s may have its oldest.
    let (mut user, mut row) = (false, false);
    // Whose a library's function would be.
    let mut caller = Kind::User;
    for (index, kind) in kinds.iter().enumerate().rev() {
        let kind = if *kind == Kind::Library { caller } else { *kind };
        if kind != Kind::Hidden {
            caller = kind;
        }
        match kind {
            Kind::User => (user, row) = (true, true),
            Kind::Public if user && row => row = false,
            _ => continue,
        }
        shown[index] = true;
    }
    if !user {
        for (shown, kind) in shown.iter_mut().zip(kinds) {
            *shown = *kind == Kind::Public;
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::Kind::{Hidden, Library, Public, User};
    use super::{Kind, shown};

    #[test]
    fn names_tell_whose_a_function_is() {
        for name in [
            "gort_rt::sched::park::gopark",
            "<gort_rt::chan::Chan as core::fmt::Debug>::fmt",
            "gort_sys::arch::x86_64::switch::swap",
            "core::ops::function::FnOnce::call_once{{vtable.shim}}",
            "<alloc::boxed::Box<F,A> as core::ops::function::FnOnce<Args>>::call_once",
            "<core::panic::unwind_safe::AssertUnwindSafe<F> as core::ops::function::FnOnce<()>>::call_once",
            "std::panicking::try::do_call",
            "std::panicking::catch_unwind",
            "std::panic::catch_unwind",
            "__rust_try",
            "__rustc::rust_begin_unwind",
            "rust_begin_unwind",
            "clone3",
            "core::ptr::drop_in_place<program::Guard>",
            "core::panicking::panic_fmt",
            "gort::task::Task<F,T>::run",
        ] {
            assert_eq!(Kind::of(name, ""), Hidden, "{name}");
        }
        for name in [
            "gort::time::sleep",
            "<gort::net::TcpStream as std::io::Read>::read",
            "<&gort::net::TcpStream as std::io::Read>::read",
            "gort::chan::channel::Receiver<T>::recv",
        ] {
            assert_eq!(Kind::of(name, ""), Public, "{name}");
        }
        for name in [
            "gortex::main",
            "gort_rtl::main",
            "main",
            "clone_it",
            "standard::sleep",
            "program::call_once",
            "<program::Fold as core::iter::Iterator>::next",
        ] {
            assert_eq!(Kind::of(name, ""), User, "{name}");
        }
    }

    #[test]
    fn libraries_are_known() {
        for name in [
            "std::thread::sleep",
            "core::option::Option<T>::map",
            "<std::sys::fd::unix::FileDesc>::read",
            "alloc::vec::Vec<T>::push",
        ] {
            assert_eq!(Kind::of(name, ""), Library, "{name}");
        }
    }

    #[test]
    fn files_tell_where_names_do_not() {
        let here = file!();
        let public = here.replace("traceback/kind.rs", "chan/channel.rs");
        let runtime = here.replace("gort/src/traceback", "gort-rt/src/sched");
        let tests = here.replace("src/traceback/kind.rs", "tests/dump.rs");
        for (name, file, kind) in [
            ("recv", &*public, Public),
            ("{closure#1}", &public, Public),
            ("leave", &runtime, Hidden),
            ("{impl#3}", here, Hidden),
            ("main", &tests, User),
            ("{closure#0}", "program/src/main.rs", User),
            ("call_once", "rustc/0123/library/core/src/ops/function.rs", Hidden),
            ("do_call", "lib/rustlib/src/rust/library/std/src/panicking.rs", Hidden),
            ("sleep", "rustc/0123/library/std/src/thread/functions.rs", Library),
            ("gort::time::sleep", "program/src/main.rs", Public),
        ] {
            assert_eq!(Kind::of(name, &format!("/a/b/{file}")), kind, "{name} in {file}");
        }
    }

    #[test]
    fn what_the_program_has_called_is_shown() {
        let cases: [(&[Kind], &[usize]); 10] = [
            // What the runtime, and the program, call.
            (&[Library, Public, User], &[1, 2]),
            (&[Hidden, Library, Public, Library, User], &[2, 3, 4]),
            (&[Library, Hidden, User, Hidden], &[0, 2]),
            (&[Library, Hidden, Public, Hidden], &[2]),
            (&[Hidden, Public, Public, User, User, Hidden, Public, Hidden], &[2, 3, 4]),
            (&[Hidden, User, Public, Hidden, Public, User], &[1, 4, 5]),
            (&[Hidden, Public, Hidden, Public, Hidden], &[1, 3]),
            (&[Public, Hidden, User], &[0, 2]),
            (&[Hidden, Hidden], &[]),
            (&[], &[]),
        ];
        for (kinds, expected) in cases {
            let shown = shown(kinds);
            let indices: Vec<_> = (0..kinds.len()).filter(|index| shown[*index]).collect();
            assert_eq!(indices, expected, "{kinds:?}");
        }
    }
}
