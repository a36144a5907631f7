//! Six registers are not too many, whatever they are made of.

use gort_sys::{Errno, Result, sys};

sys! { unsafe extern "kernel" {
    sysnb integers(a: i32, b: i32, c: i32, d: i32, e: i32, f: i32) -> Result<()> = 100_000;
    sysnb slices(fd: impl AsFd, a: &[u8], b: &mut [u32], d: out u32) -> Result<u32> = 100_000;
} }

fn main() {
    assert_eq!(integers(1, 2, 3, 4, 5, 6), Err(Errno::ENOSYS));
    assert_eq!(slices(std::io::stdin(), &[], &mut []), Err(Errno::ENOSYS));
}
