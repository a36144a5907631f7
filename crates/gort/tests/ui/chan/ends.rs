//! What may not go to another thread does not by way of a channel, and ends do not change their type.

use gort::chan::{Receiver, Sender, select, unbounded};
use std::rc::Rc;

fn not_to_a_thread() {
    let (s, r) = unbounded::<Rc<i32>>();
    gort::go(move || drop(s));
    std::thread::spawn(move || drop(r));
}

fn not_for_shorter<'a>(s: Sender<&'static str>) -> Sender<&'a str> {
    s
}

fn not_for_shorter_either<'a>(r: Receiver<&'static str>) -> Receiver<&'a str> {
    r
}

fn not_for_longer<'a>(r: Receiver<&'a str>) -> Receiver<&'static str> {
    r
}

fn not_the_other_end() {
    let (s, r) = unbounded::<i32>();
    select! {
        recv(s) -> _ => {}
        send(r, 1) -> _ => {}
    }
}

fn main() {}
