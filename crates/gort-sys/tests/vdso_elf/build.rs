//! Makes small ELF images with just the tables that the parser looks at.

use crate::VERSION;

/// Where the loadable segment claims to be; not zero, so that a forgotten translation shows.
pub(crate) const BASE: u64 = 0x7000;
/// Where the code of the first symbol is, as an offset in the image.
pub(crate) const CODE: usize = 0x800;
/// The image's length.
pub(crate) const LEN: usize = 0x1000;

pub(crate) const FUNC: u8 = 2;
pub(crate) const NOTYPE: u8 = 0;
pub(crate) const OBJECT: u8 = 1;
pub(crate) const LOCAL: u8 = 0 << 4;
pub(crate) const GLOBAL: u8 = 1 << 4;
pub(crate) const WEAK: u8 = 2 << 4;

/// The version index of [`Recipe::version`] in the images; 1 is the file's own.
pub(crate) const INDEX: u16 = 2;

#[derive(Clone)]
pub(crate) struct Symbol {
    pub(crate) name: &'static str,
    pub(crate) info: u8,
    pub(crate) section: u16,
    pub(crate) version: u16,
    /// Relative to [`BASE`].
    pub(crate) value: u64,
}

/// A global function in the image's version.
pub(crate) fn function(name: &'static str, value: usize) -> Symbol {
    Symbol { name, info: GLOBAL | FUNC, section: 1, version: INDEX, value: value as u64 }
}

#[derive(Clone)]
pub(crate) struct Recipe {
    pub(crate) gnu: bool,
    pub(crate) sysv: bool,
    pub(crate) versym: bool,
    pub(crate) verdef: bool,
    pub(crate) version: &'static str,
    pub(crate) flags: u32,
    pub(crate) symbols: Vec<Symbol>,
}

impl Recipe {
    /// Both hash tables, versions, and these symbols.
    pub(crate) fn new(symbols: Vec<Symbol>) -> Recipe {
        Recipe {
            gnu: true,
            sysv: true,
            versym: true,
            verdef: true,
            version: VERSION,
            flags: 5,
            symbols,
        }
    }

    pub(crate) fn build(&self) -> Vec<u8> {
        const BUCKETS: u32 = 2;
        // The GNU table wants its symbols in the order of their buckets.
        let mut symbols = self.symbols.clone();
        symbols.sort_by_key(|symbol| gnu_hash(symbol.name) % BUCKETS);

        let mut strings = vec![0];
        let mut string = |text: &str| {
            let at = strings.len() as u32;
            strings.extend_from_slice(text.as_bytes());
            strings.push(0);
            at
        };
        let (file_name, version_name) = (string("tiny.so"), string(self.version));

        let mut table = vec![0; 24];
        let mut versions = vec![0; 2];
        for symbol in &symbols {
            table.extend(string(symbol.name).to_le_bytes());
            table.extend([symbol.info, 0]);
            table.extend(symbol.section.to_le_bytes());
            table.extend((BASE.wrapping_add(symbol.value)).to_le_bytes());
            table.extend(16u64.to_le_bytes());
            versions.extend(symbol.version.to_le_bytes());
        }

        let mut definitions = Vec::new();
        for (flags, index, name, next) in [(1u16, 1, file_name, 28), (0, INDEX, version_name, 0)] {
            let halves = [1, flags, index, 1].map(u16::to_le_bytes);
            let words = [0, 20, next, name, 0].map(u32::to_le_bytes);
            definitions.extend(halves.into_iter().flatten());
            definitions.extend(words.into_iter().flatten());
        }

        let sysv = words(&sysv_table(&symbols));
        // One filter word with every bit set lets everything pass.
        let gnu = {
            let hashes: Vec<u32> = symbols.iter().map(|symbol| gnu_hash(symbol.name)).collect();
            let bucket = |hash: u32| hash % BUCKETS;
            let first = |b| hashes.iter().position(|&h| bucket(h) == b).map_or(0, |i| i as u32 + 1);
            let mut all = vec![BUCKETS, 1, 1, 0, u32::MAX, u32::MAX, first(0), first(1)];
            for (i, &hash) in hashes.iter().enumerate() {
                let is_last = hashes.get(i + 1).is_none_or(|&next| bucket(next) != bucket(hash));
                all.push(hash & !1 | u32::from(is_last));
            }
            words(&all)
        };

        let mut image = vec![0; LEN];
        let mut end = 64 + 2 * 56usize;
        let mut place = |bytes: &[u8]| {
            let at = end.next_multiple_of(8);
            image[at..at + bytes.len()].copy_from_slice(bytes);
            end = at + bytes.len();
            assert!(end <= CODE, "the tables fit before the code");
            at as u64
        };
        let mut dynamic = vec![(5, place(&strings)), (6, place(&table))];
        dynamic.extend(self.sysv.then(|| (4, place(&sysv))));
        dynamic.extend(self.gnu.then(|| (0x6fff_fef5, place(&gnu))));
        dynamic.extend(self.versym.then(|| (0x6fff_fff0, place(&versions))));
        dynamic.extend(self.verdef.then(|| (0x6fff_fffc, place(&definitions))));
        let mut entries: Vec<u8> = Vec::new();
        for (tag, at) in dynamic {
            entries.extend(u64::to_le_bytes(tag));
            entries.extend((BASE + at).to_le_bytes());
        }
        // The end, and behind it an entry that must not be seen.
        entries.extend([0; 16]);
        entries.extend([6u64.to_le_bytes(), u64::MAX.to_le_bytes()].concat());
        let dynamic = place(&entries);

        image[..6].copy_from_slice(b"\x7fELF\x02\x01");
        image[32..40].copy_from_slice(&64u64.to_le_bytes());
        image[54..56].copy_from_slice(&56u16.to_le_bytes());
        image[56..58].copy_from_slice(&2u16.to_le_bytes());
        let headers = [(1u64, 0, LEN as u64), (2, dynamic, entries.len() as u64)];
        for (i, (kind, at, len)) in headers.into_iter().enumerate() {
            let header = [kind | u64::from(self.flags) << 32, at, BASE + at, 0, len, len, 8];
            let header: Vec<u8> = header.into_iter().flat_map(u64::to_le_bytes).collect();
            image[64 + 56 * i..][..56].copy_from_slice(&header);
        }
        image
    }
}

/// Three buckets; each chain goes from the last symbol to the first.
fn sysv_table(symbols: &[Symbol]) -> Vec<u32> {
    const BUCKETS: usize = 3;
    let mut buckets = [0; BUCKETS];
    let mut chains = vec![0];
    for (i, symbol) in symbols.iter().enumerate() {
        let bucket = &mut buckets[sysv_hash(symbol.name) as usize % BUCKETS];
        chains.push(*bucket);
        *bucket = i as u32 + 1;
    }
    [&[BUCKETS as u32, chains.len() as u32][..], &buckets, &chains].concat()
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn gnu_hash(name: &str) -> u32 {
    let mut hash = 5381u32;
    for byte in name.bytes() {
        hash = (hash << 5).wrapping_add(hash).wrapping_add(u32::from(byte));
    }
    hash
}

fn sysv_hash(name: &str) -> u32 {
    let mut hash = 0u64;
    for byte in name.bytes() {
        hash = (hash << 4) + u64::from(byte);
        hash = (hash ^ (hash >> 24 & 0xf0)) & 0x0fff_ffff;
    }
    hash as u32
}
