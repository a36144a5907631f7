//! The macros, and a program that uses them.

use super::chan::{
    self, Receiver, Sender, after, bounded, never, select, select_biased, unbounded,
};
use std::time::Duration;

const SHORT: Duration = Duration::from_millis(1);

pub(crate) fn arms(say: &mut Vec<String>) {
    let (s, r) = &unbounded::<i32>();
    let (full, _keep) = bounded::<&str>(0);
    select! { default => say.push("nothing".into()) }
    select! { default() => say.push("nothing".into()), }
    chan::select! { default(SHORT) => say.push("late".into()) }
    let result = select! {
        recv(r) -> value => value.map_err(|why| why.to_string()),
        default => Err("default".to_owned()),
    };
    say.push(format!("{result:?}"));
    select! {
        send(full, "a") -> result => say.push(format!("{result:?}")),
        recv(r,) -> value => say.push(format!("{value:?}")),
        recv(never::<()>()) -> _ => unreachable!(),
        default(SHORT,) => say.push("late".into()),
    }
    select! {
        send(full, "a",) -> _ => {}
        recv(after(SHORT)) -> time => { say.push(format!("{}", time.is_ok())) },
    }
    let sent = select! { send(s, 1 + 1,) -> result => { result } };
    say.push(format!("{sent:?}"));
    select_biased! {
        recv(r) -> value => say.push(format!("{value:?}")),
        send(s, 3) -> _ => unreachable!(),
        default => unreachable!(),
    }
    // Bodies of every form.
    let (no_room, _keep) = bounded::<i32>(0);
    let mut values = Vec::new();
    for n in 0.. {
        select_biased! {
            send(if n < 4 { s } else { &no_room }, n) -> sent => {
                if n == 2 { continue }
                values.push(sent.is_ok())
            }
            default => break,
        }
    }
    say.push(format!("{values:?}"));
    let text: &str = select! { recv(r) -> value => match value { Ok(0) => "none", _ => "some" } };
    say.push(text.into());
    let text =
        select! { recv(r) -> value => { value.unwrap() }.to_string(), default => String::new() };
    say.push(text);
    let (Ok(one) | Err(one)) = select! { recv(r) -> value => value.map_err(|_| 0) };
    say.push(one.to_string());
    let value = (|| {
        select! { recv(r) -> value => Some(value.ok()?), default => return None }
    })();
    say.push(format!("{value:?}"));
}

fn generate(count: u64) -> Receiver<u64> {
    let (s, r) = bounded(4);
    std::thread::spawn(move || (2..count).try_for_each(|n| s.send(n)));
    r
}

fn without(prime: u64, from: Receiver<u64>, to: Sender<u64>) {
    from.iter().filter(|n| n % prime != 0).try_for_each(|n| to.send(n)).unwrap_or_default();
}

/// Threads and channels as they are found in programs: a sieve, and workers that are told to stop.
pub(crate) fn pipeline(say: &mut Vec<String>) {
    let mut numbers = generate(100);
    while let Ok(prime) = numbers.recv() {
        say.push(prime.to_string());
        let (s, r) = bounded(0);
        let from = std::mem::replace(&mut numbers, r);
        std::thread::spawn(move || without(prime, from, s));
    }
    let ((jobs, work), (results, done)) = (unbounded::<u64>(), bounded(1));
    let (stop, stopped) = bounded::<()>(0);
    for _ in 0..3 {
        let (work, results, stopped) = (work.clone(), results.clone(), stopped.clone());
        std::thread::spawn(move || {
            loop {
                select! {
                    recv(work) -> job => match job {
                        Ok(job) => results.send(job * job).unwrap(),
                        Err(_) => return,
                    },
                    recv(stopped) -> _ => return,
                }
            }
        });
    }
    (0..100).for_each(|n| jobs.send(n).unwrap());
    let sum: u64 = done.iter().take(100).sum();
    drop((stop, results));
    say.push(format!("{sum} {}", done.iter().count()));
}
