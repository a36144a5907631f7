//! `GORT_DEBUG`: what the environment can change about the runtime.

use gort_rt::Trace;
use std::time::Duration;

/// The words of `GORT_DEBUG`, a list with commas, as Go's `GODEBUG`; those that are not known, and values
/// that are none, are passed over.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Debug {
    /// `asyncpreemptoff=1`: no goroutine is interrupted by a signal.
    pub(crate) asyncpreemptoff: bool,
    /// `deadlock=0`: a deadlock does not end the program.
    pub(crate) deadlock_off: bool,
    /// `slice=DURATION`: how long a goroutine may run while others wait, in nanoseconds.
    pub(crate) slice: Option<u64>,
    /// `stackwater=1`: how much stack goroutines use is measured.
    pub(crate) stackwater: bool,
    /// `schedtrace=MILLISECONDS`: how often the scheduler's state is written to standard error, in
    /// nanoseconds.
    pub(crate) schedtrace: Option<u64>,
    /// `scheddetail=1`: with a line for each P, M and goroutine.
    pub(crate) scheddetail: bool,
    /// `watchdog=DURATION`: how long a goroutine may run without yielding, or wait to be run, in nanoseconds.
    pub(crate) watchdog: Option<u64>,
}

impl Debug {
    pub(crate) fn from_env() -> Debug {
        std::env::var("GORT_DEBUG").map_or_else(|_| Debug::default(), |text| Debug::parse(&text))
    }

    fn parse(text: &str) -> Debug {
        let mut debug = Debug::default();
        for word in text.split(',') {
            match word.trim().split_once('=') {
                Some(("asyncpreemptoff", value)) => debug.asyncpreemptoff = value == "1",
                Some(("deadlock", value)) => debug.deadlock_off = value == "0",
                Some(("slice", value)) => debug.slice = duration(value),
                Some(("schedtrace", value)) => debug.schedtrace = millis(value),
                Some(("scheddetail", value)) => debug.scheddetail = value == "1",
                Some(("watchdog", value)) => {
                    debug.watchdog = duration(value).filter(|time| *time != 0)
                }
                Some(("stackwater", value)) => debug.stackwater = value == "1",
                _ => {}
            }
        }
        debug
    }

    /// What is to be written of the scheduler's state.
    pub(crate) fn trace(&self) -> Option<Trace> {
        self.schedtrace.map(|period| Trace { period, detail: self.scheddetail })
    }
}

/// Go's unit; 0 is never.
fn millis(text: &str) -> Option<u64> {
    text.parse()
        .ok()
        .and_then(|millis: u64| millis.checked_mul(1_000_000))
        .filter(|time| *time != 0)
}

/// `10ms`, `500us`, `1s`, `100000ns`.
fn duration(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let number = number.parse().ok()?;
    let time = match unit {
        "ns" => Duration::from_nanos(number),
        "us" => Duration::from_micros(number),
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        _ => return None,
    };
    time.as_nanos().try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::Debug;

    #[test]
    fn the_words_are_read() {
        let both = Debug { asyncpreemptoff: true, slice: Some(500_000), ..Debug::default() };
        assert_eq!(Debug::parse("asyncpreemptoff=1, slice=500us"), both);
        assert_eq!(Debug::parse("asyncpreemptoff=0,slice=fast,whatever,x=1"), Debug::default());
        assert_eq!(Debug::parse(""), Debug::default());
        assert!(Debug::parse("deadlock=0").deadlock_off);
        assert!(!Debug::parse("deadlock=1").deadlock_off);
        assert_eq!(Debug::parse("slice=2s").slice, Some(2_000_000_000));
        assert_eq!(Debug::parse("slice=7").slice, None);
        assert!(
            Debug::parse("stackwater=1").stackwater && !Debug::parse("stackwater=0").stackwater
        );
        let three = Debug {
            schedtrace: Some(1_000_000_000),
            scheddetail: true,
            watchdog: Some(50_000_000),
            ..Debug::default()
        };
        assert_eq!(Debug::parse("schedtrace=1000,scheddetail=1,watchdog=50ms"), three);
        let bad = "schedtrace=0,scheddetail=yes,watchdog=0s";
        assert_eq!(Debug::parse(bad), Debug::default());
        assert_eq!(Debug::parse("schedtrace=1s,watchdog=50"), Debug::default());
        let most = u64::MAX.to_string();
        assert_eq!(Debug::parse(&format!("schedtrace={most},watchdog={most}s")), Debug::default());
    }
}
