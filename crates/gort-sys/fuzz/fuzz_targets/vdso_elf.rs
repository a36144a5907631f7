//! The vDSO's ELF parser on damaged images: `cargo +nightly fuzz run vdso_elf`.
//!
//! The input's first byte chooses what the rest is: an image, or patches to this process's own
//! vDSO (offset in two bytes, new value in one), which start from something that parses.
//!
//! # Safety
//!
//! The vDSO is readable for as long as the process lives, over the length that its header gives.

#![no_main]

use gort_sys::vdso::elf::{Image, loaded_len};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((&mode, rest)) = input.split_first() else { return };
    if mode & 1 == 0 {
        look_up(rest);
    } else {
        let mut image = live().to_vec();
        for patch in rest.chunks_exact(3) {
            let at = usize::from(u16::from_le_bytes([patch[0], patch[1]]));
            if let Some(byte) = image.get_mut(at) {
                *byte = patch[2];
            }
        }
        look_up(&image);
    }
});

fn look_up(bytes: &[u8]) {
    let _ = loaded_len(bytes);
    let Some(image) = Image::parse(bytes) else { return };
    for name in ["__vdso_clock_gettime", "__vdso_getcpu", "clock_gettime", ""] {
        for version in ["LINUX_2.6", ""] {
            let found = image.function(name.as_bytes(), version.as_bytes());
            assert!(found.is_none_or(|offset| offset < bytes.len()));
        }
    }
}

/// The kernel's image in this process; empty if there is none.
fn live() -> &'static [u8] {
    // SAFETY: only looks a number up.
    let address = unsafe { libc::getauxval(libc::AT_SYSINFO_EHDR) } as usize;
    if address == 0 {
        return &[];
    }
    let start = std::ptr::with_exposed_provenance(address);
    // SAFETY: the kernel has mapped the image here for good, at least a page of it, and its header
    // says how long it is.
    unsafe {
        let len = loaded_len(std::slice::from_raw_parts(start, 4096)).unwrap_or(0);
        std::slice::from_raw_parts(start, len)
    }
}
