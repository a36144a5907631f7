//! Files on gort, and on std's threads.

use crate::{measure, sized, timed};
use std::hint::black_box;
use std::io::{self, Read, Seek};
use std::path::PathBuf;

/// What is read at a time.
const PAGE: usize = 4096;
/// The file has so many pages.
const PAGES: u64 = 16_384;
/// How many are read.
const READS: u64 = 10 * PAGES;
/// How often a file is looked up.
const LOOKS: u64 = 1_000_000;

/// Runs a workload on gort by name.
pub(crate) fn run(workload: &str) -> Option<f64> {
    Some(match workload {
        "readfile" => pages(gort::fs::File::open(scratch()).unwrap()),
        "statfile" => looks(scratch(), |path| gort::fs::metadata(path)),
        _ => return None,
    })
}

/// Runs a workload on std by name.
pub(crate) fn run_std(workload: &str) -> Option<f64> {
    Some(match workload {
        "readfile" => pages(std::fs::File::open(scratch()).unwrap()),
        "statfile" => looks(scratch(), |path| std::fs::metadata(path)),
        _ => return None,
    })
}

/// The file, which stays for the next run, and in memory.
fn scratch() -> PathBuf {
    let path = std::env::temp_dir().join("gort-bench-pages");
    let len = PAGES * PAGE as u64;
    if std::fs::metadata(&path).map_or(0, |known| known.len()) != len {
        std::fs::write(&path, vec![1; len as usize]).unwrap();
    }
    path
}

fn pages(mut file: impl Read + Seek) -> f64 {
    let mut page = [0; PAGE];
    let mut all = |count: u64| {
        for n in 0..count {
            if n % PAGES == 0 {
                file.rewind().unwrap();
            }
            file.read_exact(&mut page).unwrap();
            black_box(&mut page);
        }
    };
    all(PAGES);
    let count = sized(READS);
    measure(count, || all(count))
}

fn looks<T>(path: PathBuf, look: impl Fn(&PathBuf) -> io::Result<T>) -> f64 {
    timed(LOOKS, |count| (0..count).for_each(|_| drop(black_box(look(&path)))))
}
