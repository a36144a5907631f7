//! `GORT_DEBUG`: what the environment can change about the runtime.

use std::time::Duration;

/// The words of `GORT_DEBUG`, a list with commas; those that are not known are passed over.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Debug {
    /// `asyncpreemptoff=1`: no goroutine is interrupted by a signal.
    pub(crate) asyncpreemptoff: bool,
    /// `slice=DURATION`: how long a goroutine may run while others wait, in nanoseconds.
    pub(crate) slice: Option<u64>,
    /// `stackwater=1`: how much stack goroutines use is measured.
    pub(crate) stackwater: bool,
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
                Some(("slice", value)) => {
                    debug.slice = duration(value).and_then(|time| time.as_nanos().try_into().ok());
                }
                Some(("stackwater", value)) => debug.stackwater = value == "1",
                _ => {}
            }
        }
        debug
    }
}

/// `10ms`, `500us`, `1s`, `100000ns`.
fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let number = number.parse().ok()?;
    match unit {
        "ns" => Some(Duration::from_nanos(number)),
        "us" => Some(Duration::from_micros(number)),
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        _ => None,
    }
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
        assert_eq!(Debug::parse("slice=2s").slice, Some(2_000_000_000));
        assert_eq!(Debug::parse("slice=7").slice, None);
        assert!(
            Debug::parse("stackwater=1").stackwater && !Debug::parse("stackwater=0").stackwater
        );
    }
}
