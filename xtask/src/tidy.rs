//! `cargo xtask tidy`: the rules of the house, one function each.
//!
//! A rule looks at the whole [`Tree`] and returns what it found. It is a text check, made to be
//! simple and right about the code that is here, not to stop somebody who wants to get round it.

mod docs;
mod layers;
mod source;

use crate::tree::Tree;
use std::path::Path;

/// A place where a rule is broken.
#[derive(Debug, PartialEq)]
pub(crate) struct Finding {
    path: String,
    line: usize,
    message: String,
}

impl Finding {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Finding {
        Finding { path: path.into(), line, message: message.into() }
    }
}

pub(crate) type Rule = fn(&Tree) -> Vec<Finding>;

/// Every rule, under the name that its findings carry.
pub(crate) const RULES: &[(&str, Rule)] = &[
    ("layers", layers::edges),
    ("no-std", layers::no_std),
    ("length", source::length),
    ("banned", source::banned),
    ("safety-header", source::safety_header),
    ("safety-comment", source::safety_comment),
    ("local-path", docs::local_path),
    ("changelog", docs::changelog),
    ("readme-command", docs::readme_commands),
    ("readme-file", docs::readme_files),
    ("link", docs::links),
];

/// Prints a line for each finding.
///
/// # Errors
///
/// How many there were, if any.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let tree = Tree::read(root).map_err(|error| format!("{}: {error}", root.display()))?;
    let mut count = 0;
    for (name, rule) in RULES {
        for Finding { path, line, message } in rule(&tree) {
            println!("{path}:{line}: {name}: {message}");
            count += 1;
        }
    }
    if count == 0 { Ok(()) } else { Err(format!("tidy: {count} found")) }
}

/// The lines on which `rule` found something, with their files.
#[cfg(test)]
fn found(rule: Rule, files: &[(&str, &str)]) -> Vec<String> {
    rule(&Tree::of(files)).iter().map(|f| format!("{}:{}", f.path, f.line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_names_are_distinct() {
        let mut names: Vec<&str> = RULES.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), RULES.len());
    }
}
