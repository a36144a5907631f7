//! What is in a file, by its name.

use std::fmt::{self, Display};

pub(crate) struct Kind {
    name: &'static str,
    /// Text, which is taken to be UTF-8.
    charset: &'static str,
    /// It is worth compressing.
    pub(crate) zips: bool,
}

impl Kind {
    pub(crate) fn of(path: &[u8]) -> Kind {
        let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        let dot = name.iter().rposition(|&byte| byte == b'.').unwrap_or(name.len());
        let extension = name.get(dot + 1..).unwrap_or_default();
        let extension = std::str::from_utf8(extension).unwrap_or_default();
        let name = mime_guess::from_ext(extension).first_raw();
        let name = name.unwrap_or("application/octet-stream");
        let text = name.starts_with("text/");
        let like_text = ["javascript", "json", "xml", "wasm"].iter().any(|end| name.ends_with(end));
        let charset = if text { "; charset=utf-8" } else { "" };
        Kind { name, charset, zips: text || like_text }
    }
}

impl Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.name, self.charset)
    }
}
