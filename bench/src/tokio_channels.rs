//! Channel workloads on tokio, as far as it has them: the smallest channel has room for one value, and
//! has one receiver.

use crate::{BUFFER, SIEVE, VALUES};
use std::future::Future;
use std::pin::Pin;
use tokio::sync::mpsc;

/// The count of operations of a workload.
pub(crate) fn count(workload: &str) -> Option<u64> {
    match workload {
        "pingpong" | "pingpong128" | "select3" => Some(VALUES / 3),
        "buffered1x1" => Some(VALUES),
        "sieve" => Some(SIEVE),
        _ => None,
    }
}

/// A workload that has a count.
pub(crate) fn work(workload: &str, count: u64) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    match workload {
        "pingpong" => Box::pin(ping_pong(1, count)),
        "pingpong128" => Box::pin(ping_pong(BUFFER, count)),
        "select3" => Box::pin(select_of_three(count)),
        "sieve" => Box::pin(sieve(count)),
        _ => Box::pin(transfer(count)),
    }
}

/// The primes below `count`, each of which takes its multiples out of what goes through a channel.
async fn sieve(count: u64) {
    let (numbers, mut from) = mpsc::channel(1);
    tokio::spawn(async move {
        for n in 2..count {
            let _ = numbers.send(n).await;
        }
    });
    while let Some(prime) = from.recv().await {
        let (rest, next) = mpsc::channel(1);
        tokio::spawn(async move {
            while let Some(n) = from.recv().await {
                if n % prime != 0 {
                    let _ = rest.send(n).await;
                }
            }
        });
        from = next;
    }
}

async fn ping_pong(room: usize, times: u64) {
    let (ping, mut to) = mpsc::channel(room);
    let (from, mut pong) = mpsc::channel(room);
    let echo = tokio::spawn(async move {
        while let Some(n) = to.recv().await {
            from.send(n).await.unwrap();
        }
    });
    for n in 0..times {
        ping.send(n).await.unwrap();
        assert_eq!(pong.recv().await, Some(n));
    }
    drop(ping);
    echo.await.unwrap();
}

async fn transfer(count: u64) {
    let (sender, mut receiver) = mpsc::channel(BUFFER);
    tokio::spawn(async move {
        for n in 0..count {
            sender.send(n).await.unwrap();
        }
    });
    while receiver.recv().await.is_some() {}
}

async fn select_of_three(count: u64) {
    let [(s1, mut r1), (s2, mut r2), (s3, mut r3)] = [(); 3].map(|()| mpsc::channel(1));
    for sender in [s1, s2, s3] {
        tokio::spawn(async move {
            for n in 0..count / 3 {
                sender.send(n).await.unwrap();
            }
        });
    }
    loop {
        tokio::select! {
            Some(_) = r1.recv() => {}
            Some(_) = r2.recv() => {}
            Some(_) = r3.recv() => {}
            else => break,
        }
    }
}
