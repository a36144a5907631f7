//! Whether the machine is quiet enough to tell anything.
//!
//! A loop that touches nothing but registers takes the same time each time, unless something else has the
//! CPU. It is run before everything and between the workloads. What runs at the same time as a workload is
//! seen by how busy the CPUs were before, the time that a hypervisor has stolen, and in the spread of the rounds.

use serde::{Deserialize, Serialize};
use std::fs;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// What was seen of others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Noise {
    /// How much longer the loop took at the 90th percentile than at best, in the median probe.
    pub spread: f64,
    /// The part of the CPUs' time that a hypervisor has stolen.
    pub steal: f64,
    /// The part of the CPUs' time that others used in the second before the run.
    pub load: f64,
    /// How many of the probes were loud, even when repeated.
    pub loud: usize,
    pub probes: usize,
    /// Why the machine is too noisy, if it is.
    pub noisy: Option<String>,
}

/// A loop may take so much longer.
const SPREAD: f64 = 0.15;
/// So much of the time may be stolen.
const STEAL: f64 = 0.02;
/// So much of the CPUs may be others'.
const LOAD: f64 = 0.1;
/// So many of the probes may be loud.
const LOUD: f64 = 0.2;

impl Noise {
    /// Why nothing can be told, if that is so.
    pub(crate) fn verdict(&self) -> Option<String> {
        let percent = |part: f64| format!("{:.0} %", 100.0 * part);
        if self.load > LOAD {
            Some(format!("others keep the CPUs busy: {}", percent(self.load)))
        } else if self.spread > SPREAD {
            Some(format!(
                "a loop that takes the same time each time varies by {}",
                percent(self.spread)
            ))
        } else if self.steal > STEAL {
            Some(format!("{} of the time was stolen", percent(self.steal)))
        } else if self.loud as f64 > LOUD * self.probes as f64 {
            Some(format!("{} of {} probes on the way were loud", self.loud, self.probes))
        } else {
            None
        }
    }
}

/// Watches a run.
pub(crate) struct Watch {
    begin: Stat,
    load: f64,
    spreads: Vec<f64>,
    loud: usize,
}

/// Ticks of all CPUs: those in which they did nothing, those stolen, and all.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stat {
    idle: f64,
    steal: f64,
    all: f64,
}

impl Watch {
    pub(crate) fn start(cpus: &[usize]) -> Watch {
        // A load average would still have what has just been built.
        let before = stat();
        std::thread::sleep(Duration::from_secs(1));
        let after = stat();
        let load = 1.0 - (after.idle - before.idle) / (after.all - before.all).max(1.0);
        let mut watch = Watch { begin: stat(), load, spreads: Vec::new(), loud: 0 };
        watch.probe(cpus, Duration::from_millis(300));
        watch
    }

    /// Looks again, and once more a little later if it is loud.
    pub(crate) fn look(&mut self, cpus: &[usize]) {
        self.probe(cpus, Duration::from_millis(20));
    }

    fn probe(&mut self, cpus: &[usize], span: Duration) {
        let mut now = spread(cpus, span);
        for pause in [100, 400] {
            if now > SPREAD {
                std::thread::sleep(Duration::from_millis(pause));
                now = spread(cpus, span);
            }
        }
        self.loud += usize::from(now > SPREAD);
        self.spreads.push(now);
    }

    /// What has been seen until now.
    pub(crate) fn noise(&self) -> Noise {
        let (begin, end) = (self.begin, stat());
        let mut spreads = self.spreads.clone();
        spreads.sort_by(f64::total_cmp);
        let mut noise = Noise {
            spread: spreads[spreads.len() / 2],
            steal: (end.steal - begin.steal) / (end.all - begin.all).max(1.0),
            load: self.load,
            loud: self.loud,
            probes: self.spreads.len(),
            noisy: None,
        };
        noise.noisy = noise.verdict();
        noise
    }
}

/// The worst of the CPUs' spreads.
fn spread(cpus: &[usize], span: Duration) -> f64 {
    let of_one = |cpu: &usize| {
        crate::run::pin(&[*cpu]);
        let begin = Instant::now();
        let mut times = Vec::new();
        while begin.elapsed() < span || times.len() < 10 {
            let start = Instant::now();
            let mut n = 1_u64;
            for i in 0..200_000_u64 {
                n = black_box(n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(i));
            }
            times.push(start.elapsed().as_nanos() as f64);
        }
        times.sort_by(f64::total_cmp);
        times[times.len() * 9 / 10] / times[0] - 1.0
    };
    let worst = cpus.iter().map(of_one).fold(0.0, f64::max);
    crate::run::pin(cpus);
    worst
}

fn stat() -> Stat {
    parse(&fs::read_to_string("/proc/stat").unwrap_or_default())
}

fn parse(text: &str) -> Stat {
    let line = text.lines().next().unwrap_or_default();
    let ticks: Vec<f64> = line.split_whitespace().skip(1).filter_map(|n| n.parse().ok()).collect();
    // What guests have had is in what users have had, too.
    Stat {
        idle: ticks.iter().skip(3).take(2).sum(),
        steal: ticks.get(7).copied().unwrap_or(0.0),
        all: ticks.iter().take(8).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_noise_is_refused() {
        let quiet = Noise { spread: 0.1, steal: 0.01, load: 0.05, loud: 1, probes: 9, noisy: None };
        assert_eq!(quiet.verdict(), None);
        let said = |noise: Noise| noise.verdict().unwrap();
        assert!(said(Noise { spread: 0.2, ..quiet.clone() }).contains("varies by 20 %"));
        assert!(
            said(Noise { steal: 0.05, ..quiet.clone() }).contains("5 % of the time was stolen")
        );
        assert!(said(Noise { load: 0.75, ..quiet.clone() }).contains("busy: 75 %"));
        assert!(said(Noise { loud: 3, ..quiet.clone() }).contains("3 of 9 probes"));
    }

    #[test]
    fn what_is_stolen_is_the_eighth_figure() {
        let stat = parse("cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 1 1 1 1 1 1 1 1 1\n");
        assert_eq!(stat, Stat { idle: 9.0, steal: 8.0, all: 36.0 });
        assert_eq!(parse(""), Stat { idle: 0.0, steal: 0.0, all: 0.0 });
    }

    #[test]
    fn a_watch_has_looked() {
        let cpus = crate::run::cpus();
        let mut watch = Watch::start(&cpus);
        watch.look(&cpus);
        let noise = watch.noise();
        assert_eq!(noise.probes, 2);
        assert!(noise.spread >= 0.0 && noise.steal >= 0.0 && noise.loud <= 2);
        assert_eq!(noise.noisy, noise.verdict());
    }
}
