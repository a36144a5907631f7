//! The redis crate, against Debian's server if there is one, and against one of a page.

mod support;

use redis::Commands;
use std::collections::{HashMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use support::{all, few_threads, line, server};

const CLIENTS: usize = 200;

/// What the crate is to find on any server.
fn use_it(addr: SocketAddr) {
    let client = redis::Client::open(format!("redis://{addr}/")).unwrap();
    gort::scope(|s| {
        // All wait for the list.
        for _ in 0..CLIENTS {
            s.go(|| {
                let mut connection = client.get_connection().unwrap();
                let (list, value): (String, usize) = connection.blpop("list", 0.0).unwrap();
                assert_eq!(list, "list");
                let _: usize = connection.incr("sum", value).unwrap();
                let _: usize = connection.incr("takers", 1).unwrap();
            });
        }
        let mut connection = client.get_connection().unwrap();
        for i in 0..CLIENTS {
            let _: usize = connection.rpush("list", i).unwrap();
        }
    });
    let mut connection = client.get_connection().unwrap();
    assert_eq!(connection.get::<_, usize>("sum").unwrap(), CLIENTS * (CLIENTS - 1) / 2);
    assert_eq!(connection.get::<_, usize>("takers").unwrap(), CLIENTS);
    let values: Vec<usize> = redis::pipe().get("sum").get("takers").query(&mut connection).unwrap();
    assert_eq!(values, [CLIENTS * (CLIENTS - 1) / 2, CLIENTS]);
    all(20, |_| {
        let mut connection = client.get_connection().unwrap();
        connection.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let error = connection.blpop::<_, (String, usize)>("list", 0.0).unwrap_err();
        assert!(error.is_timeout(), "{error}");
    });
}

/// Ends it.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Debian's, on a port of its own.
fn redis_server() -> Option<(Server, SocketAddr)> {
    let program = std::env::var("REDIS_SERVER").unwrap_or("redis-server".into());
    // Free until a moment ago.
    let addr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let port = addr.port().to_string();
    let mut command = Command::new(program);
    command.args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().ok()?;
    let mut server = Server(child);
    while TcpStream::connect(addr).is_err() {
        assert_eq!(server.0.try_wait().unwrap(), None, "it has ended");
        std::thread::sleep(Duration::from_millis(10));
    }
    Some((server, addr))
}

#[test]
fn debians_server() {
    match redis_server() {
        Some((_server, addr)) => few_threads(0, || use_it(addr)),
        None => {
            println!(
                "no redis-server on the path, and none that REDIS_SERVER names: the other test's only"
            );
            let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            few_threads(0, || {
                let client = redis::Client::open(format!("redis://{nobody}/")).unwrap();
                let error = client.get_connection().err().unwrap();
                assert!(error.is_connection_refusal(), "{error}");
            });
        }
    }
}

#[test]
fn one_of_a_page() {
    few_threads(0, || {
        let store = Arc::new(Store::default());
        use_it(server(move |stream| serve(stream, &store)));
    });
}

#[derive(Default)]
struct Store {
    numbers: Mutex<HashMap<String, i64>>,
    lists: Mutex<HashMap<String, VecDeque<String>>>,
    pushed: Condvar,
}

/// A command: an array of texts, each with its length.
fn command(stream: &mut BufReader<TcpStream>) -> Option<Vec<String>> {
    let count = line(stream)?.strip_prefix('*')?.parse().ok()?;
    (0..count)
        .map(|_| {
            let length: usize = line(stream)?.strip_prefix('$')?.parse().ok()?;
            let mut text = vec![0; length + 2];
            stream.read_exact(&mut text).ok()?;
            text.truncate(length);
            String::from_utf8(text).ok()
        })
        .collect()
}

fn text(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

fn serve(mut stream: BufReader<TcpStream>, store: &Store) {
    // Who has gone is no longer answered.
    while stream.fill_buf().is_ok_and(|bytes| !bytes.is_empty()) {
        let Some(words) = command(&mut stream) else { return };
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let answer = match words[..] {
            ["GET", name] => match store.numbers.lock().unwrap().get(name) {
                Some(number) => text(&number.to_string()),
                None => "$-1\r\n".into(),
            },
            ["INCRBY", name, by] => {
                let mut numbers = store.numbers.lock().unwrap();
                let number = numbers.entry(name.into()).or_default();
                *number += by.parse::<i64>().unwrap();
                format!(":{number}\r\n")
            }
            ["RPUSH", name, value] => {
                let mut lists = store.lists.lock().unwrap();
                let list = lists.entry(name.into()).or_default();
                list.push_back(value.into());
                store.pushed.notify_one();
                format!(":{}\r\n", list.len())
            }
            ["BLPOP", name, _] => {
                let mut lists = store.lists.lock().unwrap();
                let value = loop {
                    if let Some(value) = lists.get_mut(name).and_then(VecDeque::pop_front) {
                        break value;
                    }
                    lists = store.pushed.wait(lists).unwrap();
                };
                format!("*2\r\n{}{}", text(name), text(&value))
            }
            // What a client says of itself.
            _ => "+OK\r\n".into(),
        };
        if stream.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}
