//! What is found, and what must not be.
//!
//! # Safety
//!
//! libc is asked for addresses, by C strings; nothing at those addresses is called.

use crate::build::*;
use crate::{NAMES, VERSION, live, offsets};
use gort_sys::vdso::elf::{self, Image};
use std::ffi::CString;

/// [`NAMES`], 16 bytes apart from [`CODE`] on, between two others.
fn named() -> Recipe {
    let mut symbols: Vec<Symbol> =
        NAMES.into_iter().enumerate().map(|(i, name)| function(name, CODE + 16 * i)).collect();
    symbols.insert(0, function("getcpu", CODE + 0x100));
    symbols.push(function("__vdso_getrandom", CODE + 0x110));
    Recipe::new(symbols)
}

fn all_found() -> [Option<usize>; 4] {
    [0, 1, 2, 3].map(|i| Some(CODE + 16 * i))
}

/// Where `name` is in an image that has just this symbol, by either hash table.
fn only(symbol: Symbol) -> Option<usize> {
    let name = symbol.name;
    let [by_gnu, by_sysv] = [true, false].map(|gnu| {
        let recipe = Recipe { gnu, sysv: !gnu, ..Recipe::new(vec![symbol.clone()]) };
        find(&recipe.build(), name, VERSION)
    });
    assert_eq!(by_gnu, by_sysv);
    by_gnu
}

fn find(image: &[u8], name: &str, version: &str) -> Option<usize> {
    Image::parse(image)?.function(name.as_bytes(), version.as_bytes())
}

#[test]
fn the_live_image_agrees_with_libc() {
    let Some(image) = live() else { return };
    // SAFETY: a C string; the image is loaded already, so nothing is run.
    let library =
        unsafe { libc::dlopen(c"linux-vdso.so.1".as_ptr(), libc::RTLD_NOW | libc::RTLD_NOLOAD) };
    assert!(!library.is_null(), "libc knows the image that the kernel gave it");
    let mut found = 0;
    for name in NAMES.iter().copied().chain(["clock_getres", "__vdso_getrandom", "LINUX_2.6", ""]) {
        for version in [VERSION, "LINUX_2.5", ""] {
            let [c_name, c_version] = [name, version].map(|text| CString::new(text).unwrap());
            // SAFETY: an open library and two C strings.
            let by_libc = unsafe { libc::dlvsym(library, c_name.as_ptr(), c_version.as_ptr()) };
            // The version's own symbol is no function; libc finds it all the same.
            let want = (!by_libc.is_null() && name != "LINUX_2.6").then_some(by_libc as usize);
            let ours = find(image, name, version).map(|at| image.as_ptr().addr() + at);
            assert_eq!(ours, want, "{name:?} in version {version:?}");
            found += usize::from(ours.is_some());
        }
    }
    assert!(found >= NAMES.len(), "{found} found");
}

#[test]
fn either_hash_table_does() {
    for (gnu, sysv) in [(true, true), (true, false), (false, true)] {
        let image = Recipe { gnu, sysv, ..named() }.build();
        assert_eq!(offsets(&image), all_found(), "GNU {gnu}, SysV {sysv}");
        assert_eq!(find(&image, "getcpu", VERSION), Some(CODE + 0x100));
        for absent in ["", "__vdso_getcp", "__vdso_getcpux", "clock_gettime"] {
            assert_eq!(find(&image, absent, VERSION), None, "{absent:?}");
        }
    }
    assert!(Image::parse(&Recipe { gnu: false, sysv: false, ..named() }.build()).is_none());
}

#[test]
fn the_gnu_table_is_preferred() {
    let image = named().build();
    let entry = entry_of(&image, 4);
    let mut without_sysv = image.clone();
    without_sysv[entry + 8..entry + 16].copy_from_slice(&BASE.to_le_bytes());
    assert_eq!(offsets(&without_sysv), all_found());

    let entry = entry_of(&image, 0x6fff_fef5);
    let mut without_gnu = image;
    without_gnu[entry + 8..entry + 16].copy_from_slice(&(BASE + LEN as u64 - 4).to_le_bytes());
    assert_eq!(offsets(&without_gnu), [None; 4]);
}

#[test]
fn a_version_is_checked_where_there_are_versions() {
    for gnu in [true, false] {
        let recipe = Recipe { gnu, ..named() };
        assert_eq!(offsets(&Recipe { version: "LINUX_2.5", ..recipe.clone() }.build()), [None; 4]);
        // The file's own name is no version.
        assert_eq!(find(&recipe.build(), NAMES[0], "tiny.so"), None);
        // Half a pair of tables is none: what is there cannot be told apart.
        for (versym, verdef) in [(false, false), (true, false), (false, true)] {
            let image = Recipe { versym, verdef, ..recipe.clone() }.build();
            assert_eq!(offsets(&image), all_found(), "indices {versym}, definitions {verdef}");
            assert_eq!(find(&image, NAMES[0], "any"), Some(CODE));
        }
    }
}

#[test]
fn the_right_one_of_two_versions_is_found() {
    let old = Symbol { version: 1, ..function("f", CODE) };
    let new = function("f", CODE + 16);
    let other = Symbol { version: 3, ..function("f", CODE + 32) };
    for symbols in [[&old, &new, &other], [&new, &other, &old], [&other, &old, &new]] {
        for gnu in [true, false] {
            let symbols = symbols.into_iter().cloned().collect();
            let image = Recipe { gnu, ..Recipe::new(symbols) }.build();
            assert_eq!(find(&image, "f", VERSION), Some(CODE + 16), "GNU {gnu}");
        }
    }
    assert_eq!(only(Symbol { version: INDEX | 0x8000, ..new }), Some(CODE + 16), "hidden");
    assert_eq!(only(Symbol { version: 0, ..function("f", CODE) }), None, "local");
}

#[test]
fn only_visible_defined_functions_count() {
    for (info, is_found) in [
        (GLOBAL | FUNC, true),
        (WEAK | FUNC, true),
        (GLOBAL | NOTYPE, true),
        (WEAK | NOTYPE, true),
        (LOCAL | FUNC, false),
        (LOCAL | NOTYPE, false),
        (GLOBAL | OBJECT, false),
        (GLOBAL | 3, false),
        (3 << 4 | FUNC, false),
    ] {
        let found = only(Symbol { info, ..function("f", CODE) });
        assert_eq!(found, is_found.then_some(CODE), "info {info:#x}");
    }
    assert_eq!(only(Symbol { section: 0, ..function("f", CODE) }), None, "undefined");
}

#[test]
fn a_function_lies_in_executable_memory() {
    let below = Symbol { value: 1u64.wrapping_neg(), ..function("f", 0) };
    assert_eq!(only(below), None);
    assert_eq!(only(function("f", LEN - 1)), Some(LEN - 1));
    assert_eq!(only(function("f", LEN)), None);
    let symbols = vec![function("f", CODE)];
    assert_eq!(find(&Recipe { flags: 4, ..Recipe::new(symbols) }.build(), "f", VERSION), None);
}

#[test]
fn only_this_kind_of_elf_is_read() {
    let image = named().build();
    assert_eq!(elf::loaded_len(&image), Some(LEN));
    // Magic number, class, byte order, size of a program header.
    for at in [0, 1, 2, 3, 4, 5, 54] {
        let mut other = image.clone();
        other[at] ^= 3;
        assert!(Image::parse(&other).is_none(), "byte {at}");
        assert_eq!(elf::loaded_len(&other), None, "byte {at}");
    }
    for kind in [64, 64 + 56] {
        let mut other = image.clone();
        other[kind] = 4;
        assert!(Image::parse(&other).is_none(), "segment at {kind}");
    }
}

#[test]
fn circles_end() {
    // Each bucket of the SysV table leads to the last symbol of its chain; all chains circle.
    let mut image = Recipe { gnu: false, ..named() }.build();
    let table = table_of(&image, 4);
    let count = word(&image, table + 4) as usize;
    for symbol in 1..count {
        let next = (symbol % (count - 1) + 1) as u32;
        image[table + 8 + 12 + 4 * symbol..][..4].copy_from_slice(&next.to_le_bytes());
    }
    assert_eq!(find(&image, "absent", VERSION), None);
    // A count that would make the walk long does not.
    image[table + 4..table + 8].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(find(&image, "absent", VERSION), None);
    assert_eq!(offsets(&image), all_found());
}

/// Where the dynamic table's entry with this tag is.
fn entry_of(image: &[u8], tag: u64) -> usize {
    let dynamic = image[64 + 56 + 8..].first_chunk().map(|&at| u64::from_le_bytes(at)).unwrap();
    (dynamic as usize..LEN)
        .step_by(16)
        .find(|&at| image[at..].starts_with(&tag.to_le_bytes()))
        .unwrap()
}

/// Where the table with this tag is.
fn table_of(image: &[u8], tag: u64) -> usize {
    let address = image[entry_of(image, tag) + 8..].first_chunk().unwrap();
    (u64::from_le_bytes(*address) - BASE) as usize
}

fn word(image: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(*image[at..].first_chunk().unwrap())
}
