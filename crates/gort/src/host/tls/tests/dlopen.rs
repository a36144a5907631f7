//! Libraries with thread-local variables that are loaded while blocks exist.
//!
//! # Safety
//!
//! The libraries are made here, and their functions called with the types they are written with.

#![allow(unsafe_code)]

use super::{Block, Outcome, in_block, tls, watchdog, yield_now};
use std::ffi::CString;
use std::mem::transmute_copy;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;

/// Tests that load and unload disturb each other: each looks at the generation.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A library of one variable, loaded until dropped.
pub(super) struct Library {
    handle: *mut libc::c_void,
    path: PathBuf,
}

#[derive(Clone, Copy)]
pub(super) struct Variable {
    pub(super) get: extern "C" fn() -> i32,
    set: extern "C" fn(i32),
}

/// What the variable is at first.
const INITIAL: i32 = 1234;

impl Library {
    /// Compiles and loads one whose variable is accessed by `model`.
    pub(super) fn load(name: &str, model: &str) -> Library {
        let directory = std::env::temp_dir();
        let path = directory.join(format!("gort-{}-{name}.so", std::process::id()));
        let source = path.with_extension("c");
        let text = format!(
            "static __thread int padding[{}];\n\
             __thread int variable __attribute__((tls_model(\"{model}\"))) = {INITIAL};\n\
             int get(void) {{ return variable + padding[1]; }}\n\
             void set(int value) {{ variable = value; }}\n",
            // A library with initial-exec variables has to fit the spare part.
            if model == "initial-exec" { 10 } else { 5000 },
        );
        std::fs::write(&source, text).unwrap();
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-o"])
            .args([&path, &source])
            .status()
            .expect("a C compiler");
        std::fs::remove_file(&source).unwrap();
        assert!(compiled.success());
        let mut library = Library { handle: std::ptr::null_mut(), path };
        library.open();
        library
    }

    fn open(&mut self) {
        let path = CString::new(self.path.as_os_str().as_encoded_bytes()).unwrap();
        // SAFETY: the library has no constructors.
        self.handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW) };
        assert!(!self.handle.is_null());
    }

    pub(super) fn close(&mut self) {
        // SAFETY: no function of it is called any more.
        assert_eq!(unsafe { libc::dlclose(self.handle) }, 0);
    }

    pub(super) fn variable(&self) -> Variable {
        // SAFETY: the functions are those of the source above.
        unsafe {
            let get = libc::dlsym(self.handle, c"get".as_ptr());
            let set = libc::dlsym(self.handle, c"set".as_ptr());
            assert!(!get.is_null() && !set.is_null());
            Variable { get: transmute_copy(&get), set: transmute_copy(&set) }
        }
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        // The tests that unload do it themselves.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// What a block's body sees of a variable that nobody has touched there.
fn is_new(variable: Variable) -> impl FnOnce() + Send + 'static {
    move || {
        assert_eq!((variable.get)(), INITIAL);
        (variable.set)(5);
        assert_eq!((variable.get)(), 5);
    }
}

#[test]
fn general_dynamic_variables_are_right_everywhere() {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let _watchdog = watchdog("general_dynamic_variables_are_right_everywhere");
    let mut older: Vec<_> = (0..10).map(|_| Block::new()).collect();
    let mut used = Block::new();
    used.run(|| {});
    let mut library = Library::load("dynamic", "global-dynamic");
    for round in 0..3 {
        let variable = library.variable();
        // Blocks that were there, two parts in two threads.
        for (i, block) in older.iter_mut().enumerate() {
            block.start(move || {
                is_new(variable)();
                (variable.set)(i as i32);
                yield_now();
                assert_eq!((variable.get)(), i as i32);
            });
        }
        for block in &mut older {
            block.resume();
        }
        for block in &mut older {
            std::thread::scope(|scope| scope.spawn(|| block.resume()).join()).unwrap();
            assert_eq!(block.outcome, Outcome::Returned);
            block.reset();
        }
        // A used block and a new one.
        used.reset();
        used.run(is_new(variable));
        used.reset();
        used.run(is_new(variable));
        Block::new().run(is_new(variable));
        if round < 2 {
            library.close();
            library.open();
        }
    }
    library.close();
}

#[test]
fn a_block_may_load_and_unload() {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let _watchdog = watchdog("a_block_may_load_and_unload");
    in_block(|| {
        let mut library = Library::load("loaded", "global-dynamic");
        for _ in 0..10 {
            is_new(library.variable())();
            library.close();
            library.open();
        }
        library.close();
        // SAFETY: there is no such file; the error's text is the block's own.
        unsafe {
            assert!(libc::dlopen(c"/nowhere.so".as_ptr(), libc::RTLD_NOW).is_null());
            assert!(!libc::dlerror().is_null());
        }
    });
}

#[test]
fn initial_exec_variables_are_right_after_a_refresh() {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let mut used = Block::new();
    used.run(|| {});
    let before = tls().refresh();
    assert_eq!(tls().generation(), before);
    let mut library = Library::load("initial", "initial-exec");
    let variable = library.variable();
    assert_ne!(tls().generation(), before);
    Block::new().run(is_new(variable));
    // What is documented: the spare part that the variable is in was copied from nowhere.
    used.reset();
    used.run(move || assert_eq!((variable.get)(), 0));
    assert_eq!(tls().refresh(), tls().generation());
    for _ in 0..3 {
        used.reset();
        used.run(is_new(variable));
    }
    library.close();
    assert_ne!(tls().generation(), before);
    assert_eq!(tls().refresh(), tls().generation());
    used.reset();
    used.run(|| {});
}
