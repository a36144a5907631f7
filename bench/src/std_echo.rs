//! The echo's parts that only read and write, and the echo of `std::net`, on threads or on goroutines.

use crate::figures::{distribution, measure, sized};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// Round trips in all.
const TRIPS: u64 = 100_000;

/// How many connections a workload has, how often something goes there and back on each, how many bytes, and
/// whether each is timed.
#[derive(Clone, Copy)]
pub(crate) struct Echo {
    pub(crate) count: usize,
    pub(crate) rounds: usize,
    pub(crate) message: usize,
    pub(crate) timed: bool,
}

impl Echo {
    pub(crate) fn named(workload: &str) -> Option<Echo> {
        let timed = workload.strip_prefix("latency");
        let name = timed.or_else(|| workload.strip_prefix("echo"))?;
        let (count, message) = name.split_once('x').unwrap_or((name, "64"));
        let (count, message): (usize, _) = (count.parse().ok()?, message.parse().ok()?);
        // What is large takes longer.
        let trips = sized(TRIPS) as usize / if message > PAGE { 4 } else { 1 };
        Some(Echo { count, rounds: (trips / count).max(2), message, timed: timed.is_some() })
    }

    /// How many rounds warm up.
    pub(crate) fn warm(self) -> usize {
        self.rounds.div_ceil(4)
    }

    pub(crate) fn trips(self) -> u64 {
        (self.count * self.rounds) as u64
    }

    /// What the workload is asked for, of what all took and each took.
    pub(crate) fn figure(self, nanos: f64, took: impl Iterator<Item = Vec<Duration>>) -> f64 {
        if self.timed { distribution(took.flatten().collect()) } else { nanos }
    }
}

/// The end of a connection that asks, and how long it took each time, if that is wanted.
pub(crate) struct Client<S> {
    pub(crate) stream: S,
    pub(crate) took: Vec<Duration>,
}

impl<S> Client<S> {
    pub(crate) fn new(stream: S) -> Client<S> {
        Client { stream, took: Vec::new() }
    }

    /// Forgets what has been timed: there will be so many rounds.
    pub(crate) fn begin(&mut self, echo: Echo, rounds: usize) {
        self.took = Vec::with_capacity(if echo.timed { rounds } else { 0 });
    }

    /// Now, if that is wanted.
    pub(crate) fn sent(echo: Echo) -> Option<Instant> {
        echo.timed.then(Instant::now)
    }

    pub(crate) fn back(&mut self, sent: Option<Instant>) {
        self.took.extend(sent.map(|sent| sent.elapsed()));
    }
}

/// What a server reads at a time, at least.
pub(crate) const PAGE: usize = 4096;

pub(crate) fn serve(mut stream: impl Read + Write, echo: Echo) {
    let mut page = vec![0; echo.message.max(PAGE)];
    while let Ok(got @ 1..) = stream.read(&mut page) {
        stream.write_all(&page[..got]).unwrap();
    }
}

pub(crate) fn ask<S: Read + Write>(client: &mut Client<S>, echo: Echo, rounds: usize) {
    client.begin(echo, rounds);
    let mut message = vec![7; echo.message];
    for _ in 0..rounds {
        let sent = Client::<S>::sent(echo);
        client.stream.write_all(&message).unwrap();
        client.stream.read_exact(&mut message).unwrap();
        client.back(sent);
    }
}

/// Has a client ask.
pub(crate) type Ask<'a> = dyn Fn(&mut Client<TcpStream>) + Sync + 'a;

/// Runs a workload on std: `start` has something run beside the others, `together` has each of the clients ask and
/// waits for all.
pub(crate) fn run(
    workload: &str,
    start: fn(Box<dyn FnOnce() + Send>),
    together: fn(&mut [Client<TcpStream>], &Ask<'_>),
) -> Option<f64> {
    let echo = Echo::named(workload)?;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    start(Box::new(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            stream.set_nodelay(true).unwrap();
            start(Box::new(move || serve(stream, echo)));
        }
    }));
    let connect = |_| {
        let stream = TcpStream::connect(at).unwrap();
        stream.set_nodelay(true).unwrap();
        Client::new(stream)
    };
    let mut clients: Vec<_> = (0..echo.count).map(connect).collect();
    let mut all = |rounds| together(&mut clients, &|client| ask(client, echo, rounds));
    all(echo.warm());
    let nanos = measure(echo.trips(), || all(echo.rounds));
    Some(echo.figure(nanos, clients.into_iter().map(|client| client.took)))
}
