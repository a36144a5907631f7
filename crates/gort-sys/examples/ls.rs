//! Lists a directory with kinds and sizes: `cargo run --example ls [DIRECTORY]`.

use gort_sys::{Errno, fd::CWD, raw, types::*};
use std::{ffi::CString, process::ExitCode};

fn list(path: &str) -> Result<Vec<(CString, char, u64)>, Errno> {
    let dir = raw::openat(CWD, path, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let (mut buf, mut found) = ([0; 8192], Vec::new());
    loop {
        let len = raw::getdents64(&dir, &mut buf)?;
        if len == 0 {
            found.sort();
            return Ok(found);
        }
        for entry in DirEntries::new(&buf[..len]) {
            let flags = AtFlags::SYMLINK_NOFOLLOW;
            let stat = raw::statx(&dir, entry.name, flags, StatxMask::BASIC_STATS)?;
            let kind = match FileType::from_mode(stat.stx_mode.into()) {
                FileType::DIRECTORY => 'd',
                FileType::SYMLINK => 'l',
                FileType::REGULAR => '-',
                _ => '?',
            };
            found.push((entry.name.to_owned(), kind, stat.stx_size));
        }
    }
}

fn main() -> ExitCode {
    let path = std::env::args().nth(1).unwrap_or(".".into());
    match list(&path) {
        Ok(found) => found.iter().for_each(|(name, kind, size)| {
            println!("{kind} {size:>12} {}", name.to_string_lossy());
        }),
        Err(errno) => {
            eprintln!("ls: {path}: {errno}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
