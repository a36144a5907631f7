//! The path in a request's target, and in links.

use crate::head::Status;

/// A path below the root.
pub(crate) struct Target<'a> {
    /// Relative; `.` for the root itself. Without `..` and empty components.
    pub(crate) path: Vec<u8>,
    /// It ended in a slash.
    pub(crate) slash: bool,
    /// With its `?`, if there is one.
    pub(crate) query: &'a str,
}

/// What a request's target stands for.
///
/// # Errors
///
/// A client has taken `..` out before it asks: one that is there is refused, in whatever disguise.
pub(crate) fn resolve(target: &str) -> Result<Target<'_>, Status> {
    let path = without_authority(target).ok_or(Status::BAD_REQUEST)?;
    let (path, query) = path.split_at(path.find('?').unwrap_or(path.len()));
    let decoded = decode(path.as_bytes()).ok_or(Status::BAD_REQUEST)?;
    if decoded.contains(&0) {
        return Err(Status::BAD_REQUEST);
    }
    let mut clean = Vec::with_capacity(decoded.len() + 1);
    for component in decoded.split(|&byte| byte == b'/') {
        match component {
            b"" | b"." => continue,
            b".." => return Err(Status::BAD_REQUEST),
            _ => {}
        }
        if !clean.is_empty() {
            clean.push(b'/');
        }
        clean.extend_from_slice(component);
    }
    let slash = decoded.ends_with(b"/") || decoded.ends_with(b"/.");
    if clean.is_empty() {
        clean.push(b'.');
    }
    Ok(Target { path: clean, slash, query })
}

/// `/path` as it is, or out of `http://host/path`, which proxies send.
fn without_authority(target: &str) -> Option<&str> {
    if target.starts_with('/') {
        return Some(target);
    }
    let rest = target.strip_prefix("http://").or_else(|| target.strip_prefix("https://"))?;
    Some(rest.find('/').map_or("/", |at| &rest[at..]))
}

/// `%2e` to `.`; `None` if there is a `%` without two digits.
fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            decoded.push(*first);
            continue;
        }
        let [high, low, tail @ ..] = rest else { return None };
        let digit = |byte: &u8| char::from(*byte).to_digit(16);
        decoded.push((digit(high)? << 4 | digit(low)?) as u8);
        rest = tail;
    }
    Some(decoded)
}

/// A path for a link: everything but letters, digits, `-._~` and the slash is written with `%`.
pub(crate) fn encode(path: &[u8]) -> String {
    let mut text = String::with_capacity(path.len());
    for &byte in path {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            text.push(byte.into());
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}
