//! The list in the documentation is of what is taken over.

use std::collections::BTreeSet;

#[test]
fn the_list_is_complete() {
    let page = include_str!("../../../docs/std.md");
    let (_, list) = page.split_once("## What is taken over").unwrap();
    let rows = list.lines().filter_map(|line| line.rsplit_once(" | ")).map(|(_, names)| names);
    let said: BTreeSet<_> = rows.flat_map(|names| names.split('`').skip(1).step_by(2)).collect();
    let taken: BTreeSet<_> = gort_std::taken_over().map(|entry| entry.name).collect();
    assert!(taken.len() > 100);
    assert_eq!(said.symmetric_difference(&taken).collect::<Vec<_>>(), [&""; 0]);
}
