//! Damaged images: whatever is broken, the parser answers, and with an offset inside the image.

use crate::build::{CODE, LEN, Recipe, function};
use crate::{NAMES, live, offsets};
use std::sync::mpsc;
use std::time::Duration;

/// The images that are damaged: the live one, and one for each way through the parser. With each,
/// how much of it holds tables.
fn images() -> Vec<(Vec<u8>, usize)> {
    let symbols: Vec<_> = NAMES.into_iter().map(|name| function(name, CODE)).collect();
    let whole = Recipe::new(symbols);
    let no_gnu = Recipe { gnu: false, ..whole.clone() };
    let no_versions = Recipe { versym: false, verdef: false, ..whole.clone() };
    let mut images: Vec<_> =
        [whole, no_gnu, no_versions].iter().map(|recipe| (recipe.build(), CODE)).collect();
    images.extend(live().map(|image| (image.to_vec(), tables_len(image))));
    images
}

/// The end of the last table in the live image, judged by the dynamic segment, which the linker
/// puts behind the others.
fn tables_len(image: &[u8]) -> usize {
    let header = (64..).step_by(56).find(|&at| image[at..at + 4] == [2, 0, 0, 0]).unwrap();
    let field = |at: usize| u64::from_le_bytes(*image[header + at..].first_chunk().unwrap());
    (field(8) + field(32)) as usize
}

/// Runs `test`, and fails if it does not come to an end.
fn watched(test: impl FnOnce() + Send + 'static) {
    let (done, is_done) = mpsc::channel();
    let runner = std::thread::spawn(move || {
        test();
        let _ = done.send(());
    });
    match is_done.recv_timeout(Duration::from_secs(300)) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("the parser runs in circles"),
        // It has ended, well or with a panic of its own.
        _ => runner.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
    }
}

/// Looks everything up; the offsets found are inside. Returns whether all are.
fn probe(image: &[u8]) -> bool {
    let _ = gort_sys::vdso::elf::loaded_len(image);
    let found = offsets(image);
    for offset in found.into_iter().flatten() {
        assert!(offset < image.len(), "{offset:#x} in an image of {:#x} bytes", image.len());
    }
    found.iter().all(Option::is_some)
}

#[test]
fn every_truncation() {
    watched(|| {
        for (image, tables) in images() {
            let complete = (0..image.len()).filter(|&len| probe(&image[..len])).count();
            assert!(probe(&image));
            // All functions are found only where all tables are there, and some lengths have them.
            assert!(
                complete > 0 && complete < image.len() - tables / 2,
                "{complete} of {}",
                image.len()
            );
        }
    });
}

#[test]
fn every_byte_of_the_tables() {
    watched(|| {
        for (image, tables) in images() {
            let mut damaged = image.clone();
            let (mut survived, mut total) = (0, 0);
            for at in 0..tables {
                let good = image[at];
                let flipped = (0..8).map(|bit| good ^ 1 << bit);
                for bad in flipped.chain([0x00, 0x7f, 0x80, 0xff]) {
                    damaged[at] = bad;
                    survived += usize::from(probe(&damaged));
                    total += 1;
                }
                damaged[at] = good;
            }
            // Some bytes matter, and some do not.
            assert!(survived > 0 && survived < total, "{survived} of {total}");
        }
    });
}

#[test]
fn damage_to_the_code_does_not_matter() {
    for (mut image, tables) in images() {
        let good = offsets(&image);
        image[tables..].fill(0xff);
        assert_eq!(offsets(&image), good);
    }
}

#[test]
fn many_random_mutations() {
    watched(|| {
        let mut random = Random(0x676f_7274);
        let mut survived = 0;
        let mut total = 0;
        for (image, tables) in images() {
            for _ in 0..4000 {
                let mut damaged = image.clone();
                for _ in 0..=random.below(8) {
                    mutate(&mut damaged, tables, &mut random);
                }
                survived += usize::from(probe(&damaged));
                total += 1;
            }
        }
        assert!(survived > 0 && survived < total, "{survived} of {total}");
    });
}

/// One change in the tables: a value of some width that is likely to hurt, or a copy of another
/// part.
fn mutate(image: &mut [u8], tables: usize, random: &mut Random) {
    let width = 1 << random.below(4);
    let at = random.below(tables - width) / width * width;
    let value = match random.below(6) {
        0 => 0,
        1 => u64::MAX >> random.below(64),
        2 => 1 << random.below(64),
        3 => LEN as u64 - random.below(16) as u64,
        4 => (random.below(tables)) as u64,
        _ => {
            let from = random.below(tables - width);
            image.copy_within(from..from + width, at);
            return;
        }
    };
    image[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
}

/// A small generator with a fixed start (xorshift64*), so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit
    }
}
