//! Rules about Rust source.

use super::Finding;
use crate::code::{code_only, line_of, words};
use crate::tree::Tree;

/// The longest file a reader should have to hold in mind.
const MAX_LINES: usize = 600;

/// A file is one concept. Generated files are nobody's reading.
pub(super) fn length(tree: &Tree) -> Vec<Finding> {
    tree.ending(".rs")
        .filter(|(path, _)| !path.contains("/generated/"))
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > MAX_LINES)
        .map(|(path, lines)| {
            Finding::new(path, lines, format!("{lines} lines, more than {MAX_LINES}: split it"))
        })
        .collect()
}

/// What is unfinished, left over, or a test that does not run.
pub(super) fn banned(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.ending(".rs") {
        let code = code_only(text);
        let mut ban = |at: usize, what: &str| {
            findings.push(Finding::new(path, line_of(text, at), format!("{what} may not stay")));
        };
        for name in ["todo", "unimplemented", "dbg"] {
            for at in words(&code, name) {
                if code[at + name.len()..].starts_with('!') {
                    ban(at, &format!("{name}!"));
                }
            }
        }
        for at in words(&code, "ignore") {
            if code[..at].trim_end().ends_with("#[") {
                ban(at, "#[ignore]");
            }
        }
    }
    findings
}

/// Where `unsafe` opens a block or an implementation.
fn unsafe_starts(code: &str) -> impl Iterator<Item = usize> {
    words(code, "unsafe").filter(|at| {
        let after = code[at + "unsafe".len()..].trim_start();
        after.starts_with('{') || words(after, "impl").next() == Some(0)
    })
}

/// A file with unsafe code in it opens by saying what that code relies on.
pub(super) fn safety_header(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.ending(".rs") {
        let code = code_only(text);
        let opted_in = code.find("allow(unsafe_code").or_else(|| unsafe_starts(&code).next());
        if let Some(at) = opted_in
            && !text.lines().any(|line| line.trim() == "//! # Safety")
        {
            let message = "unsafe code in a file whose header has no `# Safety`";
            findings.push(Finding::new(path, line_of(text, at), message));
        }
    }
    findings
}

/// Every unsafe block and implementation has its reason above it. Clippy asks for this too, but
/// sees neither the body of a macro nor what a feature leaves out of the build.
pub(super) fn safety_comment(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.ending(".rs") {
        let lines: Vec<&str> = text.lines().collect();
        for at in unsafe_starts(&code_only(text)) {
            let number = line_of(text, at);
            if !has_reason(&lines[..number]) {
                findings.push(Finding::new(path, number, "unsafe without a `// SAFETY:` above it"));
            }
        }
    }
    findings
}

/// Whether a reason begins on the last of these lines or within three lines above it, not counting
/// the lines of comments: a long reason may begin further up.
fn has_reason(lines: &[&str]) -> bool {
    let mut code_lines = 0;
    for line in lines.iter().rev() {
        if line.contains("// SAFETY:") {
            return true;
        }
        if !line.trim_start().starts_with("//") {
            code_lines += 1;
            if code_lines > 3 {
                return false;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::found;

    #[test]
    fn long_files_are_found() {
        let (long, full) = ("\n".repeat(MAX_LINES + 1), "\n".repeat(MAX_LINES));
        let files =
            [("a.rs", &long[..]), ("b.rs", &full), ("x/generated/c.rs", &long), ("d.md", &long)];
        assert_eq!(found(length, &files), ["a.rs:601"]);
    }

    #[test]
    fn what_may_not_stay_is_found() {
        for bad in [
            "todo!()",
            "core::unimplemented!(\"x\")",
            "f(dbg!(1))",
            "#[ignore]",
            "#[ignore = \"x\"]",
        ] {
            assert_eq!(found(banned, &[("a.rs", &format!("\n{bad}"))]), ["a.rs:2"], "{bad}");
        }
        for good in
            ["// todo!()", "\"dbg!(1)\"", "my_dbg!()", "todo(x)", "let ignore = 1;", "#[a(ignore)]"]
        {
            assert_eq!(found(banned, &[("a.rs", good)]), [""; 0], "{good}");
        }
    }

    #[test]
    fn unsafe_code_needs_a_header() {
        let header = "//! A file.\n//!\n//! # Safety\n//!\n//! Reasons.\n";
        for code in [
            "#![allow(unsafe_code)]\n",
            "fn f() { unsafe { g() } }\n",
            "unsafe impl Send for T {}\n",
        ] {
            assert_eq!(found(safety_header, &[("a.rs", code)]), ["a.rs:1"], "{code}");
            assert_eq!(
                found(safety_header, &[("a.rs", &format!("{header}{code}"))]),
                [""; 0],
                "{code}"
            );
        }
        for code in ["// unsafe {", "sys! { unsafe extern \"kernel\" {} }", "type F = unsafe fn();"]
        {
            assert_eq!(found(safety_header, &[("a.rs", code)]), [""; 0], "{code}");
        }
    }

    #[test]
    fn unsafe_blocks_need_a_reason() {
        for good in [
            "// SAFETY: it is.\nunsafe { f() }",
            "f(unsafe { g() }); // SAFETY: it is.",
            "// SAFETY: it is,\n// for\n// many\n// long\n// reasons.\nlet a =\n    unsafe { f() };",
            "// SAFETY: it is.\nlet a = b\n    .c()\n    .d(unsafe { e() });",
            "// SAFETY: it is.\nunsafe impl Send for T {}",
            "unsafe fn f() {}",
        ] {
            assert_eq!(found(safety_comment, &[("a.rs", good)]), [""; 0], "{good}");
        }
        for (bad, line) in [
            ("unsafe { f() }", 1),
            ("\nunsafe\n{ f() }", 2),
            ("// SAFETY: too far.\n\n\n\nunsafe { f() }", 5),
            ("let s = \"// x\"; // safe\nunsafe { f() }", 2),
            ("unsafe impl Send for T {}", 1),
        ] {
            assert_eq!(found(safety_comment, &[("a.rs", bad)]), [format!("a.rs:{line}")], "{bad}");
        }
    }
}
