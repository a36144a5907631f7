//! Whether gort has reached what it is to.

use crate::peer::Peer;
use crate::record::Cell;
use crate::stats::Spread;
use crate::table::Target;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Met,
    Missed,
    /// Some rounds say so and some say otherwise.
    Close,
}

impl Verdict {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Verdict::Met => "met",
            Verdict::Missed => "missed",
            Verdict::Close => "too close to tell",
        }
    }
}

/// The verdict, with what was to be reached and what was, unless there is nothing to judge by.
pub(crate) fn judge(target: Target, cell: &Cell) -> Option<(Verdict, String)> {
    let ours = cell.figures(Peer::Gort)?;
    let (reached, limit, what) = match target {
        Target::Of(limit, peer) => {
            (cell.ratio(peer)?, limit, format!("{limit:.2} × {}", peer.title()))
        }
        Target::OfBest(limit) => {
            let rivals = cell.rivals().filter(|peer| peer.is_runtime());
            let ratios = rivals.filter_map(|peer| Some((peer, cell.ratio(peer)?)));
            let (best, ratio) = ratios.max_by(|a, b| a.1.median.total_cmp(&b.1.median))?;
            (ratio, limit, format!("{limit:.2} × the best, {}", best.title()))
        }
        Target::AtMost(limit) => (Spread::of(ours)?, limit, figure(limit)),
        Target::Over(limit, peer) => {
            let theirs = cell.figures(peer)?;
            let over: Vec<_> = ours.iter().zip(theirs).map(|(a, b)| a - b).collect();
            (Spread::of(&over)?, limit, format!("{} over {}", figure(limit), peer.title()))
        }
    };
    let verdict = if reached.high <= limit {
        Verdict::Met
    } else if reached.low > limit {
        Verdict::Missed
    } else {
        Verdict::Close
    };
    Some((verdict, format!("≤ {what}: {}", figure(reached.median))))
}

/// A number with as many digits as mean something.
pub(crate) fn figure(number: f64) -> String {
    let digits = match number.abs() {
        0.0 => 0,
        size if size < 0.01 => 4,
        size if size < 0.1 => 3,
        size if size < 10.0 => 2,
        size if size < 100.0 => 1,
        _ => 0,
    };
    let plain = format!("{number:.digits$}");
    let (whole, part) = plain.split_once('.').map_or((&plain[..], None), |(a, b)| (a, Some(b)));
    let mut grouped = String::new();
    for (at, digit) in whole.char_indices() {
        let left = whole.len() - at;
        if at > 0 && left.is_multiple_of(3) && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    part.map_or(grouped.clone(), |part| format!("{grouped}.{part}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::sample;

    fn verdict(target: Target, workload: &str, procs: usize) -> Option<(Verdict, String)> {
        judge(target, sample().cell(workload, "", procs).unwrap())
    }

    #[test]
    fn targets_are_met_missed_or_too_close() {
        use Verdict::*;
        let of =
            |limit, peer| verdict(Target::Of(limit, peer), "burst", 1).map(|(verdict, _)| verdict);
        assert_eq!(of(0.5, Peer::Go), Some(Met));
        assert_eq!(of(0.49, Peer::Go), Some(Missed));
        assert_eq!(of(0.5, Peer::Tokio), Some(Close));
        assert_eq!(of(0.5, Peer::May), None);
        let at_most = |limit| verdict(Target::AtMost(limit), "burst", 1).unwrap().0;
        assert_eq!((at_most(115.0), at_most(106.0), at_most(104.0)), (Met, Close, Missed));
        let known = (Met, "≤ 2.00 over the bare machine: 1.00".into());
        assert_eq!(verdict(Target::Over(2.0, Peer::Bare), "rawsyscall", 1), Some(known));
    }

    #[test]
    fn the_best_has_a_scheduler() {
        let (verdict, text) = verdict(Target::OfBest(0.8), "burst", 2).unwrap();
        assert_eq!((verdict, &text[..]), (Verdict::Met, "≤ 0.80 × the best, Go: 0.50"));
        assert_eq!(judge(Target::OfBest(0.8), sample().cell("rawsyscall", "", 1).unwrap()), None);
    }

    #[test]
    fn numbers_have_the_digits_that_mean_something() {
        let known = [
            (0.0, "0"),
            (0.456, "0.46"),
            (0.0456, "0.046"),
            (0.00456, "0.0046"),
            (12.34, "12.3"),
            (123.4, "123"),
            (1234.5, "1,234"),
            (-1234567.0, "-1,234,567"),
            (-123.0, "-123"),
            (1000000.0, "1,000,000"),
        ];
        for (number, text) in known {
            assert_eq!(figure(number), text);
        }
    }
}
