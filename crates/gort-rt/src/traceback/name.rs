//! A copy of a goroutine's name.

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

    /// The beginning of `text`, up to where a character ends.
    pub(crate) fn new(text: &[u8]) -> Name {
        let mut name = Name::NONE;
        for (to, from) in name.bytes.iter_mut().zip(text) {
            *to = *from;
            name.len += 1;
        }
        name.len = name.text().len() as u8;
        name
    }

    fn text(&self) -> &str {
        let bytes = self.bytes.split_at(usize::from(self.len).min(Name::ROOM)).0;
        match core::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(wrong) => core::str::from_utf8(bytes.split_at(wrong.valid_up_to()).0).unwrap_or(""),
        }
    }

    /// The text; `None` for a goroutine without a name.
    pub fn as_str(&self) -> Option<&str> {
        (self.len != 0).then(|| self.text())
    }
}
