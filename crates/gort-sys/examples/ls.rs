//! Lists a directory with the sizes of what is in it.

use gort_sys::fd::{CWD, OwnedFd};
use gort_sys::{Result, sys};
use std::ffi::CStr;

sys! { unsafe extern "kernel" {
    /// Opens.
    sys openat(dir: impl AsFd, path: impl Path, flags: u32) -> Result<OwnedFd>;
    /// Reads entries.
    sys getdents64(dir: impl AsFd, buf: &mut [u8]) -> Result<usize>;
    /// Describes a file.
    sys statx(dir: impl AsFd, path: impl Path, flags: u32, mask: u32, stat: out [u64; 32]) -> Result<[u64; 32]>;
} }

fn main() -> std::io::Result<()> {
    let path = std::env::args().nth(1).unwrap_or_else(|| ".".into());
    let dir = openat(CWD, &path, 0o200000)?;
    let mut buf = [0; 8192];
    loop {
        let len = getdents64(&dir, &mut buf)?;
        if len == 0 {
            return Ok(());
        }
        let mut entries = &buf[..len];
        while entries.len() > 19 {
            let (entry, rest) =
                entries.split_at(u16::from_ne_bytes([entries[16], entries[17]]).into());
            let name = CStr::from_bytes_until_nul(&entry[19..]).unwrap_or_default();
            let stat = statx(&dir, name, 0x100, 0x200)?;
            println!("{:>12}  {}", stat[5], name.to_string_lossy());
            entries = rest;
        }
    }
}
