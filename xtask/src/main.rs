//! Checks that cargo itself cannot do.
//!
//! `cargo xtask tidy` reads the sources and says where they break a rule of the house;
//! `cargo xtask planted` breaks a copy of the workspace on purpose, once for each check, and sees
//! to it that the check notices; `cargo xtask suites` runs other people's tests with threads that are
//! goroutines. See HACKING.md.

mod code;
mod planted;
mod suites;
mod tidy;
mod tree;

use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask tidy | planted | suites [NAME...]";

fn main() -> ExitCode {
    let Some(root) =
        std::env::var_os("CARGO_MANIFEST_DIR").map(|xtask| PathBuf::from(xtask).join(".."))
    else {
        eprintln!("{USAGE} (cargo says where the workspace is)");
        return ExitCode::FAILURE;
    };
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["tidy"] => tidy::run(&root),
        ["planted"] => planted::run(&root),
        ["suites", ref names @ ..] => suites::run(&root, names),
        ["host", program, ref arguments @ ..] => suites::host(program, arguments),
        _ => Err(USAGE.into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}
