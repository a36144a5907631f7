//! The requests of one connection, one after another.

use crate::answer::{Reply, Sent};
use crate::body::Failure;
use crate::head::{Date, Head, Persist, Status};
use crate::input::{End, Input, Limits};
use crate::log;
use crate::request::{Framing, Method, Request};
use crate::server::{Client, Server};
use crate::stream::Stream;
use crate::wire::Wire;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long, and for how many bytes, a client that was refused may go on before the connection is closed.
const LINGER: (Duration, usize) = (Duration::from_secs(2), 4 << 20);

pub(crate) struct Connection<'a> {
    server: &'a Server,
    client: &'a Client,
    peer: SocketAddr,
    limits: Limits,
    wire: Wire,
    input: Input,
    date: Date,
}

impl<'a> Connection<'a> {
    pub(crate) fn new(
        server: &'a Server,
        client: &'a Client,
        peer: SocketAddr,
        stream: Stream,
    ) -> Connection<'a> {
        let options = &server.options;
        Connection {
            server,
            client,
            peer,
            limits: Limits {
                head: options.max_head,
                body: options.max_body,
                head_time: options.head_time,
                idle_time: options.idle_time,
            },
            wire: Wire::new(stream),
            input: Input::default(),
            date: Date::new(),
        }
    }

    /// Until one of both has had enough.
    pub(crate) fn serve(mut self) {
        let peer = self.peer;
        if let Err(error) = self.wire.stream().handshake(self.limits.head_time) {
            return log::error(format_args!("{peer}: TLS: {error}"));
        }
        match self.requests() {
            Ok(()) => {
                // It may have been said already, or the client be gone.
                let _ = self.wire.flush().and_then(|()| self.wire.stream().finish());
            }
            Err(Failure::Client(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                log::error(format_args!("{peer}: takes nothing"));
            }
            Err(Failure::Client(error)) => log::error(format_args!("{peer}: {error}")),
            Err(Failure::File(error)) => {
                log::error(format_args!("{peer}: cannot complete an answer: {error}"));
            }
        }
    }

    fn requests(&mut self) -> Result<(), Failure> {
        let mut head = Vec::new();
        loop {
            if self.input.is_empty() {
                self.wire.flush()?;
                if !self.client.may_idle(self.server) {
                    return Ok(());
                }
                match self.input.begin(&mut self.wire, &self.limits) {
                    Ok(()) => self.client.works(),
                    Err(end) => return self.end(end),
                }
            }
            let since = self.clock();
            if let Err(end) = self.input.head(&mut self.wire, &self.limits, &mut head) {
                return self.end(end);
            }
            let request = match Request::parse(&head) {
                Ok(request) => request,
                Err(status) => return self.refuse(status, &head),
            };
            let Request { method, framing, expects, .. } = request;
            // A client that asks first whether it may send a body in vain is told so.
            let vain = framing != Framing::None
                && expects
                && !matches!(method, Method::Get | Method::Head);
            if !vain {
                let skipped = self.input.skip_body(&mut self.wire, &self.limits, framing, expects);
                match skipped {
                    Ok(()) => {}
                    Err(End::Refuse(status)) => return self.refuse(status, &head),
                    Err(end) => return self.end(end),
                }
            }
            let then = if vain || !request.keep_alive || self.server.is_draining() {
                Persist::Ends
            } else if request.modern {
                Persist::Stays
            } else {
                Persist::Said
            };
            let mut reply = Reply {
                request: &request,
                root: &self.server.root,
                wire: &mut self.wire,
                date: self.date.update(),
                then,
            };
            let Sent { status, bytes } = reply.send()?;
            self.log(&head, status, bytes, since);
            if then == Persist::Ends {
                // It may be sending something all the same.
                return if vain || !self.input.is_empty() { self.linger() } else { Ok(()) };
            }
            if self.wire.is_full() {
                self.wire.flush()?;
            }
        }
    }

    fn end(&mut self, end: End) -> Result<(), Failure> {
        match end {
            End::Gone(None) => Ok(()),
            End::Gone(Some(error)) => Err(Failure::Client(error)),
            End::Refuse(status) => self.refuse(status, b""),
        }
    }

    /// Says what is wrong, and ends the connection.
    fn refuse(&mut self, status: Status, head: &[u8]) -> Result<(), Failure> {
        let since = self.clock();
        self.date.update();
        let text = format!("{status}\n");
        let mut answer = Head::new(self.wire.held(), status, self.date.text(), Persist::Ends);
        answer.field("Content-Type", "text/plain; charset=utf-8");
        answer.format("Content-Length", text.len());
        answer.end();
        self.wire.held().extend_from_slice(text.as_bytes());
        self.log(head, status, text.len() as u64, since);
        self.linger()
    }

    /// Stops listening, but not before the client has had the time to see the answer.
    fn linger(&mut self) -> Result<(), Failure> {
        self.wire.flush()?;
        self.wire.stream().finish()?;
        self.wire.stream().read_within(LINGER.0)?;
        self.wire.stream().discard(LINGER.1);
        Ok(())
    }

    /// When a request begins, if that is to be told.
    fn clock(&self) -> Option<Instant> {
        (!self.server.options.quiet).then(Instant::now)
    }

    fn log(&self, head: &[u8], status: Status, bytes: u64, since: Option<Instant>) {
        if let Some(since) = since {
            let line = head.split(|&byte| byte == b'\n').next().unwrap_or_default();
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let (peer, date, status) = (self.peer, self.date.text(), status.0);
            log::request(&log::Request { peer, date, line, status, bytes, since });
        }
    }
}
