//! Finds functions in the vDSO's ELF image by name and version.
//!
//! The image is bytes and nothing else here: every offset that is read from it is checked before
//! it is followed, so a damaged image gives "not found", and every walk goes forward or is counted,
//! so it ends. Only what a vDSO has is understood: 64 bits, little-endian, one loadable segment
//! that holds everything.
//!
//! Sources: the ELF specification (gABI), chapters 4 and 5; LSB, "Symbol Versioning"; vdso(7).
//! Go: `runtime.vdsoInitFromSysinfoEhdr`, `vdsoFindVersion`, `vdsoParseSymbols`.

const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const PF_X: u32 = 1;

const DT_NULL: u64 = 0;
const DT_HASH: u64 = 4;
const DT_STRTAB: u64 = 5;
const DT_SYMTAB: u64 = 6;
const DT_GNU_HASH: u64 = 0x6fff_fef5;
const DT_VERSYM: u64 = 0x6fff_fff0;
const DT_VERDEF: u64 = 0x6fff_fffc;

/// Set in a version definition that names the file itself.
const VER_FLG_BASE: u16 = 1;
/// A version index without its "hidden" bit, which only matters to look-ups without a version.
const VERSION_INDEX: u16 = 0x7fff;

const EHDR_SIZE: usize = 64;
const PHDR_SIZE: usize = 56;
const DYN_SIZE: usize = 16;
const SYM_SIZE: usize = 24;

/// A parsed image: where its tables are.
#[derive(Clone, Copy, Debug)]
pub struct Image<'a> {
    bytes: &'a [u8],
    load: Segment,
    symbols: usize,
    strings: usize,
    hash: Hash,
    versions: Option<Versions>,
}

/// A program header's fields, as far as they are used.
#[derive(Clone, Copy, Debug)]
struct Segment {
    flags: u32,
    offset: usize,
    address: usize,
    len: usize,
}

/// Which hash table there is, and where.
#[derive(Clone, Copy, Debug)]
enum Hash {
    Gnu(usize),
    SysV(usize),
}

/// The version tables, which only come together.
#[derive(Clone, Copy, Debug)]
struct Versions {
    /// A version index for each symbol.
    indices: usize,
    /// The chain that gives each index its name.
    definitions: usize,
}

/// How many bytes of the file are in memory, judged by its front, which holds the program headers.
pub fn loaded_len(front: &[u8]) -> Option<usize> {
    let load = segment(front, PT_LOAD)?;
    load.offset.checked_add(load.len)
}

impl<'a> Image<'a> {
    /// Finds the tables. `None` if the image lacks one that look-ups need.
    pub fn parse(bytes: &'a [u8]) -> Option<Image<'a>> {
        let load = segment(bytes, PT_LOAD)?;
        let dynamic = segment(bytes, PT_DYNAMIC)?;
        let entries = bytes.get(dynamic.offset..dynamic.offset.checked_add(dynamic.len)?)?;

        let [mut symbols, mut strings, mut sysv, mut gnu] = [None; 4];
        let [mut indices, mut definitions] = [None; 2];
        for entry in entries.chunks_exact(DYN_SIZE) {
            let place = match u64_at(entry, 0)? {
                DT_NULL => break,
                DT_SYMTAB => &mut symbols,
                DT_STRTAB => &mut strings,
                DT_HASH => &mut sysv,
                DT_GNU_HASH => &mut gnu,
                DT_VERSYM => &mut indices,
                DT_VERDEF => &mut definitions,
                _ => continue,
            };
            *place = Some(load.offset_of(usize_at(entry, 8)?)?);
        }

        Some(Image {
            bytes,
            load,
            symbols: symbols?,
            strings: strings?,
            hash: gnu.map(Hash::Gnu).or(sysv.map(Hash::SysV))?,
            versions: indices
                .zip(definitions)
                .map(|(indices, definitions)| Versions { indices, definitions }),
        })
    }

    /// The offset in the image of the function that has this name in this version.
    ///
    /// A function is a defined global or weak symbol of type FUNC or NOTYPE (some architectures'
    /// vDSOs have those) that lies in the executable segment. An image without version tables
    /// satisfies any version, as it does for the dynamic linker.
    pub fn function(&self, name: &[u8], version: &[u8]) -> Option<usize> {
        let wanted = match self.versions {
            Some(versions) => Some((versions.indices, self.version_index(versions, version)?)),
            None => None,
        };
        let matches = |symbol: usize| {
            let found = self.definition(symbol, name)?;
            if let Some((indices, index)) = wanted {
                let own = u16_at(self.bytes, index_into(indices, symbol, 2)?)?;
                if own & VERSION_INDEX != index {
                    return None;
                }
            }
            Some(found)
        };
        match self.hash {
            Hash::Gnu(table) => self.walk_gnu(table, gnu_hash(name), matches),
            Hash::SysV(table) => self.walk_sysv(table, sysv_hash(name), matches),
        }
    }

    /// The first match in `hash`'s chain. Layout: bucket count, first symbol in the table, words of
    /// the Bloom filter, its shift; the filter (64-bit words), the buckets, the chains, one hash a
    /// symbol with the lowest bit set in a chain's last. The filter could only spare the walk.
    fn walk_gnu(
        &self,
        table: usize,
        hash: u32,
        matches: impl Fn(usize) -> Option<usize>,
    ) -> Option<usize> {
        let word = |at: usize| u32_at(self.bytes, at);
        let bucket_count = word(table)?;
        let first = word(table.checked_add(4)?)? as usize;
        let filter_words = word(table.checked_add(8)?)? as usize;
        let buckets = index_into(table.checked_add(16)?, filter_words, 8)?;
        let chains = index_into(buckets, bucket_count as usize, 4)?;

        let bucket = hash.checked_rem(bucket_count)? as usize;
        let mut symbol = word(index_into(buckets, bucket, 4)?)? as usize;
        // An empty bucket holds 0, which is never in the table. The walk ends at the image's end
        // at the latest: each step reads further on.
        loop {
            let own = word(index_into(chains, symbol.checked_sub(first)?, 4)?)?;
            if own | 1 == hash | 1
                && let Some(found) = matches(symbol)
            {
                return Some(found);
            }
            if own & 1 != 0 {
                return None;
            }
            symbol = symbol.checked_add(1)?;
        }
    }

    /// The first match in `hash`'s chain. Layout: bucket count, chain count, the buckets, for each
    /// symbol the next in its chain, 0 at the end.
    fn walk_sysv(
        &self,
        table: usize,
        hash: u32,
        matches: impl Fn(usize) -> Option<usize>,
    ) -> Option<usize> {
        let word = |at: usize| u32_at(self.bytes, at);
        let bucket_count = word(table)?;
        let chain_count = word(table.checked_add(4)?)?;
        let buckets = table.checked_add(8)?;
        let chains = index_into(buckets, bucket_count as usize, 4)?;

        let bucket = hash.checked_rem(bucket_count)? as usize;
        let mut symbol = word(index_into(buckets, bucket, 4)?)? as usize;
        // A chain visits no symbol twice, so one longer than the table, or than the image has room
        // for, runs in a circle.
        for _ in 0..(chain_count as usize).min(self.bytes.len() / 4) {
            if symbol == 0 {
                return None;
            }
            if let Some(found) = matches(symbol) {
                return Some(found);
            }
            symbol = word(index_into(chains, symbol, 4)?)? as usize;
        }
        None
    }

    /// The offset of what symbol number `symbol` defines, if that is a function called `name`.
    fn definition(&self, symbol: usize, name: &[u8]) -> Option<usize> {
        let at = index_into(self.symbols, symbol, SYM_SIZE)?;
        let entry = self.bytes.get(at..at.checked_add(SYM_SIZE)?)?;
        let info = entry[4];
        let is_function = matches!(info & 0xf, 0 | 2); // NOTYPE, FUNC
        let is_visible = matches!(info >> 4, 1 | 2); // GLOBAL, WEAK
        let is_defined = u16_at(entry, 6)? != 0; // not SHN_UNDEF
        if !(is_function && is_visible && is_defined && self.has_name(u32_at(entry, 0)?, name)) {
            return None;
        }
        let address = usize_at(entry, 8)?;
        if self.load.flags & PF_X == 0 || address.checked_sub(self.load.address)? >= self.load.len {
            return None;
        }
        self.load.offset_of(address).filter(|&offset| offset < self.bytes.len())
    }

    /// The index that symbols of this version have.
    fn version_index(&self, versions: Versions, version: &[u8]) -> Option<u16> {
        let mut at = versions.definitions;
        loop {
            let flags = u16_at(self.bytes, at.checked_add(2)?)?;
            let index = u16_at(self.bytes, at.checked_add(4)?)?;
            // The first of the names is the version's own, the others are those it inherits from.
            let names = at.checked_add(u32_at(self.bytes, at.checked_add(12)?)? as usize)?;
            let next = u32_at(self.bytes, at.checked_add(16)?)?;
            if flags & VER_FLG_BASE == 0 && self.has_name(u32_at(self.bytes, names)?, version) {
                return Some(index & VERSION_INDEX);
            }
            if next == 0 {
                return None;
            }
            // Forward only, so the walk ends at the image's end at the latest.
            at = at.checked_add(next as usize)?;
        }
    }

    /// Whether the string at `offset` in the string table is `name`.
    fn has_name(&self, offset: u32, name: &[u8]) -> bool {
        self.strings
            .checked_add(offset as usize)
            .and_then(|at| self.bytes.get(at..)?.strip_prefix(name)?.first().copied())
            == Some(0)
    }
}

impl Segment {
    /// The offset in the image of an address in the segment. (Tables may end outside of it: reads
    /// are checked against the image.)
    fn offset_of(&self, address: usize) -> Option<usize> {
        address.checked_sub(self.address)?.checked_add(self.offset)
    }
}

/// The first program header of this type.
fn segment(bytes: &[u8], kind: u32) -> Option<Segment> {
    let header = bytes.get(..EHDR_SIZE)?;
    // Magic number, 64 bits, little-endian.
    if !header.starts_with(b"\x7fELF\x02\x01") || u16_at(header, 54)? as usize != PHDR_SIZE {
        return None;
    }
    let table = usize_at(header, 32)?;
    let count = u16_at(header, 56)? as usize;
    let table = bytes.get(table..index_into(table, count, PHDR_SIZE)?)?;
    let found = table.chunks_exact(PHDR_SIZE).find(|entry| u32_at(entry, 0) == Some(kind))?;
    Some(Segment {
        flags: u32_at(found, 4)?,
        offset: usize_at(found, 8)?,
        address: usize_at(found, 16)?,
        len: usize_at(found, 32)?,
    })
}

/// Where element `index` of a table begins.
fn index_into(table: usize, index: usize, size: usize) -> Option<usize> {
    table.checked_add(index.checked_mul(size)?)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn usize_at(bytes: &[u8], at: usize) -> Option<usize> {
    u64_at(bytes, at)?.try_into().ok()
}

/// The hash of `DT_GNU_HASH`.
fn gnu_hash(name: &[u8]) -> u32 {
    name.iter().fold(5381, |hash: u32, &byte| hash.wrapping_mul(33).wrapping_add(byte.into()))
}

/// The hash of `DT_HASH`.
fn sysv_hash(name: &[u8]) -> u32 {
    name.iter().fold(0, |hash: u32, &byte| {
        let hash = (hash << 4).wrapping_add(byte.into());
        let high = hash & 0xf000_0000;
        (hash ^ (high >> 24)) & !high
    })
}
