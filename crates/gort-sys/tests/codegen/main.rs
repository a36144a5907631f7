//! What the compiler makes of a call, with optimisation: nothing that bare assembly would not have.
//!
//! Compiles `bodies.rs` to assembly and compares its functions in pairs: `…_ours`, which use this
//! crate, with `…_bare`, which are written by hand. To see the code:
//! `cargo test -p gort-sys --test codegen -- --nocapture`.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

/// The instructions of each function.
struct Code(HashMap<String, Vec<String>>);

/// Compiles this crate, then `bodies.rs` against it, and reads the result.
fn compile() -> Code {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("codegen");
    let assembly = target.join("bodies.s");
    run(Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release", "--lib", "--manifest-path"])
        .arg(package.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target));
    let release = target.join("release");
    run(Command::new(std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into()))
        .args(["--edition=2024", "--crate-type=lib", "--emit=asm", "-O", "-Ccodegen-units=1"])
        .arg(package.join("tests/codegen/bodies.rs"))
        .arg(format!("--extern=gort_sys={}", release.join("libgort_sys.rlib").display()))
        .arg(format!("-Ldependency={}", release.join("deps").display()))
        .arg("-o")
        .arg(&assembly));
    Code::parse(&std::fs::read_to_string(assembly).unwrap())
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
}

impl Code {
    /// Leaves out directives and comments, and the numbers of local labels.
    fn parse(text: &str) -> Code {
        let mut functions: HashMap<String, Vec<String>> = HashMap::new();
        let mut current = String::new();
        for line in text.lines().map(|line| line.split('#').next().unwrap().trim()) {
            if let Some(label) = line.strip_suffix(':') {
                if !label.starts_with(".L") {
                    current = label.to_owned();
                } else if label.starts_with(".Lfunc_end") {
                    current.clear();
                }
            } else if let Some((name, other)) = line.split_once(" = ") {
                // Two functions with the same code may have become one.
                let same = functions[other].clone();
                functions.insert(name.to_owned(), same);
            } else if !line.is_empty() && !line.starts_with('.') && !current.is_empty() {
                let line = match line.split_once(".LBB") {
                    Some((before, _)) => format!("{before}LABEL"),
                    None => line.to_owned(),
                };
                functions.entry(current.clone()).or_default().push(line);
            }
        }
        Code(functions)
    }

    fn of(&self, name: &str) -> &[String] {
        let code = &self.0[name];
        println!("{name}:\n    {}", code.join("\n    "));
        code
    }

    fn count(&self, name: &str, matches: impl Fn(&str) -> bool) -> usize {
        self.of(name).iter().filter(|line| matches(line)).count()
    }

    /// The names of the instructions, sorted, without those that only move values between
    /// registers: which registers are used, and in which order, is the compiler's whim.
    fn work(&self, name: &str) -> Vec<String> {
        let is_work = |line: &&String| !line.starts_with("mov") || line.contains('(');
        let first = |line: &String| line.split_whitespace().next().unwrap().to_owned();
        let mut work: Vec<_> = self.of(name).iter().filter(is_work).map(first).collect();
        work.sort();
        work
    }
}

#[test]
fn calls_are_the_instruction_and_nothing_more() {
    let code = compile();
    for pair in ["unused", "declared"] {
        let [ours, bare] = ["ours", "bare"].map(|by| code.of(&format!("{pair}_{by}")));
        assert_eq!(ours, bare, "{pair}");
        assert!(ours.iter().any(|line| line == "syscall"), "{pair}");
    }
    for pair in ["three", "six", "array", "path"] {
        let [ours, bare] = ["ours", "bare"].map(|by| code.work(&format!("{pair}_{by}")));
        assert_eq!(ours, bare, "{pair}");
        assert!(ours.iter().any(|name| name == "syscall"), "{pair}");
    }
    // The comparison can tell two functions apart.
    assert_ne!(code.of("unused_ours"), code.of("declared_bare"));
    assert_ne!(code.work("array_ours"), code.work("path_bare"));

    // By hand too, an empty slice costs a test; whether as a jump is the compiler's choice.
    assert_eq!(code.count("slice_ours", |line| line.starts_with("call")), 0);
    assert_eq!(code.count("slice_ours", |line| line.starts_with("test")), 1);
    assert_eq!(code.count("slice_bare", |line| line.starts_with("test")), 1);

    // A path is copied, and looked through for a NUL; nothing can panic.
    assert_eq!(code.count("short_path_ours", |line| line == "syscall"), 1);
    assert_eq!(code.count("short_path_ours", |line| line.contains("panic")), 0);

    // The clock: one call through a pointer, and no branch.
    assert_eq!(code.count("nanotime_ours", |line| line.starts_with("call")), 1);
    assert_eq!(
        code.count("nanotime_ours", |line| line.starts_with("call") && line.contains('*')),
        1
    );
    assert_eq!(code.count("nanotime_ours", |line| line.starts_with('j')), 0);
}
