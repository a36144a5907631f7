//! The generator: `sys!`, one line a call.
//!
//! Go's mksyscall is a program that reads declarations and writes code that is checked in. Here it
//! is a macro, for three reasons: a user's own declarations go through the very same code as ours,
//! with no tool to run; a declaration is an ordinary item with its doc comment, so rustdoc shows
//! it and the compiler points at it; and there is no second text that could fall behind the first.
//! What a generated file would have had over it, visible code, `cargo expand` shows.
//!
//! The same list of declarations is expanded more than once: generic over the [`Entry`] in
//! [`call`](crate::call), fixed to the bare trap in [`raw`](crate::raw), and later fixed
//! to the scheduler's entry in the crate above. Each file of `calls/` is such a list.
//!
//! # Safety
//!
//! The expansion traps into the kernel and takes its answer for what the declaration says it is.
//! Whoever declares a call vouches for both; see [`sys!`](crate::sys).
//!
//! [`Entry`]: crate::Entry

/// Declares system calls that this crate does not: one line each, the class first.
///
/// ```
/// use gort_sys::{nr, sys, Result, fd::{AsFd, OwnedFd}, types::Pid};
///
/// sys! { unsafe extern "kernel" {
///     /// The caller's process group.
///     sysnb getpgrp() -> Pid;
///     /// Data of `fd`'s file goes to disk; its metadata only as far as needed.
///     sys fdatasync(fd: impl AsFd) -> Result<()>;
///     /// By an explicit number, with a path and an out parameter.
///     sys get_cwd(buf: &mut [u8]) -> Result<usize> = nr::GETCWD;
///     /// A pair of words written by the kernel, as an array.
///     sysnb make_pipe(ends: out [OwnedFd; 2]) -> Result<[OwnedFd; 2]> = nr::PIPE;
///     /// The caller must know that nothing lives there.
///     unsafe sys munmap(address: *mut u8, len: usize) -> Result<()>;
/// } }
///
/// let mut buf = [0; 4096];
/// let len = get_cwd(&mut buf)?;
/// assert_eq!(&buf[..len - 1], std::env::current_dir()?.as_os_str().as_encoded_bytes());
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # The line
///
/// `[unsafe] CLASS NAME(ARGUMENTS) -> RETURN [= NUMBER];`
///
/// - `CLASS`: `sys` if the kernel may make the caller wait, `sysblock` if waiting is what the call
///   is for, `sysnb` if the kernel answers at once. Through this crate all three are the bare trap;
///   the scheduler's entry, in the crates above, will be told about the first two.
/// - `NUMBER`: by default that of the kernel's call of the same name.
/// - `ARGUMENTS`: any [`Arg`](crate::arg::Arg) type; `impl AsFd` for anything that has a
///   descriptor; `impl Path` for anything that is a path; `out T` for a value that the kernel
///   writes: it is not a parameter of the function but (part of) its result. `out T = VALUE` where
///   a success may write less than that, or nothing: the rest is `VALUE`'s.
///   `name: T as FORM` is a parameter of type `T` that is passed as `FORM(name)`, a tuple struct
///   that is an `Arg`, where the kernel wants `T` in a form of its own (see
///   [`form`](crate::form)). `const VALUE` is no parameter: the call always passes that value.
/// - `RETURN`: any [`Ret`](crate::arg::Ret) type: `Result<T>`, or bare `T` for a call that cannot
///   fail, or `!` for one that does not come back. With `out` arguments it is `Result` of their value, or of the tuple of their values.
/// - `CLASS … -> RETURN, unless CONDITION;` is of class `sys` where the condition, which may look at
///   the arguments, holds: `flock` waits unless it is told not to.
///
/// # Safety
///
/// The word `unsafe` in front means what it means on an `extern` block: whoever writes it vouches
/// that the lines are right, and that those without an `unsafe` of their own are sound for any
/// arguments: that the kernel only reads what is `&`, writes valid values of that type to what is
/// `&mut` or `out`, keeps no pointer after it has answered, and closes no descriptor it was lent.
#[macro_export]
macro_rules! sys {
    (unsafe extern "kernel" { $($declarations:tt)* }) => {
        $crate::__sys! { [fixed $crate::Raw] $($declarations)* }
    };
}

/// The muncher, with the mode in front: `[generic]`, functions with an `E: Entry` parameter;
/// `[fixed ENTRY]`, plain functions; `[forward ENTRY]`, plain functions that call the generic ones
/// of [`call`](crate::call); `[classes TABLE]`, statements that put each call's class into a table.
#[doc(hidden)]
#[macro_export]
macro_rules! __sys {
    ([$($mode:tt)+]) => {};

    // A call with a body: class `wrapped`. Only the generic list has the body.
    ([$($mode:tt)+] $(#[$meta:meta])* $($word:ident)+ ($($args:tt)*) -> $ret:ty { $($body:tt)* } $($rest:tt)*) => {
        $crate::__sys! { @args [$($mode)+] [$(#[$meta])*] [$($word)+] [$ret] [body $($body)*] [] [] [] $($args)* }
        $crate::__sys! { [$($mode)+] $($rest)* }
    };
    // A call that does not come back: `-> !`.
    ([$($mode:tt)+] $(#[$meta:meta])* $($word:ident)+ ($($args:tt)*) -> !; $($rest:tt)*) => {
        $crate::__sys! { @args [$($mode)+] [$(#[$meta])*] [$($word)+] [!] [never] [] [] [] $($args)* }
        $crate::__sys! { [$($mode)+] $($rest)* }
    };
    ([$($mode:tt)+] $(#[$meta:meta])* $($word:ident)+ ($($args:tt)*) -> $ret:ty, unless $cond:expr; $($rest:tt)*) => {
        $crate::__sys! { @args [$($mode)+] [$(#[$meta])*] [$($word)+] [$ret] [unless $cond] [] [] [] $($args)* }
        $crate::__sys! { [$($mode)+] $($rest)* }
    };
    ([$($mode:tt)+] $(#[$meta:meta])* $($word:ident)+ ($($args:tt)*) -> $ret:ty = $nr:expr; $($rest:tt)*) => {
        $crate::__sys! { @args [$($mode)+] [$(#[$meta])*] [$($word)+] [$ret] [nr $nr] [] [] [] $($args)* }
        $crate::__sys! { [$($mode)+] $($rest)* }
    };
    ([$($mode:tt)+] $(#[$meta:meta])* $($word:ident)+ ($($args:tt)*) -> $ret:ty; $($rest:tt)*) => {
        $crate::__sys! { @args [$($mode)+] [$(#[$meta])*] [$($word)+] [$ret] [named] [] [] [] $($args)* }
        $crate::__sys! { [$($mode)+] $($rest)* }
    };

    // Arguments, one at a time: [parameters] [steps] [outs] rest.
    (@args $mode:tt $meta:tt $words:tt $ret:tt $how:tt $params:tt [$($steps:tt)*] $outs:tt const $value:expr $(, $($rest:tt)*)?) => {
        $crate::__sys! { @args $mode $meta $words $ret $how $params [$($steps)* (const $value)] $outs $($($rest)*)? }
    };
    (@args $mode:tt $meta:tt $words:tt $ret:tt $how:tt $params:tt [$($steps:tt)*] [$($outs:tt)*] $arg:ident: out $ty:ty = $value:expr $(, $($rest:tt)*)?) => {
        $crate::__sys! { @args $mode $meta $words $ret $how $params [$($steps)* (out $arg)] [$($outs)* ($arg $crate::arg::Out::<$ty>::new($value))] $($($rest)*)? }
    };
    (@args $mode:tt $meta:tt $words:tt $ret:tt $how:tt [$($params:tt)*] [$($steps:tt)*] [$($outs:tt)*] $arg:ident: out $ty:ty $(, $($rest:tt)*)?) => {
        $crate::__sys! { @args $mode $meta $words $ret $how [$($params)*] [$($steps)* (out $arg)] [$($outs)* ($arg $crate::arg::Out::<$ty>::uninit())] $($($rest)*)? }
    };
    (@args $mode:tt $meta:tt $words:tt $ret:tt $how:tt [$($params:tt)*] [$($steps:tt)*] $outs:tt $arg:ident: impl AsFd $(, $($rest:tt)*)?) => {
        $crate::__sys! { @args $mode $meta $words $ret $how [$($params)* ($arg impl $crate::fd::AsFd)] [$($steps)* (fd $arg)] $outs $($($rest)*)? }
    };
    (@args $mode:tt $meta:tt $words:tt $ret:tt $how:tt [$($params:tt)*] [$($steps:tt)*] $outs:tt $arg:ident: impl Path $(, $($rest:tt)*)?) => {
        $crate::__sys! { @args $mode $meta $words $ret $how [$($params)* ($arg impl $crate::path::Path)] [$($steps)* (path $arg)] $outs $($($rest)*)? }
    };
    (@args $mode:tt $meta:tt $words:tt $ret:tt $how:tt [$($params:tt)*] [$($steps:tt)*] $outs:tt $arg:ident: $ty:ty as $form:ident $(, $($rest:tt)*)?) => {
        $crate::__sys! { @args $mode $meta $words $ret $how [$($params)* ($arg $ty)] [$($steps)* (form $arg $form)] $outs $($($rest)*)? }
    };
    (@args $mode:tt $meta:tt $words:tt $ret:tt $how:tt [$($params:tt)*] [$($steps:tt)*] $outs:tt $arg:ident: $ty:ty $(, $($rest:tt)*)?) => {
        $crate::__sys! { @args $mode $meta $words $ret $how [$($params)* ($arg $ty)] [$($steps)* (arg $arg)] $outs $($($rest)*)? }
    };

    // Arguments done: the function. The words before the parentheses are [unsafe] class name.
    (@args $mode:tt $meta:tt [unsafe $class:ident $name:ident] $ret:tt $how:tt $params:tt $steps:tt $outs:tt) => {
        $crate::__sys! { @emit $mode $meta [unsafe allow(unsafe_code)] $class $name $ret $how $params $steps $outs }
    };
    (@args $mode:tt $meta:tt [$class:ident $name:ident] $ret:tt $how:tt $params:tt $steps:tt $outs:tt) => {
        $crate::__sys! { @emit $mode $meta [] $class $name $ret $how $params $steps $outs }
    };

    (@emit [forward $entry:ty] [$($meta:tt)*] [$($unsafe:tt $allow:meta)?] $class:ident $name:ident [$ret:ty] $how:tt [$(($param:ident $($ty:tt)+))*] $steps:tt $outs:tt) => {
        $($meta)*
        #[inline(always)]
        $(#[$allow])?
        pub $($unsafe)? fn $name($($param: $($ty)+),*) -> $ret {
            $crate::__sys! { @vouch [$($unsafe)?] $crate::call::$name::<$entry>($($param),*) }
        }
    };
    (@emit [classes $table:ident] $meta:tt $unsafe:tt wrapped $($rest:tt)*) => {};
    (@emit [classes $table:ident] $meta:tt $unsafe:tt sysblock $name:ident $ret:tt [unless $cond:expr] $($rest:tt)*) => {
        $crate::__sys! { @emit [classes $table] $meta $unsafe sys $name $ret [named] $($rest)* }
    };
    (@emit [classes $table:ident] $meta:tt $unsafe:tt $class:ident $name:ident $ret:tt $how:tt $($rest:tt)*) => {
        let nr = $crate::__sys! { @nr $name $how };
        $table[nr] = declared($table[nr], $crate::__sys! { @class $class });
    };
    (@emit [generic] [$($meta:tt)*] [$($unsafe:tt $allow:meta)?] wrapped $name:ident [$ret:ty] [body $($body:tt)*] [$(($param:ident $($ty:tt)+))*] $steps:tt $outs:tt) => {
        $($meta)*
        #[inline]
        $(#[$allow])?
        pub $($unsafe)? fn $name<E: $crate::Entry>($($param: $($ty)+),*) -> $ret {
            $($body)*
        }
    };
    (@emit [generic] [$($meta:tt)*] [$($unsafe:tt $allow:meta)?] $class:ident $name:ident [$ret:ty] $how:tt [$(($param:ident $($ty:tt)+))*] $steps:tt $outs:tt) => {
        $($meta)*
        #[inline]
        $(#[$allow])?
        pub $($unsafe)? fn $name<E: $crate::Entry>($($param: $($ty)+),*) -> $ret {
            $crate::__sys! { @body E $class $name [$ret] $how $steps $outs }
        }
    };
    (@emit [fixed $entry:ty] [$($meta:tt)*] [$($unsafe:tt $allow:meta)?] $class:ident $name:ident [$ret:ty] $how:tt [$(($param:ident $($ty:tt)+))*] $steps:tt $outs:tt) => {
        $($meta)*
        #[inline]
        $(#[$allow])?
        pub $($unsafe)? fn $name($($param: $($ty)+),*) -> $ret {
            type E = $entry;
            $crate::__sys! { @body E $class $name [$ret] $how $steps $outs }
        }
    };

    (@class sys) => { Class::Sys };
    (@class sysblock) => { Class::SysBlock };
    (@class sysnb) => { Class::SysNb };

    // A function declared `unsafe` passes its caller's contract on.
    (@vouch [] $call:expr) => { $call };
    (@vouch [unsafe] $call:expr) => {
        // SAFETY: the caller's contract, passed on.
        #[allow(unsafe_code)]
        unsafe { $call }
    };

    (@nr $name:ident [named]) => { $crate::nr::by_name::$name };
    (@nr $name:ident [never]) => { $crate::nr::by_name::$name };
    (@nr $name:ident [nr $nr:expr]) => { $nr };

    // The call itself, and its result. The loop tells the compiler what the kernel promises.
    (@body $E:ident $class:ident $name:ident $ret:tt [never] $steps:tt []) => {
        loop {
            let regs = $crate::arg::Passed::nothing();
            let _ = $crate::__sys! { @nest regs
                // SAFETY: as below.
                [#[allow(unsafe_code)] unsafe { <$E as $crate::Entry>::$class($crate::__sys! { @nr $name [never] }, regs.all()) }]
                $steps
            };
        }
    };
    (@body $E:ident $class:ident $name:ident $ret:tt [unless $cond:expr] $steps:tt $outs:tt) => {
        if $cond {
            $crate::__sys! { @body $E sys $name $ret [named] $steps $outs }
        } else {
            $crate::__sys! { @body $E $class $name $ret [named] $steps $outs }
        }
    };
    (@body $E:ident $class:ident $name:ident [$ret:ty] $how:tt $steps:tt [$(($out:ident $room:expr))*]) => {{
        $(let mut $out = $room;)*
        let regs = $crate::arg::Passed::nothing();
        let register = $crate::__sys! { @nest regs
            // SAFETY: the declaration vouches for the call with these arguments (see `sys!`),
            // together with the caller where the function is declared `unsafe`.
            [#[allow(unsafe_code)] unsafe { <$E as $crate::Entry>::$class($crate::__sys! { @nr $name $how }, regs.all()) }]
            $steps
        };
        $crate::__sys! { @ret register $ret, $($out)* }
    }};

    (@nest $regs:ident [$($call:tt)*] []) => { { $($call)* } };
    (@nest $regs:ident $call:tt [(arg $arg:ident) $($rest:tt)*]) => {
        $crate::arg::pass($arg, $regs, |$regs| $crate::__sys! { @nest $regs $call [$($rest)*] })
    };
    (@nest $regs:ident $call:tt [(const $value:expr) $($rest:tt)*]) => {
        $crate::arg::pass($value, $regs, |$regs| $crate::__sys! { @nest $regs $call [$($rest)*] })
    };
    (@nest $regs:ident $call:tt [(form $arg:ident $form:ident) $($rest:tt)*]) => {
        $crate::arg::pass($form($arg), $regs, |$regs| $crate::__sys! { @nest $regs $call [$($rest)*] })
    };
    (@nest $regs:ident $call:tt [(fd $arg:ident) $($rest:tt)*]) => {
        $crate::arg::pass($crate::fd::AsFd::as_fd(&$arg), $regs, |$regs| $crate::__sys! { @nest $regs $call [$($rest)*] })
    };
    (@nest $regs:ident $call:tt [(path $arg:ident) $($rest:tt)*]) => {
        $crate::arg::pass($crate::path::Path::as_path(&$arg), $regs, |$regs| $crate::__sys! { @nest $regs $call [$($rest)*] })
    };
    (@nest $regs:ident $call:tt [(out $arg:ident) $($rest:tt)*]) => {
        $crate::arg::pass($arg.as_mut_ptr(), $regs, |$regs| $crate::__sys! { @nest $regs $call [$($rest)*] })
    };

    (@ret $register:ident $ret:ty, ) => {{
        // SAFETY: this is the kernel's answer, and the declaration vouches for the type.
        #[allow(unsafe_code)]
        let answer = unsafe { $crate::arg::Answer::new($register) };
        <$ret as $crate::arg::Ret>::from_answer(answer)
    }};
    (@ret $register:ident $ret:ty, $($out:ident)+) => {
        $crate::Errno::from_ret($register).map(|_| {
            // SAFETY: the call has succeeded, so the kernel has filled the out parameters with
            // valid values (the declaration vouches for that).
            #[allow(unsafe_code, unused_parens)]
            unsafe { ($($out.assume_init()),+) }
        })
    };
}
