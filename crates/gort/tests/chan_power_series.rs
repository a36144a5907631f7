//! Power series as streams of coefficients that are made when they are asked for: what Go's
//! `test/chan/powser1.go` does (after McIlroy, "Squinting at Power Series"), written anew.

mod support;

use gort::chan::{Receiver, Sender, bounded, never, select};
use std::collections::VecDeque;
use std::ops::{Add, Mul};
use support::matrix;
use support::storm::storm;

/// A fraction in lowest terms.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Ratio(i128, i128);

fn ratio(num: i128, den: i128) -> Ratio {
    fn gcd(a: i128, b: i128) -> i128 {
        if b == 0 { a.abs() } else { gcd(b, a % b) }
    }
    let by = gcd(num, den) * den.signum();
    Ratio(num / by, den / by)
}

impl Add for Ratio {
    type Output = Ratio;
    fn add(self, other: Ratio) -> Ratio {
        ratio(self.0 * other.1 + other.0 * self.1, self.1 * other.1)
    }
}

impl Mul for Ratio {
    type Output = Ratio;
    fn mul(self, other: Ratio) -> Ratio {
        ratio(self.0 * other.0, self.1 * other.1)
    }
}

/// Who asks: one demand, one coefficient.
struct Series {
    demand: Sender<()>,
    data: Receiver<Ratio>,
}

/// Who answers.
struct Maker {
    demand: Receiver<()>,
    data: Sender<Ratio>,
}

fn pair() -> (Maker, Series) {
    let ((ask, demand), (data, from)) = (bounded(0), bounded(0));
    (Maker { demand, data }, Series { demand: ask, data: from })
}

impl Series {
    fn get(&self) -> Option<Ratio> {
        self.demand.send(()).ok()?;
        self.data.recv().ok()
    }

    fn take(&self, count: usize) -> Vec<Ratio> {
        (0..count).map_while(|_| self.get()).collect()
    }
}

impl Maker {
    /// Waits for a demand; none when nobody will ask any more.
    fn put(&self, make: impl FnOnce() -> Option<Ratio>) -> Option<()> {
        self.demand.recv().ok()?;
        self.data.send(make()?).ok()
    }

    fn copy(self, from: Series) {
        while self.put(|| from.get()).is_some() {}
    }
}

/// A series made by a goroutine.
fn series(body: impl FnOnce(&Maker) -> Option<()> + Send + 'static) -> Series {
    let (maker, series) = pair();
    gort::go(move || body(&maker));
    series
}

fn constant(value: Ratio) -> Series {
    series(move |to| {
        to.put(|| Some(value))?;
        loop {
            to.put(|| Some(ratio(0, 1)))?;
        }
    })
}

fn ones() -> Series {
    series(|to| {
        loop {
            to.put(|| Some(ratio(1, 1)))?
        }
    })
}

/// The same series twice: what one has asked for first is kept for the other, also while the next is
/// being made (which may need what was kept).
fn split(from: Series) -> (Series, Series) {
    let ((one, a), (other, b)) = (pair(), pair());
    gort::go(move || -> Option<()> {
        let makers = [one, other];
        let mut kept = [VecDeque::new(), VecDeque::new()];
        let mut waits = [false; 2];
        let (mut asked, none) = (false, never());
        loop {
            let who = select! {
                recv(makers[0].demand) -> demand => demand.ok().map(|()| 0)?,
                recv(makers[1].demand) -> demand => demand.ok().map(|()| 1)?,
                recv(if asked { &from.data } else { &none }) -> next => {
                    asked = false;
                    let next = next.ok()?;
                    for (i, waits) in waits.iter_mut().enumerate() {
                        if std::mem::take(waits) {
                            makers[i].data.send(next).ok()?;
                        } else {
                            kept[i].push_back(next);
                        }
                    }
                    continue;
                }
            };
            match kept[who].pop_front() {
                Some(next) => makers[who].data.send(next).ok()?,
                None => {
                    waits[who] = true;
                    if !std::mem::replace(&mut asked, true) {
                        from.demand.send(()).ok()?;
                    }
                }
            }
        }
    });
    (a, b)
}

fn add(a: Series, b: Series) -> Series {
    series(move |to| {
        loop {
            to.put(|| Some(a.get()? + b.get()?))?
        }
    })
}

fn scale(by: Ratio, a: Series) -> Series {
    series(move |to| {
        loop {
            to.put(|| Some(by * a.get()?))?
        }
    })
}

/// `x` times the series.
fn shift(a: Series) -> Series {
    series(move |to| {
        to.put(|| Some(ratio(0, 1)))?;
        loop {
            to.put(|| a.get())?;
        }
    })
}

/// `(f + xF)(g + xG) = fg + x(fG + gF + xFG)`
fn mul(a: Series, b: Series) -> Series {
    series(move |to| {
        let mut rest = None;
        let mut first = None;
        to.put(|| {
            first = Some((a.get()?, b.get()?));
            first.map(|(f, g)| f * g)
        })?;
        let (f, g) = first?;
        let mut ends = Some((a, b));
        loop {
            to.put(|| {
                if let Some((a, b)) = ends.take() {
                    let ((a1, a2), (b1, b2)) = (split(a), split(b));
                    let crossed = add(scale(f, b1), scale(g, a1));
                    rest = Some(add(crossed, shift(mul(a2, b2))));
                }
                rest.as_ref()?.get()
            })?;
        }
    })
}

fn integrate(first: Ratio, a: Series) -> Series {
    series(move |to| {
        to.put(|| Some(first))?;
        (1..).try_for_each(|n| to.put(|| Some(a.get()? * ratio(1, n))))
    })
}

/// A series that is made of itself.
fn feed_back(body: impl FnOnce(Series) -> Series) -> Series {
    let (maker, own) = pair();
    let (here, again) = split(own);
    let made = body(again);
    gort::go(move || maker.copy(made));
    here
}

/// E' = E
fn exponential() -> Series {
    feed_back(|e| integrate(ratio(1, 1), e))
}

/// T' = 1 + T^2
fn tangent() -> Series {
    feed_back(|t| {
        let (a, b) = split(t);
        integrate(ratio(0, 1), add(constant(ratio(1, 1)), mul(a, b)))
    })
}

fn ratios<const N: usize>(pairs: [(i128, i128); N]) -> Vec<Ratio> {
    pairs.map(|(num, den)| ratio(num, den)).to_vec()
}

#[test]
fn simple_series() {
    matrix(|_| {
        assert_eq!(ones().take(5), ratios([(1, 1); 5]));
        let (a, b) = split(ones());
        assert_eq!(add(a, b).take(5), ratios([(2, 1); 5]));
        // 1/(1-x)^2
        let squared = mul(ones(), ones()).take(6);
        assert_eq!(squared, ratios([(1, 1), (2, 1), (3, 1), (4, 1), (5, 1), (6, 1)]));
        let logarithm = integrate(ratio(0, 1), ones()).take(5);
        assert_eq!(logarithm, ratios([(0, 1), (1, 1), (1, 2), (1, 3), (1, 4)]));
    });
}

#[test]
fn series_made_of_themselves() {
    matrix(|_| {
        let e = exponential().take(8);
        let factorials = [(1, 1), (1, 1), (1, 2), (1, 6), (1, 24), (1, 120), (1, 720), (1, 5040)];
        assert_eq!(e, ratios(factorials));
        let zero = (0, 1);
        let tan =
            [zero, (1, 1), zero, (1, 3), zero, (2, 15), zero, (17, 315), zero, (62, 2835), zero];
        assert_eq!(tangent().take(11), ratios(tan));
    });
}

#[test]
fn in_a_storm() {
    let _storm = storm(Some(2000));
    simple_series();
    series_made_of_themselves();
}
