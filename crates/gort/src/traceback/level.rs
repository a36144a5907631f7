//! `GORT_TRACEBACK`: how much is written when the process ends because something went wrong. Go's words,
//! with Go's meaning.
//!
//! | | a panic | all goroutines are asleep, SIGQUIT, throw |
//! |-|-|-|
//! | `none`, `0` | its message | the first line |
//! | `single`, as without it | and its goroutine | all goroutines |
//! | `all`, `1` | all goroutines | all goroutines |
//! | `system`, `2` | and the runtime's frames | and the runtime's frames |
//! | `crash` | and SIGABRT, for a core | and SIGABRT, for a core |

use std::sync::atomic::{AtomicU8, Ordering};

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Level {
    None,
    Single,
    All,
    System,
    Crash,
}

static LEVEL: AtomicU8 = AtomicU8::new(Level::Single as u8);

impl Level {
    fn parse(text: &str) -> Level {
        match text {
            "none" | "0" => Level::None,
            "all" | "1" => Level::All,
            "system" | "2" => Level::System,
            "crash" => Level::Crash,
            _ => Level::Single,
        }
    }

    /// Whether a panic shows all goroutines.
    pub(crate) fn is_all(self) -> bool {
        self >= Level::All
    }

    /// Whether the runtime's frames are shown.
    pub(crate) fn is_system(self) -> bool {
        self >= Level::System
    }
}

/// Reads the environment. Before it is needed: who needs it may be in no state to.
pub(crate) fn set_level_from_env() {
    let level = std::env::var("GORT_TRACEBACK").map_or(Level::Single, |text| Level::parse(&text));
    LEVEL.store(level as u8, Ordering::Relaxed);
    gort_rt::set_traces(level != Level::None);
}

/// What the environment said when the runtime started.
pub(crate) fn level() -> Level {
    match LEVEL.load(Ordering::Relaxed) {
        0 => Level::None,
        1 => Level::Single,
        2 => Level::All,
        3 => Level::System,
        _ => Level::Crash,
    }
}

#[cfg(test)]
mod tests {
    use super::Level;

    #[test]
    fn the_words_are_gos() {
        let words = [
            ("none", Level::None),
            ("0", Level::None),
            ("single", Level::Single),
            ("", Level::Single),
            ("whatever", Level::Single),
            ("all", Level::All),
            ("1", Level::All),
            ("system", Level::System),
            ("2", Level::System),
            ("crash", Level::Crash),
        ];
        for (word, level) in words {
            assert_eq!(Level::parse(word), level, "{word}");
        }
        assert!(!Level::Single.is_all() && Level::All.is_all() && Level::Crash.is_all());
        assert!(!Level::All.is_system() && Level::System.is_system() && Level::Crash.is_system());
    }
}
