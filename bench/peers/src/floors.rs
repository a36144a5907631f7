//! The paths that are taken most, and what their instructions are for: what of them is left above the limit.

use crate::peer::Peer;
use crate::table::{ROWS, Row};

/// A path: a line of the table, whose instructions are counted.
#[derive(Debug)]
pub(crate) struct Path {
    pub workload: &'static str,
    /// How many times fewer operations than in a full run are done at a time.
    pub divisor: u64,
    /// Where gort's instructions go, and what the least would be.
    pub left: &'static str,
}

const fn path(workload: &'static str, divisor: u64, left: &'static str) -> Path {
    Path { workload, divisor, left }
}

/// The paths.
pub(crate) static PATHS: &[Path] = &[
    path("yield", 100, ""),
    path("join", 100, ""),
    path("pingpong", 100, ""),
    path("buffered1x1", 100, ""),
    path("select3", 100, ""),
    path("uncontended", 80, ""),
    path("mutex", 80, ""),
    path("timerreset", 100, ""),
    path("syscall", 500, ""),
    path("ccall", 200, ""),
    path("echo1", 200, ""),
];

impl Path {
    /// Its line of the table.
    pub(crate) fn row(&self) -> &'static Row {
        let found = ROWS.iter().find(|row| row.workload == self.workload && row.figure.is_empty());
        found.expect("each path has its line")
    }

    /// Whose instructions are counted: gort's, Go's, and what the machine itself takes.
    pub(crate) fn peers(&self) -> impl Iterator<Item = Peer> {
        [Peer::Gort, Peer::Go, Peer::Bare]
            .into_iter()
            .filter(|peer| *peer == Peer::Gort || self.row().peers.contains(peer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_lines_of_the_table() {
        for path in PATHS {
            assert_eq!(path.row().workload, path.workload);
            assert!(path.left.ends_with('.'), "{} has no explanation", path.workload);
        }
        let of = |place: usize| PATHS[place].peers().collect::<Vec<_>>();
        assert_eq!(of(0), [Peer::Gort, Peer::Go, Peer::Bare]);
        assert_eq!(of(1), [Peer::Gort, Peer::Go]);
    }
}
