//! What to say to a request.

use crate::body::{self, Failure};
use crate::conditions::Version;
use crate::files::{File, Root};
use crate::head::{Head, Persist, Status};
use crate::kind::Kind;
use crate::listing;
use crate::path::{self, Target};
use crate::ranges::{self, Parts};
use crate::request::{Method, Request};
use crate::wire::Wire;
use gort::syscall::Errno;
use gort::syscall::types::FileType;
use std::ops::Range;

/// Files up to this size are read into memory and sent together with their heads.
const SMALL: u64 = 32 << 10;
/// Smaller texts are not worth compressing.
const ZIP_FROM: u64 = 1 << 10;
/// Between parts. No file is likely to have it in a line of its own.
const BOUNDARY: &str = "gort-httpd-5d7e1c0f9b3a4826";

/// What was said.
pub(crate) struct Sent {
    pub(crate) status: Status,
    /// Of the body.
    pub(crate) bytes: u64,
}

/// One request, and where the answer goes.
pub(crate) struct Reply<'a> {
    pub(crate) request: &'a Request<'a>,
    pub(crate) root: &'a Root,
    pub(crate) wire: &'a mut Wire,
    pub(crate) date: &'a str,
    pub(crate) then: Persist,
}

impl Reply<'_> {
    /// Looks for what is asked for and sends it, or what is wrong with it.
    pub(crate) fn send(&mut self) -> Result<Sent, Failure> {
        match self.request.method {
            Method::Get | Method::Head => {}
            Method::Refused => return self.text(Status::METHOD_NOT_ALLOWED, "Allow", "GET, HEAD"),
            Method::Unknown => return self.error(Status::NOT_IMPLEMENTED),
        }
        let target = match path::resolve(self.request.target) {
            Ok(target) => target,
            Err(status) => return self.error(status),
        };
        let file = match self.root.get(&target.path) {
            Ok(file) => file,
            Err(errno) => return self.error(status(errno)),
        };
        match file.kind {
            FileType::REGULAR if target.slash => self.error(Status::NOT_FOUND),
            FileType::REGULAR => self.file(&target.path, &file),
            FileType::DIRECTORY => self.directory(&target, &file),
            _ => self.error(Status::FORBIDDEN),
        }
    }

    fn directory(&mut self, target: &Target<'_>, dir: &File) -> Result<Sent, Failure> {
        let at_root = target.path == b".";
        // Or what is relative in the page would be relative to the directory above.
        if !target.slash && !at_root {
            let to = format!("/{}/{}", path::encode(&target.path), target.query);
            return self.text(Status::MOVED_PERMANENTLY, "Location", &to);
        }
        let index = [&*target.path, b"/index.html"].concat();
        match self.root.get(&index) {
            Ok(file) if file.kind == FileType::REGULAR => return self.file(&index, &file),
            Ok(_) | Err(Errno::ENOENT) => {}
            Err(errno) => return self.error(status(errno)),
        }
        let shown = if at_root { b"" } else { &*target.path };
        match listing::page(dir, shown) {
            Ok(page) => self.page(&page),
            Err(errno) => self.error(status(errno)),
        }
    }

    fn page(&mut self, page: &str) -> Result<Sent, Failure> {
        let zip = self.request.gzip && self.request.modern;
        let length = (!zip).then_some(page.len() as u64);
        let mut head = self.head(Status::OK);
        head.field("Content-Type", "text/html; charset=utf-8");
        head.field("Vary", "Accept-Encoding");
        end(head, length);
        if self.request.method == Method::Head {
            return Ok(Sent { status: Status::OK, bytes: 0 });
        }
        if zip {
            let bytes = body::send_zipped(self.wire, page.as_bytes())?;
            return Ok(Sent { status: Status::OK, bytes });
        }
        self.wire.held().extend_from_slice(page.as_bytes());
        Ok(Sent { status: Status::OK, bytes: page.len() as u64 })
    }

    fn file(&mut self, path: &[u8], file: &File) -> Result<Sent, Failure> {
        let kind = Kind::of(path);
        let request = self.request;
        let zip = request.gzip
            && request.modern
            && kind.zips
            && file.size >= ZIP_FROM
            && request.range.is_none();
        let etag = file.etag(if zip { "-gz" } else { "" });
        let version = Version { etag: &etag, modified: file.modified };
        let about = About { kind: &kind, version: &version };
        match version.check(request) {
            Ok(()) => {}
            Err(Status::NOT_MODIFIED) => {
                let mut head = self.head(Status::NOT_MODIFIED);
                about.put(&mut head);
                head.end();
                return Ok(Sent { status: Status::NOT_MODIFIED, bytes: 0 });
            }
            Err(status) => return self.error(status),
        }
        if zip {
            let mut head = self.head(Status::OK);
            about.put(&mut head);
            head.format("Content-Type", &kind);
            end(head, None);
            let mut bytes = 0;
            if request.method == Method::Get {
                let source = file.from(0).map_err(Failure::File)?;
                bytes = body::send_zipped(self.wire, source)?;
            }
            return Ok(Sent { status: Status::OK, bytes });
        }
        let parts = match request.range {
            Some(range)
                if request.method == Method::Get
                    && request.if_range.is_none_or(|tag| version.continues(tag)) =>
            {
                ranges::parse(range, file.size)
            }
            _ => Parts::Whole,
        };
        match parts {
            Parts::Whole => self.part(Status::OK, &about, file, 0..file.size),
            Parts::Missing => {
                let size = format!("bytes */{}", file.size);
                self.text(Status::RANGE_NOT_SATISFIABLE, "Content-Range", &size)
            }
            Parts::Some(parts) => match &*parts {
                [part] => self.part(Status::PARTIAL_CONTENT, &about, file, part.clone()),
                parts => self.parts(&about, file, parts),
            },
        }
    }

    /// The file, or one part of it.
    fn part(
        &mut self,
        status: Status,
        about: &About<'_>,
        file: &File,
        part: Range<u64>,
    ) -> Result<Sent, Failure> {
        let bytes = part.end - part.start;
        let before = self.wire.held().len();
        let mut head = self.head(status);
        about.put(&mut head);
        head.format("Content-Type", about.kind);
        head.field("Accept-Ranges", "bytes");
        if status == Status::PARTIAL_CONTENT {
            head.format("Content-Range", content_range(&part, file.size));
        }
        end(head, Some(bytes));
        if self.request.method == Method::Head {
            return Ok(Sent { status, bytes: 0 });
        }
        if bytes > SMALL {
            body::send(self.wire, file, part)?;
        } else if let Err(error) = body::hold(self.wire, file, part) {
            // Nobody has seen the head yet.
            self.wire.held().truncate(before);
            crate::log::error(format_args!("{}: {error}", self.request.target.escape_debug()));
            return self.error(Status::INTERNAL_SERVER_ERROR);
        }
        Ok(Sent { status, bytes })
    }

    /// Several parts, as `multipart/byteranges`.
    fn parts(
        &mut self,
        about: &About<'_>,
        file: &File,
        parts: &[Range<u64>],
    ) -> Result<Sent, Failure> {
        let mut heads = Vec::new();
        let last = format!("\r\n--{BOUNDARY}--\r\n");
        let mut bytes = last.len() as u64;
        for part in parts {
            let head = format!(
                "\r\n--{BOUNDARY}\r\nContent-Type: {}\r\nContent-Range: {}\r\n\r\n",
                about.kind,
                content_range(part, file.size)
            );
            bytes += head.len() as u64 + (part.end - part.start);
            heads.push(head);
        }
        let mut head = self.head(Status::PARTIAL_CONTENT);
        about.put(&mut head);
        head.format("Content-Type", format_args!("multipart/byteranges; boundary={BOUNDARY}"));
        end(head, Some(bytes));
        for (part, head) in parts.iter().zip(&heads) {
            self.wire.held().extend_from_slice(head.as_bytes());
            body::send(self.wire, file, part.clone())?;
        }
        self.wire.held().extend_from_slice(last.as_bytes());
        Ok(Sent { status: Status::PARTIAL_CONTENT, bytes })
    }

    /// A status and nothing more to say.
    pub(crate) fn error(&mut self, status: Status) -> Result<Sent, Failure> {
        self.text(status, "Cache-Control", "no-store")
    }

    /// A status with one header more, and a body for people.
    fn text(&mut self, status: Status, name: &str, value: &str) -> Result<Sent, Failure> {
        let text = format!("{status}\n");
        let mut head = self.head(status);
        head.field(name, value);
        head.field("Content-Type", "text/plain; charset=utf-8");
        end(head, Some(text.len() as u64));
        if self.request.method == Method::Head {
            return Ok(Sent { status, bytes: 0 });
        }
        self.wire.held().extend_from_slice(text.as_bytes());
        Ok(Sent { status, bytes: text.len() as u64 })
    }

    fn head(&mut self, status: Status) -> Head<'_> {
        Head::new(self.wire.held(), status, self.date, self.then)
    }
}

/// What is always said about a file.
struct About<'a> {
    kind: &'a Kind,
    version: &'a Version<'a>,
}

impl About<'_> {
    fn put(&self, head: &mut Head<'_>) {
        head.field("Last-Modified", &httpdate::fmt_http_date(self.version.modified));
        head.field("ETag", self.version.etag);
        if self.kind.zips {
            head.field("Vary", "Accept-Encoding");
        }
    }
}

/// How long the body is, or that it comes in chunks, compressed.
fn end(mut head: Head<'_>, length: Option<u64>) {
    match length {
        Some(length) => head.format("Content-Length", length),
        None => {
            head.field("Content-Encoding", "gzip");
            head.field("Transfer-Encoding", "chunked");
        }
    }
    head.end();
}

fn content_range(part: &Range<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", part.start, part.end - 1)
}

fn status(errno: Errno) -> Status {
    match errno {
        Errno::ENOENT | Errno::ENOTDIR | Errno::ENXIO => Status::NOT_FOUND,
        Errno::EACCES | Errno::EPERM | Errno::EXDEV | Errno::ELOOP => Status::FORBIDDEN,
        Errno::ENAMETOOLONG => Status::URI_TOO_LONG,
        Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM => Status::SERVICE_UNAVAILABLE,
        _ => Status::INTERNAL_SERVER_ERROR,
    }
}
