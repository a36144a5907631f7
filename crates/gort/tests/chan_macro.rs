//! `select!` and `select_biased!`: what can be written, and what it means.

#![allow(
    clippy::never_loop,
    clippy::diverging_sub_expression,
    reason = "arms that leave loops are what is tested"
)]

mod support;

use gort::chan::{
    Receiver, RecvError, SendError, Sender, bounded, never, select, select_biased, unbounded,
};
use std::cell::Cell;
use std::ops::Deref;
use support::{matrix, settle};

#[test]
fn arms() {
    let (s, r) = unbounded::<i32>();
    select! { default => {} }
    select! { default() => {} }
    select! { default => (), }
    select! {
        recv(r) -> _ => unreachable!(),
        default => {}
    }
    select! {
        default => {}
        recv(r) -> _ => unreachable!(),
    }
    select! {
        send(s, 1) -> result => result.unwrap(),
    }
    select! { recv(r) -> value => assert_eq!(value, Ok(1)) }
    select! {
        send(s, 1,) -> _ => {},
        recv(r,) -> _ => {}
        default => (),
    }
    select_biased! {
        recv(r) -> _ => {}
        send(s, 2) -> (Ok(()) | Err(_)) => {}
    };
    let (Ok(_) | Err(_)) = select! { recv(r) -> value => value, default => Err(RecvError) };
}

#[test]
fn bodies() {
    let (s, r) = unbounded::<i32>();
    let value = select! {
        recv(r) -> _ => 3.0,
        recv(r) -> _ => loop {
            unreachable!()
        },
        recv(r) -> value => match value {
            Ok(_) => 1.0,
            Err(RecvError) => 2.0,
        },
        recv(r) -> value => if value.is_ok() { 5.0 } else { 6.0 },
        default => 7.0,
    };
    assert_eq!(value, 7.0);
    let text: String = select! {
        recv(r) -> _ => "received".into(),
        send(s, 0) -> _ => "sent".to_owned(),
    };
    assert_eq!(text, "sent");
    // Each arm may have what only one can have.
    let once = Box::new(1);
    let one = select! {
        recv(r) -> _ => once,
        send(s, 0) -> _ => once,
        default => once,
    };
    assert_eq!(one, Box::new(1));
}

#[test]
fn leaving() {
    fn back(r: &Receiver<i32>) -> Result<i32, RecvError> {
        select! { recv(r) -> value => Ok(value? + 1) }
    }
    let (s, r) = unbounded();
    s.send(1).unwrap();
    assert_eq!(back(&r), Ok(2));
    let mut rounds = 0;
    'out: loop {
        for _ in 0..2 {
            rounds += 1;
            select! {
                recv(r) -> _ => unreachable!(),
                default => if rounds == 1 { continue 'out } else { break 'out },
            }
        }
    }
    assert_eq!(rounds, 2);
    drop(s);
    assert_eq!(back(&r), Err(RecvError));
}

#[test]
fn patterns() {
    let (s, r) = bounded(2);
    s.send((1, "one".to_owned())).unwrap();
    s.send((2, "two".to_owned())).unwrap();
    select! { recv(r) -> mut pair => {
        pair.as_mut().unwrap().0 += 1;
        assert_eq!(pair.unwrap().0, 2);
    } }
    select! { recv(r) -> ref pair => assert_eq!(pair.as_ref().unwrap().1, "two") }
    drop(r);
    select! { send(s, (3, String::new())) -> result => {
        let SendError(pair) = result.unwrap_err();
        assert_eq!(pair.0, 3);
    } }
}

#[test]
fn types() {
    // Inferred from elsewhere.
    let (s, r) = unbounded();
    select! { recv(r) -> _ => {}, default => {} }
    s.send(()).unwrap();
    let (s, r) = unbounded();
    select! { send(s, ()) -> _ => {} }
    r.recv().unwrap();
    let (s, r) = (bounded::<i32>(0).0, bounded::<i32>(0).1);
    select! {
        send(s, 0) -> result => { let _: Result<(), SendError<i32>> = result; }
        recv(r) -> result => { let _: Result<i32, RecvError> = result; }
    }
}

#[test]
fn what_the_ends_can_be() {
    struct Inside<T>(T);
    impl<T> Deref for Inside<T> {
        type Target = T;
        fn deref(&self) -> &T {
            &self.0
        }
    }
    let (s, r) = unbounded::<i32>();
    select! { send(&&&s, 0) -> _ => {}, recv(never::<i32>()) -> _ => {} }
    select! { recv(&&&r) -> _ => {} }
    select! { recv(&r) -> _ => {}, default => {} }
    let (boxed, inside) = (Box::new(s.clone()), Inside(r.clone()));
    select! { send(boxed, 1) -> _ => {}, send(*boxed, 1) -> _ => {} }
    select! { recv(inside) -> value => assert_eq!(value, Ok(1)) }
    // Moved in, and out.
    select! {
        recv(r) -> _ => {}
        send(s, 0) -> _ => {}
    }
    let (s, r) = unbounded::<Box<i32>>();
    let value = select! {
        send(s, Box::new(1)) -> _ => { drop(s); r.recv() }
        recv(never::<i32>()) -> _ => { drop((s, r)); Err(RecvError) }
    };
    assert_eq!(value, Ok(Box::new(1)));
}

/// First the ends, each once and in order; then, of the values, only the one that is sent.
#[test]
fn order_of_evaluation() {
    let (s, r) = bounded::<i32>(1);
    let steps = Cell::new(0);
    let step = |n| steps.set(steps.get() * 10 + n);
    let end = |n| {
        step(n);
        &s
    };
    select! {
        send(end(1), { step(8); 8 }) -> _ => step(5),
        recv({ step(2); never::<i32>() }) -> _ => unreachable!(),
        send(end(3), { step(8); 8 }) -> _ => step(5),
        default => unreachable!(),
    }
    assert_eq!(steps.get(), 12385);
    assert_eq!(r.recv(), Ok(8));
    let unmade = || -> i32 { unreachable!() };
    s.send(1).unwrap();
    select! {
        send(s, unmade()) -> _ => {}
        default => {}
    }
    select! {
        recv(r) -> value => assert_eq!(value, Ok(1)),
        send(bounded(0).0, unreachable!()) -> _ => { let _: Result<(), SendError<i32>> = unreachable!(); }
    }
}

#[test]
fn names_do_not_clash() {
    let (sender, receiver) = unbounded::<i32>();
    let (place, chosen, index, due, result) = (1, 2, 3, 4, 5);
    let value = select! {
        send(sender, place + chosen + index + due + result) -> result => result.map_err(|_| RecvError).map(|()| place),
        recv(never::<i32>()) -> receiver => receiver,
    };
    assert!(value.is_ok());
    assert_eq!(receiver.recv(), Ok(15));
}

#[test]
fn one_in_the_other() {
    let (s, r) = unbounded::<i32>();
    drop(s);
    let depth = select! {
        recv(r) -> _ => select! {
            recv(r) -> _ => select! {
                recv(never::<i32>()) -> _ => 0,
                recv(r) -> _ => { select! { recv(select! { default => &r }) -> _ => 4, default => 0 } }
            },
        },
    };
    assert_eq!(depth, 4);
}

#[test]
fn many_arms() {
    let r: [Receiver<i32>; 4] = std::array::from_fn(|_| never());
    let (s, last) = bounded(1);
    s.send(7).unwrap();
    let value = select! {
        recv(r[0]) -> _ => 0, recv(r[1]) -> _ => 0, recv(r[2]) -> _ => 0, recv(r[3]) -> _ => 0,
        recv(r[0]) -> _ => 0, recv(r[1]) -> _ => 0, recv(r[2]) -> _ => 0, recv(r[3]) -> _ => 0,
        recv(r[0]) -> _ => 0, recv(r[1]) -> _ => 0, recv(r[2]) -> _ => 0, recv(r[3]) -> _ => 0,
        recv(r[0]) -> _ => 0, recv(r[1]) -> _ => 0, recv(r[2]) -> _ => 0, recv(r[3]) -> _ => 0,
        recv(r[0]) -> _ => 0, recv(r[1]) -> _ => 0, recv(r[2]) -> _ => 0, recv(r[3]) -> _ => 0,
        recv(r[0]) -> _ => 0, recv(r[1]) -> _ => 0, recv(r[2]) -> _ => 0, recv(r[3]) -> _ => 0,
        recv(r[0]) -> _ => 0, recv(r[1]) -> _ => 0, recv(r[2]) -> _ => 0, recv(r[3]) -> _ => 0,
        recv(r[0]) -> _ => 0, recv(r[1]) -> _ => 0, recv(r[2]) -> _ => 0,
        recv(last) -> value => value.unwrap(),
    };
    assert_eq!(value, 7);
}

#[test]
fn waiting() {
    matrix(|_| {
        let (s1, r1) = bounded(0);
        let (s2, r2) = bounded::<String>(0);
        let other = gort::go(move || {
            settle();
            s1.send(1).unwrap();
            settle();
            let got = r2.recv();
            drop(s1);
            got
        });
        let mut seen = Vec::new();
        loop {
            select! {
                recv(r1) -> value => match value {
                    Ok(value) => seen.push(value),
                    Err(RecvError) => break,
                },
                send(s2, "made when it is wanted".to_owned()) -> result => {
                    result.unwrap();
                    seen.push(2);
                }
            }
        }
        assert_eq!(seen, [1, 2]);
        assert_eq!(other.join().unwrap().unwrap(), "made when it is wanted");
    });
}

/// A value whose making waits itself, for the very goroutine that is to have it.
#[test]
fn a_value_that_takes_its_time() {
    matrix(|_| {
        let (s, r) = bounded(0);
        let (ask, asked) = bounded::<Sender<i32>>(1);
        let maker = gort::go(move || {
            select! {
                send(s, asked.recv().unwrap().send(5)) -> result => result.is_ok(),
            }
        });
        let (reply, answer) = bounded(1);
        let receiver = gort::go(move || r.recv().unwrap());
        settle();
        ask.send(reply).unwrap();
        assert_eq!(receiver.join().unwrap(), Ok(()));
        assert_eq!(answer.recv(), Ok(5));
        assert!(maker.join().unwrap());
    });
}
