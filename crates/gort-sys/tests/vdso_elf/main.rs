//! The vDSO's ELF parser: on the live image, on small ones made by hand, and on damaged ones.
//!
//! # Safety
//!
//! The vDSO is readable for as long as the process lives, over the length that its header gives.

#![allow(unsafe_code)]

mod build;
mod damage;
mod lookup;

use gort_sys::vdso::elf;

/// What the tests look up.
const NAMES: [&str; 4] =
    ["__vdso_clock_gettime", "__vdso_gettimeofday", "__vdso_getcpu", "__vdso_time"];
const VERSION: &str = "LINUX_2.6";

/// The offset of each of [`NAMES`] in this image.
fn offsets(image: &[u8]) -> [Option<usize>; 4] {
    let parsed = elf::Image::parse(image);
    NAMES.map(|name| parsed?.function(name.as_bytes(), VERSION.as_bytes()))
}

/// The kernel's image in this process, if there is one.
fn live() -> Option<&'static [u8]> {
    // SAFETY: only looks a number up.
    let address = unsafe { libc::getauxval(libc::AT_SYSINFO_EHDR) } as usize;
    if address == 0 {
        println!("this process has no vDSO");
        return None;
    }
    let start = std::ptr::with_exposed_provenance(address);
    // SAFETY: the kernel has mapped the image here for good, at least a page of it, and its header
    // says how long it is.
    unsafe {
        let len = elf::loaded_len(std::slice::from_raw_parts(start, 4096)).expect("a valid header");
        Some(std::slice::from_raw_parts(start, len))
    }
}
