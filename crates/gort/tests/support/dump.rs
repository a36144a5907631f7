//! A strict reader of Go's dumps: what it does not know, it does not pass over.

use std::iter::Peekable;
use std::str::Lines;

/// A goroutine's part of a dump.
#[derive(Debug, PartialEq, Eq)]
pub struct Dumped {
    pub id: u64,
    /// What it does, in Go's words.
    pub state: String,
    pub minutes: Option<u64>,
    pub in_c: bool,
    pub locked: bool,
    pub name: Option<String>,
    pub frames: Vec<Frame>,
    /// How many are left out in the middle.
    pub elided: Option<usize>,
    /// Why there are no frames.
    pub unavailable: Option<String>,
    /// Who made it, and on which goroutine.
    pub creator: Option<(Frame, Option<u64>)>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    pub function: String,
    pub file: String,
    pub line: u32,
    /// From the function's beginning; none if it was inlined.
    pub offset: Option<u64>,
}

impl Dumped {
    /// Its functions, by the last part of their names.
    pub fn functions(&self) -> Vec<&str> {
        self.frames.iter().map(Frame::short).collect()
    }

    pub fn has(&self, function: &str) -> bool {
        self.functions().contains(&function)
    }
}

impl Frame {
    /// The last part of the function's name; of a closure the function's that it is in.
    pub fn short(&self) -> &str {
        let name =
            self.function.trim_end_matches("::{{closure}}").trim_end_matches("::{closure#0}");
        // Not within `<...>`.
        let mut depth = 0;
        let start = name.char_indices().rev().find(|(_, c)| {
            match c {
                '>' => depth += 1,
                '<' => depth -= 1,
                _ => {}
            }
            depth == 0 && *c == ':'
        });
        start.map_or(name, |(at, _)| &name[at + 1..])
    }
}

/// Waits until there are so many goroutines that receive from channels.
pub fn until_receiving(count: usize) {
    loop {
        let mut text = Vec::new();
        gort::runtime::dump(&mut text).expect("a vector takes it");
        let found = parse(&String::from_utf8(text).expect("a dump is text"));
        if found.iter().filter(|one| one.state == "chan receive").count() >= count {
            return;
        }
        std::thread::yield_now();
    }
}

const UNAVAILABLE: &str = "\tgoroutine running on other thread; stack unavailable (";

/// All goroutines in `text`, which up to the first of them can be anything and from there on is a dump.
pub fn parse(text: &str) -> Vec<Dumped> {
    let start =
        text.lines().position(|line| line.starts_with("goroutine ") && line.ends_with("]:"));
    let Some(start) = start else { return Vec::new() };
    let mut lines = text.lines();
    for _ in 0..start {
        lines.next();
    }
    let mut lines = lines.peekable();
    let mut found = vec![goroutine(&mut lines)];
    while let Some(line) = lines.next() {
        assert_eq!(line, "", "between goroutines");
        found.push(goroutine(&mut lines));
    }
    assert!(text.ends_with('\n'));
    found
}

fn goroutine(lines: &mut Peekable<Lines<'_>>) -> Dumped {
    let mut dumped = header(lines.next().expect("a goroutine follows an empty line"));
    while let Some(line) = lines.next_if(|line| !line.is_empty()) {
        if let Some(creator) = line.strip_prefix("created by ") {
            let (function, parent) = match creator.split_once(" in goroutine ") {
                Some((function, parent)) => (function, Some(parent.parse().expect("a number"))),
                None => (creator, None),
            };
            dumped.creator = Some((place(function, lines.next()), parent));
            let next = lines.peek();
            assert!(next.is_none_or(|line| line.is_empty()), "after a creator: {next:?}");
            break;
        } else if line.starts_with("...") {
            let count =
                line.strip_prefix("...").and_then(|line| line.strip_suffix(" frames elided..."));
            match count.expect(line) {
                "additional" => {}
                count => dumped.elided = Some(count.parse().expect(line)),
            }
        } else if let Some(why) = line.strip_prefix(UNAVAILABLE) {
            assert!(dumped.frames.is_empty(), "{line}");
            dumped.unavailable = Some(why.strip_suffix(')').expect(line).into());
        } else {
            assert!(dumped.unavailable.is_none(), "{line}");
            let function =
                line.strip_suffix("(...)").unwrap_or_else(|| panic!("a frame: {line:?}"));
            dumped.frames.push(place(function, lines.next()));
        }
    }
    dumped
}

/// `goroutine 1 [state, 2 minutes, in C, locked to thread, "name"]:`, all but the state if need be.
fn header(line: &str) -> Dumped {
    let (id, rest) = line
        .strip_prefix("goroutine ")
        .and_then(|rest| rest.strip_suffix("]:"))
        .and_then(|rest| rest.split_once(" ["))
        .unwrap_or_else(|| panic!("a goroutine's first line: {line:?}"));
    assert!(!rest.contains(['[', ']']), "{line}");
    let mut remarks = rest.split(", ").peekable();
    let state = remarks.next().expect("a split has a part").to_owned();
    assert!(!state.is_empty(), "{line}");
    let minutes = remarks.next_if(|remark| remark.ends_with(" minutes"));
    let minutes = minutes.map(|text| text.trim_end_matches(" minutes").parse().expect(line));
    let in_c = remarks.next_if_eq(&"in C").is_some();
    let locked = remarks.next_if_eq(&"locked to thread").is_some();
    let name = remarks.next().map(|name| {
        let name = name.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
        name.unwrap_or_else(|| panic!("a name: {line:?}")).to_owned()
    });
    assert_eq!(remarks.next(), None, "{line}");
    let id = id.parse().expect(line);
    Dumped {
        id,
        state,
        minutes,
        in_c,
        locked,
        name,
        frames: Vec::new(),
        elided: None,
        unavailable: None,
        creator: None,
    }
}

/// `\tfile:line` with or without ` +0x1f`.
fn place(function: &str, line: Option<&str>) -> Frame {
    let line = line.unwrap_or_else(|| panic!("a place of {function}"));
    let rest = line.strip_prefix('\t').unwrap_or_else(|| panic!("a place: {line:?}"));
    let (rest, offset) = match rest.rsplit_once(" +0x") {
        Some((rest, offset)) => (rest, Some(u64::from_str_radix(offset, 16).expect(line))),
        None => (rest, None),
    };
    let (file, number) = rest.rsplit_once(':').unwrap_or_else(|| panic!("a place: {line:?}"));
    assert!(!file.is_empty() && !function.is_empty() && !function.starts_with(['\t', ' ']));
    let function = function.to_owned();
    Frame { function, file: file.into(), line: number.parse().expect(line), offset }
}
