//! Selecting from lists made at run time.

mod support;

use gort::chan::{
    Receiver, RecvError, Select, SendError, Sender, TryReadyError, TrySelectError, bounded, never,
    unbounded,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use support::storm::storm;
use support::{matrix, moving, quiet, serial, settle, watchdog};

/// Receives from whichever has something.
fn first<T>(from: &[Receiver<T>]) -> (usize, Result<T, RecvError>) {
    let mut list = Select::new();
    for receiver in from {
        list.recv(receiver);
    }
    let chosen = list.select();
    let index = chosen.index();
    (index, chosen.recv(&from[index]))
}

#[test]
fn what_is_possible_is_done() {
    for capacity in [Some(1), Some(3), None] {
        let ends: Vec<_> = (0..5).map(|_| capacity.map_or_else(unbounded, bounded)).collect();
        let from: Vec<_> = ends.iter().map(|(_, r)| r.clone()).collect();
        for (i, (s, _)) in ends.iter().enumerate() {
            s.send(i).unwrap();
            assert_eq!(first(&from), (i, Ok(i)));
        }
        ends[3].0.close();
        assert_eq!(first(&from), (3, Err(RecvError)));
    }
}

#[test]
fn empty_lists() {
    let _quiet = quiet();
    let mut list = Select::new();
    assert_eq!(list.try_select().map(|_| ()), Err(TrySelectError));
    assert_eq!(list.try_ready(), Err(TryReadyError));
    let bodies: [fn(&mut Select<'_>); 2] = [|list| drop(list.select()), |list| _ = list.ready()];
    for body in bodies {
        let payload = catch_unwind(AssertUnwindSafe(|| body(&mut Select::new()))).unwrap_err();
        let text = payload.downcast_ref::<&str>().unwrap();
        assert!(text.contains("no operations have been added"), "{text}");
    }
    assert_eq!(format!("{list:?}"), "Select { .. }");
    let mut list = Select::default();
    let r = never::<i32>();
    list.recv(&r);
    assert_eq!(list.try_select().map(|_| ()), Err(TrySelectError));
}

#[test]
fn indices() {
    let _quiet = quiet();
    let (s, r) = bounded(1);
    let mut list = Select::new();
    assert_eq!((list.recv(&r), list.send(&s), list.recv(&r)), (0, 1, 2));
    list.remove(1);
    assert!(list.try_select().is_err());
    assert_eq!(list.send(&s), 3);
    let mut clone = list.clone();
    let chosen = list.select();
    assert_eq!(chosen.index(), 3);
    assert_eq!(chosen.send(&s, 'x'), Ok(()));
    clone.remove(0);
    let chosen = clone.select();
    assert_eq!(chosen.index(), 2);
    assert_eq!(chosen.recv(&r), Ok('x'));
    for index in [0, 1, 4, usize::MAX] {
        let body = AssertUnwindSafe(|| clone.clone().remove(index));
        assert!(catch_unwind(body).is_err(), "{index}");
    }
}

#[test]
fn completed_at_the_wrong_end() {
    let _quiet = quiet();
    let (s, r) = bounded(1);
    let (s2, r2) = (s.clone(), r.clone());
    let mut list = Select::new();
    list.send(&s);
    let chosen = list.select();
    assert!(catch_unwind(AssertUnwindSafe(|| chosen.send(&s2, 1))).is_err());
    assert_eq!(s.try_send(1), Ok(()), "no place is kept");
    let mut list = Select::new();
    list.recv(&r);
    let chosen = list.select();
    assert!(catch_unwind(AssertUnwindSafe(|| chosen.recv(&r2))).is_err());
    assert!(r.is_empty(), "it had been received");
}

#[test]
fn the_first_if_biased() {
    let (s, r) = unbounded();
    let mut list = Select::new_biased();
    list.recv(&r);
    list.recv(&r);
    list.recv(&r);
    for n in 0..1000 {
        s.send(n).unwrap();
        let chosen = list.select();
        assert_eq!((chosen.index(), chosen.recv(&r)), (0, Ok(n)));
    }
    // Who sends while the list is looked through may be seen by the second only.
    matrix(|_| {
        let (s, r) = bounded(0);
        let sender = gort::go(move || (0..100).for_each(|n| s.send(n).unwrap()));
        let mut list = Select::new_biased();
        list.recv(&r);
        list.recv(&r);
        for n in 0..100 {
            assert_eq!(list.select().recv(&r), Ok(n));
        }
        sender.join().unwrap();
    });
}

/// The operation that is chosen is the one that becomes possible, and the others stay what they were.
#[test]
fn waiting() {
    moving(|_| {
        for capacity in [0, 1] {
            let ends: Vec<_> = (0..8).map(|_| bounded(capacity)).collect();
            let from: Vec<Receiver<usize>> = ends.iter().map(|(_, r)| r.clone()).collect();
            let waiter = gort::go(move || (0..80).map(|_| first(&from)).collect::<Vec<_>>());
            for n in 0..80 {
                ends[n * 3 % 8].0.send(n).unwrap();
                if n % 8 == 0 {
                    settle();
                }
            }
            let mut got: Vec<_> = waiter.join().unwrap();
            got.sort_by_key(|(_, value)| value.unwrap());
            for (n, (index, value)) in got.into_iter().enumerate() {
                assert_eq!((index, value), (n * 3 % 8, Ok(n)));
            }
            for (s, r) in ends {
                assert!(r.is_empty());
                assert!(capacity == 1 || s.try_send(0).is_err(), "somebody still waits");
            }
        }
    });
}

#[test]
fn sending_and_receiving() {
    matrix(|_| {
        let (s1, r1) = bounded(0);
        let (s2, r2) = bounded(0);
        let other = gort::go(move || {
            let mut sum = 0;
            for _ in 0..100 {
                let mut list = Select::new();
                let (receive, _send) = (list.recv(&r1), list.send(&s2));
                let chosen = list.select();
                if chosen.index() == receive {
                    sum += chosen.recv(&r1).unwrap();
                } else {
                    chosen.send(&s2, 1).unwrap();
                    sum -= 1;
                }
            }
            sum
        });
        let mut sum = 0;
        for n in 0..100 {
            if n % 2 == 0 {
                s1.send(1).unwrap();
            } else {
                sum += r2.recv().unwrap();
            }
        }
        assert_eq!((other.join().unwrap(), sum), (0, 50));
    });
}

/// A list with both ends of a channel does not send to itself.
#[test]
fn nobody_meets_itself() {
    let (s, r) = bounded::<i32>(0);
    let mut list = Select::new();
    list.send(&s);
    list.recv(&r);
    assert!(list.try_select().is_err());
    matrix(|_| {
        let (s, r) = bounded(0);
        let both = || {
            let (s, r) = (s.clone(), r.clone());
            gort::go(move || {
                let mut list = Select::new();
                let (send, _) = (list.send(&s), list.recv(&r));
                let chosen = list.select();
                if chosen.index() == send {
                    chosen.send(&s, 1).map(|()| 0)
                } else {
                    chosen.recv(&r).map_err(|_| SendError(0))
                }
            })
        };
        for _ in 0..50 {
            let (one, other) = (both(), both());
            let sum = one.join().unwrap().unwrap() + other.join().unwrap().unwrap();
            assert_eq!(sum, 1, "one sends, the other receives");
        }
    });
}

#[test]
fn more_operations_than_fit() {
    matrix(|_| {
        let ends: Vec<_> = (0..200).map(|_| bounded(0)).collect();
        let from: Vec<Receiver<[usize; 40]>> = ends.iter().map(|(_, r)| r.clone()).collect();
        let waiter = gort::go(move || first(&from));
        settle();
        ends[137].0.send([137; 40]).unwrap();
        assert_eq!(waiter.join().unwrap(), (137, Ok([137; 40])));
    });
}

/// Values of different types, some too large to be kept with the operation.
#[test]
fn values_of_every_shape() {
    #[derive(Clone, Copy, Debug, PartialEq)]
    #[repr(align(256))]
    struct Aligned(u64);
    matrix(|_| {
        let (s1, r1) = bounded::<()>(0);
        let (s2, r2) = bounded::<[u64; 100]>(0);
        let (s3, r3) = bounded::<Aligned>(0);
        let (s4, r4) = bounded::<Box<u8>>(0);
        let sender = gort::go(move || {
            for _ in 0..10 {
                s1.send(()).unwrap();
                s2.send([7; 100]).unwrap();
                s3.send(Aligned(5)).unwrap();
                s4.send(Box::new(1)).unwrap();
            }
        });
        for _ in 0..40 {
            let mut list = Select::new();
            list.recv(&r1);
            list.recv(&r2);
            list.recv(&r3);
            list.recv(&r4);
            let chosen = list.select();
            match chosen.index() {
                0 => chosen.recv(&r1).unwrap(),
                1 => assert_eq!(chosen.recv(&r2), Ok([7; 100])),
                2 => assert_eq!(chosen.recv(&r3), Ok(Aligned(5))),
                _ => assert_eq!(chosen.recv(&r4), Ok(Box::new(1))),
            }
        }
        sender.join().unwrap();
    });
}

#[test]
fn looking() {
    matrix(|_| {
        for capacity in [0, 1] {
            let (s1, r1) = bounded::<i32>(capacity);
            let (s2, r2) = bounded::<i32>(capacity);
            let mut list = Select::new();
            list.recv(&r1);
            list.recv(&r2);
            assert_eq!(list.try_ready(), Err(TryReadyError));
            let sender = gort::go(move || {
                settle();
                s2.send(5).unwrap();
                s2
            });
            assert_eq!(list.ready(), 1);
            assert_eq!(r2.recv(), Ok(5));
            let s2 = sender.join().unwrap();
            let receiver = gort::go(move || {
                settle();
                r1.recv()
            });
            let mut list = Select::new();
            if capacity == 0 {
                list.send(&s1);
                list.send(&s2);
                assert_eq!(list.ready(), 0);
            }
            s1.send(1).unwrap();
            assert_eq!(receiver.join().unwrap(), Ok(1));
            // A closed channel is one that does not let wait.
            let closer = gort::go(move || {
                settle();
                drop(s1);
                s2.close()
            });
            let mut list = Select::new();
            list.recv(&r2);
            assert_eq!(list.ready(), 0);
            assert_eq!(r2.recv(), Err(RecvError));
            assert!(closer.join().unwrap());
        }
    });
}

/// A place that was kept for a value which then went straight to a receiver.
#[test]
fn a_place_that_comes_free_is_seen() {
    matrix(|_| {
        let (s, r) = bounded(1);
        let mut list = Select::new();
        list.send(&s);
        let chosen = list.select();
        let receiver = gort::go(move || (r.recv(), r));
        let looker = gort::go({
            let s = s.clone();
            move || {
                let mut list = Select::new();
                list.send(&s);
                (0..2).map(|_| list.ready()).sum::<usize>()
            }
        });
        settle();
        chosen.send(&s, 1).unwrap();
        let (got, _r) = receiver.join().unwrap();
        assert_eq!((got, looker.join().unwrap()), (Ok(1), 0));
    });
}

/// Several wait for something to look at, and each of them gets a value in the end.
#[test]
fn many_look() {
    matrix(|_| {
        let (s, r) = bounded(1);
        let lookers: Vec<_> = (0..6)
            .map(|_| {
                let r: Receiver<i32> = r.clone();
                gort::go(move || {
                    let mut list = Select::new();
                    list.recv(&r);
                    loop {
                        list.ready();
                        if let Ok(value) = r.try_recv() {
                            return value;
                        }
                    }
                })
            })
            .collect();
        (0..6).for_each(|n| s.send(n).unwrap());
        let sum: i32 = lookers.into_iter().map(|looker| looker.join().unwrap()).sum();
        assert_eq!(sum, 15);
    });
}

/// A list goes to another thread; what it chose is completed there.
#[test]
fn sent_and_shared() {
    fn is<T: Send + Sync>(_: &T) {}
    let _one = serial();
    let _watchdog = watchdog();
    let (s, r) = bounded(1);
    let mut list = Select::new();
    list.recv(&r);
    is(&list);
    s.send(1).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let chosen = list.select();
            assert_eq!(format!("{chosen:?}"), "SelectedOperation { .. }");
            assert_eq!(chosen.recv(&r), Ok(1));
        });
    });
    // A value that may not change threads is not dropped on another.
    let (s, r): (Sender<std::rc::Rc<()>>, _) = bounded(1);
    let value = std::rc::Rc::new(());
    s.send(value.clone()).unwrap();
    let mut list = Select::new();
    list.recv(&r);
    let _quiet = quiet();
    std::thread::scope(|scope| {
        let list = &mut list;
        assert!(scope.spawn(move || drop(list.select())).join().is_err());
    });
    assert_eq!(std::rc::Rc::strong_count(&value), 2);
}

/// Those that wait, while each thread is pre-empted all the time.
#[test]
fn in_a_storm() {
    let _storm = storm(Some(2000));
    waiting();
    sending_and_receiving();
    nobody_meets_itself();
    a_place_that_comes_free_is_seen();
    many_look();
}
