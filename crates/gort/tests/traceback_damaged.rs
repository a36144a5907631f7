//! Stacks on which nothing is as it should be: a walk ends, and the process does not.
//!
//! # Safety
//!
//! What is overwritten belongs to goroutines that never go on.

#![allow(unsafe_code)]

mod support;

use gort_rt::traceback::{How, each};
use std::hint::black_box;
use std::ptr::with_exposed_provenance_mut;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use support::dump::parse;
use support::{Child, has_thrown, is_child, stderr, stdout};

/// How much is overwritten, in bytes: all frames up to where the goroutine's function has its locals.
const BYTES: usize = 8 << 10;

static LOCAL: AtomicUsize = AtomicUsize::new(0);

#[inline(never)]
fn sleeps() {
    let mut local = [0u8; 64];
    LOCAL.store(black_box(&mut local).as_mut_ptr().expose_provenance(), Ordering::Relaxed);
    gort::time::sleep(Duration::from_secs(1000));
    black_box(&local);
}

/// Fills the newest frames of a goroutine that sleeps with what `word` says for each place.
fn smash(mut word: impl FnMut(usize) -> usize) {
    let start = LOCAL.load(Ordering::Relaxed) / 8 * 8 - BYTES;
    for at in (start..start + BYTES).step_by(8) {
        // SAFETY: see the module.
        unsafe { with_exposed_provenance_mut::<usize>(at).write_volatile(word(at)) };
    }
}

/// Starts it, and three that are whole.
fn start() {
    for _ in 0..4 {
        gort::go(sleeps);
    }
    let waiting = || {
        let mut count = 0;
        each(How::Live, &mut |goroutine, _| count += usize::from(goroutine.reason.is_some()));
        count
    };
    while waiting() < 4 {
        std::thread::yield_now();
    }
}

/// Where mappings begin and end.
fn edges() -> Vec<usize> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let ranges = maps.lines().map(|line| line.split(' ').next().unwrap());
    ranges.flat_map(|range| range.split('-')).map(|at| usize::from_str_radix(at, 16).unwrap()).collect()
}

/// Whatever the words are: addresses of code, of tables, of stacks, of nothing; each of them in all places.
#[test]
fn any_word_may_be_there() {
    let output = Child::new("words", || {
        start();
        let mut words = vec![0, 1, 8, usize::MAX, usize::MAX / 2, 1 << 63, LOCAL.load(Ordering::Relaxed)];
        for edge in edges() {
            words.extend([0, 1, 8, 9, 16].map(|by| edge.wrapping_sub(by)));
            words.push(edge + 1);
        }
        for word in words {
            smash(|_| word);
            each(How::Live, &mut |_, _| ());
        }
        let mut random = 1usize;
        let edges = edges();
        for _ in 0..2000 {
            smash(|at| {
                random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
                match random >> 60 {
                    0..4 => at + (random >> 40) % 4096,
                    4..8 => edges[(random >> 32) % edges.len()] + (random >> 50) % 8192,
                    8..12 => sleeps as *const () as usize + (random >> 40) % 65536,
                    _ => random,
                }
            });
            each(How::Live, &mut |_, _| ());
        }
        println!("it is over");
    })
    .run();
    if !is_child() {
        assert!(output.status.success(), "{:?} {}", output.status, stderr(&output));
        assert!(stdout(&output).contains("it is over\n"));
    }
}
