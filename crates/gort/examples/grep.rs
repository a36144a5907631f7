//! Looks for a text in all files below a directory: `cargo run --release --example grep TEXT [DIR]`.
//!
//! Every directory and every file is a goroutine's work. A goroutine that reads a file waits with its
//! thread, but the others go on: the runtime has a thread ready for them. What is found comes through one
//! channel, so that the lines of one file stay together.

use gort::chan::{Sender, bounded};
use gort::fs;
use gort::sync::{Semaphore, WaitGroup};
use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// How many files and directories are open at the same time.
const AT_ONCE: usize = 64;

/// What all goroutines share.
struct Search {
    text: Vec<u8>,
    running: WaitGroup,
    turns: Semaphore,
}

impl Search {
    fn directory(self: &Arc<Search>, dir: &Path, found: &Sender<String>) -> io::Result<()> {
        let turn = self.turns.permit(1);
        let entries: Vec<_> = fs::read_dir(dir)?.collect::<io::Result<_>>()?;
        drop(turn);
        for entry in entries {
            let kind = entry.file_type()?;
            if kind.is_dir() || kind.is_file() {
                self.begin(entry.path(), kind.is_dir(), found);
            }
        }
        Ok(())
    }

    /// Starts a goroutine for what is at `path`.
    fn begin(self: &Arc<Search>, path: PathBuf, is_dir: bool, found: &Sender<String>) {
        let (search, found) = (Arc::clone(self), found.clone());
        self.running.go(move || {
            let result = match is_dir {
                true => search.directory(&path, &found),
                false => search.file(&path, &found),
            };
            if let Err(error) = result {
                eprintln!("grep: {}: {error}", path.display());
            }
        });
    }

    fn file(&self, path: &Path, found: &Sender<String>) -> io::Result<()> {
        let turn = self.turns.permit(1);
        let bytes = fs::read(path)?;
        drop(turn);
        // A file with a NUL is no text.
        if bytes.contains(&0) {
            return Ok(());
        }
        let mut lines = String::new();
        for (number, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
            if contains(line, &self.text) {
                let line = String::from_utf8_lossy(line);
                // Writing to a string does not fail.
                let _ = writeln!(lines, "{}:{}:{line}", path.display(), number + 1);
            }
        }
        if !lines.is_empty() {
            // Somebody receives as long as there are senders.
            let _ = found.send(lines);
        }
        Ok(())
    }
}

fn contains(line: &[u8], text: &[u8]) -> bool {
    text.is_empty() || line.windows(text.len()).any(|part| part == text)
}

/// As grep has it: 0 if something was found, 1 if not.
#[gort::main]
fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let Some(text) = args.next() else {
        eprintln!("usage: grep TEXT [DIR]");
        return ExitCode::from(2);
    };
    let dir = args.next().map_or(PathBuf::from("."), PathBuf::from);
    let (found, results) = bounded(16);
    let search = Arc::new(Search {
        text: text.into_encoded_bytes(),
        running: WaitGroup::new(),
        turns: Semaphore::new(AT_ONCE),
    });
    search.begin(dir, true, &found);
    // All that is left are the goroutines' senders: the channel ends with the last of them.
    drop(found);
    let mut any = false;
    for lines in results {
        print!("{lines}");
        any = true;
    }
    search.running.wait();
    ExitCode::from(u8::from(!any))
}
