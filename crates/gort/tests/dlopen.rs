//! Libraries loaded at run time that have thread-local variables of their own.
//!
//! # Safety
//!
//! The library is compiled here from the text below, so its functions are what it says.

#![allow(unsafe_code)]

mod support;

use std::ffi::{CString, c_int, c_void};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::{all, hop, moving};

const SOURCE: &str = r#"
#include <errno.h>
__thread int number = 42;
static __thread char text[TEXT] = "begin";
static __thread int fresh;

int step(void) { errno = ++number; fresh++; return number; }
int fresh_steps(void) { return fresh; }
char *own_text(void) { return text; }
int last_error(void) { return errno; }
"#;

struct Library {
    handle: *mut c_void,
    step: extern "C" fn() -> c_int,
    fresh_steps: extern "C" fn() -> c_int,
    own_text: extern "C" fn() -> *mut u8,
    last_error: extern "C" fn() -> c_int,
}

// SAFETY: the handle and the functions may be used from any thread.
unsafe impl Sync for Library {}
// SAFETY: as above.
unsafe impl Send for Library {}

/// The dynamic linker keeps little room for static TLS that comes later.
const TEXT: usize = 300;

/// Compiles the library with this TLS model.
fn compile(name: &str, model: &str) -> PathBuf {
    let dir = std::env::temp_dir();
    let base = format!("gort-dlopen-{}-{name}", std::process::id());
    let (source, library) = (dir.join(format!("{base}.c")), dir.join(format!("{base}.so")));
    std::fs::write(&source, SOURCE).unwrap();
    let compiler = std::env::var_os("CC").unwrap_or("cc".into());
    let status = Command::new(compiler)
        .args([
            "-shared",
            "-fPIC",
            "-O1",
            &format!("-ftls-model={model}"),
            &format!("-DTEXT={TEXT}"),
            "-o",
        ])
        .args([&library, &source])
        .status()
        .expect("a C compiler, which linking Rust needs too");
    assert!(status.success());
    std::fs::remove_file(source).unwrap();
    library
}

fn open(path: &Path) -> Library {
    let path = CString::new(path.to_str().unwrap()).unwrap();
    // SAFETY: a terminated path; the library has no constructors. The symbols are functions of the
    // types that they are given.
    unsafe {
        let handle = libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL);
        if handle.is_null() {
            panic!("{:?}", std::ffi::CStr::from_ptr(libc::dlerror()));
        }
        let find = |name: &std::ffi::CStr| {
            let at = libc::dlsym(handle, name.as_ptr());
            assert!(!at.is_null(), "{name:?} is missing");
            at
        };
        Library {
            handle,
            step: std::mem::transmute::<*mut c_void, extern "C" fn() -> c_int>(find(c"step")),
            fresh_steps: std::mem::transmute::<*mut c_void, extern "C" fn() -> c_int>(find(
                c"fresh_steps",
            )),
            own_text: std::mem::transmute::<*mut c_void, extern "C" fn() -> *mut u8>(find(
                c"own_text",
            )),
            last_error: std::mem::transmute::<*mut c_void, extern "C" fn() -> c_int>(find(
                c"last_error",
            )),
        }
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        // SAFETY: from `dlopen`, closed once; the functions are gone with `self`.
        assert_eq!(unsafe { libc::dlclose(self.handle) }, 0);
    }
}

/// Steps `number` on from its initial value, moving all the time.
fn count(library: &Library, from: c_int, steps: c_int) {
    let text = (library.own_text)();
    for n in 1..=steps {
        assert_eq!((library.step)(), from + n);
        // SAFETY: `TEXT` bytes of this goroutine's own.
        unsafe { *text.add(TEXT - 1) = n as u8 };
        hop();
        assert_eq!((library.fresh_steps)(), n);
        assert_eq!((library.last_error)(), from + n);
        assert_eq!((library.own_text)(), text);
        // SAFETY: as above.
        unsafe { assert_eq!((*text, *text.add(TEXT - 1)), (b'b', n as u8)) };
    }
}

#[test]
fn every_goroutine_has_the_librarys_variables() {
    let path = compile("dynamic", "global-dynamic");
    moving(|_| {
        let library = open(&path);
        for _ in 0..3 {
            all(4, |_| count(&library, 42, 4));
        }
    });
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_library_comes_and_goes_while_goroutines_run() {
    let path = compile("reload", "global-dynamic");
    moving(|_| {
        all(3, |_| {
            for _ in 0..3 {
                // Loaded anew or loaded still, by the others: the variables are this goroutine's.
                let library = open(&path);
                let at = (library.step)();
                hop();
                assert_eq!((library.step)(), at + 1);
                hop();
                drop(library);
            }
        });
    });
    std::fs::remove_file(path).unwrap();
}

#[test]
fn goroutines_made_after_loading_see_initial_values_in_the_static_block() {
    let path = compile("static", "initial-exec");
    let loads = AtomicUsize::new(0);
    moving(|_| {
        // Blocks that are used again: they were made before the library was there.
        all(64, |_| gort::gosched());
        let library = open(&path);
        loads.fetch_add(1, Ordering::Relaxed);
        for _ in 0..3 {
            all(4, |_| count(&library, 42, 3));
            all(64, |_| assert_eq!((library.step)(), 43));
        }
    });
    assert_eq!(loads.load(Ordering::Relaxed), 4);
    std::fs::remove_file(path).unwrap();
}
