//! Echo over loopback: as many connections as the workload's name says, with messages of 64 bytes, or as many
//! as the name says behind an `x`, there and back on each at the same time. The server reads what there is,
//! up to a page or a message, the client exactly its message. Both are in this process, and send at once, without
//! Nagle's algorithm, as Go's connections do. `latency` in place of `echo` asks how long each takes, there and back,
//! which costs two looks at the clock.
//!
//! The limit is a loop around `epoll_wait` on one thread per worker, each with both ends of its connections.
//!
//! # Safety
//!
//! may's spawn is unsafe because its coroutines share their thread's thread-locals; none of these use any.

#![allow(unsafe_code)]

use crate::std_echo::{Client, Echo, PAGE, ask, serve};
use crate::{measure, procs, smol_peer, std_echo, tokio_peer};
use gort_sys::raw;
use gort_sys::types::{DupFlags, EpollEvent, EpollFlags, EpollOp};
use smol::io::{AsyncReadExt as _, AsyncWriteExt as _};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Runs a workload on gort.
pub(crate) fn run_gort(workload: &str) -> Option<f64> {
    let echo = Echo::named(workload)?;
    Some(gort::run(move || {
        let listener = gort::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        gort::go(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                stream.set_nodelay(true).unwrap();
                gort::go(move || serve(stream, echo));
            }
        });
        let connect = |_| {
            let stream = gort::net::TcpStream::connect(at).unwrap();
            stream.set_nodelay(true).unwrap();
            Client::new(stream)
        };
        let mut clients: Vec<_> = (0..echo.count).map(connect).collect();
        let mut all = |rounds| {
            gort::scope(|scope| {
                for client in &mut clients {
                    scope.go(move || ask(client, echo, rounds));
                }
            });
        };
        all(echo.warm());
        let nanos = measure(echo.trips(), || all(echo.rounds));
        echo.figure(nanos, clients.into_iter().map(|client| client.took))
    }))
}

/// Runs a workload on may.
pub(crate) fn run_may(workload: &str) -> Option<f64> {
    let echo = Echo::named(workload)?;
    let listener = may::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    // SAFETY: see the module.
    unsafe {
        may::coroutine::spawn(move || {
            for stream in listener.incoming() {
                let stream: may::net::TcpStream = stream.unwrap();
                stream.set_nodelay(true).unwrap();
                may::coroutine::spawn(move || serve(stream, echo));
            }
        });
    }
    let all = |clients: Vec<Client<may::net::TcpStream>>, rounds| -> Vec<_> {
        let asked = clients.into_iter().map(|mut client| {
            // SAFETY: see the module.
            unsafe {
                may::coroutine::spawn(move || {
                    ask(&mut client, echo, rounds);
                    client
                })
            }
        });
        let asked: Vec<_> = asked.collect();
        asked.into_iter().map(|one| one.join().unwrap()).collect()
    };
    let connect = |_| {
        let stream = may::net::TcpStream::connect(at).unwrap();
        stream.set_nodelay(true).unwrap();
        Client::new(stream)
    };
    let mut clients = all((0..echo.count).map(connect).collect(), echo.warm());
    let nanos = measure(echo.trips(), || clients = all(std::mem::take(&mut clients), echo.rounds));
    Some(echo.figure(nanos, clients.into_iter().map(|client| client.took)))
}

/// Runs a workload on tokio.
pub(crate) fn run_tokio(workload: &str) -> Option<f64> {
    let echo = Echo::named(workload)?;
    tokio_peer::builder().enable_io().build().ok()?.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                tokio::spawn(async move {
                    let mut page = vec![0; echo.message.max(PAGE)];
                    while let Ok(got @ 1..) = stream.read(&mut page).await {
                        stream.write_all(&page[..got]).await.unwrap();
                    }
                });
            }
        });
        let mut clients = Vec::new();
        for _ in 0..echo.count {
            let stream = tokio::net::TcpStream::connect(at).await.unwrap();
            stream.set_nodelay(true).unwrap();
            clients.push(Client::new(stream));
        }
        let clients = ask_tokio(clients, echo, echo.warm()).await;
        let start = Instant::now();
        let clients = ask_tokio(clients, echo, echo.rounds).await;
        let nanos = start.elapsed().as_nanos() as f64 / echo.trips() as f64;
        Some(echo.figure(nanos, clients.into_iter().map(|client| client.took)))
    })
}

type TokioClient = Client<tokio::net::TcpStream>;

async fn ask_tokio(clients: Vec<TokioClient>, echo: Echo, rounds: usize) -> Vec<TokioClient> {
    let asked: Vec<_> = clients
        .into_iter()
        .map(|mut client| {
            tokio::spawn(async move {
                client.begin(echo, rounds);
                let mut message = vec![7; echo.message];
                for _ in 0..rounds {
                    let sent = TokioClient::sent(echo);
                    client.stream.write_all(&message).await.unwrap();
                    client.stream.read_exact(&mut message).await.unwrap();
                    client.back(sent);
                }
                client
            })
        })
        .collect();
    let mut clients = Vec::new();
    for one in asked {
        clients.push(one.await.unwrap());
    }
    clients
}

/// Runs a workload on smol.
pub(crate) fn run_smol(workload: &str) -> Option<f64> {
    let echo = Echo::named(workload)?;
    Some(smol_peer::block(async move {
        let listener = smol::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let accept = async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                let serve = async move {
                    let mut page = vec![0; echo.message.max(PAGE)];
                    while let Ok(got @ 1..) = stream.read(&mut page).await {
                        stream.write_all(&page[..got]).await.unwrap();
                    }
                };
                smol_peer::EXECUTOR.spawn(serve).detach();
            }
        };
        smol_peer::EXECUTOR.spawn(accept).detach();
        let mut clients = Vec::new();
        for _ in 0..echo.count {
            let stream = smol::net::TcpStream::connect(at).await.unwrap();
            stream.set_nodelay(true).unwrap();
            clients.push(Client::new(stream));
        }
        let clients = ask_smol(clients, echo, echo.warm()).await;
        let start = Instant::now();
        let clients = ask_smol(clients, echo, echo.rounds).await;
        let nanos = start.elapsed().as_nanos() as f64 / echo.trips() as f64;
        echo.figure(nanos, clients.into_iter().map(|client| client.took))
    }))
}

type SmolClient = Client<smol::net::TcpStream>;

async fn ask_smol(clients: Vec<SmolClient>, echo: Echo, rounds: usize) -> Vec<SmolClient> {
    let asked = clients.into_iter().map(|mut client| {
        smol_peer::EXECUTOR.spawn(async move {
            client.begin(echo, rounds);
            let mut message = vec![7; echo.message];
            for _ in 0..rounds {
                let sent = SmolClient::sent(echo);
                client.stream.write_all(&message).await.unwrap();
                client.stream.read_exact(&mut message).await.unwrap();
                client.back(sent);
            }
            client
        })
    });
    let asked: Vec<_> = asked.collect();
    let mut clients = Vec::new();
    for one in asked {
        clients.push(one.await);
    }
    clients
}

/// Runs a workload on std, with a thread for each end.
pub(crate) fn run_std(workload: &str) -> Option<f64> {
    std_echo::run(
        workload,
        |work| drop(std::thread::spawn(work)),
        |clients, ask| {
            std::thread::scope(|scope| {
                for client in clients {
                    scope.spawn(move || ask(client));
                }
            });
        },
    )
}

/// Runs a workload on threads around `epoll_wait`.
pub(crate) fn run_epoll(workload: &str) -> Option<f64> {
    let (echo, threads) = (Echo::named(workload)?, procs());
    if echo.message > PAGE {
        // It would have to remember what it could not write.
        return None;
    }
    let begin = Arc::new(Barrier::new(threads + 1));
    let mut all: Vec<_> = (0..threads)
        .map(|thread| {
            let begin = begin.clone();
            let count = echo.count / threads + usize::from(thread < echo.count % threads);
            std::thread::spawn(move || {
                let mut ends = pairs(count);
                let epoll = watched(&ends);
                epoll_loop(&epoll, &mut ends, echo, echo.warm());
                // All are warm; then the clock runs.
                begin.wait();
                begin.wait();
                epoll_loop(&epoll, &mut ends, echo, echo.rounds)
            })
        })
        .collect();
    begin.wait();
    let mut took = Vec::new();
    let nanos = measure(echo.trips(), || {
        begin.wait();
        took.extend(all.drain(..).map(|one| one.join().unwrap()));
    });
    Some(echo.figure(nanos, took.into_iter()))
}

/// Connections, the client's end first, the server's behind it.
fn pairs(count: usize) -> Vec<TcpStream> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let at = listener.local_addr().unwrap();
    let mut ends = Vec::new();
    for _ in 0..count {
        ends.push(TcpStream::connect(at).unwrap());
        ends.push(listener.accept().unwrap().0);
    }
    for end in &ends {
        end.set_nonblocking(true).unwrap();
        end.set_nodelay(true).unwrap();
    }
    ends
}

/// What says which of them have something to read.
fn watched(ends: &[TcpStream]) -> OwnedFd {
    let epoll = raw::epoll_create1(DupFlags::CLOEXEC).unwrap();
    for (i, end) in ends.iter().enumerate() {
        let event = EpollEvent { events: EpollFlags::IN, data: i as u64 };
        raw::epoll_ctl(&epoll, EpollOp::ADD, end, Some(&event)).unwrap();
    }
    epoll
}

/// What all took each time, if that is wanted.
fn epoll_loop(epoll: &OwnedFd, ends: &mut [TcpStream], echo: Echo, rounds: usize) -> Vec<Duration> {
    let mut left = vec![rounds; ends.len()];
    let mut open = ends.len() / 2;
    let (mut sent, mut took) = (vec![Instant::now(); ends.len()], Vec::new());
    let mut page = [7; PAGE];
    for (client, sent) in ends.iter_mut().zip(&mut sent).step_by(2) {
        *sent = Instant::now();
        client.write_all(&page[..echo.message]).unwrap();
    }
    let mut events = [EpollEvent::default(); 256];
    while open != 0 {
        let ready = raw::epoll_wait(epoll, &mut events, -1).unwrap();
        for event in events.iter().take(ready) {
            let i = event.data as usize;
            let got = match ends[i].read(&mut page) {
                Ok(got) => got,
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                Err(error) => panic!("{error}"),
            };
            if i.is_multiple_of(2) {
                if echo.timed {
                    let now = Instant::now();
                    took.push(now - sent[i]);
                    sent[i] = now;
                }
                left[i] -= 1;
                if left[i] == 0 {
                    open -= 1;
                    continue;
                }
            }
            ends[i].write_all(&page[..got]).unwrap();
        }
    }
    took
}
