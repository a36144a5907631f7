//! The README's chart and table, made of the latest run that can be shown to others.

use crate::charts::alone;
use crate::numbers::{figure, with_unit};
use crate::peer::Peer;
use crate::record::{Cell, Outcome, Record};
use crate::report::{date, lines, main_chart, rounds, verdicts};
use crate::stats::Spread;
use crate::table::{ROWS, Row};
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// What is between these is made here.
const BEGIN: &str = "<!-- begin: cargo bench-peers --readme -->\n";
const END: &str = "<!-- end: cargo bench-peers --readme -->\n";

/// The peers that have a column.
const PEERS: &[Peer] = &[Peer::Go, Peer::Tokio, Peer::May];

/// Writes `docs/bench.svg` and the block of the README.
pub(crate) fn write(root: &Path, record: &Record) -> Result<(), String> {
    let failed = |error: std::io::Error| error.to_string();
    let path = root.join("README.md");
    let text = fs::read_to_string(&path).map_err(failed)?;
    let text = replace(&text, &block(record))?;
    fs::create_dir_all(root.join("docs")).map_err(failed)?;
    fs::write(root.join("docs/bench.svg"), alone(&main_chart(record))).map_err(failed)?;
    fs::write(path, text).map_err(failed)
}

/// The text with another block between the markers.
fn replace(text: &str, block: &str) -> Result<String, String> {
    let parts = || {
        let (before, rest) = text.split_once(BEGIN)?;
        let (_, after) = rest.split_once(END)?;
        (!rest.contains(BEGIN) && !after.contains(END)).then_some((before, after))
    };
    let (before, after) =
        parts().ok_or("README.md does not have the markers, once and in order")?;
    Ok(format!("{before}{BEGIN}{block}{END}{after}"))
}

fn block(record: &Record) -> String {
    let mut text = format!(
        "![What the peers take, in terms of gort](docs/bench.svg)\n\n| One operation | P | gort |{}\n|-|-|-|{}\n",
        PEERS.iter().map(|peer| format!(" {} |", peer.title())).collect::<String>(),
        "-|".repeat(PEERS.len()),
    );
    for row in ROWS.iter().filter(|row| row.main) {
        let cells = lines(record).filter(|(other, _)| std::ptr::eq(*other, row));
        if let Some((_, cell)) = cells.max_by_key(|(_, cell)| cell.procs) {
            let _ = write!(text, "| {} | {} |", row.name, cell.procs);
            for peer in [Peer::Gort].iter().chain(PEERS) {
                let _ = write!(text, " {} |", entry(row, cell, *peer));
            }
            text.push('\n');
        }
    }
    let [met, missed, close] = verdicts(record);
    let _ = write!(
        text,
        "\nMedians of {}; in brackets gort's cost in terms of the peer's, taken in each round. \
         {}, commit {}, on {}; {}. Of {} targets {met} were met, {missed} missed, and {close} too close to tell.\n",
        rounds(record),
        date(&record.date),
        record.commit,
        record.machine.line(),
        record.machine.versions(),
        met + missed + close,
    );
    text
}

fn entry(row: &Row, cell: &Cell, peer: Peer) -> String {
    match cell.results.get(peer.key()) {
        Some(Outcome::Figures(figures, _)) => {
            let median = Spread::of(figures).map_or(0.0, |spread| spread.median);
            let ratio = cell.ratio(peer).filter(|_| peer != Peer::Gort);
            let ratio = ratio.map_or(String::new(), |of| format!(" ({})", figure(of.median)));
            format!("{}{ratio}", with_unit(median, row.unit))
        }
        Some(Outcome::Absent(_)) => "absent".into(),
        Some(Outcome::Failed(_)) => "failed".into(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::sample;

    #[test]
    fn the_block_is_replaced_and_nothing_else() {
        let old = format!("a\n{BEGIN}old\n{END}b\n");
        let new = format!("a\n{BEGIN}new\n{END}b\n");
        assert_eq!(replace(&old, "new\n").unwrap(), new);
        assert_eq!(replace(&new, "new\n").unwrap(), new);
        for bad in ["a\n", BEGIN, END, &format!("{END}{BEGIN}"), &format!("{old}{old}")] {
            assert!(replace(bad, "new\n").is_err(), "{bad}");
        }
    }

    #[test]
    fn the_block_has_the_main_lines_at_the_largest_p() {
        let block = block(&sample());
        let line =
            "| start 1,000,000 that end at once, each | 2 | 50.0 ns | 100 ns (0.50) |  |  |\n";
        assert!(block.contains(line), "{block}");
        assert!(
            block.contains(
                "| HTTP, 1 KiB, 100 connections | 2 | 3,000 /s | 1,000 /s (0.33) |  |  |\n"
            )
        );
        assert!(!block.contains("of 10,000"), "{block}");
        assert!(block.contains(
            "2026-01-02 03:04, commit 0123456789ab, on A <CPU> & more, 2 CPUs, kernel 6.1"
        ));
        assert!(block.contains("Of 3 targets 3 were met, 0 missed"));
    }

    #[test]
    fn files_are_written_where_they_belong() {
        let root = std::env::temp_dir().join(format!("gort-peers-readme-{}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        fs::write(root.join("README.md"), format!("a\n{BEGIN}{END}b\n")).unwrap();
        write(&root, &sample()).unwrap();
        let text = fs::read_to_string(root.join("README.md")).unwrap();
        assert!(
            text.starts_with(&format!("a\n{BEGIN}![")) && text.ends_with(&format!("{END}b\n")),
            "{text}"
        );
        let picture = fs::read_to_string(root.join("docs/bench.svg")).unwrap();
        crate::report::tests::well_formed(&picture).unwrap();
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn this_readme_has_the_markers() {
        let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");
        replace(&fs::read_to_string(readme).unwrap(), "").unwrap();
    }
}
