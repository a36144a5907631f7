//! Servers of files, asked by wrk: each is started, asked for some time, and ended again.

use crate::run::{Failure, Printed, in_group, kill, output};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

/// A server.
pub(crate) enum Server {
    Httpd(PathBuf),
    /// A program that takes an address and a folder, and perhaps a word.
    Files(PathBuf, Option<&'static str>),
    Nginx,
}

/// What wrk asks for, on how many connections, and which of its figures counts.
pub(crate) struct Load {
    file: &'static str,
    len: usize,
    connections: usize,
    figure: &'static str,
}

/// Many that ask for little.
pub(crate) const SMALL: Load =
    Load { file: "small.html", len: 1024, connections: 100, figure: "Requests/sec:" };
/// A few that ask for much.
pub(crate) const LARGE: Load =
    Load { file: "large.bin", len: 200_000_000, connections: 4, figure: "Transfer/sec:" };

/// For how long wrk asks: the least that it can.
const SECONDS: &str = "-d1";

/// Starts a server, asks it, and ends it.
pub(crate) fn run(server: &Server, load: &Load) -> Result<Printed, Failure> {
    let failed = |what: String| Failure::Failed(what);
    let dir = folder(load).map_err(|error| failed(error.to_string()))?;
    let at = free().map_err(|error| failed(error.to_string()))?;
    let mut command = server.command(&dir, &at).map_err(|error| failed(error.to_string()))?;
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = in_group(&mut command).spawn().map_err(|error| failed(error.to_string()))?;
    let start = Instant::now();
    while TcpStream::connect(&at).is_err() {
        if start.elapsed() > Duration::from_secs(10) {
            kill(&mut child);
            return Err(failed("it does not listen".into()));
        }
        thread::sleep(Duration::from_millis(20));
    }
    let mut wrk = Command::new("wrk");
    wrk.arg("-t1").arg(format!("-c{}", load.connections));
    let said =
        output(wrk.arg(SECONDS).arg(format!("http://{at}/{}", load.file)), Duration::from_secs(30));
    kill(&mut child);
    let said = said?;
    let line = said.lines().find_map(|line| line.trim().strip_prefix(load.figure));
    match line.and_then(number) {
        Some(figure) if !said.contains("Non-2xx") => {
            Ok(Printed { figures: [(String::new(), figure)].into(), quantiles: Vec::new() })
        }
        _ => Err(failed(format!("wrk says {said:?}"))),
    }
}

/// wrk's numbers have units.
fn number(text: &str) -> Option<f64> {
    let text = text.trim().trim_end_matches('B');
    let number = text.trim_end_matches(['K', 'M', 'G']);
    let scale = match &text[number.len()..] {
        "K" => 1024.0,
        "M" => 1024.0 * 1024.0,
        "G" => 1024.0 * 1024.0 * 1024.0,
        _ => 1.0,
    };
    Some(number.parse::<f64>().ok()? * scale)
}

/// An address where nobody listens.
fn free() -> io::Result<String> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.to_string())
}

/// The folder that is served, with the file in it.
fn folder(load: &Load) -> io::Result<PathBuf> {
    let dir = std::env::temp_dir().join("gort-peers-www");
    fs::create_dir_all(&dir)?;
    let file = dir.join(load.file);
    if fs::metadata(&file).map_or(0, |known| known.len()) != load.len as u64 {
        fs::write(file, vec![b'x'; load.len])?;
    }
    Ok(dir)
}

impl Server {
    fn command(&self, dir: &Path, at: &str) -> io::Result<Command> {
        Ok(match self {
            Server::Httpd(program) => {
                let mut command = Command::new(program);
                command.args(["--quiet", "--listen", at, "--root"]).arg(dir);
                command
            }
            Server::Files(program, word) => {
                let mut command = Command::new(program);
                command.arg(at).arg(dir).args(*word);
                command
            }
            Server::Nginx => {
                let config = dir.with_extension("nginx");
                let (root, pid) = (dir.display(), config.with_extension("pid"));
                let pid = pid.display();
                let text = format!(
                    "daemon off; worker_processes auto; pid {pid}; error_log /dev/null;\n\
                     events {{ worker_connections 1024; }}\n\
                     http {{ sendfile on; access_log off; keepalive_requests 1000000000;\n\
                     server {{ listen {at}; root {root}; }} }}\n"
                );
                fs::write(&config, text)?;
                let mut command = Command::new("nginx");
                command.arg("-c").arg(config).arg("-p").arg(dir);
                command
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read() {
        assert_eq!(number("  137001.51"), Some(137_001.51));
        assert_eq!(number("  1.50GB"), Some(1.5 * 1024.0 * 1024.0 * 1024.0));
        assert_eq!(number("2.00KB"), Some(2048.0));
        assert_eq!(number("none"), None);
    }
}
