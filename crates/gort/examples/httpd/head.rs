//! An answer's head.

use std::fmt::{self, Display};
use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status(pub(crate) u16, &'static str);

macro_rules! statuses {
    ($($name:ident $code:literal $text:literal)+) => {
        impl Status {
            $(pub(crate) const $name: Status = Status($code, $text);)+
        }
    };
}

statuses! {
    OK 200 "OK"
    PARTIAL_CONTENT 206 "Partial Content"
    MOVED_PERMANENTLY 301 "Moved Permanently"
    NOT_MODIFIED 304 "Not Modified"
    BAD_REQUEST 400 "Bad Request"
    FORBIDDEN 403 "Forbidden"
    NOT_FOUND 404 "Not Found"
    METHOD_NOT_ALLOWED 405 "Method Not Allowed"
    REQUEST_TIMEOUT 408 "Request Timeout"
    PRECONDITION_FAILED 412 "Precondition Failed"
    CONTENT_TOO_LARGE 413 "Content Too Large"
    URI_TOO_LONG 414 "URI Too Long"
    RANGE_NOT_SATISFIABLE 416 "Range Not Satisfiable"
    HEAD_TOO_LARGE 431 "Request Header Fields Too Large"
    INTERNAL_SERVER_ERROR 500 "Internal Server Error"
    NOT_IMPLEMENTED 501 "Not Implemented"
    SERVICE_UNAVAILABLE 503 "Service Unavailable"
    VERSION 505 "HTTP Version Not Supported"
}

impl Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, self.1)
    }
}

/// The time as headers have it, made anew once a second.
pub(crate) struct Date {
    second: u64,
    text: String,
}

impl Date {
    pub(crate) fn new() -> Date {
        Date { second: 0, text: String::new() }
    }

    /// What it is now.
    pub(crate) fn update(&mut self) -> &str {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        if self.text.is_empty() || now.as_secs() != self.second {
            self.second = now.as_secs();
            self.text = httpdate::fmt_http_date(UNIX_EPOCH + now);
        }
        &self.text
    }

    /// What it was when it was asked for.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

/// What becomes of the connection after the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Persist {
    /// It stays, as is usual.
    Stays,
    /// It stays, which HTTP/1.0 has to be told.
    Said,
    Ends,
}

/// Writes a head, header by header.
pub(crate) struct Head<'a>(&'a mut Vec<u8>);

impl<'a> Head<'a> {
    pub(crate) fn new(to: &'a mut Vec<u8>, status: Status, date: &str, then: Persist) -> Head<'a> {
        let Status(code, reason) = status;
        let digits = [100, 10, 1].map(|unit| b'0' + (code / unit % 10) as u8);
        for part in [b"HTTP/1.1 ", &digits[..], b" ", reason.as_bytes(), b"\r\n"] {
            to.extend_from_slice(part);
        }
        let mut head = Head(to);
        head.field("Date", date);
        match then {
            Persist::Stays => {}
            Persist::Said => head.field("Connection", "keep-alive"),
            Persist::Ends => head.field("Connection", "close"),
        }
        head
    }

    pub(crate) fn field(&mut self, name: &str, value: &str) {
        for part in [name, ": ", value, "\r\n"] {
            self.0.extend_from_slice(part.as_bytes());
        }
    }

    /// A value that has to be formatted.
    pub(crate) fn format(&mut self, name: &str, value: impl Display) {
        // Writing to memory does not fail.
        let _ = write!(self.0, "{name}: {value}\r\n");
    }

    pub(crate) fn end(self) {
        self.0.extend_from_slice(b"\r\n");
    }
}
