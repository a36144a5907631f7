//! What a run leaves behind: a file for each, which later runs are compared with.

use crate::costs::Costs;
use crate::machine::Machine;
use crate::noise::Noise;
use crate::peer::Peer;
use crate::stats::{Spread, ratios};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// The rounds of a full run.
pub(crate) const ROUNDS: usize = 7;

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Year, month, day, hour, minute and second, UTC, in order.
    pub date: String,
    pub commit: String,
    pub quick: bool,
    /// Whether only some lines were asked for.
    pub part: bool,
    pub rounds: usize,
    pub seconds: f64,
    pub machine: Machine,
    pub noise: Noise,
    pub cells: Vec<Cell>,
    /// What was counted, if it was.
    pub costs: Option<Costs>,
}

/// What came of a line of the table with a number of Ps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cell {
    pub workload: String,
    pub figure: String,
    pub procs: usize,
    /// Whether more is better.
    pub more: bool,
    /// By the peers' keys.
    pub results: BTreeMap<String, Outcome>,
}

/// What came of a peer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Outcome {
    /// A figure for each round, and the quantiles of a distribution, from 0 to 100 %, if there is one.
    Figures(Vec<f64>, Vec<f64>),
    /// It cannot take part.
    Absent(String),
    /// It was to and did not.
    Failed(String),
}

impl Cell {
    /// A peer's figures, if it has any.
    pub(crate) fn figures(&self, peer: Peer) -> Option<&[f64]> {
        match self.results.get(peer.key())? {
            Outcome::Figures(figures, _) => Some(figures),
            _ => None,
        }
    }

    /// gort's cost in terms of a peer's, round by round.
    pub(crate) fn ratio(&self, peer: Peer) -> Option<Spread> {
        let (ours, theirs) = (self.figures(Peer::Gort)?, self.figures(peer)?);
        Spread::of(&if self.more { ratios(theirs, ours) } else { ratios(ours, theirs) })
    }

    /// Its peers beside gort that have figures.
    pub(crate) fn rivals(&self) -> impl Iterator<Item = Peer> {
        let peers = self.results.keys().filter_map(|key| Peer::by_key(key));
        peers.filter(|peer| *peer != Peer::Gort && self.figures(*peer).is_some())
    }
}

impl Record {
    pub(crate) fn cell(&self, workload: &str, figure: &str, procs: usize) -> Option<&Cell> {
        let wanted = |cell: &&Cell| {
            cell.workload == workload && cell.figure == figure && cell.procs == procs
        };
        self.cells.iter().find(wanted)
    }

    /// Whether figures can be shown to others.
    pub(crate) fn is_sound(&self) -> bool {
        !self.quick && !self.part && self.rounds >= ROUNDS && self.noise.noisy.is_none()
    }

    /// Whether anything was timed, and not only counted.
    pub(crate) fn has_times(&self) -> bool {
        !self.cells.is_empty()
    }

    /// The latest of these before it that was made in the same way on a machine of the same kind: a whole run is
    /// not compared with a part of one, nor a quiet one with a noisy one.
    pub(crate) fn before<'a>(&self, all: &'a [Record]) -> Option<&'a Record> {
        let same = |other: &&Record| {
            let (a, b) = (&self.machine, &other.machine);
            other.date < self.date
                && self.has_times()
                && other.has_times()
                && (self.part || !other.part)
                && (self.noise.noisy.is_some() || other.noise.noisy.is_none())
                && (self.quick, &a.cpu, a.cpus.len()) == (other.quick, &b.cpu, b.cpus.len())
        };
        all.iter().rfind(same)
    }

    /// Writes it into a folder, under its date.
    pub(crate) fn write(&self, dir: &Path) -> io::Result<PathBuf> {
        let path = dir.join(format!("{}.json", self.date));
        fs::write(&path, serde_json::to_string(self)?)?;
        Ok(path)
    }

    /// Those of a folder that can be read, the oldest first.
    pub(crate) fn all(dir: &Path) -> io::Result<Vec<Record>> {
        let mut all: Vec<Record> = Vec::new();
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "json")
                && let Ok(record) = serde_json::from_str(&fs::read_to_string(path)?)
            {
                all.push(record);
            }
        }
        all.sort_by(|a, b| a.date.cmp(&b.date));
        Ok(all)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn cell(workload: &str, figure: &str, procs: usize, results: &[(&str, Outcome)]) -> Cell {
        Cell {
            workload: workload.into(),
            figure: figure.into(),
            procs,
            more: workload.starts_with("http"),
            results: results
                .iter()
                .map(|(peer, outcome)| ((*peer).into(), outcome.clone()))
                .collect(),
        }
    }

    fn figures(figures: &[f64]) -> Outcome {
        Outcome::Figures(figures.into(), Vec::new())
    }

    /// A run with some of everything.
    pub(crate) fn sample() -> Record {
        let late = |scale: f64| {
            let quantiles = (0..=100).map(|percent| scale * f64::from(percent)).collect();
            Outcome::Figures(vec![99.0 * scale; 3], quantiles)
        };
        Record {
            date: "20260102T030405".into(),
            commit: "0123456789ab".into(),
            quick: false,
            part: false,
            rounds: 3,
            seconds: 61.5,
            machine: crate::machine::tests::sample(),
            noise: Noise { spread: 0.01, steal: 0.0, load: 0.25, loud: 0, probes: 9, noisy: None },
            cells: vec![
                cell(
                    "burst",
                    "",
                    1,
                    &[
                        ("gort", figures(&[100.0, 110.0, 120.0])),
                        ("go", figures(&[200.0, 220.0, 240.0])),
                        ("tokio", figures(&[400.0, 100.0, 240.0])),
                        ("may", Outcome::Absent("it <cannot> & will not".into())),
                        ("smol", Outcome::Failed("signal 6".into())),
                    ],
                ),
                cell("burst", "", 2, &[("gort", figures(&[50.0])), ("go", figures(&[100.0]))]),
                cell(
                    "parked1000",
                    "",
                    2,
                    &[("gort", figures(&[8800.0])), ("go", figures(&[2700.0]))],
                ),
                cell(
                    "parked10000",
                    "",
                    2,
                    &[("gort", figures(&[8700.0])), ("go", figures(&[2600.0]))],
                ),
                cell("sleep", "", 2, &[("gort", late(1000.0)), ("go", late(2000.0))]),
                cell(
                    "rawsyscall",
                    "",
                    1,
                    &[("gort", figures(&[71.0])), ("bare", figures(&[70.0]))],
                ),
                cell(
                    "http-small",
                    "",
                    2,
                    &[("gort", figures(&[3000.0])), ("go", figures(&[1000.0]))],
                ),
            ],
            costs: Some(crate::costs::tests::sample()),
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let dir = std::env::temp_dir().join(format!("gort-peers-record-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let (first, mut second) = (sample(), sample());
        second.date = "20260102T030406".into();
        second.write(&dir).unwrap();
        let path = first.write(&dir).unwrap();
        fs::write(dir.join("broken.json"), "{").unwrap();
        assert_eq!(path, dir.join("20260102T030405.json"));
        assert_eq!(Record::all(&dir).unwrap(), [first, second]);
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_run_is_compared_with_the_last_of_its_kind() {
        let at = |date: &str| Record { date: date.into(), ..sample() };
        let other = Record { quick: true, ..at("2") };
        let mut elsewhere = at("3");
        elsewhere.machine.cpu = "another".into();
        let part = Record { part: true, ..at("32") };
        let mut loud = at("33");
        loud.noise.noisy = Some("loud".into());
        let counted = |date| Record { cells: vec![], ..at(date) };
        let all = [at("0"), at("1"), other, elsewhere, counted("31"), part.clone(), loud, at("5")];
        assert_eq!(at("4").before(&all), Some(&all[1]));
        assert_eq!(Record { part: true, ..at("4") }.before(&all), Some(&part));
        assert_eq!(at("0").before(&all), None);
        assert_eq!(counted("4").before(&all), None);
    }

    #[test]
    fn only_full_quiet_runs_are_shown_to_others() {
        let full = Record { rounds: ROUNDS, ..sample() };
        assert!(full.is_sound());
        assert!(!Record { rounds: ROUNDS - 1, ..full.clone() }.is_sound());
        assert!(!Record { part: true, ..full.clone() }.is_sound());
        assert!(!Record { quick: true, ..full.clone() }.is_sound());
        let noise = Noise { noisy: Some("loud".into()), ..full.noise.clone() };
        assert!(!Record { noise, ..full }.is_sound());
    }

    #[test]
    fn ratios_are_of_costs() {
        let record = sample();
        let ratio = record.cell("burst", "", 1).unwrap().ratio(Peer::Go).unwrap();
        assert_eq!(ratio, Spread { low: 0.5, median: 0.5, high: 0.5 });
        let ratio = record.cell("burst", "", 1).unwrap().ratio(Peer::Tokio).unwrap();
        assert_eq!(ratio, Spread { low: 0.375, median: 0.5, high: 0.8 });
        assert_eq!(record.cell("burst", "", 1).unwrap().ratio(Peer::May), None);
        // Requests in a second: three times as many are a third of the cost.
        let ratio = record.cell("http-small", "", 2).unwrap().ratio(Peer::Go).unwrap();
        assert_eq!(ratio.median, 1.0 / 3.0);
        assert_eq!(record.cell("http-small", "", 1), None);
    }
}
