//! The costs of the paths, on the page and in short.

use crate::costs::{Cost, Costs};
use crate::floors::{PATHS, Path};
use crate::numbers::{figure, with_unit};
use crate::peer::Peer;
use crate::record::Record;
use crate::report::escape;
use crate::stats::Spread;
use std::fmt::Write;

/// Who has a path's costs, and what they are or why there are none.
type Line<'a> = (Peer, &'a Result<Cost, String>);

/// The paths that were counted.
fn counted(costs: &Costs) -> impl Iterator<Item = (&'static Path, Vec<Line<'_>>)> {
    let lines = |path: &Path| -> Vec<Line<'_>> {
        path.peers().filter_map(|peer| Some((peer, costs.get(path.workload, peer)?))).collect()
    };
    PATHS.iter().map(move |path| (path, lines(path))).filter(|(_, lines)| !lines.is_empty())
}

/// How long it takes in the same run on one P, if it was timed.
fn time(record: &Record, path: &Path, peer: Peer) -> String {
    let cell = record.cell(path.workload, "", 1);
    let spread = cell.and_then(|cell| Spread::of(cell.figures(peer)?));
    spread.map_or(String::new(), |spread| with_unit(spread.median, path.row().unit))
}

/// The page's part, if anything was counted.
pub(crate) fn section(body: &mut String, record: &Record) {
    let Some(costs) = &record.costs else { return };
    let _ = write!(
        body,
        "<h2>What an operation costs</h2><p>Counted by {}, which plays a CPU with these caches: {}. One P, \
         nothing is interrupted. Each figure is the difference of two runs, so that beginning and end are not in it. \
         Neither the kernel's instructions are counted nor, of a look at the clock, the vDSO's, which is hidden here. \
         The thread pointer is counted as set by <code>wrfsbase</code>, as on the bare machine. Times are this run's, \
         of a row above with one P. In brackets is gort in terms of the peer.</p>",
        escape(&costs.by),
        escape(&costs.caches.join("; ")),
    );
    body.push_str(
        "<div class=\"wide\"><table><thead><tr><th>One operation</th><th></th><th>Instructions</th>\
         <th>Atomics</th><th>Misses of the first caches</th><th>Of the last</th><th>System calls</th>\
         <th>Looks at the clock</th><th>Time</th></tr></thead><tbody>",
    );
    for (path, lines) in counted(costs) {
        let ours = costs.get(path.workload, Peer::Gort).and_then(|cost| cost.as_ref().ok());
        for (peer, cost) in &lines {
            let name = if *peer == Peer::Gort { path.row().name } else { "" };
            let _ = write!(body, "<tr><th>{}</th><td>{}</td>", escape(name), peer.title());
            match cost {
                Ok(cost) => {
                    let of = ours.filter(|_| *peer != Peer::Gort);
                    let of = of.map(|ours| figure(ours.instructions / cost.instructions));
                    let of = of.map_or(String::new(), |of| format!("<small>({of})</small>"));
                    let _ = write!(body, "<td>{}{of}</td>", amount(cost.instructions));
                    for of in [cost.atomics, cost.misses, cost.last_misses, cost.calls, cost.clocks]
                    {
                        let _ = write!(body, "<td>{}</td>", amount(of));
                    }
                }
                Err(why) => {
                    let _ = write!(body, "<td class=\"absent\" colspan=\"6\">{}</td>", escape(why));
                }
            }
            let _ = write!(body, "<td>{}</td></tr>", time(record, path, *peer));
        }
    }
    body.push_str("</tbody></table></div><h3>Where gort's instructions go, and what is left above the limit</h3><dl>");
    for (path, _) in counted(costs) {
        let _ = write!(body, "<dt>{}</dt><dd>{}</dd>", escape(path.row().name), escape(path.left));
    }
    body.push_str("</dl>");
}

/// A count that is a mean: below a fiftieth there is only what others have left.
fn amount(mean: f64) -> String {
    if mean.abs() < 0.02 { "0".into() } else { figure(mean) }
}

/// The same in short.
pub(crate) fn text(record: &Record) -> String {
    let mut text = String::new();
    let Some(costs) = &record.costs else { return text };
    let _ = writeln!(
        text,
        "{:<12}{:>18}{:>13}{:>9}{:>9}{:>9}",
        "one of", "", "instructions", "atomics", "misses", "calls"
    );
    for (path, lines) in counted(costs) {
        for (peer, cost) in lines {
            let _ = write!(text, "{:<12}{:>18}", path.workload, peer.title());
            let _ = match cost {
                Ok(Cost { instructions, atomics, misses, calls, .. }) => {
                    let [a, b, c] = [atomics, misses, calls].map(|of| amount(*of));
                    writeln!(text, "{:>13}{a:>9}{b:>9}{c:>9}", amount(*instructions))
                }
                Err(why) => writeln!(text, " {why}"),
            };
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::sample;

    #[test]
    fn all_that_was_counted_is_on_the_page() {
        let mut page = String::new();
        section(&mut page, &sample());
        for text in [
            "valgrind-3.19.0, which plays a CPU with these caches: I1 cache: 65536 B; LL cache: 1 B.",
            "<th>yield to the other of two</th><td>gort</td><td>250</td><td>1.50</td><td>0.25</td><td>0</td>\
             <td>1.00</td><td>2.00</td><td></td></tr>",
            "<th></th><td>Go</td><td>1,000<small>(0.25)</small></td>",
            "<td class=\"absent\" colspan=\"6\">failed: &lt;why&gt;</td>",
            "<dt>yield to the other of two</dt><dd>",
        ] {
            assert!(page.contains(text), "{text}: {page}");
        }
        assert!(!page.contains("a C function"), "{page}");
        let (mut page, none) = (String::new(), Record { costs: None, ..sample() });
        section(&mut page, &none);
        assert_eq!((page, text(&none)), (String::new(), String::new()));
    }

    #[test]
    fn times_are_those_of_one_p() {
        let mut record = sample();
        record.cells[0].workload = "yield".into();
        let path = &PATHS[0];
        assert_eq!(time(&record, path, Peer::Go), "220 ns");
        record.cells[0].procs = 2;
        assert_eq!(time(&record, path, Peer::Go), "");
    }

    #[test]
    fn the_table_is_short() {
        let text = text(&sample());
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        let words: Vec<_> = lines[2].split_whitespace().collect();
        assert_eq!(words, ["yield", "Go", "1,000", "1.50", "0.25", "1.00"]);
        assert!(lines[3].ends_with("the bare machine failed: <why>"));
    }
}
