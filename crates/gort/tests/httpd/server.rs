//! The server, in a process of its own, and what it serves.

use crate::client::{Answer, Client};
use crate::support::example::example;
use gort_sys::types::{Pid, Signal};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

/// So long something may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A directory that is gone afterwards.
pub(crate) struct Dir(PathBuf);

impl Dir {
    /// With a file `a.txt`.
    pub(crate) fn new() -> Dir {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("gort-httpd-{}-{number}", std::process::id());
        let dir = Dir(std::env::temp_dir().join(name));
        fs::create_dir(&dir.0).unwrap();
        dir.write("a.txt", "hello\n");
        dir
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// A file, and the directories that it is in.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What it has written so far.
#[derive(Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    more: Condvar,
}

pub(crate) struct Server {
    child: Child,
    pub(crate) addr: SocketAddr,
    log: Arc<Log>,
    pub(crate) dir: Dir,
}

/// The program, which listens where there is room.
pub(crate) fn command(dir: &Dir, args: &[&str]) -> Command {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let mut command = Command::new(PROGRAM.get_or_init(|| example("httpd")));
    command.args(["--listen", "127.0.0.1:0", "--root"]).arg(dir.path()).args(args);
    command
}

impl Server {
    pub(crate) fn start(args: &[&str]) -> Server {
        let dir = Dir::new();
        let command = command(&dir, args);
        Server::run(dir, command)
    }

    pub(crate) fn run(dir: Dir, mut command: Command) -> Server {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Log::default());
        collect(Arc::clone(&log), child.stdout.take().unwrap());
        collect(Arc::clone(&log), child.stderr.take().unwrap());
        let mut server = Server { child, addr: ([127, 0, 0, 1], 0).into(), log, dir };
        let line = server.line("httpd: serving ");
        let addr = line.split("//").nth(1).unwrap().trim_end_matches('/');
        server.addr = addr.parse().unwrap();
        server
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.addr)
    }

    /// By a connection of its own.
    pub(crate) fn get(&self, target: &str, headers: &[&str]) -> Answer {
        self.client().get(target, headers)
    }

    /// It serves others as if nothing were.
    pub(crate) fn is_well(&self) {
        let answer = self.get("/a.txt", &[]);
        assert_eq!((answer.status, answer.text()), (200, "hello\n"));
    }

    /// Waits for a line with this text, and returns it.
    pub(crate) fn line(&self, text: &str) -> String {
        let begin = Instant::now();
        let mut lines = self.log.lines.lock().unwrap();
        loop {
            if let Some(line) = lines.iter().find(|line| line.contains(text)) {
                return line.clone();
            }
            assert!(begin.elapsed() < PATIENCE, "no line with {text:?}: {lines:#?}");
            lines = self.log.more.wait_timeout(lines, Duration::from_secs(1)).unwrap().0;
        }
    }

    /// How many lines have this text by now.
    pub(crate) fn count(&self, text: &str) -> usize {
        self.log.lines.lock().unwrap().iter().filter(|line| line.contains(text)).count()
    }

    /// How many sockets, files and directories it has open; what the runtime waits with, it makes when
    /// it is first needed, and the file in which it looks at its threads is not there all the time.
    pub(crate) fn descriptors(&self) -> usize {
        let open = fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap();
        let targets = open.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        let runtimes = |name: &str| name.starts_with("anon_inode:") || name.contains("/task/");
        targets.filter(|target| !runtimes(&target.to_string_lossy())).count()
    }

    /// Waits until it has as many again.
    pub(crate) fn settles(&self, descriptors: usize) {
        let begin = Instant::now();
        while self.descriptors() != descriptors {
            assert!(begin.elapsed() < PATIENCE, "{} are open", self.descriptors());
            thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid(self.child.id().try_into().unwrap());
        gort_sys::raw::kill(pid, signal).unwrap();
    }

    /// Waits until it has ended by itself.
    pub(crate) fn exit(&mut self) -> ExitStatus {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begin.elapsed() < PATIENCE, "it does not end");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

fn collect(log: Arc<Log>, output: impl Read + Send + 'static) {
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            log.lines.lock().unwrap().push(line);
            log.more.notify_all();
        }
    });
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("{:#?}", self.log.lines.lock().unwrap());
        }
    }
}
