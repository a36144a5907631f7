//! Rules about what the project's documents say.

use super::Finding;
use crate::tree::Tree;

/// Where a developer's files are: a path there means nothing on another machine.
const LOCAL: &[&str] = &[
    concat!("/", "home/"),
    concat!("/", "root/"),
    concat!("/", "Users/"),
    concat!("/", "work/"),
    concat!("/", "tmp/target"),
];

/// No file names a place on somebody's own machine.
pub(super) fn local_path(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.files() {
        for (number, line) in text.lines().enumerate() {
            let starts_path = |at: usize| {
                let before = line[..at].chars().next_back();
                !before.is_some_and(|c| c.is_alphanumeric() || "._-~*".contains(c))
            };
            for local in LOCAL {
                if line.match_indices(local).any(|(at, _)| starts_path(at)) {
                    let message = format!("{local} is somebody's own machine");
                    findings.push(Finding::new(path, number + 1, message));
                }
            }
        }
    }
    findings
}

/// The changelog is open for the next change.
pub(super) fn changelog(tree: &Tree) -> Vec<Finding> {
    let path = "CHANGELOG.md";
    match tree.get(path) {
        Some(text) if text.lines().any(|line| line.trim() == "## [Unreleased]") => Vec::new(),
        _ => vec![Finding::new(path, 1, "no section `## [Unreleased]`")],
    }
}

/// A fenced block of a document.
struct Fence<'a> {
    /// The line of the opening fence, from 1.
    line: usize,
    language: &'a str,
    /// The line above the fence.
    above: &'a str,
    body: Vec<&'a str>,
}

fn fences(text: &str) -> Vec<Fence<'_>> {
    let mut fences: Vec<Fence<'_>> = Vec::new();
    let (mut open, mut above) = (false, "");
    for (number, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), open) {
            (Some(language), false) => {
                fences.push(Fence {
                    line: number + 1,
                    language: language.trim(),
                    above,
                    body: vec![],
                });
                open = true;
            }
            (Some(_), true) => open = false,
            (None, true) => fences.last_mut().into_iter().for_each(|fence| fence.body.push(line)),
            (None, false) => {}
        }
        above = line;
    }
    fences
}

const README: &str = "README.md";

/// Every command that the README gives (a line of a block marked `sh`) is, word for word, a line
/// of a script that `.ci/run` runs.
pub(super) fn readme_commands(tree: &Tree) -> Vec<Finding> {
    let run = tree.get(".ci/run").unwrap_or_default();
    let scripts: Vec<&str> = tree
        .ending(".sh")
        .filter(|(path, _)| run.lines().any(|line| line.trim() == *path))
        .map(|(_, text)| text)
        .collect();
    let mut findings = Vec::new();
    let mut commands = 0;
    for fence in fences(tree.get(README).unwrap_or_default()) {
        for (offset, command) in fence.body.iter().enumerate() {
            if fence.language != "sh" || command.is_empty() {
                continue;
            }
            commands += 1;
            if !scripts.iter().any(|script| script.lines().any(|line| line.trim() == *command)) {
                let message = format!("no script of .ci/run runs `{command}`");
                findings.push(Finding::new(README, fence.line + 1 + offset, message));
            }
        }
    }
    if commands == 0 {
        findings.push(Finding::new(README, 1, "no commands in blocks marked `sh`"));
    }
    findings
}

/// A block below `<!-- file: PATH -->` is that file.
pub(super) fn readme_files(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut shown = 0;
    for fence in fences(tree.get(README).unwrap_or_default()) {
        let Some(path) =
            fence.above.strip_prefix("<!-- file: ").and_then(|p| p.strip_suffix(" -->"))
        else {
            continue;
        };
        shown += 1;
        match tree.get(path) {
            Some(text) if text.lines().eq(fence.body.iter().copied()) => {}
            _ => findings.push(Finding::new(README, fence.line, format!("this is not {path}"))),
        }
    }
    if shown == 0 {
        findings.push(Finding::new(README, 1, "no block below `<!-- file: PATH -->`"));
    }
    findings
}

/// Links from document to document, and to source, lead somewhere.
pub(super) fn links(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.ending(".md") {
        let folder = path.rfind('/').map_or("", |at| &path[..=at]);
        for (number, line) in text.lines().enumerate() {
            for (at, _) in line.match_indices("](") {
                let target = line[at + 2..].split([')', '#']).next().unwrap_or_default();
                if !target.is_empty()
                    && !target.contains(':')
                    && !tree.has(&format!("{folder}{target}"))
                {
                    findings.push(Finding::new(path, number + 1, format!("{target} is not there")));
                }
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::found;

    #[test]
    fn local_paths_are_found() {
        for local in LOCAL {
            for bad in [format!("see {local}x"), format!("{local}x"), format!("file://{local}x")] {
                assert_eq!(found(local_path, &[("a.md", &bad)]), ["a.md:1"], "{bad}");
            }
            let good = format!("https://example.org{local}x, ..{local}x");
            assert_eq!(found(local_path, &[("a.rs", &good)]), [""; 0], "{good}");
        }
    }

    #[test]
    fn changelog_is_open() {
        assert_eq!(found(changelog, &[("CHANGELOG.md", "# C\n\n## [Unreleased]\n")]), [""; 0]);
        assert_eq!(found(changelog, &[("CHANGELOG.md", "# C\n## [1.0.0]\n")]), ["CHANGELOG.md:1"]);
        assert_eq!(found(changelog, &[]), ["CHANGELOG.md:1"]);
    }

    #[test]
    fn readme_commands_are_run() {
        let check = |readme: &str, script: &str| {
            let files = [
                ("README.md", readme),
                (".ci/run", "for x in \\\n    ci/a.sh\ndo\n"),
                (script, "out=$(\n    go x\n)\n"),
            ];
            found(readme_commands, &files)
        };
        assert_eq!(check("```sh\ngo x\n```\n```text\nother\n```\n", "ci/a.sh"), [""; 0]);
        assert_eq!(check("```sh\ngo x\n\ngo y\n```\n", "ci/a.sh"), ["README.md:4"]);
        assert_eq!(check("```sh\ngo\n```\n", "ci/a.sh"), ["README.md:2"]);
        // A script that nobody runs does not count.
        assert_eq!(check("```sh\ngo x\n```\n", "ci/b.sh"), ["README.md:2"]);
        assert_eq!(check("```rust\nx\n```\n", "ci/a.sh"), ["README.md:1"]);
    }

    #[test]
    fn readme_shows_the_file() {
        let check =
            |readme: &str| found(readme_files, &[("README.md", readme), ("x.rs", "a\n\nb\n")]);
        assert_eq!(check("<!-- file: x.rs -->\n```rust\na\n\nb\n```\n"), [""; 0]);
        assert_eq!(check("<!-- file: x.rs -->\n```rust\na\nb\n```\n"), ["README.md:2"]);
        assert_eq!(check("<!-- file: y.rs -->\n```rust\na\n\nb\n```\n"), ["README.md:2"]);
        assert_eq!(check("```rust\na\n\nb\n```\n"), ["README.md:1"]);
    }

    #[test]
    fn links_lead_somewhere() {
        let check = |text: &str| found(links, &[("a/b.md", text), ("a/c/d.rs", "")]);
        assert_eq!(check("[x](c/d.rs) [y](c) [z](c/d.rs#l) [w](#w) [v](https://a.b/c)"), [""; 0]);
        assert_eq!(check("[x](c/d.rs)\n[x](d.rs)"), ["a/b.md:2"]);
    }
}
