//! The runtime cannot unwind, so it must not panic: neither its release code, nor that of the layer
//! below, calls anything of core's that does.
//!
//! Both are compiled to assembly, as they are for a program. What all of the runtime's functions refer
//! to is followed, and may not lead to a function of core's that is not known to be harmless. All panics
//! are among those: failed bounds checks, overflows, `unwrap`, `expect`.
//!
//! Shown to fail: an index that the compiler cannot bound, in either crate.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Functions of core's that are called, and do not panic.
const HARMLESS: &[&str] = &[
    // Where something that could unwind is called by what must not, the host's functions and the
    // program's entries above all: it ends the process.
    "panic_cannot_unwind",
    "panic_in_cleanup",
    "from_bytes_with_nul",
];

/// What panics where it cannot, and who says so: gimli, which finds out whether an encoding is valid before
/// it takes it apart.
const UNREACHABLE: (&str, &str) = ("5gimli4read3cfi19parse_encoded_value", "9panicking5panic");

/// The assembly of a crate of this workspace, in release.
fn assembly(package: &str) -> String {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no_panics");
    let output: PathBuf = target.join(format!("{package}.s"));
    let status = Command::new(env!("CARGO"))
        .args(["rustc", "--quiet", "--release", "--lib", "--no-default-features"])
        .arg("--manifest-path")
        .arg(crates.join(package).join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .args(["--", "-Ccodegen-units=1"])
        .arg(format!("--emit=asm={}", output.display()))
        .status()
        .unwrap();
    assert!(status.success(), "{package} does not build");
    std::fs::read_to_string(output).unwrap()
}

/// What each function of a crate refers to, by mangled names.
struct Code<'a>(HashMap<&'a str, HashSet<&'a str>>);

impl<'a> Code<'a> {
    fn parse(assembly: &'a str) -> Code<'a> {
        let mut functions = HashMap::<_, HashSet<_>>::new();
        let mut current = "";
        for line in assembly.lines() {
            let mut refer = |from, line| functions.entry(from).or_default().extend(symbols(line));
            let directive = line.trim_start();
            if let Some(label) = line.strip_suffix(':') {
                if !label.starts_with('.') {
                    current = label;
                }
            } else if directive.starts_with(".size") {
                current = "";
            } else if let Some((name, same)) = line.split_once(" = ") {
                // Functions with the same code may have become one.
                refer(name, same);
            } else if !current.is_empty()
                && (!directive.starts_with('.') || directive.starts_with(".quad"))
            {
                // An instruction, or an address in a table.
                refer(current, line);
            }
        }
        Code(functions)
    }
}

/// The mangled names in a line.
fn symbols(line: &str) -> impl Iterator<Item = &str> {
    let part = |c: char| c.is_alphanumeric() || "_.$".contains(c);
    line.split(move |c| !part(c)).filter(|word| word.starts_with("_R") || word.starts_with("_ZN"))
}

/// Whether a mangled name, old or new, is of something in core.
fn is_cores(symbol: &str) -> bool {
    symbol.contains("_4core") || symbol.starts_with("_ZN4core")
}

#[test]
fn nothing_panics() {
    let (sys, rt) = (assembly("gort-sys"), assembly("gort-rt"));
    let (sys, rt) = (Code::parse(&sys), Code::parse(&rt));
    let mut bad = Vec::new();
    let (mut seen, mut harmless) = (HashSet::new(), 0);
    let mut next: Vec<&str> = rt.0.keys().copied().collect();
    while let Some(function) = next.pop() {
        if !seen.insert(function) {
            continue;
        }
        for to in [&rt, &sys].iter().filter_map(|code| code.0.get(function)).flatten() {
            if rt.0.contains_key(to) || sys.0.contains_key(to) {
                next.push(to);
            } else if HARMLESS.iter().any(|name| to.contains(name)) {
                harmless += 1;
            } else if is_cores(to)
                && !(function.contains(UNREACHABLE.0) && to.ends_with(UNREACHABLE.1))
            {
                bad.push((function, to));
            }
        }
    }
    assert!(bad.is_empty(), "{bad:#?}");
    // The search finds its way, and finds what is there.
    let has = |name: &str| seen.iter().any(|function| function.contains(name));
    assert!(has("8schedule") && has("6switch4gogo") && has("4vdso7resolve"), "{seen:#?}");
    assert_ne!(harmless, 0);
}
