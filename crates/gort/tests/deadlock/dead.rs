//! Programs in which nobody can do anything any more.

use super::Case;
use gort::chan::{Receiver, Sender, bounded, never, select, unbounded};
use gort::sync::{Condvar, Mutex, RwLock, Semaphore, WaitGroup};
use gort::time::{Timer, sleep};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

const SOON: Duration = Duration::from_millis(20);
const LATE: Duration = Duration::from_secs(3600);

/// Nothing is ever sent, though somebody could.
fn stuck() -> (Sender<()>, Receiver<()>) {
    bounded(0)
}

fn wait_for_ever() {
    let (_sender, receiver) = stuck();
    let _ = receiver.recv();
}

pub(crate) const ALL: &[Case] = &[
    ("main receives", || gort::run(wait_for_ever)),
    ("main sends", || {
        gort::run(|| {
            let (sender, _receiver) = stuck();
            let _ = sender.send(());
        })
    }),
    ("nothing ever happens", || {
        gort::run(|| {
            let _ = never::<()>().recv();
        })
    }),
    ("select", || {
        gort::run(|| {
            let (one, two) = (stuck(), unbounded::<u8>());
            select! {
                recv(one.1) -> _ => {}
                recv(two.1) -> _ => {}
            }
        })
    }),
    ("all of them", || {
        gort::run(|| {
            let all: Vec<_> = (0..100).map(|_| gort::go(wait_for_ever)).collect();
            all.into_iter().for_each(|one| one.join().unwrap());
        })
    }),
    ("a join of one that waits", || gort::run(|| gort::go(wait_for_ever).join().unwrap())),
    ("a scope", || gort::run(|| gort::scope(|s| _ = s.go(wait_for_ever)))),
    ("two locks", || {
        gort::run(|| {
            let (one, two) = (RwLock::new(()), RwLock::new(()));
            let _read = one.read();
            gort::scope(|s| {
                let _write = two.write();
                s.go(|| {
                    let _read = two.read();
                });
                sleep(SOON);
                let _write = one.write();
            });
        })
    }),
    ("a condition, a semaphore, a group", || {
        gort::run(|| {
            gort::go(|| {
                let mutex = Mutex::new(());
                Condvar::new().wait(&mut mutex.lock());
            });
            gort::go(|| {
                let semaphore = Semaphore::new(1);
                semaphore.acquire(1);
                semaphore.acquire(1);
            });
            let group = WaitGroup::new();
            group.add(1);
            group.wait();
        })
    }),
    ("a future that nobody wakes", || {
        gort::run(|| gort::future::block_on(std::future::pending::<()>()))
    }),
    ("after some time", || {
        gort::run(|| {
            sleep(SOON);
            wait_for_ever();
        })
    }),
    ("a timer that was stopped", || {
        gort::run(|| {
            let timer = Timer::new(LATE);
            sleep(SOON);
            assert!(timer.stop());
            wait_for_ever();
        })
    }),
    ("a wait that has ended in time", || {
        gort::run(|| {
            let (sender, receiver) = bounded(1);
            gort::go(move || sender.send(()));
            assert!(receiver.recv_timeout(LATE).is_ok());
            wait_for_ever();
        })
    }),
    ("after calls that wait", || {
        gort::run(|| {
            let call = || {
                gort::ffi::call_blocking(|| thread::sleep(SOON));
                thread::sleep(SOON);
            };
            let all: Vec<_> = (0..10).map(|_| gort::go(call)).collect();
            all.into_iter().for_each(|one| one.join().unwrap());
            wait_for_ever();
        })
    }),
    ("locked to a thread", || {
        gort::run(|| {
            let _guard = gort::lock_os_thread();
            wait_for_ever();
        })
    }),
    ("after one that has ended its thread", || {
        gort::run(|| {
            gort::go(|| std::mem::forget(gort::lock_os_thread())).join().unwrap();
            wait_for_ever();
        })
    }),
    ("threads that wait, too", || {
        for _ in 0..3 {
            thread::spawn(wait_for_ever);
        }
        gort::run(wait_for_ever);
    }),
    ("a thread that waits later", || {
        thread::spawn(|| {
            thread::sleep(SOON);
            wait_for_ever();
        });
        gort::run(wait_for_ever);
    }),
    ("the main thread waits last", || {
        gort::go(wait_for_ever);
        thread::sleep(SOON);
        wait_for_ever();
    }),
    ("a thread that was there", || {
        gort::run(|| {
            let (sender, receiver) = stuck();
            let thread = thread::spawn(move || sender.send(()).unwrap());
            receiver.recv().unwrap();
            thread.join().unwrap();
            wait_for_ever();
        })
    }),
    ("a thread that ends when all wait", || {
        drop(thread::spawn(|| thread::sleep(4 * SOON)));
        gort::run(wait_for_ever);
    }),
    ("a thread of C's that was there", || {
        gort::run(|| {
            let back = || gort::ffi::callback(|| sleep(SOON));
            thread::spawn(back).join().unwrap();
            wait_for_ever();
        })
    }),
    ("two that hold what the other wants", || {
        let locks = Arc::new((Mutex::new(()), Mutex::new(())));
        let other = Arc::clone(&locks);
        gort::go(move || {
            let _second = other.1.lock();
            sleep(SOON);
            let _first = other.0.lock();
        });
        let _first = locks.0.lock();
        thread::sleep(SOON);
        let _second = locks.1.lock();
    }),
    ("after much else", || {
        super::alive::many();
        gort::run(wait_for_ever);
    }),
    ("main has gone, and another waits", || {
        #[gort::main]
        fn main() {
            gort::go(wait_for_ever);
            gort::goexit();
        }
        main();
    }),
];

/// In which goroutines wait for one another.
pub(crate) const CYCLES: &[Case] = &[
    ("a mutex, twice", || {
        gort::run(|| {
            let mutex = Mutex::new(());
            let _one = mutex.lock();
            let _two = mutex.lock();
        })
    }),
    ("a join of one that wants the lock", || {
        gort::run(|| {
            let mutex = Mutex::new(());
            let _guard = mutex.lock();
            gort::scope(|s| s.go(|| drop(mutex.lock())).join().unwrap());
        })
    }),
];

/// The main goroutine has ended itself, and the others are over.
pub(crate) const MAIN_GONE: &[Case] = &[
    ("main has gone", || {
        #[gort::main]
        fn main() {
            gort::goexit();
        }
        main();
    }),
    ("main has gone, and later the others", || {
        #[gort::main]
        fn main() {
            gort::go(|| sleep(SOON));
            thread::spawn(wait_for_ever);
            gort::goexit();
        }
        main();
    }),
];

/// Hangs, as it has been asked to, until its alarm.
pub(crate) const ALARMED: Case = ("hangs", || {
    gort_sys::raw::alarm(1);
    gort::run(wait_for_ever);
});
