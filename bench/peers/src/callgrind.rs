//! What callgrind writes: how often each instruction was executed, and what became of the caches that it plays.
//!
//! The format is in valgrind's manual, "Callgrind Format Specification". A line of costs is a place, which may be
//! relative to the last such line, and numbers; what follows a `calls=` are costs of others, which are not
//! counted twice.

use std::collections::BTreeMap;

/// A program's run.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Profile {
    /// How often each instruction was executed, by its file and its address there.
    pub executed: BTreeMap<String, BTreeMap<u64, u64>>,
    /// By the events' names, of all instructions.
    pub totals: BTreeMap<String, u64>,
    /// What caches there were.
    pub caches: Vec<String>,
}

impl Profile {
    /// Reads a file that has a place for each instruction.
    pub(crate) fn parse(text: &str) -> Result<Profile, String> {
        let mut profile = Profile::default();
        let (mut objects, mut object) = (BTreeMap::new(), String::new());
        let mut events = Vec::new();
        let (mut sums, mut said): (Vec<u64>, Vec<u64>) = (Vec::new(), Vec::new());
        let (mut address, mut of_others) = (0, false);
        for line in text.lines() {
            let unknown = || format!("callgrind's line {line:?} is unknown");
            if line.starts_with(['0', '+', '-', '*']) {
                if std::mem::take(&mut of_others) {
                    continue;
                }
                let mut words = line.split(' ');
                address = words.next().and_then(|at| place(at, address)).ok_or_else(unknown)?;
                let costs: Option<Vec<u64>> = words.skip(1).map(|cost| cost.parse().ok()).collect();
                let costs = costs.filter(|of| of.len() <= sums.len()).ok_or_else(unknown)?;
                let of_object = profile.executed.entry(object.clone()).or_default();
                *of_object.entry(address).or_default() += costs.first().copied().unwrap_or(0);
                sums.iter_mut().zip(costs).for_each(|(sum, cost)| *sum += cost);
            } else if let Some(name) = line.strip_prefix("ob=") {
                object = named(name, &mut objects).ok_or_else(unknown)?;
            } else if let Some(name) = line.strip_prefix("cob=") {
                named(name, &mut objects).ok_or_else(unknown)?;
            } else if line.starts_with("calls=") {
                of_others = true;
            } else if let Some(names) = line.strip_prefix("events: ") {
                events = names.split_whitespace().map(str::to_owned).collect();
                sums = vec![0; events.len()];
            } else if let Some(cache) =
                line.strip_prefix("desc: ").filter(|of| of.contains(" cache: "))
            {
                profile.caches.push(cache.into());
            } else if let Some(totals) = line.strip_prefix("totals: ") {
                said = totals.split(' ').filter_map(|total| total.parse().ok()).collect();
            }
        }
        if sums.is_empty() || sums != said {
            return Err(format!("callgrind's lines have {sums:?} in all, and it says {said:?}"));
        }
        profile.totals = events.into_iter().zip(sums).collect();
        Ok(profile)
    }
}

/// An address, which may be told by how far it is from the last.
fn place(text: &str, last: u64) -> Option<u64> {
    match text.split_at_checked(1)? {
        ("*", "") => Some(last),
        ("+", by) => last.checked_add(by.parse().ok()?),
        ("-", by) => last.checked_sub(by.parse().ok()?),
        _ => u64::from_str_radix(text.strip_prefix("0x")?, 16).ok(),
    }
}

/// `(1) name`, and `(1)` from then on.
fn named(text: &str, known: &mut BTreeMap<String, String>) -> Option<String> {
    let (number, name) = text.split_once(' ').unzip();
    if let (Some(number), Some(name)) = (number, name) {
        known.insert(number.into(), name.into());
    }
    known.get(number.unwrap_or(text)).cloned()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// What callgrind has written of a program that calls another, but for lines like those that are left.
    pub(crate) const RECORDED: &str = "\
# callgrind format
version: 1
creator: callgrind-3.19.0
pid: 32490
cmd:  program
part: 1

desc: I1 cache: 65536 B, 64 B, 16-way associative
desc: Trigger: Program termination

positions: instr line
events: Ir Dr Dw I1mr D1mr D1mw ILmr DLmr DLmw
summary: 70 6 3 1 2 0 0 0 0

ob=(7) /bin/program
fl=(356) preempt.rs
fn=(1866) collect
0x1000 52 6 0 3 1
+4 * 6
cob=(8) /lib/library
cfi=(3) file.c
cfn=(4) function
calls=5 0x9000 0
* 53 50 1
-1 54 6
fe=(357) other.rs
* 9 6

ob=(8)
fl=(3)
fn=(4)
0x9000 10 20
+16 11 30 6 0 0 2

totals: 74 6 3 1 2 0 0 0 0
";

    #[test]
    fn executions_are_counted_where_they_are() {
        let profile = Profile::parse(RECORDED).unwrap();
        let program = BTreeMap::from([(0x1000, 6), (0x1003, 12), (0x1004, 6)]);
        let library = BTreeMap::from([(0x9000, 20), (0x9010, 30)]);
        let known = [("/bin/program".to_owned(), program), ("/lib/library".to_owned(), library)];
        assert_eq!(profile.executed, BTreeMap::from(known));
        let totals = ["Ir", "Dr", "Dw", "I1mr", "D1mr"].map(|name| profile.totals[name]);
        assert_eq!(totals, [74, 6, 3, 1, 2]);
        assert_eq!(profile.caches, ["I1 cache: 65536 B, 64 B, 16-way associative"]);
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for (old, new) in [
            ("totals: 74", "totals: 75"),
            ("0x9000 10 20", "0xyz 10 20"),
            ("ob=(8)\n", "ob=(9)\n"),
            ("+16 11 30", "+16 11 thirty"),
            ("events: Ir", "event: Ir"),
        ] {
            let text = RECORDED.replace(old, new);
            assert!(text != RECORDED && Profile::parse(&text).is_err(), "{new}");
        }
        assert!(Profile::parse("").is_err());
    }
}
