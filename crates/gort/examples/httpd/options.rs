//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) const USAGE: &str = "\
usage: httpd [OPTION...]
  --root DIR             what to serve (the working directory)
  --listen ADDR:PORT     where (127.0.0.1:8080; port 0: any that is free)
  --tls CERT KEY         https, with these PEM files
  --follow-symlinks      symbolic links may lead out of the root
  --quiet                no line for each request
  --max-connections N    further ones are turned away with 503 (100000)
  --max-head BYTES       of a request's line and headers (16384)
  --max-body BYTES       of a request's body, which is ignored (65536)
  --head-time SECONDS    for a head to be complete, or a body (10)
  --idle-time SECONDS    between requests (60)
  --send-time SECONDS    in which the client must take something (30)
  --drain-time SECONDS   for requests to be completed after SIGTERM (10)";

pub(crate) struct Options {
    pub(crate) root: PathBuf,
    pub(crate) listen: String,
    pub(crate) tls: Option<(PathBuf, PathBuf)>,
    pub(crate) follow_symlinks: bool,
    pub(crate) quiet: bool,
    pub(crate) max_connections: usize,
    pub(crate) max_head: usize,
    pub(crate) max_body: u64,
    pub(crate) head_time: Duration,
    pub(crate) idle_time: Duration,
    pub(crate) send_time: Duration,
    pub(crate) drain_time: Duration,
}

impl Options {
    /// The error says what is wrong, for people.
    pub(crate) fn from_args(args: impl Iterator<Item = OsString>) -> Result<Options, String> {
        let mut options = Options {
            root: PathBuf::from("."),
            listen: "127.0.0.1:8080".into(),
            tls: None,
            follow_symlinks: false,
            quiet: false,
            max_connections: 100_000,
            max_head: 16 << 10,
            max_body: 64 << 10,
            head_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(60),
            send_time: Duration::from_secs(30),
            drain_time: Duration::from_secs(10),
        };
        let mut args = args;
        while let Some(arg) = args.next() {
            let name = arg.to_string_lossy().into_owned();
            let mut value = || args.next().ok_or_else(|| format!("{name} needs a value"));
            match &*name {
                "--root" => options.root = value()?.into(),
                "--listen" => options.listen = value()?.to_string_lossy().into_owned(),
                "--tls" => options.tls = Some((value()?.into(), value()?.into())),
                "--follow-symlinks" => options.follow_symlinks = true,
                "--quiet" => options.quiet = true,
                "--max-connections" => options.max_connections = number(&name, value()?)?,
                "--max-head" => options.max_head = number(&name, value()?)?,
                "--max-body" => options.max_body = number(&name, value()?)?,
                "--head-time" => options.head_time = seconds(&name, value()?)?,
                "--idle-time" => options.idle_time = seconds(&name, value()?)?,
                "--send-time" => options.send_time = seconds(&name, value()?)?,
                "--drain-time" => options.drain_time = seconds(&name, value()?)?,
                _ => return Err(format!("{name} is not an option")),
            }
        }
        Ok(options)
    }
}

fn number<T: std::str::FromStr>(name: &str, value: OsString) -> Result<T, String> {
    let value = value.to_string_lossy();
    value.parse().map_err(|_| format!("{name}: {value} is not a number"))
}

/// May have a fraction.
fn seconds(name: &str, value: OsString) -> Result<Duration, String> {
    let seconds = number(name, value)?;
    Duration::try_from_secs_f64(seconds).map_err(|error| format!("{name}: {error}"))
}
