//! Which parts of a file are asked for. RFC 9110, 14.

use std::ops::Range;

/// Those who ask for more are given the whole file.
const MOST: usize = 16;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Parts {
    /// Everything: nothing was asked for that can be understood, or too much.
    Whole,
    /// Nothing of what is asked for is there.
    Missing,
    /// At least one, none of them empty.
    Some(Vec<Range<u64>>),
}

/// What a `Range` header means for a file of this size.
pub(crate) fn parse(header: &str, size: u64) -> Parts {
    let Some(list) = header.strip_prefix("bytes=") else { return Parts::Whole };
    let mut parts = Vec::new();
    for item in list.split(',') {
        match part(item.trim(), size) {
            None => return Parts::Whole,
            Some(range) if range.is_empty() => {}
            Some(range) => parts.push(range),
        }
    }
    if parts.is_empty() {
        return Parts::Missing;
    }
    // Parts that overlap would make more of a file than there is.
    let total = |parts: &[Range<u64>]| parts.iter().map(|part| part.end - part.start).sum::<u64>();
    if parts.len() > MOST || total(&parts) > size { Parts::Whole } else { Parts::Some(parts) }
}

/// `1-2`, `1-` or `-2`; empty if it is not there.
fn part(item: &str, size: u64) -> Option<Range<u64>> {
    let (first, last) = item.split_once('-')?;
    if first.is_empty() {
        let count = number(last)?.min(size);
        return Some(size - count..size);
    }
    let first = number(first)?;
    let end = match last {
        "" => size,
        _ => number(last).filter(|&last| last >= first)?.saturating_add(1).min(size),
    };
    Some(first.min(end)..end)
}

/// Not `+1`, which `parse` takes. More digits than fit are more than any file has.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}
