//! Lists a directory with kinds and sizes: `cargo run --example ls [DIRECTORY]`.

use gort_sys::{Errno, fd::CWD, raw, types::*};
use std::{io::stdout, process::ExitCode};

fn list(path: &str) -> Result<(), Errno> {
    let dir = raw::openat(CWD, path, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let (mut buf, mut found) = ([0; 8192], Vec::new());
    loop {
        let len = raw::getdents64(&dir, &mut buf)?;
        if len == 0 {
            break;
        }
        found.extend(DirEntries::new(&buf[..len]).map(|entry| entry.name.to_owned()));
    }
    found.sort();
    for name in found {
        let stat = raw::statx(&dir, &name, AtFlags::SYMLINK_NOFOLLOW, StatxMask::BASIC_STATS)?;
        let kind = match FileType::from_mode(stat.stx_mode.into()) {
            FileType::DIRECTORY => 'd',
            FileType::SYMLINK => 'l',
            FileType::REGULAR => '-',
            _ => '?',
        };
        let line = format!("{kind} {:>12} {}\n", stat.stx_size, name.to_string_lossy());
        let mut rest = line.as_bytes();
        while !rest.is_empty() {
            rest = &rest[raw::write(stdout(), rest)?..];
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    let path = std::env::args().nth(1).unwrap_or(".".into());
    list(&path).map_or_else(
        |errno| {
            eprintln!("ls: {path}: {errno}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}
