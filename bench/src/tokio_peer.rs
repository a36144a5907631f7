//! The workloads on tokio.

use crate::calls::{sleep_thread, sleeps};
use crate::parked::{WAITING, WOKEN, count, parked};
use crate::timers::{SLEEPS, SPAN as NAP, due, late};
use crate::{BURST, LEAVES, LOCKS, POOL, RIVALS, TIMERS, TIMES};
use crate::{again, measure, number, procs, sized, timed, tokio_channels};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Instant;
use tokio::runtime::Builder;
use tokio::sync::{Mutex, Notify, RwLock};
use tokio::task::{JoinSet, spawn_blocking, unconstrained, yield_now};
use tokio::time::sleep;

/// As many workers as there are Ps, and threads enough for calls that wait. For one P too: its
/// scheduler for one thread is better in two of these workloads (yield, waitgroup) and worse in
/// nine.
pub(crate) fn builder() -> Builder {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(procs()).max_blocking_threads(POOL);
    builder
}

/// Runs a workload by name.
pub(crate) fn run(workload: &str) -> Option<f64> {
    let apart = crate::echo::run_tokio(workload).or_else(|| crate::futures::run_tokio(workload));
    if apart.is_some() {
        return apart;
    }
    let runtime = builder().enable_time().build().ok()?;
    let block = |work: Pin<Box<dyn Future<Output = ()> + Send>>| {
        runtime.block_on(async { tokio::spawn(work).await.unwrap() });
    };
    let value = |work: Pin<Box<dyn Future<Output = f64> + Send>>| {
        runtime.block_on(async { tokio::spawn(work).await.unwrap() })
    };
    Some(match workload {
        "burst" => again(BURST, |count| block(Box::pin(burst(count)))),
        "join" => timed(TIMES, |count| block(Box::pin(join(count)))),
        "yield" => timed(10 * TIMES, |count| block(Box::pin(yields(count)))),
        "skynet" => again(LEAVES, |leaves| {
            block(Box::pin(async move {
                assert_eq!(skynet(0, leaves).await, leaves * (leaves - 1) / 2);
            }));
        }),
        "mutex" => timed(LOCKS, |count| block(Box::pin(rivals(count)))),
        "uncontended" => timed(LOCKS, |count| block(Box::pin(uncontended(count)))),
        "rwlock" => timed(LOCKS, |count| block(Box::pin(readers(count)))),
        "waitgroup" => timed(LOCKS / 8, |count| block(Box::pin(groups(count)))),
        "timeradd" => {
            value(Box::pin(unconstrained(add())));
            value(Box::pin(unconstrained(add())))
        }
        "sleep" => value(Box::pin(lateness())),
        "idle" => {
            block(Box::pin(async { sleep(crate::NOTHING).await }));
            0.0
        }
        _ => {
            if let Some(count) = number(workload, "parked") {
                return Some(value(Box::pin(waiting(count))));
            }
            if let Some(sleepers) = number(workload, "block") {
                return Some(sleeps(|times| block(Box::pin(blocking(sleepers, times)))));
            }
            let count = tokio_channels::count(workload)?;
            let work = |count| block(tokio_channels::work(workload, count));
            if workload == "sieve" { again(count, work) } else { timed(count, work) }
        }
    })
}

async fn burst(count: u64) {
    // See `go.rs`.
    let left = Box::leak(Box::new((AtomicU64::new(count), Notify::new())));
    for _ in 0..count {
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

async fn rivals(times: u64) {
    let count = Arc::new(Mutex::new(0));
    let mut all = JoinSet::new();
    for _ in 0..RIVALS {
        let count = Arc::clone(&count);
        all.spawn(async move {
            for _ in 0..times / RIVALS {
                *count.lock().await += 1;
            }
        });
    }
    all.join_all().await;
    assert_eq!(*count.lock().await, times / RIVALS * RIVALS);
}

async fn uncontended(times: u64) {
    let count = Mutex::new(0);
    for _ in 0..times {
        *count.lock().await += 1;
    }
}

/// One in ten writes.
async fn readers(times: u64) {
    let count = Arc::new(RwLock::new(0));
    let mut all = JoinSet::new();
    for _ in 0..RIVALS {
        let count = Arc::clone(&count);
        all.spawn(async move {
            let mut seen = 0;
            for n in 0..times / RIVALS {
                if n % 10 == 0 {
                    *count.write().await += 1;
                } else {
                    seen += *count.read().await;
                }
            }
            std::hint::black_box(seen);
        });
    }
    all.join_all().await;
    assert_eq!(*count.read().await, (times / RIVALS).div_ceil(10) * RIVALS);
}

/// So many tasks, a few at a time.
async fn groups(times: u64) {
    for _ in 0..times / RIVALS {
        let group = [(); RIVALS as usize].map(|()| tokio::spawn(async {}));
        for one in group {
            one.await.unwrap();
        }
    }
}

/// Timers due at different times: one is set when it is first asked, for which it needs no task.
async fn add() -> f64 {
    let count = sized(TIMERS);
    let mut all = Vec::with_capacity(count as usize);
    poll_fn(|context| {
        let nanos = measure(count, || {
            for n in 0..count {
                let mut timer = Box::pin(sleep(due(n, count)));
                assert!(timer.as_mut().poll(context).is_pending());
                all.push(timer);
            }
        });
        Poll::Ready(nanos)
    })
    .await
}

async fn lateness() -> f64 {
    let mut slept = Vec::new();
    for _ in 0..sized(SLEEPS) {
        let start = Instant::now();
        sleep(NAP).await;
        slept.push(start.elapsed());
    }
    late(slept.into_iter())
}

async fn waiting(total: u64) -> f64 {
    let spawn = |event: &Arc<Notify>| {
        let waits = Arc::clone(event);
        tokio::spawn(async move {
            count(&WAITING);
            waits.notified().await;
            count(&WOKEN);
        });
    };
    let wake = |event: &Arc<Notify>| event.notify_one();
    parked!(total, Arc::new(Notify::new()), spawn, wake, yield_now().await)
}

/// On the threads that tokio has for it.
async fn blocking(sleepers: u64, times: u64) {
    let mut all = JoinSet::new();
    for _ in 0..sleepers {
        all.spawn(async move {
            for _ in 0..times {
                spawn_blocking(sleep_thread).await.unwrap();
            }
        });
    }
    all.join_all().await;
}
