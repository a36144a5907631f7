//! The workspace's files, read once.
//!
//! The folders are walked rather than git asked: a mistake shows before it is committed, and the
//! walk works in an unpacked archive and in a clone that belongs to another user.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

/// The files by path, relative to the workspace's root and with `/` between the parts.
#[derive(Default)]
pub(crate) struct Tree {
    /// `None` is a file that is not text.
    files: BTreeMap<String, Option<String>>,
}

impl Tree {
    /// Reads everything under `root` but what a build or a fuzzer leaves behind.
    pub(crate) fn read(root: &Path) -> io::Result<Tree> {
        let mut tree = Tree::default();
        tree.walk(root, "")?;
        Ok(tree)
    }

    fn walk(&mut self, dir: &Path, prefix: &str) -> io::Result<()> {
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let kind = entry.file_type()?;
            if is_left_behind(&path) {
                continue;
            }
            if kind.is_dir() {
                self.walk(&entry.path(), &format!("{path}/"))?;
            } else if kind.is_file() {
                self.files.insert(path, String::from_utf8(fs::read(entry.path())?).ok());
            }
        }
        Ok(())
    }

    /// A tree made of these files.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Tree {
        Tree {
            files: files
                .iter()
                .map(|(path, text)| (path.to_string(), Some(text.to_string())))
                .collect(),
        }
    }

    /// Every file, text or not.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// The text files.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().filter_map(|(path, text)| Some((path.as_str(), text.as_deref()?)))
    }

    /// The text files whose name ends in this.
    pub(crate) fn ending(&self, end: &str) -> impl Iterator<Item = (&str, &str)> {
        self.files().filter(move |(path, _)| path.ends_with(end))
    }

    pub(crate) fn get(&self, path: &str) -> Option<&str> {
        self.files.get(path)?.as_deref()
    }

    /// Whether there is such a file, or a folder with a file in it.
    pub(crate) fn has(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        self.files.contains_key(path) || self.files.keys().any(|file| file.starts_with(&folder))
    }
}

/// As in `.gitignore`; `.git` is a file in a linked work tree.
fn is_left_behind(path: &str) -> bool {
    let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
    match name {
        ".git" | "target" => true,
        "corpus" | "artifacts" => parent.ends_with("/fuzz"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leavings_are_not_read() {
        for left in ["target", ".git", "crates/a/fuzz/target", "crates/a/fuzz/corpus"] {
            assert!(is_left_behind(left), "{left}");
        }
        for kept in ["ci", ".ci", "crates/a/tests/corpus", "crates/a/fuzz/fuzz_targets"] {
            assert!(!is_left_behind(kept), "{kept}");
        }
    }

    #[test]
    fn folders_are_there_when_a_file_is() {
        let tree = Tree::of(&[("a/b/c.rs", "")]);
        assert!(tree.has("a/b/c.rs") && tree.has("a/b") && tree.has("a/"));
        assert!(!tree.has("a/b/c") && !tree.has("b"));
    }
}
