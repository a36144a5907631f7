//! Everything but the macros.

use super::chan::{
    IntoIter, Iter, ReadyTimeoutError, Receiver, RecvError, RecvTimeoutError, Select,
    SelectTimeoutError, SelectedOperation, SendError, SendTimeoutError, Sender, TryIter,
    TryReadyError, TryRecvError, TrySelectError, TrySendError, after, at, bounded, never, tick,
    unbounded,
};
use std::error::Error;
use std::fmt::{Debug, Display};
use std::iter::FusedIterator;
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(3600);

/// A value of which nothing is known but that it can be sent.
struct Opaque;

fn shared<T: Send + Sync + UnwindSafe + RefUnwindSafe>() {}
fn cloned<T: Clone + Debug>() {}
fn error<T: Error + Clone + Copy + PartialEq + Eq + Debug + Display>() {}
fn fused<T: FusedIterator + Debug>() {}
fn known<T: Clone + Copy + PartialEq + Eq + Debug>() {}

/// What `f` panics with.
fn last_words(f: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).expect_err("it panics");
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => (*payload.downcast::<&str>().expect("a text")).to_owned(),
    }
}

/// Completes a selected operation with another channel's sender. Ends in a panic, or worse: an operation
/// is dropped then.
pub(crate) fn wrong_sender() {
    let ((s, _r), (wrong, _wrong)) = (bounded::<i32>(1), bounded(1));
    let mut list = Select::new();
    list.send(&s);
    let _ = list.select().send(&wrong, 1);
}

/// The same with a receiver.
pub(crate) fn wrong_receiver() {
    let ((s, r), (_wrong, wrong)) = (bounded(1), bounded::<i32>(1));
    s.send(1).unwrap();
    let mut list = Select::new();
    list.recv(&r);
    let _ = list.select().recv(&wrong);
}

pub(crate) fn operations(say: &mut Vec<String>) {
    shared::<Sender<Opaque>>();
    shared::<Receiver<Opaque>>();
    cloned::<Sender<Opaque>>();
    cloned::<Receiver<Opaque>>();
    fused::<Iter<'static, Opaque>>();
    fused::<IntoIter<Opaque>>();
    for cap in [None, Some(0), Some(1), Some(3)] {
        let (s, r): (Sender<i32>, Receiver<i32>) = cap.map_or_else(unbounded, bounded);
        let (more, other) = (s.clone(), r.clone());
        say.push(format!("{s:?} {r:?} {s:>20?} {:?} {:?}", s.capacity(), r.capacity()));
        for n in 0..5 {
            say.push(format!("{:?}", more.try_send(n)));
            say.push(format!("{} {} {}", s.len(), s.is_empty(), s.is_full()));
            say.push(format!("{} {} {}", r.len(), r.is_empty(), r.is_full()));
        }
        say.push(format!("{:?}", s.send_timeout(5, SHORT)));
        say.push(format!("{:?}", s.send_deadline(6, Instant::now())));
        say.push(format!("{:?}", s.send_deadline(7, Instant::now() - SHORT)));
        say.push(format!("{:?} {:?}", other.try_recv(), r.try_recv()));
        let rest: TryIter<'_, i32> = r.try_iter();
        say.push(format!("{rest:?} {:?}", r.iter()));
        say.push(format!("{:?}", rest.collect::<Vec<_>>()));
        say.push(format!("{:?}", r.recv_timeout(SHORT)));
        say.push(format!("{:?}", r.recv_deadline(Instant::now())));
        say.push(format!("{} {}", s.same_channel(&more), r.same_channel(&other)));
        say.push(format!("{}", s.same_channel(&bounded(1).0)));
        let sent = s.try_send(8).is_ok();
        drop((s, more));
        say.push(format!("{sent} {} {} {}", r.len(), r.is_empty(), r.is_full()));
        let mut count = 0;
        for _ in &other {
            count += 1;
        }
        say.push(format!("{count} {:?} {:?}", r.recv(), r.try_recv()));
        say.push(format!("{:?} {:?}", r.recv_timeout(LONG), r.try_iter().next()));
        let all = r.into_iter();
        say.push(format!("{all:?}"));
        say.push(format!("{}", all.count()));
        let (s, r) = cap.map_or_else(unbounded, bounded);
        drop(r);
        say.push(format!("{:?} {:?}", s.send(1), s.try_send(2)));
        say.push(format!("{:?}", s.send_timeout(3, LONG)));
    }
    let never = never::<Opaque>();
    say.push(format!("{:?} {:?} {}", never, never.capacity(), never.len()));
    say.push(format!("{} {}", never.is_empty(), never.is_full()));
    say.push(format!("{:?}", never.try_recv().map(drop)));
    say.push(format!("{:?}", never.recv_timeout(SHORT).map(drop)));
    say.push(format!("{}", never.same_channel(&never.clone())));
}

pub(crate) fn errors(say: &mut Vec<String>) {
    error::<SendError<u8>>();
    error::<TrySendError<u8>>();
    error::<SendTimeoutError<u8>>();
    error::<RecvError>();
    error::<TryRecvError>();
    error::<RecvTimeoutError>();
    error::<TrySelectError>();
    error::<SelectTimeoutError>();
    known::<TryReadyError>();
    known::<ReadyTimeoutError>();
    let full = TrySendError::Full(Opaque);
    let late = SendTimeoutError::Timeout(Opaque);
    say.push(format!("{full} {full:?} {} {}", full.is_full(), full.is_disconnected()));
    say.push(format!("{late} {late:?} {} {}", late.is_timeout(), late.is_disconnected()));
    let _: (Opaque, Opaque) = (full.into_inner(), late.into_inner());
    let closed = SendError(Opaque);
    say.push(format!("{closed} {closed:?} {closed:40}| {closed:40?}|"));
    let closed = TrySendError::from(closed);
    say.push(format!("{closed} {closed:?} {} {}", closed.is_full(), closed.is_disconnected()));
    let closed = SendTimeoutError::from(SendError(closed.into_inner()));
    say.push(format!("{closed} {closed:?} {} {}", closed.is_timeout(), closed.is_disconnected()));
    say.push(format!("{} {:?}", SendError(3).into_inner(), SendError(3) == SendError(4)));
    for why in [TryRecvError::Empty, RecvError.into()] {
        say.push(format!("{why} {why:?} {} {}", why.is_empty(), why.is_disconnected()));
    }
    for why in [RecvTimeoutError::Timeout, RecvError.into()] {
        say.push(format!("{why} {why:?} {} {}", why.is_timeout(), why.is_disconnected()));
    }
    say.push(format!("{RecvError} {RecvError:?} {RecvError:>60}"));
    say.push(format!("{TrySelectError} {TrySelectError:?}"));
    say.push(format!("{SelectTimeoutError} {SelectTimeoutError:?}"));
    say.push(format!("{TryReadyError:?} {ReadyTimeoutError:?}"));
    let boxed: Box<dyn Error + Send + Sync> = RecvError.into();
    say.push(format!("{boxed} {}", boxed.source().is_none()));
    let huge = catch_unwind(|| bounded::<u64>(usize::MAX));
    say.push(format!("{}", huge.is_err()));
}

pub(crate) fn lists(say: &mut Vec<String>) {
    let (s, r) = bounded::<i32>(1);
    let (s2, r2) = unbounded::<String>();
    let mut list = Select::new();
    let (sends, receives) = (list.send(&s), list.recv(&r2));
    say.push(format!("{list:?} {:?} {sends} {receives}", Select::default()));
    let chosen: SelectedOperation<'_> = list.select();
    say.push(format!("{chosen:?} {}", chosen.index()));
    say.push(format!("{:?}", chosen.send(&s, 1)));
    say.push(format!("{:?}", list.try_select().map(|chosen| chosen.index())));
    say.push(format!("{:?}", list.clone().select_timeout(SHORT).map(|chosen| chosen.index())));
    say.push(format!("{:?}", list.select_deadline(Instant::now()).map(|chosen| chosen.index())));
    say.push(format!("{:?}", list.try_ready()));
    say.push(format!("{:?}", list.ready_timeout(SHORT)));
    say.push(format!("{:?}", list.ready_deadline(Instant::now() + SHORT)));
    s2.send("two".into()).unwrap();
    say.push(format!("{:?} {:?}", list.ready(), list.try_ready()));
    let chosen = list.select_timeout(LONG).unwrap();
    say.push(format!("{} {:?}", chosen.index(), chosen.recv(&r2)));
    list.remove(receives);
    say.push(format!("{:?} {:?}", list.try_ready(), r.recv()));
    say.push(format!("{:?} {:?}", list.ready_timeout(LONG), list.recv(&r)));
    say.push(last_words(|| list.remove(receives)));
    say.push(last_words(|| list.remove(9)));
    say.push(last_words(|| drop(list.select())));
    say.push(last_words(|| drop(Select::new().select())));
    say.push(last_words(|| _ = Select::new().ready()));
    say.push(format!("{:?}", Select::new().try_select().is_err()));
    say.push(format!("{:?}", Select::new().select_timeout(SHORT).is_err()));
    say.push(format!("{:?} {:?}", Select::new().try_ready(), Select::new().ready_timeout(SHORT)));
    drop(s2);
    let mut biased = Select::new_biased();
    biased.recv(&r2);
    biased.send(&s);
    for _ in 0..10 {
        let chosen = biased.select();
        say.push(format!("{} {:?}", chosen.index(), chosen.recv(&r2)));
    }
}

pub(crate) fn clocks(say: &mut Vec<String>) {
    let start = Instant::now();
    let (once, then) = (after(SHORT), at(start + SHORT));
    say.push(format!("{:?} {:?}", once.capacity(), then.capacity()));
    let copy = once.clone();
    say.push(format!("{} {}", once.same_channel(&copy), once.same_channel(&then)));
    say.push(format!("{}", once.recv().unwrap() >= start + SHORT));
    say.push(format!("{}", then.recv().unwrap() == start + SHORT));
    say.push(format!("{:?} {:?}", copy.try_recv(), then.recv_timeout(SHORT)));
    say.push(format!("{:?} {}", after(LONG).try_recv(), after(LONG).len()));
    say.push(format!("{:?}", after(Duration::MAX).try_recv()));
    let past = at(start - SHORT);
    say.push(format!("{}", past.recv().unwrap() == start - SHORT));
    let ticks = tick(SHORT);
    say.push(format!("{:?}", ticks.capacity()));
    let (one, two) = (ticks.recv().unwrap(), ticks.recv().unwrap());
    say.push(format!("{} {}", one >= start + SHORT, two >= one));
    say.push(format!("{:?}", tick(LONG).try_recv()));
}
