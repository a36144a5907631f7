//! What is to be sent, held back until there is nothing left to read: a small answer goes out in one
//! write, with its head and with the answers to other requests that came in the same packet.

use crate::stream::Stream;
use gort::sync::Pool;
use std::io::{self, Read, Write};

/// More than this is not held back.
const MOST: usize = 64 << 10;

/// A connection that waits for a request needs none.
static BUFFERS: Pool<Vec<u8>> = Pool::new(Vec::new);

pub(crate) struct Wire {
    stream: Stream,
    out: Vec<u8>,
}

impl Wire {
    pub(crate) fn new(stream: Stream) -> Wire {
        Wire { stream, out: Vec::new() }
    }

    pub(crate) fn stream(&mut self) -> &mut Stream {
        &mut self.stream
    }

    /// What is held back, to be added to or taken back from.
    pub(crate) fn held(&mut self) -> &mut Vec<u8> {
        if self.out.capacity() == 0 {
            self.out = BUFFERS.get();
        }
        &mut self.out
    }

    /// Whether it is time for a flush.
    pub(crate) fn is_full(&self) -> bool {
        self.out.len() >= MOST
    }
}

impl Read for Wire {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.flush()?;
        self.stream.read(buf)
    }
}

impl Write for Wire {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if self.is_full() {
            self.flush()?;
        }
        self.held().extend_from_slice(buf);
        Ok(buf.len())
    }

    /// Sends everything.
    fn flush(&mut self) -> io::Result<()> {
        let mut sent = 0;
        while sent < self.out.len() {
            match self.stream.write(&self.out[sent..])? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                some => sent += some,
            }
        }
        if sent > 0 {
            self.stream.flush()?;
            self.out.clear();
            // One large answer must not make all of them large.
            if self.out.capacity() <= 2 * MOST {
                BUFFERS.put(std::mem::take(&mut self.out));
            }
        }
        Ok(())
    }
}
