//! Channels: what can be said of them without a race.

mod support;

use gort::chan::{
    Receiver, RecvError, SendError, Sender, TryRecvError, TrySendError, bounded, never, unbounded,
};
use std::error::Error;
use support::{matrix, settle, watchdog};

#[test]
fn capacity_and_length() {
    fn check(capacity: Option<usize>, (s, r): (Sender<usize>, Receiver<usize>)) {
        assert_eq!((s.capacity(), r.capacity()), (capacity, capacity));
        for n in 0..=capacity.unwrap_or(1000).min(1000) {
            assert_eq!((s.len(), r.len()), (n, n));
            assert_eq!((s.is_empty(), r.is_empty()), (n == 0, n == 0));
            let full = capacity == Some(n);
            assert_eq!((s.is_full(), r.is_full()), (full, full));
            assert_eq!(s.try_send(n), if full { Err(TrySendError::Full(n)) } else { Ok(()) });
        }
    }
    for capacity in [0, 1, 2, 7, 128, 1000] {
        check(Some(capacity), bounded(capacity));
    }
    check(None, unbounded());
    let never = never::<i32>();
    assert_eq!((never.capacity(), never.len()), (Some(0), 0));
    assert!(never.is_empty() && never.is_full());
}

#[test]
fn states_of_trying() {
    for (s, r) in [bounded(1), unbounded()] {
        assert_eq!(r.try_recv(), Err(TryRecvError::Empty));
        assert_eq!(s.try_send(1), Ok(()));
        drop(s);
        assert_eq!(r.try_recv(), Ok(1));
        assert_eq!(r.try_recv(), Err(TryRecvError::Disconnected));
        assert_eq!(r.recv(), Err(RecvError));
    }
    for (s, r) in [bounded(0), bounded(1), unbounded()] {
        drop(r);
        assert_eq!(s.try_send(1), Err(TrySendError::Disconnected(1)));
        assert_eq!(s.send(2), Err(SendError(2)));
    }
    assert_eq!(never::<i32>().try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn closing() {
    for (s, r) in [bounded(3), unbounded()] {
        for n in 0..3 {
            s.send(n).unwrap();
        }
        assert!(s.close());
        assert!(!s.close() && !r.close());
        assert_eq!(s.send(3), Err(SendError(3)));
        assert_eq!(s.try_send(3), Err(TrySendError::Disconnected(3)));
        assert_eq!(r.len(), 3);
        assert_eq!(r.iter().collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(r.try_recv(), Err(TryRecvError::Disconnected));
    }
    let (s, r) = bounded::<i32>(0);
    assert!(r.close());
    assert_eq!((s.send(1), r.recv()), (Err(SendError(1)), Err(RecvError)));
    let (s, r) = bounded::<i32>(0);
    drop(s);
    assert!(!r.close(), "dropping the last sender closes it");
    assert!(!never::<i32>().close());
}

/// Whoever waits, is told; a sender has its value back.
#[test]
fn closing_wakes_all() {
    matrix(|_| {
        let (s, r) = bounded::<String>(0);
        let receivers: Vec<_> = (0..10)
            .map(|_| {
                gort::go({
                    let r = r.clone();
                    move || r.recv()
                })
            })
            .collect();
        settle();
        assert!(s.close());
        for receiver in receivers {
            assert_eq!(receiver.join().unwrap(), Err(RecvError));
        }

        let (s, r) = bounded::<String>(2);
        s.send("in".into()).unwrap();
        s.send("in".into()).unwrap();
        let senders: Vec<_> = (0..10)
            .map(|n| {
                gort::go({
                    let s = s.clone();
                    move || s.send(n.to_string())
                })
            })
            .collect();
        settle();
        assert!(r.close());
        for (n, sender) in senders.into_iter().enumerate() {
            assert_eq!(sender.join().unwrap(), Err(SendError(n.to_string())));
        }
        assert_eq!(r.iter().collect::<Vec<_>>(), ["in", "in"]);
    });
}

#[test]
fn dropping_an_end_wakes_the_other() {
    matrix(|_| {
        let (s, r) = bounded::<i32>(0);
        let receiver = gort::go(move || r.recv());
        let clone = s.clone();
        settle();
        drop(s);
        assert!(!receiver.is_finished());
        drop(clone);
        assert_eq!(receiver.join().unwrap(), Err(RecvError));

        let (s, r) = bounded::<i32>(0);
        let sender = gort::go(move || s.send(1));
        let clone = r.clone();
        settle();
        drop(r);
        assert!(!sender.is_finished());
        drop(clone);
        assert_eq!(sender.join().unwrap(), Err(SendError(1)));
    });
}

/// Those who wait are served in the order in which they came, at both ends.
#[test]
fn first_come_first_served() {
    let _one = support::serial();
    let _watchdog = watchdog();
    gort::runtime::gomaxprocs(Some(1));
    gort::run(|| {
        for capacity in [0, 3] {
            let (s, r) = bounded(capacity);
            let (done, order) = unbounded();
            for n in 0..10 {
                let (r, done) = (r.clone(), done.clone());
                gort::go(move || done.send((n, r.recv().unwrap())).unwrap());
                // So that they come to wait in this order.
                settle();
            }
            for n in 0..10 {
                s.send(n).unwrap();
                assert_eq!(order.recv(), Ok((n, n)));
            }
            for n in 0..10 + capacity {
                let s = s.clone();
                gort::go(move || s.send(n).unwrap());
                settle();
            }
            for n in 0..10 + capacity {
                assert_eq!(r.recv(), Ok(n));
            }
        }
    });
}

#[test]
fn iterating() {
    matrix(|_| {
        let (s, r) = bounded(2);
        let sum = gort::go(move || {
            let some: i32 = r.iter().take(3).sum();
            let borrowed: i32 = (&r).into_iter().take(3).sum();
            (some, borrowed, r.into_iter().sum::<i32>())
        });
        (1..=9).for_each(|n| s.send(n).unwrap());
        drop(s);
        assert_eq!(sum.join().unwrap(), (6, 15, 24));

        let (s, r) = unbounded();
        (0..5).for_each(|n| s.send(n).unwrap());
        assert_eq!(r.try_iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        assert_eq!(r.try_iter().next(), None);
        drop(s);
        let mut all = r.into_iter();
        assert_eq!((all.next(), all.next()), (None, None));
    });
}

#[test]
fn values_of_every_shape() {
    #[derive(Clone, Copy, Debug, PartialEq)]
    #[repr(align(512))]
    struct Aligned(u8);

    fn check<T: Clone + PartialEq + Send + std::fmt::Debug + 'static>(value: &T) {
        for capacity in [Some(0), Some(1), Some(100), None] {
            let (s, r) = capacity.map_or_else(unbounded, bounded);
            let sent = value.clone();
            let sender = gort::go(move || (0..300).for_each(|_| s.send(sent.clone()).unwrap()));
            let mut count = 0;
            for one in r {
                assert!(std::ptr::from_ref(&one).is_aligned());
                assert_eq!(&one, value);
                count += 1;
            }
            assert_eq!(count, 300);
            sender.join().unwrap();
        }
    }
    matrix(|_| {
        check(&());
        check(&7u8);
        check(&[1u64; 3]);
        check(&vec![1, 2, 3]);
        check(&[9u8; 3000]);
        check(&Aligned(3));
        check(&[Aligned(1), Aligned(2)]);
        check(&Some(Box::new("boxed")));
    });
}

#[test]
fn nothing_takes_no_room() {
    let (s, r) = bounded(usize::MAX);
    (0..1000).for_each(|_| s.send(()).unwrap());
    assert_eq!((s.len(), s.capacity()), (1000, Some(usize::MAX)));
    assert_eq!(r.try_iter().count(), 1000);
}

#[test]
#[should_panic(expected = "capacity overflow")]
fn more_room_than_there_is() {
    bounded::<u64>(usize::MAX / 4);
}

/// In and out of a chain of segments, also when it has run empty and when it is long.
#[test]
fn growing() {
    let (s, r) = unbounded();
    let (mut sent, mut received) = (0, 0);
    for round in 0..300 {
        for _ in 0..round {
            s.send(sent).unwrap();
            sent += 1;
        }
        assert_eq!(r.len(), sent - received);
        for _ in 0..round * (round % 3) / 2 {
            let Ok(value) = r.try_recv() else { break };
            assert_eq!(value, received);
            received += 1;
        }
    }
    drop(s);
    assert!(r.into_iter().eq(received..sent));
}

#[test]
fn the_same_channel() {
    let ((s1, r1), (s2, r2)) = (bounded::<i32>(0), unbounded::<i32>());
    assert!(s1.same_channel(&s1.clone()) && r1.same_channel(&r1.clone()));
    assert!(!s1.same_channel(&s2) && !r1.same_channel(&r2));
    assert!(never::<i32>().same_channel(&never()));
    assert!(!r1.same_channel(&never()));
}

#[test]
fn a_channel_through_itself() {
    struct Carrier(Option<Receiver<Carrier>>);
    matrix(|_| {
        let (s, r) = bounded(1);
        s.send(Carrier(Some(r.clone()))).unwrap();
        let through = r.recv().unwrap().0.unwrap();
        s.send(Carrier(None)).unwrap();
        assert!(through.recv().unwrap().0.is_none());
        // A sender and a receiver that only the channel itself still has.
        let (s, r) = unbounded();
        s.send(Carrier(Some(r.clone()))).unwrap();
        drop((s, r));
    });
}

#[test]
fn waiting_for_ever() {
    let waits = gort::go(|| never::<i32>().recv());
    settle();
    assert!(!waits.is_finished());
    let thread = std::thread::spawn(|| never::<i32>().recv());
    std::thread::sleep(std::time::Duration::from_millis(1));
    assert!(!thread.is_finished());
}

#[test]
fn what_errors_say() {
    let said = |error: &dyn Error| (error.to_string(), format!("{error:?}"));
    let pair = |text: &str, debug: &str| (text.to_owned(), debug.to_owned());
    let closed = "sending on a disconnected channel";
    assert_eq!(said(&SendError(1)), pair(closed, "\"SendError(..)\""));
    assert_eq!(said(&TrySendError::Disconnected(1)), pair(closed, "\"Disconnected(..)\""));
    assert_eq!(said(&TrySendError::Full(1)), pair("sending on a full channel", "\"Full(..)\""));
    let ended = "receiving on an empty and disconnected channel";
    assert_eq!(said(&RecvError), pair(ended, "RecvError"));
    assert_eq!(said(&TryRecvError::Disconnected), pair(ended, "Disconnected"));
    assert_eq!(said(&TryRecvError::Empty), pair("receiving on an empty channel", "Empty"));
    let blocked = "all operations in select would block";
    assert_eq!(said(&gort::chan::TrySelectError), pair(blocked, "TrySelectError"));

    assert_eq!(TrySendError::from(SendError(1)), TrySendError::Disconnected(1));
    assert_eq!(TryRecvError::from(RecvError), TryRecvError::Disconnected);
    assert_eq!((SendError(1).into_inner(), TrySendError::Full(2).into_inner()), (1, 2));
    assert!(TrySendError::Full(1).is_full() && !TrySendError::Full(1).is_disconnected());
    assert!(TryRecvError::Empty.is_empty() && !TryRecvError::Empty.is_disconnected());
}

#[test]
fn what_handles_are() {
    fn shared<T: Send + Sync + std::panic::UnwindSafe + std::panic::RefUnwindSafe>() {}
    shared::<Sender<std::cell::Cell<i32>>>();
    shared::<Receiver<std::cell::Cell<i32>>>();
    fn iterates<T: Iterator + std::iter::FusedIterator>(_: &T) {}
    let (s, r) = unbounded::<i32>();
    iterates(&r.iter());
    assert_eq!(format!("{s:?} {r:?} {:?}", r.iter()), "Sender { .. } Receiver { .. } Iter { .. }");
    assert_eq!(format!("{:?}", r.try_iter()), "TryIter { .. }");
    let all = r.into_iter();
    iterates(&all);
    assert_eq!(format!("{all:?}"), "IntoIter { .. }");
}
