//! Running the table: each workload with each number of Ps, all its peers by turns.

use crate::noise::Watch;
use crate::peer::Peer;
use crate::programs::Programs;
use crate::record::{Cell, Outcome};
use crate::run::{self, Failure, Printed, Rounds, by_turns};
use crate::table::{ROWS, Row, Unit};

/// What is to be run.
pub(crate) struct Plan {
    pub quick: bool,
    pub rounds: usize,
    /// Only these workloads, unless there are none.
    pub only: Vec<String>,
    pub cpus: Vec<usize>,
}

impl Plan {
    /// Whether it has a line.
    fn has(&self, row: &Row) -> bool {
        let named = self.only.iter().any(|name| name == row.workload);
        if self.only.is_empty() { row.quick || !self.quick } else { named }
    }

    /// The workloads with their numbers of Ps, and the lines that each gives a figure to.
    fn jobs(&self) -> Vec<(usize, Vec<&'static Row>)> {
        let mut jobs: Vec<(usize, Vec<&Row>)> = Vec::new();
        for row in ROWS.iter().filter(|row| self.has(row)) {
            for procs in row.procs(self.cpus.len(), self.quick) {
                let same = |(other, rows): &&mut (usize, Vec<&Row>)| {
                    *other == procs && rows[0].workload == row.workload
                };
                match jobs.iter_mut().find(same) {
                    Some((_, rows)) => rows.push(row),
                    None => jobs.push((procs, vec![row])),
                }
            }
        }
        jobs
    }

    /// Runs everything.
    pub(crate) fn run(&self, programs: &Programs, watch: &mut Watch) -> Vec<Cell> {
        let mut cells = Vec::new();
        let jobs = self.jobs();
        for (number, (procs, rows)) in jobs.iter().enumerate() {
            watch.look(&self.cpus);
            eprintln!("{}/{} {}, {procs} P", number + 1, jobs.len(), rows[0].workload);
            run::pin(&self.cpus[..*procs]);
            cells.extend(self.job(rows, *procs, |row, peer| match programs.absent(row, peer) {
                Some(why) => Err(Failure::Absent(why)),
                None => programs.run(row.workload, peer, *procs),
            }));
            run::pin(&self.cpus);
        }
        cells
    }

    /// Runs one workload, whose figures these lines are.
    fn job(
        &self,
        rows: &[&Row],
        procs: usize,
        mut run: impl FnMut(&Row, Peer) -> Result<Printed, Failure>,
    ) -> Vec<Cell> {
        let first = rows[0];
        let contestants: Vec<_> = [Peer::Gort].iter().chain(first.peers).copied().collect();
        let rounds = if first.constant { 1 } else { self.rounds };
        let all = by_turns(&contestants, rounds, |peer| run(first, *peer));
        let cell = |row: &&Row| {
            let outcomes = contestants.iter().zip(&all).map(|(peer, of)| (*peer, outcome(row, of)));
            let absent =
                row.absent.iter().map(|(peer, why)| (*peer, Outcome::Absent((*why).into())));
            Cell {
                workload: row.workload.into(),
                figure: row.figure.into(),
                procs,
                more: row.unit == Unit::PerSecond,
                results: outcomes.chain(absent).map(|(peer, of)| (peer.key().into(), of)).collect(),
            }
        };
        rows.iter().map(cell).collect()
    }
}

/// What a line's figure is in each round, and the distribution of the last one if the figure is its own.
fn outcome(row: &Row, rounds: &Rounds) -> Outcome {
    match rounds {
        Err(Failure::Absent(why)) => Outcome::Absent(why.clone()),
        Err(Failure::Failed(why)) => Outcome::Failed(why.clone()),
        Ok(all) => {
            let figures: Option<Vec<_>> =
                all.iter().map(|printed| printed.figures.get(row.figure).copied()).collect();
            let last = all.last().filter(|_| row.figure.is_empty());
            let quantiles = last.map(|printed| printed.quantiles.clone()).unwrap_or_default();
            match figures {
                Some(figures) => Outcome::Figures(figures, quantiles),
                None => Outcome::Failed(format!("it printed no {}", row.figure)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn plan(quick: bool, only: &[&str]) -> Plan {
        let only = only.iter().map(|name| (*name).into()).collect();
        Plan { quick, rounds: 2, only, cpus: vec![0, 1] }
    }

    #[test]
    fn workloads_with_several_figures_run_once() {
        let jobs = plan(false, &["parked1000", "burst"]).jobs();
        let of: Vec<_> =
            jobs.iter().map(|(procs, rows)| (*procs, rows.len(), rows[0].workload)).collect();
        assert_eq!(of, [(1, 1, "burst"), (2, 1, "burst"), (2, 3, "parked1000")]);
    }

    #[test]
    fn a_quick_plan_leaves_out_what_takes_long() {
        let has = |quick, name: &str| {
            plan(quick, &[]).jobs().iter().any(|(_, rows)| rows[0].workload == name)
        };
        assert!(has(false, "idle") && has(false, "burst") && has(true, "burst"));
        assert!(!has(true, "idle"));
        assert!(plan(true, &["idle"]).jobs().len() == 1);
    }

    #[test]
    fn every_peer_of_a_line_has_an_outcome() {
        use Peer::{Go, Gort, Smol, Std, Tokio};
        let row = ROWS.iter().find(|row| row.workload == "burst").unwrap();
        let mut runs = Vec::new();
        let cells = plan(true, &[]).job(&[row], 2, |_, peer| {
            runs.push(peer);
            match peer {
                Go => Err(Failure::Absent("no Go".into())),
                Tokio => Err(Failure::Failed("signal 6".into())),
                _ => Ok(Printed { figures: [("".into(), 1.0)].into(), quantiles: vec![] }),
            }
        });
        assert_eq!(runs, [Gort, Go, Tokio, Smol, Std, Gort, Smol, Std]);
        let figures = Outcome::Figures(vec![1.0, 1.0], vec![]);
        let known: BTreeMap<String, Outcome> = BTreeMap::from([
            ("gort".into(), figures.clone()),
            ("go".into(), Outcome::Absent("no Go".into())),
            ("tokio".into(), Outcome::Failed("signal 6".into())),
            ("may".into(), Outcome::Absent(row.absent[0].1.into())),
            ("smol".into(), figures.clone()),
            ("std".into(), figures),
        ]);
        assert_eq!(cells.len(), 1);
        assert_eq!(cells[0].results, known);
    }

    #[test]
    fn figures_are_found_by_their_names() {
        let of = |workload| {
            ROWS.iter().find(|row| row.workload == workload && row.figure == "wake").unwrap()
        };
        let figures = BTreeMap::from([("".into(), 1.0), ("wake".into(), 2.0)]);
        let printed = Printed { figures, quantiles: vec![3.0] };
        let rounds = Ok(vec![printed]);
        assert_eq!(outcome(of("parked1000"), &rounds), Outcome::Figures(vec![2.0], vec![]));
        let rounds = Ok(vec![Printed::default()]);
        assert_eq!(
            outcome(of("parked1000"), &rounds),
            Outcome::Failed("it printed no wake".into())
        );
    }
}
