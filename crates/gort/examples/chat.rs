//! A chat: whoever connects says a name and hears what the others write, line by line:
//! `cargo run --example chat [ADDR:PORT]`, and then `nc 127.0.0.1 7001` in several windows.
//!
//! One goroutine, the room, knows who is there. It owns that, so there is no lock: it selects over the
//! channels by which the others talk to it. Each guest has two goroutines, one that reads and one that
//! writes, so that a guest who reads nothing keeps nobody waiting but is thrown out.

use gort::chan::{Receiver, Sender, bounded, select};
use gort::net::{TcpListener, TcpStream};
use gort::time::Ticker;
use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;

/// Lines that a guest may be behind.
const BEHIND: usize = 64;
/// Bytes that a line may have.
const LONGEST: u64 = 1000;

struct Guest {
    name: String,
    lines: Sender<String>,
    stream: Arc<TcpStream>,
}

/// What guests tell the room: their number, and who they are or what they say.
struct Room {
    enter: Receiver<(u64, Guest)>,
    say: Receiver<(u64, String)>,
    leave: Receiver<u64>,
}

/// How guests tell it.
#[derive(Clone)]
struct Doors {
    enter: Sender<(u64, Guest)>,
    say: Sender<(u64, String)>,
    leave: Sender<u64>,
}

impl Room {
    fn new() -> (Room, Doors) {
        let ((enter, entering), (say, saying), (leave, leaving)) =
            (bounded(0), bounded(0), bounded(0));
        let room = Room { enter: entering, say: saying, leave: leaving };
        (room, Doors { enter, say, leave })
    }

    fn run(self) {
        let mut guests: HashMap<u64, Guest> = HashMap::new();
        let clock = Ticker::new(Duration::from_secs(60));
        loop {
            select! {
                recv(self.enter) -> entered => {
                    let Ok((number, guest)) = entered else { return };
                    tell(&mut guests, &format!("* {} comes in\n", guest.name));
                    let names: Vec<_> = guests.values().map(|guest| &*guest.name).collect();
                    let _ = guest.lines.try_send(format!("* here: {}\n", names.join(" ")));
                    guests.insert(number, guest);
                }
                recv(self.say) -> said => {
                    let Ok((number, line)) = said else { return };
                    if let Some(guest) = guests.get(&number) {
                        let line = format!("{}: {line}\n", guest.name);
                        tell(&mut guests, &line);
                    }
                }
                recv(self.leave) -> number => {
                    let Ok(number) = number else { return };
                    if let Some(guest) = guests.remove(&number) {
                        tell(&mut guests, &format!("* {} leaves\n", guest.name));
                    }
                }
                recv(clock.chan()) -> _ => println!("{} guests", guests.len()),
            }
        }
    }
}

/// To all; who is too far behind is thrown out: its two goroutines see the end.
fn tell(guests: &mut HashMap<u64, Guest>, line: &str) {
    let deaf = guests.extract_if(|_, guest| guest.lines.try_send(line.into()).is_err());
    for (_, guest) in Vec::from_iter(deaf) {
        let _ = guest.stream.shutdown(Shutdown::Both);
        tell(guests, &format!("* {} does not listen\n", guest.name));
    }
}

/// Writes what a guest is to hear, until there will be no more.
fn write(mut stream: &TcpStream, lines: Receiver<String>) {
    for line in lines {
        if stream.write_all(line.as_bytes()).is_err() {
            // The reader sees the end, too.
            let _ = stream.shutdown(Shutdown::Both);
            return;
        }
    }
}

/// A line without its end, if there is one.
fn line(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = String::new();
    match reader.by_ref().take(LONGEST).read_line(&mut line)? {
        0 => Ok(None),
        _ => Ok(Some(line.trim_end().into())),
    }
}

fn visit(stream: TcpStream, number: u64, doors: &Doors) -> io::Result<()> {
    let stream = Arc::new(stream);
    (&*stream).write_all(b"your name? ")?;
    let mut reader = BufReader::new(&*stream);
    let Some(name) = line(&mut reader)? else { return Ok(()) };
    let (lines, hears) = bounded(BEHIND);
    gort::go({
        let stream = Arc::clone(&stream);
        move || write(&stream, hears)
    });
    // The room is there as long as anybody has the doors.
    let _ = doors.enter.send((number, Guest { name, lines, stream: Arc::clone(&stream) }));
    let result = loop {
        match line(&mut reader) {
            Ok(Some(line)) => _ = doors.say.send((number, line)),
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    let _ = doors.leave.send(number);
    result
}

#[gort::main]
fn main() -> io::Result<()> {
    let addr = std::env::args().nth(1).unwrap_or("127.0.0.1:7001".into());
    let listener = TcpListener::bind(addr)?;
    println!("listening on {}", listener.local_addr()?);
    let (room, doors) = Room::new();
    gort::go(|| room.run());
    for (number, stream) in listener.incoming().enumerate() {
        let (stream, doors) = (stream?, doors.clone());
        gort::go(move || {
            if let Err(error) = visit(stream, number as u64, &doors) {
                eprintln!("guest {number}: {error}");
            }
        });
    }
    Ok(())
}
