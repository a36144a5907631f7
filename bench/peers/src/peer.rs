//! Who takes part.

/// One who takes part, in the order in which they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Peer {
    Gort,
    /// std's own functions, on goroutines.
    GortStd,
    Go,
    Tokio,
    May,
    Smol,
    Std,
    Crossbeam,
    Flume,
    ParkingLot,
    Hyper,
    HyperInline,
    Nginx,
    Epoll,
    Bare,
}

use Peer::*;

/// All of them: how the programs and the records call them, how the reports do, and their colour.
const ALL: &[(Peer, &str, &str, [u8; 3])] = &[
    (Gort, "gort", "gort", [232, 89, 12]),
    (GortStd, "gort-std", "gort + std", [240, 160, 90]),
    (Go, "go", "Go", [0, 150, 190]),
    (Tokio, "tokio", "tokio", [132, 94, 247]),
    (May, "may", "may", [55, 160, 75]),
    (Smol, "smol", "smol", [220, 60, 120]),
    (Std, "std", "std threads", [150, 100, 60]),
    (Crossbeam, "crossbeam", "crossbeam-channel", [180, 140, 0]),
    (Flume, "flume", "flume", [0, 165, 140]),
    (ParkingLot, "parking_lot", "parking_lot", [80, 120, 240]),
    (Hyper, "hyper", "hyper", [160, 110, 220]),
    (HyperInline, "hyper-inline", "hyper, files read in tasks", [190, 140, 230]),
    (Nginx, "nginx", "nginx", [90, 170, 60]),
    (Epoll, "epoll", "bare epoll loop", [128, 128, 128]),
    (Bare, "bare", "the bare machine", [128, 128, 128]),
];

impl Peer {
    fn line(self) -> &'static (Peer, &'static str, &'static str, [u8; 3]) {
        ALL.iter().find(|(peer, ..)| *peer == self).expect("each has its line")
    }

    /// How programs and records call it.
    pub(crate) fn key(self) -> &'static str {
        self.line().1
    }

    /// How reports call it.
    pub(crate) fn title(self) -> &'static str {
        self.line().2
    }

    pub(crate) fn colour(self) -> [u8; 3] {
        self.line().3
    }

    pub(crate) fn by_key(key: &str) -> Option<Peer> {
        ALL.iter().find(|line| line.1 == key).map(|line| line.0)
    }

    /// Whether it has a scheduler of its own.
    pub(crate) fn is_runtime(self) -> bool {
        matches!(self, Gort | Go | Tokio | May | Smol)
    }

    /// Whether it is what the machine can do, and no competitor.
    pub(crate) fn is_limit(self) -> bool {
        matches!(self, Epoll | Bare)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_line_once() {
        for (place, (peer, key, ..)) in ALL.iter().enumerate() {
            assert_eq!(*peer as usize, place);
            assert_eq!(Peer::by_key(key), Some(*peer));
        }
        assert_eq!(ALL.len(), Bare as usize + 1);
        assert_eq!(Peer::by_key("nobody"), None);
    }
}
