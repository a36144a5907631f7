//! The workloads on tokio.

use crate::{BURST, LEAVES, TIMES, measure, procs, tokio_channels};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Notify;
use tokio::task::yield_now;

/// Runs a workload by name.
pub(crate) fn run(workload: &str) -> Option<f64> {
    let apart = crate::echo::run_tokio(workload).or_else(|| crate::futures::run_tokio(workload));
    if apart.is_some() {
        return apart;
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(procs()).build().ok()?;
    let block = |work: Pin<Box<dyn Future<Output = ()> + Send>>| {
        runtime.block_on(async { tokio::spawn(work).await.unwrap() });
    };
    Some(match workload {
        "burst" => {
            block(Box::pin(burst()));
            measure(BURST, || block(Box::pin(burst())))
        }
        "join" => {
            block(Box::pin(join(TIMES)));
            measure(TIMES, || block(Box::pin(join(TIMES))))
        }
        "yield" => {
            block(Box::pin(yields(TIMES)));
            measure(10 * TIMES, || block(Box::pin(yields(10 * TIMES))))
        }
        "skynet" => {
            let work = || async {
                assert_eq!(skynet(0, LEAVES).await, LEAVES * (LEAVES - 1) / 2);
            };
            block(Box::pin(work()));
            measure(LEAVES, || block(Box::pin(work())))
        }
        _ => {
            let count = tokio_channels::count(workload)?;
            let work = |count| block(tokio_channels::work(workload, count));
            work(count / 10);
            measure(count, || work(count))
        }
    })
}

async fn burst() {
    // See `go.rs`.
    let left = Box::leak(Box::new((AtomicU64::new(BURST), Notify::new())));
    for _ in 0..BURST {
        let left = &*left;
        tokio::spawn(async move {
            if left.0.fetch_sub(1, Ordering::AcqRel) == 1 {
                left.1.notify_one();
            }
        });
    }
    left.1.notified().await;
}

async fn join(times: u64) {
    for _ in 0..times {
        tokio::spawn(async {}).await.unwrap();
    }
}

async fn yields(times: u64) {
    let pair = [(); 2].map(|()| {
        tokio::spawn(async move {
            for _ in 0..times / 2 {
                yield_now().await;
            }
        })
    });
    for one in pair {
        one.await.unwrap();
    }
}

fn skynet(number: u64, size: u64) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(async move {
        if size == 1 {
            return number;
        }
        let size = size / 10;
        let children: Vec<_> =
            (0..10).map(|i| tokio::spawn(skynet(number + i * size, size))).collect();
        let mut sum = 0;
        for child in children {
            sum += child.await.unwrap();
        }
        sum
    })
}
