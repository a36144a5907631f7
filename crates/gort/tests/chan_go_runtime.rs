//! What Go's `runtime/chan_test.go` looks at, written anew.

mod support;

use gort::chan::{Receiver, Sender, TryRecvError, bounded, select, unbounded};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use support::storm::storm;
use support::{all, matrix, settle};

/// Go: `TestChan`, without its waits.
#[test]
fn many_senders_and_receivers() {
    matrix(|_| {
        for capacity in [0, 1, 2, 10, 100] {
            let (s, r) = bounded(capacity);
            const ENDS: usize = 4;
            const COUNT: usize = 500;
            let sums: Vec<_> = (0..ENDS)
                .map(|_| {
                    let (s, r) = (s.clone(), r.clone());
                    gort::go(move || (0..COUNT).for_each(|n| s.send(n).unwrap()));
                    gort::go(move || r.iter().take(COUNT).fold((0, 0), |(c, s), n| (c + 1, s + n)))
                })
                .collect();
            drop((s, r));
            let (count, sum) = sums
                .into_iter()
                .map(|sum| sum.join().unwrap())
                .fold((0, 0), |(c, s), (count, sum)| (c + count, s + sum));
            assert_eq!((count, sum), (ENDS * COUNT, ENDS * COUNT * (COUNT - 1) / 2));
        }
    });
}

/// Go: `TestNonblockRecvRace`.
#[test]
fn closed_or_there() {
    matrix(|_| {
        for _ in 0..500 {
            let (s, r) = bounded(1);
            s.send(1).unwrap();
            let looker = gort::go(move || assert_ne!(r.try_recv(), Err(TryRecvError::Empty)));
            s.close();
            looker.join().unwrap();
        }
    });
}

/// Go: `TestNonblockSelectRace`, `TestNonblockSelectRace2`: one of two is always possible.
#[test]
fn one_or_the_other() {
    matrix(|_| {
        for close in [false, true] {
            for _ in 0..500 {
                let (s1, r1) = bounded::<i32>(1);
                let (s2, r2) = bounded::<i32>(1);
                s1.send(1).unwrap();
                let looker = gort::go({
                    let (r1, r2) = (r1.clone(), r2.clone());
                    move || {
                        select! {
                            recv(r1) -> _ => true,
                            recv(r2) -> _ => true,
                            default => false,
                        }
                    }
                });
                if close {
                    s2.close();
                } else {
                    s2.send(1).unwrap();
                }
                let _ = r1.try_recv();
                assert!(looker.join().unwrap());
            }
        }
    });
}

/// Go: `TestSelfSelect`: a select that sends and receives at one channel does not meet itself.
#[test]
fn not_with_itself() {
    matrix(|_| {
        for capacity in [0, 10] {
            let (s, r) = bounded(capacity);
            all(2, |p| {
                for i in 0..500 {
                    if p == 0 || i % 2 == 0 {
                        select! {
                            send(s, p) -> sent => sent.unwrap(),
                            recv(r) -> value => assert!(capacity > 0 || value != Ok(p)),
                        }
                    } else {
                        select! {
                            recv(r) -> value => assert!(capacity > 0 || value != Ok(p)),
                            send(s, p) -> sent => sent.unwrap(),
                        }
                    }
                }
            });
        }
    });
}

/// Go: `TestSelectStress`: ten parties at four channels, by select and without.
#[test]
fn selects_among_others() {
    matrix(|_| {
        const COUNT: usize = 500;
        let ends: [(Sender<usize>, Receiver<usize>); 4] =
            [bounded(0), bounded(0), bounded(2), bounded(3)];
        gort::scope(|scope| {
            for (s, r) in &ends {
                scope.go(|| (0..COUNT).for_each(|n| s.send(n).unwrap()));
                scope.go(|| (0..COUNT).for_each(|_| _ = r.recv().unwrap()));
            }
            scope.go(|| {
                let mut left = [COUNT; 4];
                let never = unbounded().0;
                while left.iter().any(|left| *left > 0) {
                    // A list that has those that still have to send.
                    let mut list = gort::chan::Select::new();
                    let used: Vec<_> = (0..4).filter(|i| left[*i] > 0).collect();
                    used.iter().for_each(|i| _ = list.send(&ends[*i].0));
                    let chosen = list.select();
                    let i = used[chosen.index()];
                    left[i] -= 1;
                    chosen.send(&ends[i].0, left[i]).unwrap();
                    never.send(0).unwrap_err();
                }
            });
            scope.go(|| {
                let mut left = [COUNT; 4];
                while left.iter().any(|left| *left > 0) {
                    let mut list = gort::chan::Select::new();
                    let used: Vec<_> = (0..4).filter(|i| left[*i] > 0).collect();
                    used.iter().for_each(|i| _ = list.recv(&ends[*i].1));
                    let chosen = list.select();
                    let i = used[chosen.index()];
                    left[i] -= 1;
                    chosen.recv(&ends[i].1).unwrap();
                }
            });
        });
        assert!(ends.iter().all(|(_, r)| r.is_empty()));
    });
}

/// Go: `TestSelectFairness`, and how fair exactly: each of those that are possible has the same share
/// of a million picks, by the chi-square test (of fair dice one in a million would fail it).
#[test]
fn shares() {
    fn fair(hits: &[usize]) {
        let expected = hits.iter().sum::<usize>() as f64 / hits.len() as f64;
        let off = |hit: &usize| (*hit as f64 - expected).powi(2) / expected;
        let chi_square: f64 = hits.iter().map(off).sum();
        // The quantiles at 0.999999 for 1 to 4 degrees of freedom.
        let limit = [23.93, 27.63, 30.66, 33.38][hits.len() - 2];
        assert!(chi_square < limit, "{hits:?}: {chi_square}");
    }
    const PICKS: usize = 1_000_000;
    let pick = || {
        let (s, r): (Vec<_>, Vec<_>) = (0..3).map(|_| unbounded::<()>()).unzip();
        let full = bounded::<()>(0).0;
        s.iter().for_each(|s| _ = s.close());
        let never = gort::chan::never::<()>();
        let mut hits = [0; 5];
        for _ in 0..PICKS {
            select! {
                recv(r[0]) -> _ => hits[0] += 1,
                recv(never) -> _ => unreachable!(),
                recv(r[1]) -> _ => hits[1] += 1,
                recv(r[2]) -> _ => hits[2] += 1,
                recv(never) -> _ => unreachable!(),
                send(full, ()) -> _ => hits[3] += 1,
                recv(r[0]) -> _ => hits[4] += 1,
            }
        }
        hits
    };
    fair(&gort::run(pick));
    fair(&pick());
    // Of those that wait at one channel, any.
    let hits = gort::run(|| {
        let (s, r) = bounded(0);
        gort::go(move || while s.send(()).is_ok() {});
        let mut hits = [0; 3];
        for _ in 0..PICKS / 10 {
            select! {
                recv(r) -> _ => hits[0] += 1,
                recv(r) -> _ => hits[1] += 1,
                recv(r) -> _ => hits[2] += 1,
            }
        }
        hits
    });
    fair(&hits);
}

/// Go: `TestPseudoRandomSend`: also when it always has to wait.
#[test]
fn a_coin() {
    matrix(|_| {
        for capacity in [0, 1, 50, 99] {
            let (s, r) = bounded(capacity);
            let receiver = gort::go(move || {
                r.iter()
                    .take(1000)
                    .filter(|head| {
                        gort::gosched();
                        *head
                    })
                    .count()
            });
            for _ in 0..1000 {
                select! {
                    send(s, true) -> _ => {}
                    send(s, false) -> _ => {}
                }
            }
            let heads = receiver.join().unwrap();
            // Eight standard deviations.
            assert!((374..=626).contains(&heads), "{heads} heads with room for {capacity}");
        }
    });
}

/// Go: `TestMultiConsumer`: everything arrives through a pipeline of many.
#[test]
fn many_consumers() {
    matrix(|_| {
        const COUNT: usize = 5_000;
        let (work, from) = bounded(64);
        let (to, results) = bounded(64);
        for _ in 0..23 {
            let (from, to) = (from.clone(), to.clone());
            gort::go(move || {
                for n in from {
                    if n % 7 == 0 {
                        gort::gosched();
                    }
                    to.send(n).unwrap();
                }
            });
        }
        drop((from, to));
        gort::go(move || (0..COUNT).for_each(|n| work.send(n).unwrap()));
        let mut seen: Vec<_> = results.iter().collect();
        seen.sort_unstable();
        assert!(seen.into_iter().eq(0..COUNT));
    });
}

/// Go: `TestSelectDuplicateChannel`: a select that waits twice at one channel leaves nothing behind.
#[test]
fn twice_at_one_channel() {
    matrix(|_| {
        for _ in 0..20 {
            let (s, r) = bounded::<i32>(0);
            let (d, e) = bounded::<i32>(0);
            let (from, also) = (r.clone(), e.clone());
            let selects = gort::go(move || {
                select! {
                    recv(from) -> _ => 1,
                    recv(from) -> _ => 1,
                    recv(also) -> _ => 2,
                }
            });
            settle();
            let later = gort::go(move || e.recv());
            settle();
            s.send(8).unwrap();
            assert_eq!(selects.join().unwrap(), 1);
            d.send(9).unwrap();
            assert_eq!(later.join().unwrap(), Ok(9));
        }
    });
}

/// A thousand at each end, and the channel is closed when all is sent.
#[test]
fn a_thousand_and_a_thousand() {
    matrix(|_| {
        const ENDS: usize = 1_000;
        const COUNT: usize = 20;
        for capacity in [0, 16] {
            let (s, r) = bounded(capacity);
            let left = Arc::new(AtomicUsize::new(ENDS));
            let receivers: Vec<_> = (0..ENDS)
                .map(|_| {
                    let r: Receiver<usize> = r.clone();
                    gort::go(move || r.iter().fold((0, 0), |(c, s), n| (c + 1, s + n)))
                })
                .collect();
            for i in 0..ENDS {
                let (s, left) = (s.clone(), left.clone());
                gort::go(move || {
                    (0..COUNT).for_each(|n| s.send(i * COUNT + n).unwrap());
                    if left.fetch_sub(1, Relaxed) == 1 {
                        assert!(s.close());
                    }
                });
            }
            let (mut count, mut sum) = (0, 0);
            for receiver in receivers {
                let (c, s) = receiver.join().unwrap();
                count += c;
                sum += s;
            }
            let all = ENDS * COUNT;
            assert_eq!((count, sum), (all, all * (all - 1) / 2));
        }
    });
}

/// What is not about numbers, while each thread is pre-empted all the time.
#[test]
fn in_a_storm() {
    let _storm = storm(Some(2000));
    many_senders_and_receivers();
    closed_or_there();
    one_or_the_other();
    not_with_itself();
    selects_among_others();
    many_consumers();
    twice_at_one_channel();
    a_thousand_and_a_thousand();
}
