//! What an ELF file says about its code: read in place, without allocating.
//!
//! Files are as they are: every read is checked, and one that leads nowhere is as if there were nothing.

/// A 64-bit little-endian file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Elf<'a>(&'a [u8]);

/// A function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Symbol {
    /// Where it begins: an address as the file has them.
    pub(super) address: u64,
    /// How long it is; 0 if the file does not say.
    size: u64,
    /// Where its name is in the file.
    name: usize,
}

/// A section's header.
struct Section {
    name: u32,
    kind: u32,
    flags: u64,
    offset: usize,
    size: usize,
    link: u32,
}

const PT_LOAD: u32 = 1;
const SHT_SYMTAB: u32 = 2;
const SHT_DYNSYM: u32 = 11;
const SHF_COMPRESSED: u64 = 0x800;
const STT_FUNC: u8 = 2;
const STT_GNU_IFUNC: u8 = 10;
const SYMBOL: usize = 24;

impl<'a> Elf<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Option<Elf<'a>> {
        bytes.starts_with(b"\x7fELF\x02\x01").then_some(Elf(bytes))
    }

    fn array<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.0.get(at..)?.first_chunk().copied()
    }

    fn half(&self, at: usize) -> Option<usize> {
        self.array(at).map(u16::from_le_bytes).map(usize::from)
    }

    fn word(&self, at: usize) -> Option<u32> {
        self.array(at).map(u32::from_le_bytes)
    }

    fn long(&self, at: usize) -> Option<u64> {
        self.array(at).map(u64::from_le_bytes)
    }

    fn size(&self, at: usize) -> Option<usize> {
        self.long(at)?.try_into().ok()
    }

    /// The address of what is at `offset` of the file, if it is loaded.
    pub(super) fn address_of(&self, offset: u64) -> Option<u64> {
        let (table, len, count) = (self.size(32)?, self.half(54)?, self.half(56)?);
        (0..count).find_map(|index| {
            let header = table.checked_add(index * len)?;
            let (from, size) =
                (self.long(header.checked_add(8)?)?, self.long(header.checked_add(32)?)?);
            let inside = self.word(header)? == PT_LOAD && offset.checked_sub(from)? < size;
            inside.then_some(
                self.long(header.checked_add(16)?)?.wrapping_add(offset.wrapping_sub(from)),
            )
        })
    }

    fn section_at(&self, index: usize) -> Option<Section> {
        let (table, len, count) = (self.size(40)?, self.half(58)?, self.half(60)?);
        let at = (index < count).then_some(table.checked_add(index * len)?)?;
        Some(Section {
            name: self.word(at)?,
            kind: self.word(at.checked_add(4)?)?,
            flags: self.long(at.checked_add(8)?)?,
            offset: self.size(at.checked_add(24)?)?,
            size: self.size(at.checked_add(32)?)?,
            link: self.word(at.checked_add(40)?)?,
        })
    }

    fn sections(self) -> impl Iterator<Item = Section> {
        (0..).map_while(move |index| self.section_at(index))
    }

    fn content(&self, section: &Section) -> Option<&'a [u8]> {
        self.0.get(section.offset..section.offset.checked_add(section.size)?)
    }

    /// The content of the section with this name, unless it is compressed.
    pub(super) fn section(&self, name: &str) -> Option<&'a [u8]> {
        let names = self.section_at(self.half(62)?)?.offset;
        let found = self.sections().find(|section| {
            names.checked_add(section.name as usize).and_then(|at| self.text(at)) == Some(name)
        })?;
        (found.flags & SHF_COMPRESSED == 0).then(|| self.content(&found)).flatten()
    }

    /// The functions of the full table, or of the dynamic one if that is all there is.
    pub(super) fn functions(self) -> impl Iterator<Item = Symbol> {
        let table = |kind| self.sections().find(|section| section.kind == kind);
        let table = table(SHT_SYMTAB).or_else(|| table(SHT_DYNSYM));
        let strings = table.as_ref().and_then(|table| self.section_at(table.link as usize));
        let entries = table.and_then(|table| self.content(&table)).unwrap_or_default();
        let strings = strings.map_or(0, |strings| strings.offset);
        entries.chunks_exact(SYMBOL).filter_map(move |entry| {
            let entry = Elf(entry);
            let kind = entry.array::<1>(4)?[0] & 15;
            let defined = entry.half(6)? != 0 && matches!(kind, STT_FUNC | STT_GNU_IFUNC);
            Some(Symbol {
                address: defined.then_some(entry.long(8)?)?,
                size: entry.long(16)?,
                name: strings.checked_add(entry.word(0)? as usize)?,
            })
        })
    }

    /// The text at `at` of the file, up to its NUL.
    fn text(&self, at: usize) -> Option<&'a str> {
        let rest = self.0.get(at..)?;
        let len = rest.iter().position(|byte| *byte == 0)?;
        str::from_utf8(rest.get(..len)?).ok()
    }

    /// A function's name, as the linker knows it.
    pub(super) fn name(&self, symbol: &Symbol) -> Option<&'a str> {
        self.text(symbol.name).filter(|name| !name.is_empty())
    }

    /// The function at `address`. Looks at every one.
    pub(super) fn function(self, address: u64) -> Option<Symbol> {
        let before = self.functions().filter(|function| function.address <= address);
        before.max_by_key(|function| function.address).filter(|function| function.contains(address))
    }
}

impl Symbol {
    /// Whether `address`, which is not before it, is in it.
    pub(super) fn contains(&self, address: u64) -> bool {
        self.size == 0 || address - self.address < self.size
    }
}

#[cfg(test)]
mod tests {
    use super::Elf;

    /// This program's own file, and what is left of it in various states.
    #[test]
    fn functions_are_found_and_nonsense_is_not() {
        let file = std::fs::read("/proc/self/exe").unwrap();
        let elf = Elf::new(&file).unwrap();
        let named = |part: &str| {
            elf.functions().find(|one| elf.name(one).is_some_and(|name| name.contains(part)))
        };
        let this = named("functions_are_found_and_nonsense_is_not").unwrap();
        let found = elf.function(this.address + 1).unwrap();
        assert_eq!(found.address, this.address);
        assert_eq!(elf.function(1), None);
        assert!(elf.section(".text").is_some_and(|text| !text.is_empty()));
        assert!(elf.section(".nowhere").is_none());
        assert_eq!(elf.address_of(u64::MAX), None);
        assert_eq!(elf.address_of(0), Some(0));

        assert!(Elf::new(b"#!/bin/sh").is_none());
        for len in (6..4096).chain([file.len() / 2]) {
            let part = Elf::new(&file[..len]).unwrap();
            assert_eq!(part.functions().count(), 0);
            assert!(part.section(".symtab").is_none());
        }
        let mut wild = file[..64].to_vec();
        wild[6..].fill(0xff);
        let wild = Elf::new(&wild).unwrap();
        assert_eq!((wild.functions().count(), wild.address_of(9)), (0, None));
    }
}
