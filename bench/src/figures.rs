//! Measuring, and printing what has been measured.

use std::time::{Duration, Instant};

/// A number from the environment.
pub(crate) fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// What is to be done in place of `full`.
pub(crate) fn sized(full: u64) -> u64 {
    (full / asked("BENCH_DIVISOR").unwrap_or(1)).max(10)
}

/// Runs `work`, which does `count` operations, and returns nanoseconds for each.
pub(crate) fn measure(count: u64, mut work: impl FnMut()) -> f64 {
    let repeat = asked("BENCH_REPEAT");
    let count = count * repeat.unwrap_or(1);
    let start = Instant::now();
    (0..repeat.unwrap_or(1)).for_each(|_| work());
    let nanos = start.elapsed().as_nanos() as f64 / count as f64;
    if repeat.is_some() {
        also("operations", &[count as f64]);
    }
    nanos
}

/// Prints a further figure, or a distribution.
pub(crate) fn also(name: &str, figures: &[f64]) {
    let figures: Vec<_> = figures.iter().map(|figure| format!(" {figure:.1}")).collect();
    println!("{name}{}", figures.concat());
}

/// Prints the median, what one of a thousand takes at least, and the distribution, and returns what one of a
/// hundred takes at least, in nanoseconds.
pub(crate) fn distribution(mut all: Vec<Duration>) -> f64 {
    all.sort_unstable();
    let part = |of: usize, whole: usize| {
        all[(all.len() * of / whole).min(all.len() - 1)].as_nanos() as f64
    };
    also("median", &[part(50, 100)]);
    also("thousandth", &[part(999, 1000)]);
    also("cdf", &(0..=100).map(|percent| part(percent, 100)).collect::<Vec<_>>());
    part(99, 100)
}
