//! Nobody waits for ever: goroutines that keep readying each other let others in, whichever queue
//! those are in.

mod support;

use gort_rt::Completion;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use support::{serial, watchdog};

/// Two goroutines that wake each other over and over until `stop`; each wakes the other in front of
/// the queue.
fn ping_pong(stop: &Arc<AtomicBool>) -> gort::JoinHandle<u64> {
    fn play(stop: &AtomicBool, depth: u64) -> u64 {
        if stop.load(Ordering::Relaxed) {
            return depth;
        }
        // The child is put in front, runs at once when we wait for it, and puts us in front.
        let done = Arc::new(Completion::new());
        let event = Arc::clone(&done);
        drop(gort::go(move || {
            let _ = event.complete();
        }));
        done.wait();
        depth + 1
    }
    let stop = Arc::clone(stop);
    gort::go(move || {
        let mut rounds = 0;
        while !stop.load(Ordering::Relaxed) {
            rounds = play(&stop, rounds);
        }
        rounds
    })
}

#[test]
fn goroutines_in_the_ring_and_in_the_global_queue_get_their_turn() {
    let _one = serial();
    let _watchdog = watchdog();
    gort::runtime::gomaxprocs(Some(1));
    gort::run(|| {
        let stop = Arc::new(AtomicBool::new(false));
        let players = ping_pong(&stop);
        // From a goroutine: the P's own ring. From a thread: the global queue.
        let ring: Vec<_> = (0..10).map(|_| gort::go(gort::gosched)).collect();
        for one in ring {
            one.join().unwrap();
        }
        let global = std::thread::spawn(|| gort::go(gort::gosched)).join().unwrap();
        global.join().unwrap();
        stop.store(true, Ordering::Relaxed);
        assert!(players.join().unwrap() > 0);
    });
}
