//! The page: tables with ratios and targets, bars, curves, distributions. It needs nothing but itself, is XML as
//! well as HTML, and can be read in light and dark and on a narrow screen.

use crate::charts::{self, Bar, Bars, Curve};
use crate::costs_page;
use crate::numbers::{figure, with_unit};
use crate::peer::Peer;
use crate::record::{Cell, Outcome, Record};
use crate::stats::{Spread, quantile};
use crate::table::{ROWS, Row, Unit};
use crate::verdict::{Verdict, judge};
use std::fmt::Write;

const STYLE: &str = include_str!("report.css");

/// The whole page. `before` is the last run of the same kind.
pub(crate) fn page(record: &Record, before: Option<&Record>) -> String {
    let mut body = String::new();
    head(&mut body, record);
    if record.has_times() {
        summary(&mut body, record);
        let _ = write!(body, "<h2>What the peers take, in terms of gort</h2>{}", legend_of_bars());
        picture(&mut body, &main_chart(record));
    }
    for group in groups() {
        let rows: Vec<_> = lines(record).filter(|(row, _)| row.group == group).collect();
        if rows.is_empty() {
            continue;
        }
        let _ = write!(body, "<h2>{}</h2>", escape(group));
        table(&mut body, &rows);
        absences(&mut body, &rows);
        let bars: Vec<_> =
            rows.iter().filter_map(|(row, cell)| bars_of(row, cell, false)).collect();
        if !bars.is_empty() {
            picture(&mut body, &charts::bars(&bars, 10_000.0));
        }
        for (title, x, unit, all) in all_curves(&rows) {
            let _ = write!(body, "<h3>{}</h3>{}", escape(&title), legend(&all));
            picture(&mut body, &charts::curves(x, unit, &all));
        }
    }
    costs_page::section(&mut body, record);
    if let Some(before) = before {
        changes(&mut body, record, before);
    }
    document(&format!("gort side by side, {}", date(&record.date)), &body)
}

/// All runs, the latest first.
pub(crate) fn index(records: &[Record]) -> String {
    let mut body = String::from(
        "<h1>gort side by side: all runs</h1><div class=\"wide\"><table><thead><tr><th>Date</th>\
         <th>Commit</th><th>Kind</th><th>Rounds</th><th>Time</th><th>Met</th><th>Missed</th><th>Close</th>\
         <th>Median of gort / Go</th><th>Noise</th></tr></thead><tbody>",
    );
    for record in records.iter().rev() {
        let [met, missed, close] = verdicts(record);
        let mut ratios: Vec<_> =
            lines(record).filter_map(|(_, cell)| Some(cell.ratio(Peer::Go)?.median)).collect();
        ratios.sort_by(f64::total_cmp);
        let ratio = quantile(&ratios, 0.5).map_or("no Go".into(), figure);
        let kind = match (record.quick, record.part) {
            (true, false) => "quick",
            (false, false) => "full",
            (true, true) => "quick, in part",
            (false, true) => "in part",
        };
        let noise = record.noise.noisy.as_deref().unwrap_or("quiet");
        let _ = write!(
            body,
            "<tr><td><a href=\"{0}.html\">{1}</a></td><td>{2}</td><td>{kind}</td><td>{3}</td><td>{4:.0} s</td>\
             <td>{met}</td><td>{missed}</td><td>{close}</td><td>{ratio}</td><td>{5}</td></tr>",
            record.date,
            date(&record.date),
            escape(&record.commit),
            record.rounds,
            record.seconds,
            escape(noise),
        );
    }
    body.push_str("</tbody></table></div>");
    document("gort side by side: all runs", &body)
}

/// The chart of what matters most, at the largest P of each.
pub(crate) fn main_chart(record: &Record) -> String {
    let mut bars: Vec<Bars> = Vec::new();
    for row in ROWS.iter().filter(|row| row.main) {
        let cells = record.cells.iter();
        let of_row =
            cells.filter(|cell| cell.workload == row.workload && cell.figure == row.figure);
        let cell = of_row.max_by_key(|cell| cell.procs);
        bars.extend(cell.and_then(|cell| bars_of(row, cell, true)));
    }
    charts::bars(&bars, 16.0)
}

/// The bars of a line, of the peers that everybody knows, or of all.
fn bars_of(row: &Row, cell: &Cell, main: bool) -> Option<Bars> {
    let known = |peer: &Peer| {
        !main || matches!(peer, Peer::Go | Peer::Tokio | Peer::May) || peer.is_limit()
    };
    let mut peers: Vec<_> = cell.rivals().filter(known).collect();
    peers.sort();
    let bar = |peer| Some(Bar { peer, cost: cell.ratio(peer)?.inverse() });
    let bars: Vec<_> =
        peers.into_iter().filter_map(bar).filter(|bar| bar.cost.high.is_finite()).collect();
    (!bars.is_empty()).then(|| Bars { title: title(row, cell), bars })
}

fn title(row: &Row, cell: &Cell) -> String {
    format!("{}, {} P", row.name, cell.procs)
}

/// The lines of the table that a run has, in the table's order.
pub(crate) fn lines(record: &Record) -> impl Iterator<Item = (&'static Row, &Cell)> {
    ROWS.iter().flat_map(|row| {
        let cells = record.cells.iter();
        cells
            .filter(|cell| cell.workload == row.workload && cell.figure == row.figure)
            .map(move |cell| (row, cell))
    })
}

fn groups() -> Vec<&'static str> {
    let mut groups: Vec<_> = ROWS.iter().map(|row| row.group).collect();
    groups.dedup();
    groups
}

/// How many targets are met, missed, or too close to tell.
pub(crate) fn verdicts(record: &Record) -> [usize; 3] {
    let mut counts = [0; 3];
    for (row, cell) in lines(record) {
        for (verdict, _) in
            row.targets_on(cell.procs).iter().filter_map(|target| judge(*target, row.unit, cell))
        {
            counts[match verdict {
                Verdict::Met => 0,
                Verdict::Missed => 1,
                Verdict::Close => 2,
            }] += 1;
        }
    }
    counts
}

/// How often everybody ran.
pub(crate) fn rounds(record: &Record) -> String {
    match record.rounds {
        1 => "1 round".into(),
        rounds => format!("{rounds} rounds by turns"),
    }
}

fn head(body: &mut String, record: &Record) {
    let (machine, noise) = (&record.machine, &record.noise);
    let kind = if record.quick { "A quick run: small counts, few rounds. " } else { "" };
    let _ = write!(
        body,
        "<h1>gort side by side</h1><p>{kind}{} UTC, commit {}, {}, {:.0} s. Ratios are taken in each \
         round: gort's cost in terms of the peer's, the median and, in brackets, the quartiles. Below 1 gort \
         is better. A dash stands where a peer has no such thing, or nobody has written it.</p><dl>",
        date(&record.date),
        escape(&record.commit),
        rounds(record),
        record.seconds,
    );
    let quiet = format!(
        "a loop that takes the same time each time varied by {:.1} %, {:.1} % of the time was stolen, others had \
         {:.1} % of the CPUs before, {} of {} probes on the way were loud",
        100.0 * noise.spread,
        100.0 * noise.steal,
        100.0 * noise.load,
        noise.loud,
        noise.probes
    );
    let facts = [
        ("Machine", machine.line()),
        ("Versions", machine.versions()),
        ("Governor", machine.governor.clone()),
        ("Load", machine.load.clone()),
        ("Noise", quiet),
    ];
    for (name, fact) in facts {
        let _ = write!(body, "<dt>{name}</dt><dd>{}</dd>", escape(&fact));
    }
    body.push_str("</dl>");
    if let Some(why) = &noise.noisy {
        let _ = write!(
            body,
            "<p class=\"noisy\">The machine was too noisy to tell: {}.</p>",
            escape(why)
        );
    }
}

fn summary(body: &mut String, record: &Record) {
    let [met, missed, close] = verdicts(record);
    let _ = write!(
        body,
        "<p>Of the targets <b class=\"met\">{met} are met</b>, <b class=\"missed\">{missed} missed</b>, \
         <b class=\"close\">{close} too close to tell</b>.</p>"
    );
}

fn ratio(spread: Spread) -> String {
    format!("{} ({}–{})", figure(spread.median), figure(spread.low), figure(spread.high))
}

fn table(body: &mut String, rows: &[(&Row, &Cell)]) {
    let mut peers: Vec<_> = rows.iter().flat_map(|(_, cell)| cell.rivals()).collect();
    peers.sort();
    peers.dedup();
    body.push_str(
        "<div class=\"wide\"><table><thead><tr><th>One operation</th><th>P</th><th>gort</th>",
    );
    for peer in &peers {
        let _ = write!(body, "<th>{}</th>", peer.title());
    }
    body.push_str("<th>Target</th></tr></thead><tbody>");
    for (row, cell) in rows {
        let _ = write!(body, "<tr><th>{}</th><td>{}</td>", escape(row.name), cell.procs);
        for peer in [Peer::Gort].iter().chain(&peers) {
            match cell.results.get(peer.key()) {
                Some(Outcome::Figures(figures, _)) => {
                    let median = Spread::of(figures).map_or(0.0, |spread| spread.median);
                    let _ = write!(body, "<td>{}", with_unit(median, row.unit));
                    if let Some(of) = cell.ratio(*peer).filter(|_| *peer != Peer::Gort) {
                        let _ = write!(body, "<small>{}</small>", ratio(of));
                    }
                    body.push_str("</td>");
                }
                Some(Outcome::Absent(_)) => body.push_str("<td class=\"absent\">absent</td>"),
                Some(Outcome::Failed(_)) => body.push_str("<td class=\"missed\">failed</td>"),
                None => body.push_str("<td class=\"absent\">—</td>"),
            }
        }
        body.push_str("<td class=\"target\">");
        for (verdict, said) in
            row.targets_on(cell.procs).iter().filter_map(|target| judge(*target, row.unit, cell))
        {
            let class = match verdict {
                Verdict::Met => "met",
                Verdict::Missed => "missed",
                Verdict::Close => "close",
            };
            let _ = write!(
                body,
                "<div><b class=\"{class}\">{}</b> {}</div>",
                verdict.word(),
                escape(&said)
            );
        }
        body.push_str("</td></tr>");
    }
    body.push_str("</tbody></table></div>");
}

/// Who is absent or has failed, and why, each reason once.
fn absences(body: &mut String, rows: &[(&Row, &Cell)]) {
    let mut reasons: Vec<(String, Vec<String>)> = Vec::new();
    for (row, cell) in rows {
        for (key, outcome) in &cell.results {
            let (Outcome::Absent(why) | Outcome::Failed(why)) = outcome else { continue };
            let word = if matches!(outcome, Outcome::Failed(_)) { "failed" } else { "is absent" };
            let title = Peer::by_key(key).map_or(key.as_str(), |peer| peer.title());
            let reason = format!("{title} {word}: {why}");
            match reasons.iter_mut().find(|(known, _)| *known == reason) {
                Some((_, rows)) => rows.push(row.name.into()),
                None => reasons.push((reason, vec![row.name.into()])),
            }
        }
    }
    if reasons.is_empty() {
        return;
    }
    body.push_str("<ul class=\"absent\">");
    for (reason, mut rows) in reasons {
        rows.dedup();
        let _ = write!(body, "<li>{} ({})</li>", escape(&reason), escape(&rows.join("; ")));
    }
    body.push_str("</ul>");
}

/// Curves of those lines whose workloads differ in a number, or in how many Ps there are, and distributions.
fn all_curves(rows: &[(&Row, &Cell)]) -> Vec<(String, &'static str, Unit, Vec<Curve>)> {
    let mut curves = Vec::new();
    let mut families: Vec<_> =
        rows.iter().filter_map(|(row, _)| Some((row.scale()?.0, row.figure))).collect();
    families.dedup();
    for (prefix, of) in families {
        let family = rows.iter().filter(|(row, _)| {
            row.figure == of && row.scale().is_some_and(|(other, _)| other == prefix)
        });
        let family: Vec<_> =
            family.map(|(row, cell)| (row.scale().map_or(0.0, |s| s.1), *row, *cell)).collect();
        let (title, x) = match (prefix, of) {
            ("echo", _) => ("Echo and the number of connections", "connections"),
            ("latency", "median") => {
                ("Median latency and the number of connections", "connections")
            }
            ("latency", "") => ("Latency of 99 % and the number of connections", "connections"),
            ("latency", _) => ("Latency of 99.9 % and the number of connections", "connections"),
            ("parked", "spawn") => ("Starting, and how many wait", "goroutines"),
            ("parked", "wake") => ("Waking, and how many wait", "goroutines"),
            ("parked", _) => ("Memory, and how many wait", "goroutines"),
            ("block", _) => ("Calls that wait, and how many at a time", "calls"),
            // A number that is no number of those who take part.
            _ => continue,
        };
        let all = through(&family);
        if all.iter().any(|curve| curve.points.len() > 1) {
            curves.push((title.into(), x, family[0].1.unit, all));
        }
    }
    let mut workloads: Vec<_> = rows.iter().map(|(row, _)| *row).collect();
    workloads.dedup_by_key(|row| (row.workload, row.figure));
    for row in workloads {
        let same = rows.iter().filter(|(other, _)| std::ptr::eq(*other, row));
        let family: Vec<_> = same.map(|(row, cell)| (cell.procs as f64, *row, *cell)).collect();
        if family.len() > 1 {
            curves.push((
                format!("{}, and how many Ps", row.name),
                "Ps",
                row.unit,
                through(&family),
            ));
        }
    }
    for (row, cell) in rows.iter().filter(|(row, _)| row.figure.is_empty()) {
        let all: Vec<_> = peers(cell).filter_map(|peer| distribution(peer, cell)).collect();
        if !all.is_empty() {
            let title = row.name.trim_end_matches(", 99 %");
            curves.push((
                format!("{title}: distribution, of the last round"),
                "% that take longer",
                Unit::Nanos,
                all,
            ));
        }
    }
    curves
}

fn peers(cell: &Cell) -> impl Iterator<Item = Peer> {
    let mut all: Vec<_> = cell.rivals().chain([Peer::Gort]).collect();
    // gort is drawn last, above the others.
    all.sort_by_key(|peer| std::cmp::Reverse(*peer));
    all.into_iter()
}

/// A curve for each peer through the medians of these cells.
fn through(family: &[(f64, &Row, &Cell)]) -> Vec<Curve> {
    let mut all: Vec<_> = family.iter().flat_map(|(.., cell)| peers(cell)).collect();
    all.sort_by_key(|peer| std::cmp::Reverse(*peer));
    all.dedup();
    let curve = |peer| {
        let point =
            |(x, _, cell): &(f64, &Row, &Cell)| Some((*x, Spread::of(cell.figures(peer)?)?.median));
        let mut points: Vec<_> = family.iter().filter_map(point).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        Curve { peer, points }
    };
    all.into_iter().map(curve).filter(|curve| !curve.points.is_empty()).collect()
}

/// How many take longer than a time, in per cent, on a scale of powers, which shows the few that are very late.
fn distribution(peer: Peer, cell: &Cell) -> Option<Curve> {
    let Outcome::Figures(_, quantiles) = cell.results.get(peer.key())? else { return None };
    let longer = |(percent, nanos): (usize, &f64)| (100.0 - percent as f64, nanos.max(1.0));
    let mut points: Vec<_> = quantiles.iter().enumerate().take(100).map(longer).collect();
    points.reverse();
    (!points.is_empty()).then_some(Curve { peer, points })
}

/// Ratios that are not what they were: the quartiles of both runs have nothing in common.
fn changes(body: &mut String, record: &Record, before: &Record) {
    let _ =
        write!(body, "<h2>Since {}, commit {}</h2>", date(&before.date), escape(&before.commit));
    let mut found = String::new();
    for (row, cell) in lines(record) {
        for peer in cell.rivals() {
            let then = before
                .cell(&cell.workload, &cell.figure, cell.procs)
                .and_then(|old| old.ratio(peer));
            if let (Some(now), Some(then)) = (cell.ratio(peer), then)
                && !now.overlaps(then)
            {
                let better = if now.median < then.median { "met" } else { "missed" };
                let _ = write!(
                    found,
                    "<tr><th>{}</th><td>{}</td><td>{}</td><td class=\"{better}\">{}</td></tr>",
                    escape(&title(row, cell)),
                    peer.title(),
                    ratio(then),
                    ratio(now),
                );
            }
        }
    }
    if found.is_empty() {
        body.push_str("<p>No ratio has left its quartiles.</p>");
    } else {
        let _ = write!(
            body,
            "<div class=\"wide\"><table><thead><tr><th>One operation</th><th>gort in terms of</th><th>then</th>\
             <th>now</th></tr></thead><tbody>{found}</tbody></table></div>"
        );
    }
}

fn legend_of_bars() -> &'static str {
    "<p>A bar is how many times what gort takes a peer takes: to the right of 1× the peer is dearer, to the left \
     cheaper. The line through its end goes from quartile to quartile. What is beyond the scale ends at it.</p>"
}

fn legend(all: &[Curve]) -> String {
    let one = |curve: &Curve| {
        let [r, g, b] = curve.peer.colour();
        format!("<span><i style=\"background:rgb({r},{g},{b})\"></i>{}</span>", curve.peer.title())
    };
    format!("<p class=\"legend\">{}</p>", all.iter().rev().map(one).collect::<String>())
}

fn picture(body: &mut String, svg: &str) {
    let _ = write!(body, "<div class=\"wide\">{svg}</div>");
}

fn document(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\"><head><meta charset=\"utf-8\"/>\
         <meta name=\"viewport\" content=\"width=device-width\"/><link rel=\"icon\" href=\"data:,\"/>\
         <title>{}</title><style>{STYLE}</style></head><body>{body}</body></html>\n",
        escape(title)
    )
}

/// `20260102T030405` as people write it.
pub(crate) fn date(date: &str) -> String {
    match (date.get(..4), date.get(4..6), date.get(6..8), date.get(9..11), date.get(11..13)) {
        (Some(year), Some(month), Some(day), Some(hour), Some(minute)) => {
            format!("{year}-{month}-{day} {hour}:{minute}")
        }
        _ => date.into(),
    }
}

pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
#[path = "report_tests.rs"]
pub(crate) mod tests;
