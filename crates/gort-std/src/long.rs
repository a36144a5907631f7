//! What libc does at some length, and waits for in the middle of it: processes that start, names that are
//! looked up. Called on the thread's own stack, as C that goroutines call is ([`gort::ffi`]): there nothing is taken
//! over, so what libc calls for it waits as it would on a thread.
//!
//! # Safety
//!
//! The functions have libc's types, and get their callers' arguments.

#![allow(unsafe_code)]

use crate::real::real;
use crate::taken::take_over;
use gort::ffi::{call_blocking, call_with};
use libc::{
    FILE, addrinfo, c_char, c_int, c_void, hostent, pid_t, posix_spawn_file_actions_t,
    posix_spawnattr_t, size_t, sockaddr, socklen_t,
};

macro_rules! on_the_thread {
    ($(
        #[doc = $what:literal]
        fn $name:ident($($arg:ident: $type:ty),* $(,)?) -> $ret:ty = $call:ident;
    )*) => {
        take_over! {$(
            #[doc = $what]
            fn $name($($arg: $type),*) -> $ret else {
                // SAFETY: the caller's contract.
                unsafe { real!($name($($arg),*): fn($($type),*) -> $ret) }
            } => {
                // SAFETY: as above.
                $call(|| unsafe { real!($name($($arg),*): fn($($type),*) -> $ret) })
            }
        )*}
    };
}

on_the_thread! {
    /// The thread waits until the program has begun.
    fn posix_spawn(
        pid: *mut pid_t, path: *const c_char, actions: *const posix_spawn_file_actions_t,
        attr: *const posix_spawnattr_t, argv: *const *mut c_char, envp: *const *mut c_char,
    ) -> c_int = call_with;

    /// The thread waits until the program has begun.
    fn posix_spawnp(
        pid: *mut pid_t, file: *const c_char, actions: *const posix_spawn_file_actions_t,
        attr: *const posix_spawnattr_t, argv: *const *mut c_char, envp: *const *mut c_char,
    ) -> c_int = call_with;

    /// The thread waits for the shell.
    fn system(command: *const c_char) -> c_int = call_blocking;

    /// The thread waits for the shell to end.
    fn pclose(stream: *mut FILE) -> c_int = call_blocking;

    /// The thread waits for the answer.
    fn getaddrinfo(
        node: *const c_char, service: *const c_char, hints: *const addrinfo, found: *mut *mut addrinfo,
    ) -> c_int = call_blocking;

    /// The thread waits for the answer.
    fn getnameinfo(
        address: *const sockaddr, len: socklen_t, host: *mut c_char, host_len: socklen_t,
        service: *mut c_char, service_len: socklen_t, flags: c_int,
    ) -> c_int = call_blocking;

    /// The thread waits for the answer.
    fn gethostbyname(name: *const c_char) -> *mut hostent = call_blocking;

    /// The thread waits for the answer.
    fn gethostbyname_r(
        name: *const c_char, into: *mut hostent, buffer: *mut c_char, len: size_t,
        found: *mut *mut hostent, error: *mut c_int,
    ) -> c_int = call_blocking;

    /// The thread waits for the answer.
    fn gethostbyname2(name: *const c_char, family: c_int) -> *mut hostent = call_blocking;

    /// The thread waits for the answer.
    fn gethostbyname2_r(
        name: *const c_char, family: c_int, into: *mut hostent, buffer: *mut c_char, len: size_t,
        found: *mut *mut hostent, error: *mut c_int,
    ) -> c_int = call_blocking;

    /// The thread waits for the answer.
    fn gethostbyaddr(address: *const c_void, len: socklen_t, family: c_int) -> *mut hostent = call_blocking;

    /// The thread waits for the answer.
    fn gethostbyaddr_r(
        address: *const c_void, len: socklen_t, family: c_int, into: *mut hostent, buffer: *mut c_char,
        room: size_t, found: *mut *mut hostent, error: *mut c_int,
    ) -> c_int = call_blocking;
}
