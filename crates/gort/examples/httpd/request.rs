//! What a request's head means.

use crate::head::Status;
use std::mem::MaybeUninit;

/// As many headers as a request may have.
const HEADERS: usize = 64;
/// Longer than any header's name that matters here.
const LONGEST: usize = 24;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Head,
    /// One that a file does not have.
    Refused,
    Unknown,
}

/// Where a request's body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    None,
    Length(u64),
    Chunked,
}

pub(crate) struct Request<'a> {
    pub(crate) method: Method,
    /// The path and, behind a `?`, the query; not decoded.
    pub(crate) target: &'a str,
    /// HTTP/1.1, and not 1.0.
    pub(crate) modern: bool,
    /// Whether the connection is to stay open.
    pub(crate) keep_alive: bool,
    pub(crate) framing: Framing,
    /// It waits for "100 Continue" before it sends the body.
    pub(crate) expects: bool,
    /// It understands gzip.
    pub(crate) gzip: bool,
    pub(crate) range: Option<&'a str>,
    pub(crate) if_range: Option<&'a str>,
    pub(crate) if_match: Option<&'a str>,
    pub(crate) if_none_match: Option<&'a str>,
    pub(crate) if_modified_since: Option<&'a str>,
    pub(crate) if_unmodified_since: Option<&'a str>,
}

impl<'a> Request<'a> {
    /// # Errors
    ///
    /// What to answer if it is not a request.
    pub(crate) fn parse(head: &'a [u8]) -> Result<Request<'a>, Status> {
        let mut headers = [const { MaybeUninit::uninit() }; HEADERS];
        let mut parsed = httparse::Request::new(&mut []);
        match parsed.parse_with_uninit_headers(head, &mut headers) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) => return Err(Status::BAD_REQUEST),
            Err(httparse::Error::TooManyHeaders) => return Err(Status::HEAD_TOO_LARGE),
            Err(httparse::Error::Version) => return Err(Status::VERSION),
            Err(_) => return Err(Status::BAD_REQUEST),
        }
        let modern = parsed.version == Some(1);
        let mut request = Request {
            method: method(parsed.method.unwrap_or_default()),
            target: parsed.path.unwrap_or_default(),
            modern,
            keep_alive: modern,
            framing: Framing::None,
            expects: false,
            gzip: false,
            range: None,
            if_range: None,
            if_match: None,
            if_none_match: None,
            if_modified_since: None,
            if_unmodified_since: None,
        };
        let mut hosts = 0;
        for header in parsed.headers.iter() {
            let value = std::str::from_utf8(header.value).unwrap_or_default();
            let mut name = [0; LONGEST];
            let Some(name) = name.get_mut(..header.name.len()) else { continue };
            name.copy_from_slice(header.name.as_bytes());
            name.make_ascii_lowercase();
            let slot = match &*name {
                b"host" => {
                    hosts += 1;
                    continue;
                }
                b"connection" => {
                    request.connection(value);
                    continue;
                }
                b"content-length" => {
                    request.content_length(value)?;
                    continue;
                }
                b"transfer-encoding" => {
                    request.transfer_encoding(value)?;
                    continue;
                }
                b"expect" => {
                    request.expects = modern && value.eq_ignore_ascii_case("100-continue");
                    continue;
                }
                b"accept-encoding" => {
                    request.gzip = accepts_gzip(value);
                    continue;
                }
                b"range" => &mut request.range,
                b"if-range" => &mut request.if_range,
                b"if-match" => &mut request.if_match,
                b"if-none-match" => &mut request.if_none_match,
                b"if-modified-since" => &mut request.if_modified_since,
                b"if-unmodified-since" => &mut request.if_unmodified_since,
                _ => continue,
            };
            *slot = Some(value);
        }
        if hosts > 1 || (modern && hosts == 0) {
            return Err(Status::BAD_REQUEST);
        }
        Ok(request)
    }

    fn connection(&mut self, value: &str) {
        for token in value.split(',').map(str::trim) {
            if token.eq_ignore_ascii_case("close") {
                self.keep_alive = false;
            } else if token.eq_ignore_ascii_case("keep-alive") && !self.modern {
                self.keep_alive = true;
            }
        }
    }

    /// Two opinions on where a body ends are one too many: who is in front of us may have another.
    fn content_length(&mut self, value: &str) -> Result<(), Status> {
        // Not `+1`, which `parse` takes.
        let digits = value.bytes().all(|byte| byte.is_ascii_digit());
        let length = value.parse().ok().filter(|_| digits).ok_or(Status::BAD_REQUEST)?;
        match self.framing {
            Framing::None => self.framing = Framing::Length(length),
            Framing::Length(before) if before == length => {}
            _ => return Err(Status::BAD_REQUEST),
        }
        Ok(())
    }

    fn transfer_encoding(&mut self, value: &str) -> Result<(), Status> {
        if !self.modern || self.framing != Framing::None {
            return Err(Status::BAD_REQUEST);
        }
        if !value.eq_ignore_ascii_case("chunked") {
            return Err(Status::NOT_IMPLEMENTED);
        }
        self.framing = Framing::Chunked;
        Ok(())
    }
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" | "PUT" | "DELETE" | "PATCH" | "OPTIONS" | "CONNECT" | "TRACE" => Method::Refused,
        _ => Method::Unknown,
    }
}

/// `gzip`, `x-gzip` or `*`, unless its weight is nought. RFC 9110, 12.5.3.
fn accepts_gzip(value: &str) -> bool {
    let mut any = false;
    for item in value.split(',') {
        let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
        let weight = parameters.trim().strip_prefix("q=").unwrap_or("1").trim();
        let wanted = weight.parse().is_ok_and(|weight: f32| weight > 0.0);
        match name.trim() {
            "gzip" | "x-gzip" => return wanted,
            "*" => any = wanted,
            _ => {}
        }
    }
    any
}
