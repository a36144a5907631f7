//! What of a program is loaded. elf(5)

/// A part of a file that is loaded, of an ELF file of 64 bits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Segment {
    pub offset: usize,
    pub address: u64,
    /// In the file: what it lacks of its size in memory is zeros.
    pub size: usize,
}

/// A file's segments; of what is no such file none.
pub(crate) fn segments(bytes: &[u8]) -> Vec<Segment> {
    let word = |at: usize, len: usize| {
        let mut word = [0; 8];
        word[..len].copy_from_slice(bytes.get(at..at.checked_add(len)?)?);
        usize::try_from(u64::from_le_bytes(word)).ok()
    };
    // Where the program headers are, how long each is, and how many; of each, its type (1 is what is loaded), its
    // place in the file, its address, and how many bytes of the file it has.
    let headers = || Some((word(32, 8)?, word(54, 2)?, word(56, 2)?));
    let (table, each, count) = headers().unwrap_or_default();
    let segment = |at: usize| {
        (word(at, 4)? == 1).then_some(())?;
        Some(Segment {
            offset: word(at + 8, 8)?,
            address: word(at + 16, 8)? as u64,
            size: word(at + 32, 8)?,
        })
    };
    (0..count).filter_map(|n| segment(table.checked_add(n * each)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_where_it_is_loaded_from() {
        let bytes = std::fs::read("/proc/self/exe").unwrap();
        let segments = segments(&bytes);
        let total: usize = segments.iter().map(|segment| segment.size).sum();
        assert!(total > 10_000 && total < bytes.len(), "{total} of {}", bytes.len());
        // The header says where the program begins: that is in one of them.
        let entry = u64::from_le_bytes(bytes[24..32].try_into().unwrap());
        assert!(
            segments.iter().any(|of| (of.address..of.address + of.size as u64).contains(&entry))
        );
    }

    #[test]
    fn only_what_is_loaded_counts() {
        let mut bytes = vec![0; 64 + 2 * 56];
        let mut put = |at: usize, word: u64| bytes[at..at + 8].copy_from_slice(&word.to_le_bytes());
        put(32, 64);
        put(54, 56 | 2 << 16);
        for (at, kind) in [(64, 2), (64 + 56, 1)] {
            put(at, kind);
            put(at + 8, 10 * kind);
            put(at + 16, 20 * kind);
            put(at + 32, 30 * kind);
        }
        assert_eq!(segments(&bytes), [Segment { offset: 10, address: 20, size: 30 }]);
    }

    #[test]
    fn what_is_no_program_has_none() {
        assert_eq!(segments(b""), []);
        assert_eq!(segments(b"#!/bin/sh\n"), []);
        assert_eq!(segments(&[0xff; 100]), []);
    }
}
