//! Timers, tickers and what is built on them: nothing is early, nothing is stale, nothing is lost. Looks at
//! what Go's `time/sleep_test.go` and `time/tick_test.go` look at.

mod support;

use gort::chan::{RecvTimeoutError, Select, TryRecvError, after, bounded, select, tick, unbounded};
use gort::time::{Elapsed, Ticker, Timer, sleep, timeout};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use support::{matrix, panics};

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn fires_once_and_not_before() {
    matrix(|_| {
        let begin = Instant::now();
        let timer = Timer::new(2 * MS);
        assert!(timer.chan().recv().unwrap() >= begin + 2 * MS);
        assert!(begin.elapsed() >= 2 * MS);
        assert!(!timer.stop(), "it has fired, and that was seen");
        assert_eq!(timer.chan().recv_timeout(3 * MS), Err(RecvTimeoutError::Timeout));
    });
}

#[test]
fn nothing_stale_arrives() {
    matrix(|_| {
        let timer = Timer::new(HOUR);
        assert!(timer.stop());
        assert!(!timer.stop());
        for _ in 0..10 {
            timer.reset(MS / 2);
            sleep(MS);
            // Whether it has fired or not, nobody has seen it.
            let begin = Instant::now();
            assert!(timer.reset(MS));
            assert!(timer.chan().recv().unwrap() >= begin + MS);
            timer.reset(MS / 2);
            sleep(MS);
            assert!(timer.stop());
            assert_eq!(timer.chan().try_recv(), Err(TryRecvError::Empty));
        }
    });
}

/// Who sets it to an earlier time than it had, and to a later.
#[test]
fn set_to_other_times() {
    matrix(|_| {
        let begin = Instant::now();
        let timer = Timer::new(HOUR);
        assert!(timer.reset(MS));
        assert!(timer.chan().recv().unwrap() < begin + HOUR);
        let begin = Instant::now();
        timer.reset(MS);
        assert!(timer.reset(20 * MS));
        assert!(timer.chan().recv().unwrap() >= begin + 20 * MS);
    });
}

/// Whoever sets and stops says how often it can have fired.
#[test]
fn set_and_stopped_while_it_fires() {
    matrix(|procs| {
        let timer = Arc::new(Timer::new(HOUR));
        let fired = Arc::new(AtomicUsize::new(0));
        let receiver = timer.chan().clone();
        let (over, is_over) = bounded::<()>(0);
        let counter = fired.clone();
        let count = gort::go(move || {
            loop {
                select! {
                    recv(receiver) -> time => {
                        assert!(time.unwrap() <= Instant::now());
                        counter.fetch_add(1, Ordering::Relaxed);
                    }
                    recv(is_over) -> _ => return,
                }
            }
        });
        let unset = Arc::new(AtomicUsize::new(0));
        let setters: Vec<_> = (0..4)
            .map(|i| {
                let (timer, unset) = (timer.clone(), unset.clone());
                gort::go(move || {
                    let mut sets = 0;
                    for round in 0..100 * procs.min(4) {
                        let span = Duration::from_micros((i * 13 + round * 7) as u64 % 60 + 1);
                        let was_set = if round % 3 == 2 { timer.stop() } else { timer.reset(span) };
                        sets += usize::from(round % 3 != 2);
                        unset.fetch_add(usize::from(was_set), Ordering::Relaxed);
                        if round % 5 == 0 {
                            sleep(span);
                        }
                    }
                    sets
                })
            })
            .collect();
        let sets: usize = setters.into_iter().map(|setter| setter.join().unwrap()).sum();
        let last = usize::from(timer.stop());
        drop(over);
        count.join().unwrap();
        let ended = unset.load(Ordering::Relaxed) + last + fired.load(Ordering::Relaxed);
        assert_eq!(ended, sets + 1, "each time that it was set ends once");
    });
}

#[test]
fn ticks_and_leaves_out() {
    matrix(|_| {
        let begin = Instant::now();
        let ticker = Ticker::new(MS);
        for n in 1..=5 {
            assert!(ticker.chan().recv().unwrap() >= begin + n * MS);
        }
        // Room for one.
        sleep(10 * MS);
        assert_eq!(ticker.chan().len(), 1);
        ticker.reset(HOUR);
        assert_eq!(ticker.chan().try_recv(), Err(TryRecvError::Empty));
        let begin = Instant::now();
        ticker.reset(2 * MS);
        assert!(ticker.chan().recv().unwrap() >= begin + 2 * MS);
        ticker.stop();
        assert_eq!(ticker.chan().recv_timeout(5 * MS), Err(RecvTimeoutError::Timeout));
    });
}

#[test]
fn functions_are_called() {
    matrix(|_| {
        let (s, r) = unbounded();
        let begin = Instant::now();
        let sender = s.clone();
        let timer = Timer::after_func(MS, move || sender.send(Instant::now()).unwrap());
        assert!(r.recv().unwrap() >= begin + MS);
        assert!(!timer.stop());
        assert!(!timer.reset(MS));
        assert!(r.recv().unwrap() >= begin + 2 * MS);
        // One that is dropped is not stopped; one that is stopped is not called.
        drop(timer);
        let sender = s.clone();
        drop(Timer::after_func(MS, move || sender.send(begin).unwrap()));
        assert_eq!(r.recv(), Ok(begin));
        assert!(Timer::after_func(HOUR, move || s.send(begin).unwrap()).stop());
        assert!(r.recv().is_err(), "the function is dropped with the timer");
    });
}

/// A function that is still running when its timer fires again runs once more afterwards, not at the same
/// time.
#[test]
fn a_function_is_called_by_one_at_a_time() {
    matrix(|_| {
        let (began, begins) = bounded(0);
        let (go_on, goes_on) = bounded(0);
        let mut inside = 0;
        let timer = Timer::after_func(Duration::ZERO, move || {
            inside += 1;
            began.send(inside).unwrap();
            goes_on.recv().unwrap();
        });
        assert_eq!(begins.recv(), Ok(1));
        assert!(!timer.reset(Duration::ZERO));
        assert_eq!(begins.recv_timeout(3 * MS), Err(RecvTimeoutError::Timeout));
        go_on.send(()).unwrap();
        assert_eq!(begins.recv(), Ok(2));
        go_on.send(()).unwrap();
    });
}

#[test]
fn waits_no_longer_than_asked() {
    matrix(|_| {
        assert_eq!(timeout(HOUR, || 1), Ok(1));
        assert_eq!(timeout(MS, || sleep(HOUR)), Err(Elapsed));
        // What comes too late is dropped.
        let value = Arc::new(());
        let (go_on, goes_on) = bounded::<()>(0);
        let late = value.clone();
        let result = timeout(MS, move || {
            let _ = goes_on.recv();
            late
        });
        assert_eq!(result, Err(Elapsed));
        drop(go_on);
        while Arc::strong_count(&value) != 1 {
            gort::gosched();
        }
        assert_eq!(
            panics(|| timeout(HOUR, || -> () { panic!("{}", support::ON_PURPOSE) })),
            support::ON_PURPOSE
        );
    });
}

/// Nothing that is due after the clock's end fires, or wraps around to now.
#[test]
fn spans_beyond_the_clock() {
    matrix(|_| {
        for span in [Duration::MAX, Duration::from_nanos(u64::MAX), HOUR * 24 * 365 * 74] {
            let timer = Timer::new(span);
            let ticker = Ticker::new(span);
            let function = Timer::after_func(span, || panic!("it is time"));
            let (woken, wakes) = bounded::<()>(0);
            gort::go(move || {
                sleep(span);
                drop(woken);
            });
            select! {
                recv(timer.chan()) -> _ => panic!("it is time"),
                recv(ticker.chan()) -> _ => panic!("it is time"),
                recv(wakes) -> _ => panic!("it is time"),
                default(2 * MS) => {}
            }
            assert!(timer.stop() && function.stop());
            assert_eq!(timeout(span, || 1), Ok(1));
            assert!(!timer.reset(MS));
            timer.chan().recv().unwrap();
        }
    });
}

/// Nor does anybody stop waiting at a channel.
#[test]
fn limits_beyond_the_clock() {
    matrix(|_| {
        for span in [Duration::MAX, Duration::from_nanos(u64::MAX), HOUR * 24 * 365 * 74] {
            let (s, r) = bounded(0);
            gort::go(move || {
                let mut list = Select::new();
                let index = list.send(&s);
                let chosen = list.select_timeout(span).unwrap();
                assert_eq!(chosen.send(&s, 0), Ok(()));
                assert_eq!(list.ready_timeout(span), Ok(index));
                for n in 1..4 {
                    assert_eq!(s.send_timeout(n, span), Ok(()));
                }
            });
            for n in 0..3 {
                sleep(MS / 2);
                assert_eq!(r.recv_timeout(span), Ok(n));
            }
            sleep(MS / 2);
            select! {
                recv(after(span)) -> _ => panic!("it is time"),
                recv(tick(span)) -> _ => panic!("it is time"),
                recv(r) -> n => assert_eq!(n, Ok(3)),
                default(span) => panic!("it is time"),
            }
        }
    });
}

#[test]
fn no_time_at_all() {
    matrix(|_| {
        sleep(Duration::ZERO);
        let timer = Timer::new(Duration::ZERO);
        assert!(timer.chan().try_recv().is_ok());
        assert!(!timer.reset(Duration::ZERO));
        assert!(timer.stop());
        assert_eq!(timer.chan().try_recv(), Err(TryRecvError::Empty));
    });
}

#[test]
fn a_period_of_zero() {
    matrix(|_| {
        let text = "a ticker's period must not be zero";
        assert_eq!(panics(|| Ticker::new(Duration::ZERO)), text);
        assert_eq!(panics(|| Ticker::new(HOUR).reset(Duration::ZERO)), text);
        // As crossbeam's.
        let always = tick(Duration::ZERO);
        (0..10).for_each(|_| assert!(always.recv().unwrap() <= Instant::now()));
    });
}
