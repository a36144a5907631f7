//! Goroutines that will never go on are found, and those that will are not. The shapes are those in which
//! programs in Go have been found to leak (GoKer's, in short), each with a version that is right.
//!
//! # Safety
//!
//! A limit is set with memory that is there for the call.

#![allow(unsafe_code)]

mod support;

use gort::GoId;
use gort::chan::{Receiver, Sender, bounded, never, select, unbounded};
use gort::runtime::{WaitReason, leaks};
use gort::sync::{Mutex, WaitGroup};
use std::sync::Arc;
use std::time::Duration;
use support::{Child, is_child, matrix, serial, settle, stderr};

/// Looks until one is found. That of a channel something is left somewhere may be, by chance; then it is not
/// found, but another one is.
fn is_found(shape: fn()) -> WaitReason {
    let mut looks = 0;
    let mut id = start(shape);
    loop {
        if looks == 10 {
            (looks, id) = (0, start(shape));
        }
        looks += 1;
        if let Some(leak) = leaks().unwrap().into_iter().find(|leak| leak.goroutine().id == id) {
            assert!(
                leak.to_string().starts_with(&format!("leak?: goroutine {id} waits")),
                "{leak}"
            );
            return leak.goroutine().reason;
        }
        gort::gosched();
    }
}

/// Looks once it waits.
fn is_not_found(id: GoId, what: &str) {
    settle();
    let found = leaks().unwrap();
    assert!(found.iter().all(|leak| leak.goroutine().id != id), "{what}: {found:?}");
}

/// Starts one that ends only if it is let go on.
fn start(body: impl FnOnce() + Send + 'static) -> GoId {
    gort::go(body).id()
}

/// Some channel, from a place that leaves nothing behind.
#[inline(never)]
fn pair() -> (Sender<u32>, Receiver<u32>) {
    bounded(0)
}

/// Its own sender is the only one.
fn forgotten_sender() {
    let (sender, receiver) = pair();
    let _ = receiver.recv();
    drop(sender);
}

/// It receives once more than is sent.
fn double_receive() {
    let (sender, receiver) = unbounded();
    sender.send(1).unwrap();
    assert_eq!(receiver.recv(), Ok(1));
    let _ = receiver.recv();
    drop(sender);
}

/// It sends once more than there is room for.
fn double_send() {
    let (sender, receiver) = bounded(1);
    sender.send(1).unwrap();
    let _ = sender.send(2);
    drop(receiver);
}

/// It goes through a channel that nobody closes.
fn missing_close() {
    let (sender, receiver) = unbounded();
    sender.send(1).unwrap();
    assert_eq!(receiver.iter().sum::<i32>(), 0);
    drop(sender);
}

/// Two channels, neither of which anybody has.
fn two_channels() {
    let (one, two) = (pair(), pair());
    select! {
        recv(one.1) -> _ => {}
        send(two.0, 1) -> _ => {}
    }
}

fn nil_channel() {
    let _ = never::<()>().recv();
}

/// Neither a value nor a time.
fn no_cases() {
    select! {
        recv(never::<()>()) -> _ => {}
        recv(never::<u8>()) -> _ => {}
    }
}

/// The other one has the lock, and waits for a value.
fn lock_and_channel() {
    let mutex = Arc::new(Mutex::new(()));
    let inner = Arc::clone(&mutex);
    let (sender, receiver) = pair();
    let (has, had) = bounded::<()>(0);
    gort::go(move || {
        let _guard = inner.lock();
        has.send(()).unwrap();
        let _ = receiver.recv();
    });
    had.recv().unwrap();
    // It would send after this.
    let guard = mutex.lock();
    let _ = sender.send(1);
    drop(guard);
}

/// It waits for the end of one that waits for ever.
fn join() {
    gort::go(forgotten_sender).join().unwrap();
}

/// Each waits for the other to send first.
fn each_other() {
    let (one, two) = (pair(), pair());
    gort::go(move || {
        if two.1.recv().is_ok() {
            let _ = one.0.send(1);
        }
    });
    if one.1.recv().is_ok() {
        let _ = two.0.send(1);
    }
}

#[test]
fn leaks_are_found() {
    use WaitReason::{ChanReceive, ChanSend, Join, MutexLock, Never, Select};
    let shapes: [(fn(), WaitReason); 10] = [
        (forgotten_sender, ChanReceive),
        (double_receive, ChanReceive),
        (double_send, ChanSend),
        (missing_close, ChanReceive),
        (two_channels, Select),
        (nil_channel, Never),
        (no_cases, Select),
        (lock_and_channel, MutexLock),
        (join, Join),
        (each_other, ChanReceive),
    ];
    matrix(|_| {
        for (shape, reason) in shapes {
            assert_eq!(is_found(shape), reason);
        }
    });
}

/// The same with somebody who has a handle, wherever that is.
#[test]
fn what_somebody_can_reach_is_none() {
    static KEPT: Mutex<Vec<Sender<u32>>> = Mutex::new(Vec::new());
    matrix(|_| {
        let receive = |receiver: Receiver<u32>| start(move || _ = receiver.iter().sum::<u32>());

        let (sender, receiver) = pair();
        let id = receive(receiver);
        is_not_found(id, "on the caller's stack");
        drop(sender);

        let (sender, receiver) = pair();
        let id = receive(receiver);
        KEPT.lock().push(sender);
        is_not_found(id, "in a static");
        KEPT.lock().clear();

        let (sender, receiver) = pair();
        let id = receive(receiver);
        let kept = Box::new(sender);
        is_not_found(id, "on the heap");
        drop(kept);

        let (sender, receiver) = pair();
        let id = receive(receiver);
        let thread = std::thread::spawn(move || {
            std::thread::park();
            drop(sender);
        });
        is_not_found(id, "with a thread");
        thread.thread().unpark();
        thread.join().unwrap();

        let (sender, receiver) = pair();
        let id = receive(receiver);
        let sleeper = gort::go(move || {
            gort::time::sleep(Duration::from_millis(50));
            drop(sender);
        });
        is_not_found(id, "with one that sleeps");
        sleeper.join().unwrap();

        let (sender, receiver) = pair();
        let (outer, inner) = unbounded();
        outer.send(sender).unwrap();
        let id = receive(receiver);
        is_not_found(id, "in a channel");
        drop((outer, inner));

        let mutex = Arc::new(Mutex::new(()));
        let guard = mutex.lock();
        let inner = Arc::clone(&mutex);
        let id = start(move || drop(inner.lock()));
        is_not_found(id, "a lock that the caller has");
        drop(guard);

        let group = WaitGroup::new();
        group.add(1);
        let waits = group.clone();
        let id = start(move || waits.wait());
        is_not_found(id, "a group");
        group.done();

        let id = start(|| _ = gort::chan::after(Duration::from_millis(50)).recv());
        is_not_found(id, "a timer");

        let (sender, receiver) = pair();
        let id = start(move || {
            let _ = receiver.recv_timeout(Duration::from_millis(50));
            drop(sender);
        });
        is_not_found(id, "a limit of time");
    });
}

/// Workers that share a queue, filters in a row: all wait, and none of them for ever.
#[test]
fn healthy_programs_have_none() {
    matrix(|_| {
        let (jobs, queue) = bounded::<u32>(4);
        let (answers, results) = unbounded::<u32>();
        let mut ids = Vec::new();
        for _ in 0..4 {
            let (queue, answers) = (queue.clone(), answers.clone());
            ids.push(start(move || queue.iter().for_each(|n| answers.send(n * 2).unwrap())));
        }
        let mut last = results;
        for _ in 0..4 {
            let (sender, receiver) = pair();
            let before = std::mem::replace(&mut last, receiver);
            ids.push(start(move || before.iter().for_each(|n| sender.send(n + 1).unwrap())));
        }
        drop((queue, answers));
        for n in 0..3 {
            jobs.send(n).unwrap();
            assert_eq!(last.recv(), Ok(n * 2 + 4));
            settle();
            let found = leaks().unwrap();
            assert!(found.iter().all(|leak| !ids.contains(&leak.goroutine().id)), "{found:?}");
        }
    });
}

/// With no channel at all; and where memory cannot be read, that is an error, not an answer.
#[test]
fn alone_and_in_a_sandbox() {
    let _one = serial();
    let output = Child::new("leaks", || {
        assert_eq!(is_found(nil_channel), WaitReason::Never);
        gort::go(forgotten_sender);
        let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: see the file's header.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const none) }, 0);
        loop {
            match leaks() {
                // It does not wait yet.
                Ok(found) => assert!(found.len() <= 1, "{found:?}"),
                Err(error) => break assert_eq!(error.raw_os_error(), Some(libc::EMFILE)),
            }
        }
    })
    .run();
    assert!(is_child() || output.status.success(), "{:?} {}", output.status, stderr(&output));
}
