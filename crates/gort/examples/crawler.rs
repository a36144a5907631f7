//! Follows the links of a site and says which are broken: `cargo run --release --example crawler
//! http://127.0.0.1:8080/ [SECONDS]`.
//!
//! The pages are fetched by an error group: a bounded number of goroutines, of which the first that fails,
//! because the site does not answer at all, cancels the others through their context. So does the time
//! that the crawl may take.

use gort::context::{Context, background};
use gort::net::TcpStream;
use gort::sync::{ErrGroup, Mutex};
use std::collections::BTreeSet;
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many pages are fetched at the same time.
const AT_ONCE: usize = 16;
/// How much of a page is read.
const LARGEST: u64 = 1 << 20;

struct Crawl {
    /// `host:port`.
    site: String,
    /// Paths that have been begun with.
    seen: Mutex<BTreeSet<String>>,
    ctx: Context,
}

struct Page {
    status: u16,
    text: String,
}

impl Crawl {
    /// One request, on a connection of its own. It ends with the context, if that has a deadline.
    fn fetch(&self, path: &str) -> Result<Page> {
        let stream = TcpStream::connect(&*self.site)?;
        let until = self.ctx.deadline().unwrap_or(Instant::now() + Duration::from_secs(60));
        stream.set_read_deadline(Some(until))?;
        let mut stream = &stream;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", self.site)?;
        let mut bytes = Vec::new();
        stream.take(LARGEST).read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let status = text.get(9..12).and_then(|digits| digits.parse().ok());
        Ok(Page { status: status.ok_or(ErrorKind::InvalidData)?, text })
    }

    /// Fetches a page and all that it leads to and nobody has begun with yet.
    fn visit(self: &Arc<Crawl>, path: String, group: &Arc<ErrGroup<Error>>) -> Result<()> {
        let mut pages = vec![path];
        while let Some(path) = pages.pop() {
            if let Some(error) = self.ctx.err() {
                return Err(Error::other(error));
            }
            let page = self.fetch(&path)?;
            println!("{} {path}", page.status);
            for link in links(&page.text).filter_map(|link| resolve(&path, link)) {
                if !self.seen.lock().insert(link.clone()) {
                    continue;
                }
                let (crawl, shared) = (Arc::clone(self), Arc::clone(group));
                let elsewhere = link.clone();
                // If all are busy, it is this one's work.
                if !group.try_go(move || crawl.visit(elsewhere, &shared)) {
                    pages.push(link);
                }
            }
        }
        Ok(())
    }
}

/// What is between the quotes of `href="…"`.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("href=\"").skip(1).filter_map(|rest| rest.split(['"', '#', '?']).next())
}

/// The path that a link leads to; nothing if that is on another site.
fn resolve(from: &str, link: &str) -> Option<String> {
    if link.is_empty() || link.contains(':') || link.starts_with("//") {
        return None;
    }
    let base = if link.starts_with('/') { "" } else { &from[..=from.rfind('/')?] };
    let joined = format!("{base}{link}");
    let mut parts = Vec::new();
    for part in joined.split('/').skip(1) {
        match part {
            "." => {}
            ".." => _ = parts.pop(),
            part => parts.push(part),
        }
    }
    let slash = if link.ends_with("..") || link.ends_with('.') { "/" } else { "" };
    Some(format!("/{}{slash}", parts.join("/")))
}

#[gort::main]
fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let url = args.next().unwrap_or_default();
    let seconds = args.next().and_then(|text| text.parse().ok()).unwrap_or(60);
    let Some(rest) = url.strip_prefix("http://") else {
        eprintln!("usage: crawler http://HOST:PORT/PATH [SECONDS]");
        return ExitCode::from(2);
    };
    let (site, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let path = if path.is_empty() { "/" } else { path };
    let (timed, _cancel) = background().with_timeout(Duration::from_secs(seconds));
    let (group, ctx) = ErrGroup::with_context(&timed);
    group.set_limit(Some(AT_ONCE));
    let seen = Mutex::new(BTreeSet::from([path.to_owned()]));
    let crawl = Arc::new(Crawl { site: site.into(), seen, ctx });
    let group = Arc::new(group);
    group.go({
        let (crawl, group, path) = (Arc::clone(&crawl), Arc::clone(&group), path.to_owned());
        move || crawl.visit(path, &group)
    });
    match group.wait() {
        Ok(()) => {
            println!("{} pages", crawl.seen.lock().len());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("crawler: {error}");
            ExitCode::FAILURE
        }
    }
}
