//! Serves a directory over HTTP/1.1: `cargo run --release --example httpd -- --root DIR`.
//!
//! One goroutine for each connection, in plain blocking code. The files in the order in which a request
//! meets them:
//!
//! | File | Concept |
//! |-|-|
//! | `options` | the command line |
//! | `server` | connections: accepting, counting, draining |
//! | `connection` | the requests of one connection, one after another |
//! | `stream` | a socket with its time limits, plain or with TLS |
//! | `wire` | what is to be sent, held back until there is nothing left to read |
//! | `input` | what has been received: heads and bodies, within their limits |
//! | `request` | a head's meaning |
//! | `path` | the path in it, and what cannot be one |
//! | `files` | files below the root, and nowhere else |
//! | `answer` | what to say to a request |
//! | `conditions`, `ranges` | whether, and which part |
//! | `kind` | what is in a file |
//! | `head` | an answer's head |
//! | `body` | files on their way: `sendfile`, parts, gzip |
//! | `listing` | a directory as a page |
//! | `log` | lines about all this |

mod answer;
mod body;
mod conditions;
mod connection;
mod files;
mod head;
mod input;
mod kind;
mod listing;
mod log;
mod options;
mod path;
mod ranges;
mod request;
mod server;
mod stream;
mod wire;

use gort::net::TcpListener;
use gort::signal::{Signal, notify};
use gort::syscall::types::{Pid, Resource, Rlimit};
use options::Options;
use server::Server;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;

#[gort::main]
fn main() -> ExitCode {
    let options = match Options::from_args(std::env::args_os().skip(1)) {
        Ok(options) => options,
        Err(wrong) => {
            eprintln!("httpd: {wrong}\n{}", options::USAGE);
            return ExitCode::from(2);
        }
    };
    match serve(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("httpd: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Until SIGTERM or SIGINT.
fn serve(options: Options) -> io::Result<()> {
    allow_many_files();
    let stop = notify(&[Signal::TERM, Signal::INT]);
    let listener = TcpListener::bind(&*options.listen)
        .map_err(|error| io::Error::other(format!("{}: {error}", options.listen)))?;
    let addr = listener.local_addr()?;
    let server = Arc::new(Server::new(options)?);
    let scheme = if server.tls.is_some() { "https" } else { "http" };
    log::error(format_args!("serving {} at {scheme}://{addr}/", server.options.root.display()));
    gort::scope(|s| {
        s.go(|| server.accept(&listener));
        // Whichever it is.
        let _ = stop.recv();
        server.drain(&listener);
    });
    Ok(())
}

/// A connection is a descriptor, and the limit for most programs is that of `select(2)`.
fn allow_many_files() {
    let none = Pid(0);
    let limit = gort::syscall::prlimit64(none, Resource::NOFILE, None);
    if let Ok(Rlimit { max, .. }) = limit {
        let most = Rlimit { current: max, max };
        let _ = gort::syscall::prlimit64(none, Resource::NOFILE, Some(&most));
    }
}
