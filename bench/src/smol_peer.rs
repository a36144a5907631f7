//! The workloads on smol: its executor on as many threads, and the channels and locks that belong to it.

use crate::calls::{sleep_thread, sleeps};
use crate::parked::{WAITING, WOKEN, count, parked};
use crate::timers::{SLEEPS, SPAN as NAP, due, late};
use crate::{BUFFER, BURST, LEAVES, LOCKS, RIVALS, SIEVE, TIMERS, TIMES, VALUES};
use crate::{again, measure, number, procs, sized, timed};
use smol::channel::bounded;
use smol::future::{self, race, yield_now};
use smol::lock::{Mutex, RwLock};
use smol::{Executor, Timer};
use std::hint::black_box;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Instant;

pub(crate) static EXECUTOR: Executor<'static> = Executor::new();

/// Runs a workload by name.
pub(crate) fn run(workload: &str) -> Option<f64> {
    // Its threads look for events themselves where there are any, which is better then, and worse elsewhere.
    let reacts = ["sleep", "timer", "echo", "latency"].iter().any(|of| workload.starts_with(of));
    for _ in 0..procs() {
        std::thread::spawn(move || {
            if reacts {
                smol::block_on(EXECUTOR.run(future::pending::<()>()));
            } else {
                future::block_on(EXECUTOR.run(future::pending::<()>()));
            }
        });
    }
    Some(match workload {
        "burst" => again(BURST, |count| block(burst(count))),
        "join" => timed(TIMES, |count| block(join(count))),
        "yield" => timed(10 * TIMES, |count| block(yields(count))),
        "skynet" => again(LEAVES, |leaves| {
            assert_eq!(block(skynet(0, leaves)), leaves * (leaves - 1) / 2);
        }),
        "pingpong" => timed(VALUES / 3, |count| block(ping_pong(1, count))),
        "pingpong128" => timed(VALUES / 3, |count| block(ping_pong(BUFFER, count))),
        "buffered1x1" => timed(VALUES, |count| block(transfer(1, count))),
        "buffered4x4" => timed(VALUES, |count| block(transfer(4, count))),
        "select3" => timed(VALUES / 3, |count| block(select_of_three(count))),
        "sieve" => again(SIEVE, |count| block(sieve(count))),
        "timeradd" => {
            block(add());
            block(add())
        }
        "waitgroup" => timed(LOCKS / 8, |count| block(groups(count))),
        "mutex" => timed(LOCKS / 10, |count| block(rivals(count))),
        "uncontended" => timed(LOCKS, |count| block(uncontended(count))),
        "rwlock" => timed(LOCKS / 10, |count| block(readers(count))),
        "sleep" => block(lateness()),
        "idle" => {
            block(Timer::after(crate::NOTHING));
            0.0
        }
        _ => match number(workload, "parked") {
            Some(total) => block(waiting(total)),
            None => match number(workload, "block") {
                Some(sleepers) => sleeps(|times| block(blocking(sleepers, times))),
                None => return crate::echo::run_smol(workload),
            },
        },
    })
}

/// Runs it as a task of the executor's.
pub(crate) fn block<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    future::block_on(EXECUTOR.spawn(work))
}

/// Runs it beside as many others, until all have ended.
async fn together(count: u64, work: impl Fn() -> Pin<Box<dyn Future<Output = ()> + Send>>) {
    let all: Vec<_> = (0..count).map(|_| EXECUTOR.spawn(work())).collect();
    for one in all {
        one.await;
    }
}

async fn burst(count: u64) {
    let (done, all) = bounded(1);
    let left = &*Box::leak(Box::new((AtomicU64::new(count), done)));
    for _ in 0..count {
        let work = async move {
            if left.0.fetch_sub(1, Ordering::AcqRel) == 1 {
                let _ = left.1.try_send(());
            }
        };
        EXECUTOR.spawn(work).detach();
    }
    all.recv().await.unwrap();
}

async fn join(times: u64) {
    for _ in 0..times {
        EXECUTOR.spawn(async {}).await;
    }
}

async fn yields(times: u64) {
    together(2, || {
        Box::pin(async move {
            for _ in 0..times / 2 {
                yield_now().await;
            }
        })
    })
    .await;
}

fn skynet(number: u64, size: u64) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(async move {
        if size == 1 {
            return number;
        }
        let size = size / 10;
        let children: Vec<_> =
            (0..10).map(|i| EXECUTOR.spawn(skynet(number + i * size, size))).collect();
        let mut sum = 0;
        for child in children {
            sum += child.await;
        }
        sum
    })
}

/// The smallest channel has room for one value.
async fn ping_pong(room: usize, times: u64) {
    let ((ping, to), (from, pong)) = (bounded(room), bounded(room));
    let echo = EXECUTOR.spawn(async move {
        while let Ok(n) = to.recv().await {
            from.send(n).await.unwrap();
        }
    });
    for n in 0..times {
        ping.send(n).await.unwrap();
        assert_eq!(pong.recv().await, Ok(n));
    }
    drop(ping);
    echo.await;
}

/// `count` values from as many senders to as many receivers.
async fn transfer(ends: u64, count: u64) {
    let (sender, receiver) = bounded(BUFFER);
    let mut all = Vec::new();
    for _ in 0..ends {
        let (sender, receiver) = (sender.clone(), receiver.clone());
        all.push(EXECUTOR.spawn(async move {
            for n in 0..count / ends {
                sender.send(n).await.unwrap();
            }
        }));
        all.push(EXECUTOR.spawn(async move { while receiver.recv().await.is_ok() {} }));
    }
    drop((sender, receiver));
    for one in all {
        one.await;
    }
}

/// `count` values from three senders through a channel each to one who takes the first there is.
async fn select_of_three(count: u64) {
    let [(s1, r1), (s2, r2), (s3, r3)] = [(); 3].map(|()| bounded(1));
    for sender in [&s1, &s2, &s3] {
        let sender = sender.clone();
        let work = async move {
            for n in 0..count / 3 {
                sender.send(n).await.unwrap();
            }
        };
        EXECUTOR.spawn(work).detach();
    }
    for _ in 0..count / 3 * 3 {
        race(race(r1.recv(), r2.recv()), r3.recv()).await.unwrap();
    }
}

/// The primes below `count`, each of which takes its multiples out of what goes through a channel.
async fn sieve(count: u64) {
    let (numbers, mut from) = bounded(1);
    let work = async move {
        for n in 2..count {
            let _ = numbers.send(n).await;
        }
    };
    EXECUTOR.spawn(work).detach();
    while let Ok(prime) = from.recv().await {
        let (rest, next) = bounded(1);
        let work = async move {
            while let Ok(n) = from.recv().await {
                if n % prime != 0 {
                    let _ = rest.send(n).await;
                }
            }
        };
        EXECUTOR.spawn(work).detach();
        from = next;
    }
}

/// Timers due at different times: one is set when it is first asked.
async fn add() -> f64 {
    let count = sized(TIMERS);
    let mut all = Vec::with_capacity(count as usize);
    future::poll_fn(|context| {
        let nanos = measure(count, || {
            for n in 0..count {
                let mut timer = Timer::after(due(n, count));
                assert!(Pin::new(&mut timer).poll(context).is_pending());
                all.push(timer);
            }
        });
        Poll::Ready(nanos)
    })
    .await
}

/// So many tasks, a few at a time.
async fn groups(times: u64) {
    for _ in 0..times / RIVALS {
        let group = [(); RIVALS as usize].map(|()| EXECUTOR.spawn(async {}));
        for one in group {
            one.await;
        }
    }
}

async fn rivals(times: u64) {
    let total = Arc::new(Mutex::new(0));
    together(RIVALS, || {
        let total = Arc::clone(&total);
        Box::pin(async move {
            for _ in 0..times / RIVALS {
                *total.lock().await += 1;
            }
        })
    })
    .await;
    assert_eq!(*total.lock().await, times / RIVALS * RIVALS);
}

async fn uncontended(times: u64) {
    let total = Mutex::new(0);
    for _ in 0..times {
        *total.lock().await += 1;
    }
}

/// One in ten writes.
async fn readers(times: u64) {
    let total = Arc::new(RwLock::new(0));
    together(RIVALS, || {
        let total = Arc::clone(&total);
        Box::pin(async move {
            let mut seen = 0;
            for n in 0..times / RIVALS {
                if n % 10 == 0 {
                    *total.write().await += 1;
                } else {
                    seen += *total.read().await;
                }
            }
            black_box(seen);
        })
    })
    .await;
    assert_eq!(*total.read().await, (times / RIVALS).div_ceil(10) * RIVALS);
}

async fn lateness() -> f64 {
    let mut slept = Vec::new();
    for _ in 0..sized(SLEEPS) {
        let start = Instant::now();
        Timer::after(NAP).await;
        slept.push(start.elapsed());
    }
    late(slept.into_iter())
}

async fn waiting(total: u64) -> f64 {
    type Event = (smol::channel::Sender<()>, smol::channel::Receiver<()>);
    let spawn = |(_, event): &Event| {
        let event = event.clone();
        let work = async move {
            count(&WAITING);
            let _ = event.recv().await;
            count(&WOKEN);
        };
        EXECUTOR.spawn(work).detach();
    };
    let wake = |(event, _): &Event| event.try_send(()).unwrap();
    parked!(total, bounded::<()>(1), spawn, wake, yield_now().await)
}

/// On the threads that smol has for it.
async fn blocking(sleepers: u64, times: u64) {
    together(sleepers, || {
        Box::pin(async move {
            for _ in 0..times {
                smol::unblock(sleep_thread).await;
            }
        })
    })
    .await;
}
