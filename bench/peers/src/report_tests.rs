use super::*;
use crate::record::tests::sample;
use std::process::Command;

/// Whether every tag is closed, in order, and no text has a bare `<` or `&`.
pub(crate) fn well_formed(text: &str) -> Result<(), String> {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text.trim_start_matches("<!DOCTYPE html>");
    while let Some(at) = rest.find(['<', '&']) {
        let near = &rest[at..rest.len().min(at + 40)];
        if rest[at..].starts_with('&') {
            let end = rest[at..].find(';').ok_or("an entity without an end")?;
            let name = &rest[at + 1..at + end];
            if !["amp", "lt", "gt", "quot", "apos"].contains(&name) && !name.starts_with('#') {
                return Err(format!("no entity: {near}"));
            }
            rest = &rest[at + end..];
            continue;
        }
        let end = rest[at..].find('>').ok_or(format!("a tag without an end: {near}"))? + at;
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        let name = tag.trim_start_matches('/').split([' ', '\n', '/']).next().unwrap_or_default();
        if tag.starts_with('/') {
            if open.pop() != Some(name) {
                return Err(format!("{name} is closed, which is not open: {near}"));
            }
        } else if !tag.ends_with('/') {
            open.push(name);
        }
    }
    if open.is_empty() { Ok(()) } else { Err(format!("{open:?} are left open")) }
}

#[test]
fn the_check_of_form_can_fail() {
    for bad in ["<a>", "<a></b>", "<a><b></a></b>", "</a>", "a & b", "<a", "&nbsp;"] {
        assert!(well_formed(bad).is_err(), "{bad}");
    }
    well_formed("<!DOCTYPE html>\n<a b=\"c\">d &amp; <e/></a>").unwrap();
}

fn before() -> Record {
    let mut before = sample();
    before.cells[0]
        .results
        .insert("go".into(), Outcome::Figures(vec![100.0, 110.0, 120.0], Vec::new()));
    before
}

#[test]
fn the_page_says_everything_once_it_is_known() {
    let page = page(&sample(), Some(&before()));
    well_formed(&page).unwrap();
    for (row, _) in lines(&sample()) {
        assert!(page.contains(&format!("<th>{}</th>", escape(row.name))), "{}", row.name);
    }
    for text in [
        "0.50 (0.50–0.50)",
        "<b class=\"met\">met</b> ≤ 0.60 × Go: 0.50",
        "may is absent: it &lt;cannot&gt; &amp; will not",
        "smol failed: signal 6",
        "A &lt;CPU&gt; &amp; more",
        "lateness of 1 ms: distribution, of the last round",
        "Memory, and how many wait",
        "and how many Ps",
        "What an operation costs",
        "Since 2026-01-02 03:04",
        "<td>Go</td><td>1.00 (1.00–1.00)</td><td class=\"met\">0.50 (0.50–0.50)</td>",
    ] {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains("too noisy"));
    let counted = super::page(&Record { cells: vec![], ..sample() }, None);
    assert!(
        !counted.contains("What the peers take") && counted.contains("What an operation costs")
    );
    let mut noisy = sample();
    noisy.noise.noisy = Some("too loud".into());
    assert!(super::page(&noisy, None).contains("too noisy to tell: too loud."));
}

/// `pingpong128` has a buffer of 128: its figures for one P and for two are no curve.
#[test]
fn a_buffers_size_is_no_scale() {
    let mut record = sample();
    for procs in [1, 2] {
        let burst = record.cell("burst", "", procs).unwrap();
        record.cells.push(Cell { workload: "pingpong128".into(), ..burst.clone() });
    }
    assert!(!page(&record, None).contains("Calls that wait"));
}

#[test]
fn the_index_has_all_runs() {
    let page = index(&[sample(), before()]);
    well_formed(&page).unwrap();
    assert_eq!(page.matches("<tr><td>").count(), 2);
    assert!(page.contains("href=\"20260102T030405.html\""));
}

#[test]
fn targets_are_counted() {
    let [met, missed, close] = verdicts(&sample());
    assert_eq!((met, missed, close), (3, 0, 0));
}

/// Chromium shows the page as it is meant: it takes it as XML, has nothing to complain of, and every line is
/// there. Without Chromium the test says so, and that the page has the form.
#[test]
fn a_browser_shows_the_page() {
    let dir = std::env::temp_dir().join(format!("gort-peers-page-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let (path, text) = (dir.join("page.xhtml"), page(&sample(), None));
    well_formed(&text).unwrap();
    std::fs::write(&path, &text).unwrap();
    let mut browser = Command::new("chromium");
    browser.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--enable-logging=stderr",
        "--dump-dom",
    ]);
    browser
        .arg(format!("--user-data-dir={}", dir.display()))
        .arg(format!("file://{}", path.display()));
    match crate::run::output_of_both(&mut browser, std::time::Duration::from_secs(100)) {
        Ok((shown, said)) => {
            assert!(!shown.contains("parsererror"), "{shown}");
            assert!(!said.contains(":CONSOLE"), "{said}");
            for (row, _) in lines(&sample()) {
                assert!(shown.contains(&format!("<th>{}</th>", escape(row.name))), "{}", row.name);
            }
            assert!(shown.contains("<svg") && shown.contains("currentColor"));
        }
        Err(why) => println!("there is no Chromium to show it: {why:?}"),
    }
    std::fs::remove_dir_all(dir).unwrap();
}
