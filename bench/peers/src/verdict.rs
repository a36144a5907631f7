//! Whether gort has reached what it is to.

use crate::numbers::{figure, with_unit};
use crate::peer::Peer;
use crate::record::Cell;
use crate::stats::Spread;
use crate::table::{Target, Unit};

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
pub(crate) fn judge(target: Target, unit: Unit, cell: &Cell) -> Option<(Verdict, String)> {
    let ours = cell.figures(Peer::Gort)?;
    // A part of another's cost has no unit.
    let part = |limit: f64, of: String| format!("{limit:.2} × {of}");
    let (reached, limit, what, unit) = match target {
        Target::Of(limit, peer) => {
            (cell.ratio(peer)?, limit, part(limit, peer.title().into()), None)
        }
        Target::OfBest(limit) => {
            let rivals = cell.rivals().filter(|peer| peer.is_runtime());
            let ratios = rivals.filter_map(|peer| Some((peer, cell.ratio(peer)?)));
            let (best, ratio) = ratios.max_by(|a, b| a.1.median.total_cmp(&b.1.median))?;
            (ratio, limit, part(limit, format!("the best, {}", best.title())), None)
        }
        Target::AtMost(limit) => (Spread::of(ours)?, limit, with_unit(limit, unit), Some(unit)),
        Target::Over(limit, peer) => {
            let theirs = cell.figures(peer)?;
            let over: Vec<_> = ours.iter().zip(theirs).map(|(a, b)| a - b).collect();
            let what = format!("{} over {}", with_unit(limit, unit), peer.title());
            (Spread::of(&over)?, limit, what, Some(unit))
        }
    };
    let verdict = if reached.high <= limit {
        Verdict::Met
    } else if reached.low > limit {
        Verdict::Missed
    } else {
        Verdict::Close
    };
    let is = unit.map_or_else(|| figure(reached.median), |unit| with_unit(reached.median, unit));
    Some((verdict, format!("≤ {what}: {is}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::sample;

    fn verdict(target: Target, workload: &str, procs: usize) -> Option<(Verdict, String)> {
        judge(target, Unit::Nanos, sample().cell(workload, "", procs).unwrap())
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
        let known = (Met, "≤ 2.00 ns over the bare machine: 1.00 ns".into());
        assert_eq!(verdict(Target::Over(2.0, Peer::Bare), "rawsyscall", 1), Some(known));
    }

    #[test]
    fn the_best_has_a_scheduler() {
        let (verdict, text) = verdict(Target::OfBest(0.8), "burst", 2).unwrap();
        assert_eq!((verdict, &text[..]), (Verdict::Met, "≤ 0.80 × the best, Go: 0.50"));
        assert_eq!(
            judge(Target::OfBest(0.8), Unit::Nanos, sample().cell("rawsyscall", "", 1).unwrap()),
            None
        );
    }
}
