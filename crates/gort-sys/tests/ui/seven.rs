//! There are six registers; a slice takes two.

use gort_sys::{Result, sys};

sys! { unsafe extern "kernel" {
    sysnb six(a: i32, b: &[u8], c: &mut [u32], d: out u32) -> Result<u32> = 1000;
    sysnb seven(a: i32, b: i32, c: i32, d: i32, e: i32, f: i32, g: i32) -> Result<()> = 1000;
    sysnb slices(fd: impl AsFd, a: &[u8], b: &mut [u32], c: impl Path, d: out u32) -> Result<u32> = 1000;
} }

fn main() {}
