//! What is wrong with an arm of a `select!` is said in its words.

use gort::chan::{select, select_biased, unbounded};

fn main() {
    let (s, r) = unbounded::<i32>();
    select! {}
    select_biased! {}
    select! { recv(r) => {} }
    select! { send(s, 1) => {} }
    select! { recv(r, 1) -> _ => {} }
    select! { send(s) -> _ => {} }
    select! { recv -> _ => {} }
    select! { recv(r) -> _ }
    select! { recv(r) -> _ => {} default -> {} }
    select! { default => {} default => {} }
    select! { receive(r) -> _ => {} }
    select! { recv(r) -> _ => (); send(s, 1) -> _ => () }
}
