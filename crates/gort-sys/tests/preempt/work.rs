//! Work whose result depends on every bit of it.
//!
//! # Safety
//!
//! The 512-bit work is only done where the CPU has what its functions are compiled for.

#![allow(unsafe_code)]

use std::arch::x86_64::*;
use std::collections::HashMap;
use std::fmt::Write;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::hint::black_box;
use std::panic::{catch_unwind, resume_unwind};

/// A piece of work.
pub(crate) struct Work {
    pub(crate) name: &'static str,
    /// The same number of rounds gives the same result.
    pub(crate) run: fn(u64) -> u64,
    /// How many rounds make it long enough to be hit.
    pub(crate) rounds: u64,
    /// How many to step through.
    pub(crate) steps: u64,
    /// Whether it uses the 512-bit registers.
    pub(crate) wide: bool,
}

impl Work {
    pub(crate) fn possible(&self) -> bool {
        !self.wide || is_x86_feature_detected!("avx512f")
    }
}

const fn work(name: &'static str, run: fn(u64) -> u64, rounds: u64, steps: u64) -> Work {
    Work { name, run, rounds, steps, wide: false }
}

pub(crate) const WORK: [Work; 10] = [
    work("integers", integers, 1000, 2),
    work("floats", floats, 100, 1),
    Work { wide: true, ..work("512 bits", wide, 2000, 1) },
    work("memcpy", copies, 200, 4),
    work("sort", sorts, 10, 1),
    work("format!", formats, 100, 1),
    work("Vec", vectors, 100, 6),
    work("hashing", hashes, 100, 3),
    work("HashMap", maps, 100, 3),
    work("panics", panics, 20, 4),
];

fn mix(hash: u64, value: u64) -> u64 {
    (hash ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23)
}

fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 16
}

/// Loops that the compiler vectorises.
fn integers(rounds: u64) -> u64 {
    let mut lanes: [u64; 32] = std::array::from_fn(|i| i as u64);
    for round in 0..rounds {
        for (i, lane) in lanes.iter_mut().enumerate() {
            *lane = (*lane ^ (*lane << 13) ^ round).wrapping_add(i as u64) ^ (*lane >> 7);
        }
    }
    lanes.into_iter().fold(0, mix)
}

/// The same with floating point, and functions of libm.
fn floats(rounds: u64) -> u64 {
    let mut lanes: [f64; 32] = std::array::from_fn(|i| i as f64 * 0.01);
    for round in 0..rounds {
        let sine = (round as f64).sin();
        for (i, lane) in lanes.iter_mut().enumerate() {
            *lane = *lane * 0.999_999 + sine / (i as f64 + 1.5);
        }
    }
    lanes.into_iter().fold(0, |hash, lane| mix(hash, lane.to_bits()))
}

/// 24 of the 512-bit registers in use at a time, and masks.
fn wide(rounds: u64) -> u64 {
    #[target_feature(enable = "avx512f")]
    fn inner(rounds: u64) -> u64 {
        let step = _mm512_setr_epi64(1, 2, 3, 4, 5, 6, 7, 8);
        let mut lanes: [__m512i; 24] =
            std::array::from_fn(|i| _mm512_add_epi64(_mm512_set1_epi64(i as i64), step));
        for round in 0..rounds {
            let mask = (round as u8).wrapping_mul(37) | 1;
            for i in 0..24 {
                let turned = _mm512_rol_epi64::<9>(lanes[i]);
                lanes[i] = _mm512_mask_add_epi64(turned, mask, turned, lanes[(i + 1) % 24]);
            }
        }
        let total = lanes.into_iter().reduce(|a, b| _mm512_xor_si512(_mm512_rol_epi64::<5>(a), b));
        let mut words = [0u64; 8];
        // SAFETY: as long as a register, and unaligned stores may go anywhere.
        unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), total.unwrap_or(step)) };
        words.into_iter().fold(0, mix)
    }
    // SAFETY: `possible` has asked.
    unsafe { inner(rounds) }
}

/// Copies of all lengths.
fn copies(rounds: u64) -> u64 {
    let mut from: [u8; 200] = std::array::from_fn(|i| (i * 31) as u8);
    let mut to = [0u8; 200];
    let mut hash = 0;
    for round in 0..rounds {
        let (start, len) = ((round * 7 % 40) as usize, (round * 53 % 150) as usize);
        black_box(&mut to)[start..start + len].copy_from_slice(&from[..len]);
        black_box(&mut from)[40..].copy_from_slice(&to[..160]);
        hash = mix(hash, u64::from(from[(round * 37 % 200) as usize]));
    }
    hash
}

fn sorts(rounds: u64) -> u64 {
    let mut hash = 0;
    let mut state = 7;
    for _ in 0..rounds {
        let mut values: Vec<u64> = (0..21).map(|_| random(&mut state)).collect();
        let mut stable: Vec<(u64, u64)> = values.iter().map(|v| (v % 10, *v)).collect();
        values.sort_unstable();
        stable.sort_by_key(|pair| pair.0);
        hash = values.into_iter().chain(stable.into_iter().map(|pair| pair.1)).fold(hash, mix);
    }
    hash
}

fn formats(rounds: u64) -> u64 {
    let mut hash = 0;
    for i in 0..rounds {
        let mut text = format!("{i}:{:x}:{:?}", i * i, Some(i as f64 / 3.0));
        write!(text, "{:>9.6}", i as f64 * 1.7).expect("strings grow");
        hash = text.bytes().fold(hash, |hash, byte| mix(hash, byte.into()));
    }
    hash
}

/// Growth and shrinking, each element where it belongs.
fn vectors(rounds: u64) -> u64 {
    let mut hash = 0;
    let mut kept: Vec<Vec<u32>> = Vec::new();
    for i in 0..rounds {
        let mut grown = Vec::new();
        for j in 0..i % 40 {
            grown.push(j as u32 ^ i as u32);
        }
        hash = grown.iter().fold(hash, |hash, value| mix(hash, (*value).into()));
        kept.push(grown);
        if kept.len() > 20 {
            hash = mix(hash, kept.swap_remove((i * 13) as usize % 20).len() as u64);
        }
    }
    hash
}

fn hashes(rounds: u64) -> u64 {
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    let text = "the quick brown fox jumps over the lazy dog";
    (0..rounds).fold(0, |hash, i| mix(hash, hasher.hash_one((i, &text[..i as usize % 43]))))
}

fn maps(rounds: u64) -> u64 {
    let mut map = HashMap::with_hasher(BuildHasherDefault::<DefaultHasher>::default());
    let mut state = 3;
    for i in 0..rounds {
        *map.entry(random(&mut state) % 50).or_insert(0) += i;
        map.remove(&(random(&mut state) % 50));
    }
    // The order of iteration is that of the hashes: it belongs to the result.
    map.into_iter().fold(0, |hash, (key, value)| mix(mix(hash, key), value))
}

/// Unwinding over frames with something to drop.
fn panics(rounds: u64) -> u64 {
    let mut hash = 0;
    for i in 0..rounds {
        let result = catch_unwind(|| {
            let dropped = (vec![i; 3], String::from("dropped"));
            if i % 2 == 0 {
                resume_unwind(Box::new(black_box(&dropped).0[1]));
            }
            if i % 3 == 0 {
                panic!("{} is a third", i);
            }
            i
        });
        hash = mix(
            hash,
            match result {
                Ok(value) => value,
                Err(panic) => match panic.downcast::<u64>() {
                    Ok(value) => *value + 1000,
                    Err(panic) => panic.downcast::<String>().map_or(0, |text| text.len() as u64),
                },
            },
        );
    }
    hash
}
