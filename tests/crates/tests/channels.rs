//! Channels, locks and pools that wait by std's threads, or by futexes of their own: crossbeam-channel, flume,
//! parking_lot, rayon.

mod support;

use rayon::prelude::*;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use support::{all, few_threads};

const MANY: usize = 10_000;

#[test]
fn crossbeam_channel_has_many_waiters() {
    few_threads(0, || {
        let (sender, receiver) = crossbeam_channel::bounded::<usize>(0);
        let (back, sum) = crossbeam_channel::unbounded();
        gort::scope(|s| {
            for _ in 0..MANY {
                let (receiver, back) = (receiver.clone(), back.clone());
                s.go(move || back.send(receiver.recv().unwrap()).unwrap());
            }
            (0..MANY).for_each(|i| sender.send(i).unwrap());
        });
        drop(back);
        assert_eq!(sum.iter().sum::<usize>(), MANY * (MANY - 1) / 2);
        // A choice between several, with a limit of time.
        all(1_000, |_| {
            let (_sender, never) = crossbeam_channel::bounded::<()>(0);
            crossbeam_channel::select! {
                recv(never) -> _ => panic!("nobody sends"),
                recv(crossbeam_channel::after(Duration::from_millis(5))) -> _ => {}
            }
        });
    });
}

#[test]
fn flume_has_many_waiters() {
    few_threads(0, || {
        let (sender, receiver) = flume::bounded::<usize>(1);
        let sum = AtomicUsize::new(0);
        gort::scope(|s| {
            for _ in 0..MANY {
                let (receiver, sum) = (receiver.clone(), &sum);
                s.go(move || sum.fetch_add(receiver.recv().unwrap(), Ordering::Relaxed));
            }
            for i in 0..MANY {
                let sender = sender.clone();
                s.go(move || sender.send(i).unwrap());
            }
        });
        assert_eq!(sum.into_inner(), MANY * (MANY - 1) / 2);
        let error = receiver.recv_timeout(Duration::from_millis(5)).unwrap_err();
        assert_eq!(error, flume::RecvTimeoutError::Timeout);
    });
}

#[test]
fn parking_lot_has_many_waiters() {
    few_threads(0, || {
        let (count, all_here) = (parking_lot::Mutex::new(0), parking_lot::Condvar::new());
        let readers = parking_lot::RwLock::new(0);
        all(MANY, |_| {
            *readers.write() += 1;
            let mut here = count.lock();
            *here += 1;
            if *here == MANY {
                all_here.notify_all();
            }
            while *here < MANY {
                all_here.wait(&mut here);
            }
            drop(here);
            assert_eq!(*readers.read(), MANY);
        });
        let held = count.lock();
        all(100, |_| assert!(count.try_lock_for(Duration::from_millis(5)).is_none()));
        drop(held);
    });
}

/// Its pool is threads; goroutines wait for what they hand to it.
#[test]
fn rayon_is_called() {
    const WORKERS: usize = 3;
    few_threads(WORKERS, || {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(WORKERS).build().unwrap();
        let together = Barrier::new(1_000);
        all(1_000, |i| {
            together.wait();
            let sum: usize = pool.install(|| (0..i).into_par_iter().sum());
            assert_eq!(sum, i * i.saturating_sub(1) / 2);
        });
        // A worker waits for a goroutine.
        let (sender, receiver) = std::sync::mpsc::channel();
        gort::scope(|s| {
            s.go(move || sender.send(5).unwrap());
            assert_eq!(pool.install(move || receiver.recv().unwrap()), 5);
        });
    });
}
