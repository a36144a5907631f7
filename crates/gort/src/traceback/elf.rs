//! What an ELF file says about its code, by the crate `object`: read in place, and by those of its functions
//! that do not allocate.
//!
//! Files are as they are: what cannot be read is as if it were not there.

use object::elf::{
    FileHeader64, PT_LOAD, SHN_UNDEF, SHT_DYNSYM, SHT_SYMTAB, STT_FUNC, STT_GNU_IFUNC, SectionType,
};
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader, SectionTable, Sym, SymbolTable};
use object::{LittleEndian, StringTable};

const ENDIAN: LittleEndian = LittleEndian;

type Header = FileHeader64<LittleEndian>;

/// A 64-bit little-endian file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Elf<'a> {
    header: &'a Header,
    file: &'a [u8],
}

/// A function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Symbol {
    /// Where it begins: an address as the file has them.
    pub(super) address: u64,
    /// How long it is; 0 if the file does not say.
    size: u64,
    /// Where its name is in the table of names.
    name: u32,
}

impl<'a> Elf<'a> {
    pub(super) fn new(file: &'a [u8]) -> Option<Elf<'a>> {
        let header = Header::parse(file).ok()?;
        header.is_little_endian().then_some(Elf { header, file })
    }

    /// The address of what is at `offset` of the file, if it is loaded.
    pub(super) fn address_of(&self, offset: u64) -> Option<u64> {
        self.header.program_headers(ENDIAN, self.file).ok()?.iter().find_map(|part| {
            let (from, size) = part.file_range(ENDIAN);
            let within = offset.checked_sub(from).filter(|within| *within < size)?;
            let loaded = part.p_type(ENDIAN) == PT_LOAD;
            loaded.then(|| part.p_vaddr(ENDIAN).wrapping_add(within))
        })
    }

    fn sections(&self) -> Option<SectionTable<'a, Header>> {
        self.header.sections(ENDIAN, self.file).ok()
    }

    /// The content of the section with this name, unless it is compressed.
    pub(super) fn section(&self, name: &str) -> Option<&'a [u8]> {
        let (_, section) = self.sections()?.section_by_name(ENDIAN, name.as_bytes())?;
        let plain = matches!(section.compression(ENDIAN, self.file), Ok(None));
        plain.then(|| section.data(ENDIAN, self.file).ok()).flatten()
    }

    /// The full table of symbols, or the dynamic one if that is all there is.
    fn symbols(&self) -> Option<SymbolTable<'a, Header>> {
        let sections = self.sections()?;
        let table = |kind: SectionType| {
            let table = sections.symbols(ENDIAN, self.file, kind).ok();
            table.filter(|table| !table.is_empty())
        };
        table(SHT_SYMTAB).or_else(|| table(SHT_DYNSYM))
    }

    /// The functions.
    pub(super) fn functions(self) -> impl Iterator<Item = Symbol> {
        let symbols = self.symbols().unwrap_or_default();
        symbols.symbols().iter().filter_map(|symbol| {
            let function = matches!(symbol.st_type(), STT_FUNC | STT_GNU_IFUNC);
            (function && symbol.st_shndx(ENDIAN) != SHN_UNDEF).then(|| Symbol {
                address: symbol.st_value(ENDIAN),
                size: symbol.st_size(ENDIAN),
                name: symbol.st_name(ENDIAN),
            })
        })
    }

    /// A function's name, as the linker knows it.
    pub(super) fn name(&self, symbol: &Symbol) -> Option<&'a str> {
        let names: StringTable<'a> = self.symbols()?.strings();
        let name = str::from_utf8(names.get(symbol.name).ok()?).ok()?;
        (!name.is_empty()).then_some(name)
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
        assert!((0..64).all(|len| Elf::new(&file[..len]).is_none()));
        for len in (64..4096).chain([file.len() / 2]) {
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
