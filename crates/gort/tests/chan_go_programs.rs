//! What Go's programs in `test/chan` do, written anew: `sieve1.go`, `fifo.go`, `doubleselect.go`,
//! `nonblock.go`, `select3.go`, `select6.go`, `select7.go`, `goroutines.go`, `perm.go`.

mod support;

use gort::chan::{
    Receiver, RecvError, Select, Sender, TryRecvError, TrySendError, bounded, never, select,
    unbounded,
};
use support::storm::storm;
use support::{matrix, settle};

/// Each prime takes its multiples out of what flows to the next.
#[test]
fn sieve() {
    matrix(|_| {
        let (s, mut numbers) = bounded(0);
        gort::go(move || (2u32..).all(|n| s.send(n).is_ok()));
        let primes: Vec<u32> = (0..100)
            .map(|_| {
                let prime = numbers.recv().unwrap();
                let (s, rest) = bounded(0);
                let from = std::mem::replace(&mut numbers, rest);
                gort::go(move || {
                    from.iter().filter(|n| n % prime != 0).all(|n| s.send(n).is_ok());
                });
                prime
            })
            .collect();
        assert_eq!((primes[0], primes[1], primes[24], primes[99]), (2, 3, 97, 541));
    });
}

/// A chain in which each passes on what it gets, and waits its turn.
fn fifo(capacity: usize) {
    const COUNT: usize = 10;
    let (s, r) = bounded(capacity);
    let mut turns: Receiver<()> = {
        let (first, turn) = bounded(1);
        first.send(()).unwrap();
        turn
    };
    for n in 0..COUNT {
        let (next, turn) = bounded(1);
        let before = std::mem::replace(&mut turns, turn);
        let r: Receiver<usize> = r.clone();
        gort::go(move || {
            before.recv().unwrap();
            assert_eq!(r.recv(), Ok(n));
            next.send(()).unwrap();
        });
    }
    for n in 0..COUNT {
        s.send(n).unwrap();
    }
    assert_eq!(turns.recv(), Ok(()));
}

#[test]
fn first_in_first_out() {
    matrix(|_| {
        fifo(0);
        fifo(10);
        let (s, r) = bounded(10);
        (0..10).for_each(|n| s.send(n).unwrap());
        assert!((0..10).eq(r.try_iter()));
    });
}

/// Each value is sent by one case of a select, and by no other.
#[test]
fn two_cases_do_not_both_happen() {
    matrix(|_| {
        const COUNT: usize = 5_000;
        let [(s1, r1), (s2, r2), (s3, r3), (s4, r4)] = [(); 4].map(|()| bounded(0));
        let sender = gort::go(move || {
            for n in 0..COUNT {
                let sent = select! {
                    send(s1, n) -> sent => sent,
                    send(s2, n) -> sent => sent,
                    send(s3, n) -> sent => sent,
                    send(s4, n) -> sent => sent,
                };
                sent.unwrap();
            }
        });
        let (all, merged) = bounded(0);
        for r in [r1, r2, r3, r4] {
            let all = all.clone();
            gort::go(move || r.iter().for_each(|n| all.send(n).unwrap()));
        }
        drop(all);
        let mut seen = vec![false; COUNT];
        for n in merged {
            assert!(!std::mem::replace(&mut seen[n], true), "{n} has been sent twice");
        }
        assert!(seen.into_iter().all(|seen| seen));
        sender.join().unwrap();
    });
}

#[test]
fn not_waiting() {
    fn check<T: Clone + PartialEq + std::fmt::Debug + Send + 'static>(value: &T) {
        // Nobody there.
        let (s, r) = bounded::<T>(0);
        assert_eq!(r.try_recv(), Err(TryRecvError::Empty));
        assert_eq!(s.try_send(value.clone()), Err(TrySendError::Full(value.clone())));
        select! { recv(r) -> _ => unreachable!(), default => {} }
        select! { send(s, value.clone()) -> _ => unreachable!(), default => {} }
        // Somebody who waits.
        let from = r.clone();
        let receiver = gort::go(move || from.recv());
        while s.try_send(value.clone()).is_err() {
            gort::gosched();
        }
        assert_eq!(receiver.join().unwrap(), Ok(value.clone()));
        let (to, sent) = (s.clone(), value.clone());
        let sender = gort::go(move || to.send(sent));
        let received = loop {
            select! {
                recv(r) -> value => break value,
                default => gort::gosched(),
            }
        };
        assert_eq!(received, Ok(value.clone()));
        sender.join().unwrap().unwrap();
        // A buffer.
        let (s, r) = bounded::<T>(10);
        for _ in 0..10 {
            select! { send(s, value.clone()) -> sent => sent.unwrap(), default => unreachable!() }
        }
        assert_eq!(s.try_send(value.clone()), Err(TrySendError::Full(value.clone())));
        for _ in 0..10 {
            select! {
                recv(r) -> received => assert_eq!(received, Ok(value.clone())),
                default => unreachable!(),
            }
        }
        assert_eq!(r.try_recv(), Err(TryRecvError::Empty));
    }
    matrix(|_| {
        check(&1i32);
        check(&'c');
        check(&true);
        check(&"text".to_owned());
        check(&[7u64; 20]);
        check(&());
    });
}

/// Whether `body`, on a goroutine of its own, waits.
fn waits(body: impl FnOnce() + Send + 'static) -> bool {
    let one = gort::go(body);
    for _ in 0..5 {
        settle();
    }
    !one.is_finished()
}

/// What waits and what does not: operations on channels with and without a buffer, closed, and at
/// which nothing ever happens.
#[test]
fn what_waits() {
    matrix(|_| {
        let kept: Vec<_> = (0..2).map(bounded::<i32>).collect();
        let open = |n: usize| kept[n].clone();
        let full = bounded(1);
        full.0.send(7).unwrap();
        let closed = bounded::<i32>(1);
        closed.0.close();

        assert!(waits(|| _ = never::<i32>().recv()));
        for n in 0..2 {
            let (_, r) = open(n);
            assert!(waits(move || _ = r.recv()));
        }
        let (s, _) = open(0);
        let r = kept[0].1.clone();
        // Somebody waits there already, from before.
        assert!(!waits(move || s.send(1).unwrap()));
        drop(r);
        let s = full.0.clone();
        assert!(waits(move || _ = s.send(1)));
        let (s, r) = closed.clone();
        assert!(!waits(move || assert!(s.send(1).is_err() && r.recv().is_err())));

        // In a select: as the operation itself, and never with a default.
        let (s, r) = bounded::<i32>(0);
        let ends = (s.clone(), r.clone());
        assert!(waits(move || select! { recv(ends.1) -> _ => {} recv(never::<i32>()) -> _ => {} }));
        drop((s, r));
        let (s, r) = bounded::<i32>(0);
        let ends = (s.clone(), r.clone());
        assert!(!waits(move || select! {
            recv(ends.1) -> _ => unreachable!(),
            send(ends.0, 1) -> _ => unreachable!(),
            default => {}
        }));
        let ends = (s, r);
        assert!(waits(move || select! { recv(ends.1) -> _ => {} send(ends.0, 1) -> _ => {} }));
        let (s, r) = closed;
        assert!(!waits(move || select! {
            recv(r) -> value => assert_eq!(value, Err(RecvError)),
            send(s, 1) -> sent => assert!(sent.is_err()),
        }));
    });
}

/// A select that leaves a queue leaves it in order, also when it was the last there.
#[test]
fn leaving_a_queue() {
    matrix(|_| {
        let (s1, r1) = bounded::<bool>(0);
        let (s2, r2) = bounded::<bool>(0);
        let (s3, r3) = bounded::<bool>(0);
        let (done, all) = bounded(0);
        let receiver = |done: Sender<bool>| {
            let r = r1.clone();
            move || done.send(r.recv().unwrap()).unwrap()
        };
        gort::go(receiver(done.clone()));
        settle();
        let (one, other) = (r1.clone(), r2.clone());
        let selects = gort::go(move || {
            select! {
                recv(one) -> _ => panic!("this is for those who came earlier"),
                recv(other) -> _ => {}
            }
            r3.recv().unwrap();
        });
        settle();
        s2.send(true).unwrap();
        gort::go(receiver(done));
        settle();
        s1.send(true).unwrap();
        s1.send(true).unwrap();
        assert_eq!((all.recv(), all.recv()), (Ok(true), Ok(true)));
        s3.send(true).unwrap();
        selects.join().unwrap();
    });
}

/// Selects and plain operations at the same channels pass values on without end.
#[test]
fn no_deadlock_with_selects_at_one_end() {
    matrix(|_| {
        let plain = |r: Receiver<i32>| (0..100).for_each(|_| _ = r.recv().unwrap());
        let select_one = |r: Receiver<i32>| {
            (0..100).for_each(|_| select! { recv(r) -> n => _ = n.unwrap() });
        };
        let select_more = |r: Receiver<i32>| {
            let none = never::<i32>();
            (0..100)
                .for_each(|_| select! { recv(r) -> n => _ = n.unwrap(), recv(none) -> _ => {} });
        };
        let send_plain = |s: Sender<i32>| (0..100).for_each(|n| s.send(n).unwrap());
        let send_select = |s: Sender<i32>| {
            (0..100).for_each(|n| select! { send(s, n) -> sent => sent.unwrap() });
        };
        let send_list = |s: Sender<i32>| {
            for n in 0..100 {
                let mut list = Select::new();
                list.send(&s);
                list.select().send(&s, n).unwrap();
            }
        };
        let receivers: [fn(Receiver<i32>); 3] = [plain, select_one, select_more];
        let senders: [fn(Sender<i32>); 3] = [send_plain, send_select, send_list];
        for receive in receivers {
            for send in senders {
                for capacity in [0, 1, 10] {
                    let (s, r) = bounded(capacity);
                    let other = gort::go(move || receive(r));
                    send(s);
                    other.join().unwrap();
                }
            }
        }
    });
}

#[test]
fn a_chain_of_ten_thousand() {
    matrix(|_| {
        let (first, mut last) = bounded(0);
        for _ in 0..10_000 {
            let (s, r) = bounded(0);
            let from = std::mem::replace(&mut last, r);
            gort::go(move || s.send(from.recv().unwrap() + 1).unwrap());
        }
        first.send(0).unwrap();
        assert_eq!(last.recv(), Ok(10_000));
    });
}

/// A closed channel, seen from everywhere.
#[test]
fn after_the_end() {
    for (s, r) in [bounded::<i32>(0), bounded(3), unbounded()] {
        s.close();
        for _ in 0..2 {
            assert_eq!(r.recv(), Err(RecvError));
            assert_eq!(r.try_recv(), Err(TryRecvError::Disconnected));
            assert!(s.send(1).is_err());
            select! { recv(r) -> value => assert!(value.is_err()), default => unreachable!() }
            select! { send(s, 1) -> sent => assert!(sent.is_err()), default => unreachable!() }
        }
    }
}

/// All of that while each thread is pre-empted all the time.
#[test]
fn in_a_storm() {
    let _storm = storm(Some(2000));
    sieve();
    first_in_first_out();
    two_cases_do_not_both_happen();
    not_waiting();
    leaving_a_queue();
    no_deadlock_with_selects_at_one_end();
    a_chain_of_ten_thousand();
}
