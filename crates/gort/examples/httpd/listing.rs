//! A directory as a page.

use crate::files::{self, File};
use crate::path::encode;
use gort::syscall::types::{AtFlags, DirEntries, FileType, Stat};
use gort::syscall::{Errno, getdents64, newfstatat};
use std::fmt::Write;

const HEAD: &str = "<!doctype html>
<html lang=en>
<meta charset=utf-8>
<meta name=viewport content=\"width=device-width\">
<style>
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.3rem; font-weight: 600; overflow-wrap: anywhere }
table { width: 100%; border-collapse: collapse }
th { text-align: left; font-weight: 500; opacity: .6 }
td, th { padding: .3rem .6rem; border-bottom: 1px solid #8883 }
td:first-child { overflow-wrap: anywhere }
td + td, th + th { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
tr:hover td { background: #8881 }
a { text-decoration: none }
a:hover { text-decoration: underline }
</style>
";

struct Entry {
    name: Vec<u8>,
    /// `None` if it has vanished meanwhile.
    stat: Option<Stat>,
}

impl Entry {
    fn is_dir(&self) -> bool {
        self.stat.is_some_and(|stat| FileType::from_mode(stat.st_mode) == FileType::DIRECTORY)
    }
}

/// The page for `dir`, which is at `path` below the root.
///
/// # Errors
///
/// Those of getdents(2).
pub(crate) fn page(dir: &File, path: &[u8]) -> Result<String, Errno> {
    let mut entries = read(dir)?;
    entries.sort_by_cached_key(|entry| (!entry.is_dir(), entry.name.to_ascii_lowercase()));
    let title = escape(&String::from_utf8_lossy(path));
    let mut page = format!(
        "{HEAD}<title>/{title}</title>\n<h1>/{title}</h1>\n<table>\n\
         <tr><th>Name<th>Size<th>Modified (UTC)\n"
    );
    if !path.is_empty() {
        page.push_str("<tr><td><a href=\"../\">../</a><td><td>\n");
    }
    for entry in &entries {
        let slash = if entry.is_dir() { "/" } else { "" };
        let name = escape(&String::from_utf8_lossy(&entry.name));
        // Writing to a string does not fail.
        let _ = writeln!(
            page,
            "<tr><td><a href=\"{}{slash}\">{name}{slash}</a><td{}<td>{}",
            encode(&entry.name),
            size(entry),
            modified(entry)
        );
    }
    page.push_str("</table>\n");
    Ok(page)
}

fn read(dir: &File) -> Result<Vec<Entry>, Errno> {
    let mut entries = Vec::new();
    let mut buf = vec![0; 32 << 10];
    loop {
        let filled = getdents64(dir, &mut buf)?;
        if filled == 0 {
            return Ok(entries);
        }
        for entry in DirEntries::new(&buf[..filled]) {
            if [c".", c".."].contains(&entry.name) {
                continue;
            }
            // What a link leads to may be none of the reader's business.
            let stat = newfstatat(dir, entry.name, AtFlags::SYMLINK_NOFOLLOW).ok();
            entries.push(Entry { name: entry.name.to_bytes().into(), stat });
        }
    }
}

/// For people, and with all digits where the pointer rests. The rest of the cell.
fn size(entry: &Entry) -> String {
    let regular = |stat: &Stat| FileType::from_mode(stat.st_mode) == FileType::REGULAR;
    let Some(stat) = entry.stat.filter(regular) else { return ">".into() };
    let (mut size, mut unit) = (stat.st_size as f64, 0);
    while size >= 1000.0 && unit < 4 {
        size /= 1024.0;
        unit += 1;
    }
    let unit = ["B", "KiB", "MiB", "GiB", "TiB"][unit];
    let digits = if unit == "B" || size >= 100.0 { 0 } else { 1 };
    format!(" title=\"{}\">{size:.digits$} {unit}", stat.st_size)
}

/// `21 Nov 2026 11:01`.
fn modified(entry: &Entry) -> String {
    let Some(stat) = entry.stat else { return String::new() };
    httpdate::fmt_http_date(files::modified(&stat))[5..22].into()
}

/// For text and for attributes in quotes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c if c.is_control() => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}
