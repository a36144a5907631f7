//! Names of code that was loaded at run time, with and without debug information.
//!
//! # Safety
//!
//! The library is compiled here from the text below, so its function is what it says; nobody is in it any
//! more when it is unloaded.

#![allow(unsafe_code)]

mod support;

use std::ffi::{CString, c_void};
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use support::dump::{Dumped, parse};
use support::files::TempDir;

/// The call is in line 3.
const SOURCE: &str = "
void NAME(void (*f)(void)) {
    f();
    __asm__ volatile(\"\");
}
";

type CallsBack = unsafe extern "C" fn(extern "C" fn());

/// Compiles it, with a function of this name.
fn compile(dir: &TempDir, name: &str, debug: &str) -> CString {
    let (source, library) = (dir.join("library.c"), dir.join(format!("{name}.so")));
    std::fs::write(&source, SOURCE).unwrap();
    let compiler = std::env::var_os("CC").unwrap_or("cc".into());
    let mut command = Command::new(compiler);
    command.args(["-shared", "-fPIC", "-O1", debug, &format!("-DNAME={name}"), "-o"]);
    let status = command.args([&library, &source]).status();
    assert!(status.expect("a C compiler, which linking Rust needs too").success());
    CString::new(library.to_str().unwrap()).unwrap()
}

static CHANNEL: Mutex<Option<gort::chan::Receiver<()>>> = Mutex::new(None);

extern "C" fn waits() {
    let receiver = CHANNEL.lock().unwrap().clone().unwrap();
    let _ = receiver.recv();
    std::hint::black_box(());
}

#[inline(never)]
fn calls_it(f: CallsBack) {
    // SAFETY: it calls `waits`.
    unsafe { f(waits) };
    std::hint::black_box(());
}

/// Has a goroutine wait below the library's function, and dumps it.
fn dump_below(path: &CString, name: &str) -> Dumped {
    // SAFETY: a library without constructors, and its function.
    let (handle, function) = unsafe {
        let handle = libc::dlopen(path.as_ptr(), libc::RTLD_NOW);
        assert!(!handle.is_null());
        let symbol = CString::new(name).unwrap();
        let function = libc::dlsym(handle, symbol.as_ptr());
        (handle, std::mem::transmute::<*mut c_void, CallsBack>(function))
    };
    let (sender, receiver) = gort::chan::bounded::<()>(0);
    *CHANNEL.lock().unwrap() = Some(receiver);
    let waiter = gort::go(move || calls_it(function));
    let found = loop {
        let mut text = Vec::new();
        gort::runtime::dump(&mut text).unwrap();
        let found = parse(&String::from_utf8(text).unwrap()).into_iter();
        let mut waiters = found.filter(|one| one.id == waiter.id().as_u64());
        match waiters.next() {
            Some(found) if found.state == "chan receive" => break found,
            _ => gort::gosched(),
        }
    };
    drop(sender);
    waiter.join().unwrap();
    // SAFETY: nobody is in it.
    unsafe { libc::dlclose(handle) };
    found
}

/// One after another, most likely at the same address: what was known of the first is forgotten.
#[test]
fn what_is_loaded_and_unloaded_is_named() {
    let dir = TempDir::new();
    support::matrix(|procs| {
        for (number, debug) in ["-g", "-s", "-g"].into_iter().enumerate() {
            let name = format!("calls_back_{procs}_{number}");
            let library = compile(&dir, &name, debug);
            let found = dump_below(&library, &name);
            let functions = found.functions();
            assert_eq!(functions[1..4], ["waits", &name, "calls_it"], "{found:#?}");
            let frame = &found.frames[2];
            if debug == "-g" {
                assert!(frame.file.ends_with("library.c"), "{found:#?}");
                assert_eq!(frame.line, 3, "{found:#?}");
            } else {
                assert_eq!(
                    (Path::new(&frame.file), frame.line),
                    (Path::new(library.to_str().unwrap()), 0)
                );
                assert!(frame.offset.is_some());
            }
        }
    });
}

#[inline(never)]
fn is_alone(receiver: &gort::chan::Receiver<()>) -> bool {
    let alone = receiver.recv().is_err();
    std::hint::black_box(alone)
}

/// Everybody is looked at, with names and without, while objects are loaded and unloaded.
#[test]
fn while_objects_come_and_go() {
    let dir = TempDir::new();
    let path = compile(&dir, "comes_and_goes", "-g");
    let _watchdog = support::watchdog();
    let (sender, receiver) = gort::chan::bounded::<()>(0);
    let waiter = gort::go(move || is_alone(&receiver));
    let loader = support::StopOnDrop::start(move || {
        // SAFETY: a library without constructors, in which nobody is.
        unsafe {
            let handle = libc::dlopen(path.as_ptr(), libc::RTLD_NOW);
            assert!(!handle.is_null() && libc::dlclose(handle) == 0);
        }
    });
    for _ in 0..200 {
        let mut text = Vec::new();
        gort::runtime::dump(&mut text).unwrap();
        let found = parse(&String::from_utf8(text).unwrap());
        let found = found.iter().find(|one| one.id == waiter.id().as_u64()).unwrap();
        assert!(found.state == "runnable" || found.unavailable.is_none());
        assert!(found.state != "chan receive" || found.has("is_alone"), "{found:?}");
    }
    drop((loader, sender));
    assert!(waiter.join().unwrap());
}
