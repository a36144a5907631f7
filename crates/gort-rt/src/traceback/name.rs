//! A copy of a goroutine's name.
//!
//! # Safety
//!
//! What is copied is the beginning of a `str`, up to where a character ends.

#![allow(unsafe_code)]

/// As much of a name as a dump shows.
#[derive(Clone, Copy, Debug)]
pub struct Name {
    bytes: [u8; Name::ROOM],
    len: u8,
}

impl Name {
    /// The longest, in bytes.
    pub const ROOM: usize = 47;

    /// No name.
    pub const NONE: Name = Name { bytes: [0; Name::ROOM], len: 0 };

    /// The beginning of `text`, which is a `str`'s, up to where a character ends.
    pub(super) fn new(text: &[u8]) -> Name {
        let mut name = Name::NONE;
        for (i, (to, from)) in name.bytes.iter_mut().zip(text).enumerate() {
            *to = *from;
            // Neither is the next byte one that continues a character.
            if text.get(i + 1).is_none_or(|next| next & 0xc0 != 0x80) {
                name.len = i as u8 + 1;
            }
        }
        name
    }

    /// The text; `None` for a goroutine without a name.
    pub fn as_str(&self) -> Option<&str> {
        let bytes = self.bytes.split_at_checked(self.len.into())?.0;
        // SAFETY: see the module.
        (self.len != 0).then(|| unsafe { core::str::from_utf8_unchecked(bytes) })
    }
}

#[cfg(test)]
mod tests {
    use super::Name;

    /// Shown to fail: cut anywhere.
    #[test]
    fn it_is_cut_between_characters() {
        let long = "é".repeat(40);
        assert_eq!(Name::new(long.as_bytes()).as_str(), Some(&long[..46]));
        assert_eq!(Name::new("worker é".as_bytes()).as_str(), Some("worker é"));
        assert_eq!(Name::new(b"").as_str(), None);
    }
}
