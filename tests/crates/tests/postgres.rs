//! The postgres crate, which has tokio inside, against Debian's PostgreSQL if there is one, and against a server
//! of a page.

mod support;

use postgres::{Client, NoTls, SimpleQueryMessage};
use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Barrier;
use std::time::Duration;
use support::{all, few_threads, server};

const CLIENTS: usize = 50;

fn connect(addr: SocketAddr) -> Client {
    let how = format!("host={} port={} user=gort dbname=postgres", addr.ip(), addr.port());
    Client::connect(&how, NoTls).unwrap()
}

/// What the crate is to find on any server: answers, and a time in which all wait for theirs.
fn use_it(addr: SocketAddr) {
    let together = Barrier::new(CLIENTS);
    all(CLIENTS, |i| {
        let mut client = connect(addr);
        together.wait();
        for query in ["SELECT pg_sleep(0.1)".to_owned(), format!("SELECT '{i}'")] {
            let rows = client.simple_query(&query).unwrap();
            let row = rows.iter().find_map(|message| match message {
                SimpleQueryMessage::Row(row) => row.get(0),
                _ => None,
            });
            let expected = if query.contains("sleep") { String::new() } else { i.to_string() };
            assert_eq!(row, Some(&*expected));
        }
        client.close().unwrap();
    });
}

/// Prepared statements, transactions and rows, which the page does not have.
fn use_all_of_it(addr: SocketAddr) {
    connect(addr)
        .batch_execute("CREATE TABLE counts (n BIGINT); INSERT INTO counts VALUES (0)")
        .unwrap();
    all(CLIENTS, |_| {
        let mut client = connect(addr);
        let mut transaction = client.transaction().unwrap();
        let row = transaction.query_one("SELECT n FROM counts FOR UPDATE", &[]).unwrap();
        let n: i64 = row.get(0);
        transaction.execute("UPDATE counts SET n = $1", &[&(n + 1)]).unwrap();
        transaction.commit().unwrap();
    });
    let n: i64 = connect(addr).query_one("SELECT n FROM counts", &[]).unwrap().get(0);
    assert_eq!(n, CLIENTS as i64);
}

/// A server and its files, which end with it.
struct Server {
    child: Child,
    dir: PathBuf,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It ends its children, too.
        let _ = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// Where Debian keeps the programs: the newest.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut versions: Vec<_> = versions.filter_map(|version| Some(version.ok()?.path())).collect();
    versions.sort();
    versions.pop().map(|version| version.join("bin")).filter(|bin| bin.join("initdb").exists())
}

/// It refuses to run as root.
fn command(program: PathBuf) -> Command {
    let mut command = Command::new(program);
    if is_root() {
        command.uid(NOBODY).gid(NOBODY).current_dir("/");
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

const NOBODY: u32 = 65_534;

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

fn postgresql(dir: &Path) -> Option<(Server, SocketAddr)> {
    let bin = programs()?;
    std::fs::create_dir(dir).ok()?;
    if is_root() {
        std::os::unix::fs::chown(dir, Some(NOBODY), Some(NOBODY)).ok()?;
    }
    let data = dir.join("data");
    let made = command(bin.join("initdb"))
        .args(["--auth=trust", "--username=gort", "--no-sync", "--locale=C", "-D"])
        .arg(&data)
        .status();
    // Free until a moment ago.
    let addr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let child = command(bin.join("postgres"))
        .args(["-F", "-h", "127.0.0.1", "-p", &addr.port().to_string(), "-k"])
        .arg(dir)
        .arg("-D")
        .arg(&data)
        .spawn();
    if !made.is_ok_and(|status| status.success()) || child.is_err() {
        let _ = std::fs::remove_dir_all(dir);
        return None;
    }
    let mut server = Server { child: child.unwrap(), dir: dir.into() };
    let how = format!("host=127.0.0.1 port={} user=gort dbname=postgres", addr.port());
    while Client::connect(&how, NoTls).is_err() {
        if server.child.try_wait().unwrap().is_some() {
            return None;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Some((server, addr))
}

#[test]
fn debians_server() {
    let dir = std::env::temp_dir().join(format!("gort-postgres-{}", std::process::id()));
    match postgresql(&dir) {
        Some((_server, addr)) => few_threads(0, || {
            use_it(addr);
            use_all_of_it(addr);
        }),
        None => {
            println!("no PostgreSQL that can be run: the other test's only");
            let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            few_threads(0, || {
                let how = format!("host=127.0.0.1 port={} user=gort", nobody.port());
                let error = Client::connect(&how, NoTls).err().unwrap();
                assert!(error.to_string().contains("error connecting"), "{error}");
            });
        }
    }
}

#[test]
fn one_of_a_page() {
    few_threads(0, || use_it(server(serve)));
}

/// A message: its kind, its length with itself, and what is in it.
fn message(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length = 4 + parts.iter().map(|part| part.len()).sum::<usize>() as u32;
    [&[kind][..], &length.to_be_bytes(), &parts.concat()].concat()
}

fn read_message(stream: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let mut body = vec![0; u32::from_be_bytes(length) as usize - 4];
    stream.read_exact(&mut body).ok()?;
    Some(body)
}

fn serve(mut stream: BufReader<TcpStream>) {
    let ready = message(b'Z', &[b"I"]);
    // Who it is, to which it says that this is well.
    read_message(&mut stream).unwrap();
    let hello = [message(b'R', &[&[0; 4]]), ready.clone()].concat();
    stream.get_mut().write_all(&hello).unwrap();
    let mut kind = [0];
    while stream.read_exact(&mut kind).is_ok() && kind == *b"Q" {
        let query = read_message(&mut stream).unwrap();
        let query = String::from_utf8(query).unwrap();
        let value = query.split('\'').nth(1).unwrap_or_default();
        if query.contains("pg_sleep") {
            std::thread::sleep(Duration::from_millis(100));
        }
        // One column, of type text.
        let column: &[&[u8]] =
            &[&[0, 1], b"value\0", &[0; 6], &[0, 0, 0, 25], &[255; 2], &[255; 4], &[0; 2]];
        let length = (value.len() as u32).to_be_bytes();
        let answer = [
            message(b'T', column),
            message(b'D', &[&[0, 1], &length, value.as_bytes()]),
            message(b'C', &[b"SELECT 1\0"]),
            ready.clone(),
        ];
        stream.get_mut().write_all(&answer.concat()).unwrap();
    }
}
