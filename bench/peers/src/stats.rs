//! What is made of several rounds: ratios are taken within a round, whose figures had the same noise, and then
//! their median and quartiles.

use serde::{Deserialize, Serialize};

/// The median with the quartiles, between which half of the rounds are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spread {
    pub low: f64,
    pub median: f64,
    pub high: f64,
}

impl Spread {
    /// Of at least one figure.
    pub(crate) fn of(figures: &[f64]) -> Option<Spread> {
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |part| quantile(&sorted, part);
        Some(Spread { low: at(0.25)?, median: at(0.5)?, high: at(0.75)? })
    }

    /// Of the inverse figures.
    pub(crate) fn inverse(self) -> Spread {
        Spread { low: 1.0 / self.high, median: 1.0 / self.median, high: 1.0 / self.low }
    }

    /// Whether both have values in common.
    pub(crate) fn overlaps(self, other: Spread) -> bool {
        self.low <= other.high && other.low <= self.high
    }
}

/// The value below which `part` of the sorted figures are, between two of them in proportion.
pub(crate) fn quantile(sorted: &[f64], part: f64) -> Option<f64> {
    let at = part * sorted.len().checked_sub(1)? as f64;
    let (below, above) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    Some(below + (above - below) * at.fract())
}

/// What of `theirs` each round of `ours` is, of as many rounds as both have.
pub(crate) fn ratios(ours: &[f64], theirs: &[f64]) -> Vec<f64> {
    let pairs = ours.iter().zip(theirs).filter(|(_, theirs)| **theirs > 0.0);
    pairs.map(|(ours, theirs)| ours / theirs).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_are_those_of_the_books() {
        let known = Spread { low: 2.0, median: 3.0, high: 4.0 };
        assert_eq!(Spread::of(&[5.0, 1.0, 4.0, 2.0, 3.0]), Some(known));
        let known = Spread { low: 1.75, median: 2.5, high: 3.25 };
        assert_eq!(Spread::of(&[4.0, 3.0, 2.0, 1.0]), Some(known));
        assert_eq!(Spread::of(&[7.0]), Some(Spread { low: 7.0, median: 7.0, high: 7.0 }));
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn ratios_are_of_one_round() {
        // A machine that becomes twice as slow changes none of them.
        assert_eq!(ratios(&[1.0, 2.0, 2.0], &[2.0, 4.0, 4.0]), [0.5, 0.5, 0.5]);
        assert_eq!(ratios(&[1.0, 2.0], &[4.0]), [0.25]);
        assert_eq!(ratios(&[1.0, 2.0], &[0.0, 4.0]), [0.5]);
    }

    #[test]
    fn the_inverse_of_a_spread_is_in_order() {
        let spread = Spread { low: 0.25, median: 0.5, high: 2.0 };
        assert_eq!(spread.inverse(), Spread { low: 0.5, median: 2.0, high: 4.0 });
    }

    #[test]
    fn spreads_overlap_or_not() {
        let of = |low, high| Spread { low, median: low, high };
        assert!(of(1.0, 2.0).overlaps(of(2.0, 3.0)));
        assert!(of(2.0, 3.0).overlaps(of(1.0, 2.0)));
        assert!(!of(1.0, 2.0).overlaps(of(2.1, 3.0)));
        assert!(!of(2.1, 3.0).overlaps(of(1.0, 2.0)));
    }
}
