//! What has been received and not yet understood: heads and bodies, within their limits.

use crate::head::Status;
use crate::request::Framing;
use crate::wire::Wire;
use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

/// Enough for most heads.
const FIRST: usize = 2 << 10;

/// The limits.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) head: usize,
    pub(crate) body: u64,
    pub(crate) head_time: Duration,
    pub(crate) idle_time: Duration,
}

/// Why there is no request.
pub(crate) enum End {
    /// The client has nothing more to say, or has gone; and what that looked like.
    Gone(Option<io::Error>),
    /// It is to be told this, and not to be listened to any more.
    Refuse(Status),
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> End {
        End::Gone(Some(error))
    }
}

#[derive(Default)]
pub(crate) struct Input {
    buf: Vec<u8>,
    /// `buf[from..]` is still to be understood.
    from: usize,
    /// In `buf[..searched]` no head ends.
    searched: usize,
}

impl Input {
    /// Whether a request has begun.
    pub(crate) fn is_empty(&self) -> bool {
        self.from == self.buf.len()
    }

    fn bytes(&self) -> &[u8] {
        &self.buf[self.from..]
    }

    fn consume(&mut self, count: usize) {
        self.from += count;
        self.searched = self.from;
        if self.is_empty() {
            self.buf.clear();
            (self.from, self.searched) = (0, 0);
        }
    }

    /// Receives something; 0 bytes are the end.
    fn fill(&mut self, wire: &mut Wire) -> io::Result<usize> {
        self.buf.drain(..self.from);
        self.searched -= self.from;
        self.from = 0;
        let len = self.buf.len();
        // What is there already has been searched, so as much again is wanted.
        self.buf.resize((2 * len).max(FIRST), 0);
        let got = wire.read(&mut self.buf[len..]);
        self.buf.truncate(len + *got.as_ref().unwrap_or(&0));
        got
    }

    /// Waits for the first bytes of a request, while the connection is idle.
    pub(crate) fn begin(&mut self, wire: &mut Wire, limits: &Limits) -> Result<(), End> {
        wire.flush()?;
        wire.stream().read_within(limits.idle_time)?;
        if self.buf.capacity() > FIRST {
            self.buf = Vec::new();
        }
        match self.fill(wire) {
            Ok(1..) => Ok(()),
            // A connection may end here, one way or another.
            Ok(0) | Err(_) => Err(End::Gone(None)),
        }
    }

    /// Takes out a head, up to and with the empty line, into `head`.
    pub(crate) fn head(
        &mut self,
        wire: &mut Wire,
        limits: &Limits,
        head: &mut Vec<u8>,
    ) -> Result<(), End> {
        let mut begun = false;
        loop {
            let end = self.find_end();
            if end.unwrap_or(self.buf.len()) - self.from > limits.head {
                return Err(End::Refuse(Status::HEAD_TOO_LARGE));
            }
            if let Some(end) = end {
                head.clear();
                head.extend_from_slice(&self.buf[self.from..end]);
                self.consume(head.len());
                return Ok(());
            }
            if !std::mem::replace(&mut begun, true) {
                wire.flush()?;
                wire.stream().read_within(limits.head_time)?;
            }
            self.more(wire)?;
        }
    }

    /// Where the head ends, if all of it is there.
    fn find_end(&mut self) -> Option<usize> {
        // Empty lines in front of a request are ignored.
        while matches!(self.bytes(), [b'\r', b'\n', ..] | [b'\n', ..]) {
            self.from += 1;
        }
        // The line before may have been there already.
        for at in self.searched.saturating_sub(2).max(self.from)..self.buf.len() {
            match self.buf[at..] {
                [b'\n', b'\n', ..] => return Some(at + 2),
                [b'\n', b'\r', b'\n', ..] => return Some(at + 3),
                _ => {}
            }
        }
        self.searched = self.buf.len();
        None
    }

    /// Receives something that belongs to a request.
    fn more(&mut self, wire: &mut Wire) -> Result<(), End> {
        match self.fill(wire) {
            Ok(0) => Err(End::Gone(Some(ErrorKind::UnexpectedEof.into()))),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::TimedOut => {
                Err(End::Refuse(Status::REQUEST_TIMEOUT))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Reads a request's body, which nobody wants, so that the next request can be read.
    pub(crate) fn skip_body(
        &mut self,
        wire: &mut Wire,
        limits: &Limits,
        framing: Framing,
        expects: bool,
    ) -> Result<(), End> {
        if framing == Framing::None {
            return Ok(());
        }
        if let Framing::Length(length) = framing
            && length > limits.body
        {
            return Err(End::Refuse(Status::CONTENT_TOO_LARGE));
        }
        if expects && self.is_empty() {
            wire.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        wire.flush()?;
        wire.stream().read_within(limits.head_time)?;
        match framing {
            Framing::Length(length) => self.skip(wire, length),
            _ => self.skip_chunks(wire, limits.body),
        }
    }

    fn skip(&mut self, wire: &mut Wire, mut count: u64) -> Result<(), End> {
        loop {
            let here = count.min(self.bytes().len() as u64);
            self.consume(here as usize);
            count -= here;
            if count == 0 {
                return Ok(());
            }
            self.more(wire)?;
        }
    }

    fn skip_chunks(&mut self, wire: &mut Wire, mut budget: u64) -> Result<(), End> {
        loop {
            // What parses a size takes none at all for nought.
            if !self.bytes().first().is_none_or(u8::is_ascii_hexdigit) {
                return Err(End::Refuse(Status::BAD_REQUEST));
            }
            let (line, size) = match httparse::parse_chunk_size(self.bytes()) {
                Ok(httparse::Status::Complete(found)) => found,
                Ok(httparse::Status::Partial) if self.bytes().len() < FIRST => {
                    self.more(wire)?;
                    continue;
                }
                _ => return Err(End::Refuse(Status::BAD_REQUEST)),
            };
            self.consume(line);
            // With its line, for a chunk of a byte is dear.
            budget = budget
                .checked_sub(size.saturating_add(line as u64))
                .ok_or(End::Refuse(Status::CONTENT_TOO_LARGE))?;
            if size == 0 {
                return self.skip_trailers(wire, budget);
            }
            self.skip(wire, size)?;
            if self.skip_line(wire, 2)? != 0 {
                return Err(End::Refuse(Status::BAD_REQUEST));
            }
        }
    }

    /// Up to and with an empty line.
    fn skip_trailers(&mut self, wire: &mut Wire, mut budget: u64) -> Result<(), End> {
        loop {
            let length = self.skip_line(wire, FIRST)?;
            if length == 0 {
                return Ok(());
            }
            budget =
                budget.checked_sub(length as u64).ok_or(End::Refuse(Status::CONTENT_TOO_LARGE))?;
        }
    }

    /// A line of at most so many bytes; returns how many there were in front of its end.
    fn skip_line(&mut self, wire: &mut Wire, most: usize) -> Result<usize, End> {
        loop {
            if let Some(end) = self.bytes().iter().take(most).position(|&byte| byte == b'\n') {
                let length = end - usize::from(self.bytes()[..end].ends_with(b"\r"));
                self.consume(end + 1);
                return Ok(length);
            }
            if self.bytes().len() >= most {
                return Err(End::Refuse(Status::BAD_REQUEST));
            }
            self.more(wire)?;
        }
    }
}
