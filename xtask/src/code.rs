//! Rust source without its comments and literals, so that a rule about code meets only code.

/// `text` with every comment and the inside of every string and character literal replaced by
/// spaces; bytes stay where they were, and so do lines.
pub(crate) fn code_only(text: &str) -> String {
    let mut code = text.as_bytes().to_vec();
    let mut at = 0;
    while at < code.len() {
        let end = at + skip(text, at);
        if end == at {
            at += 1;
        } else {
            for byte in &mut code[at..end] {
                if *byte != b'\n' {
                    *byte = b' ';
                }
            }
            at = end;
        }
    }
    String::from_utf8_lossy(&code).into_owned()
}

/// How many bytes from `at` on are not code: a comment or a whole literal; otherwise zero.
fn skip(text: &str, at: usize) -> usize {
    let rest = &text.as_bytes()[at..];
    match rest {
        [b'/', b'/', ..] => until(rest, b"\n"),
        [b'/', b'*', ..] => block_comment(rest),
        [b'"', ..] => quoted(rest, b'"'),
        [b'\'', b'\\', ..] => quoted(rest, b'\''),
        [b'\'', ..] => match text[at + 1..].chars().next() {
            // 'x' is a character, 'x without the second quote a lifetime.
            Some(c) if rest.get(1 + c.len_utf8()) == Some(&b'\'') => c.len_utf8() + 2,
            _ => 0,
        },
        [b'r', b'#' | b'"', ..] if starts_literal(&text.as_bytes()[..at]) => {
            let hashes = rest[1..].iter().take_while(|byte| **byte == b'#').count();
            let end = [b"\"", &b"#".repeat(hashes)[..]].concat();
            match rest.get(1 + hashes) {
                Some(b'"') => {
                    let body = 2 + hashes;
                    (body + until(&rest[body..], &end) + end.len()).min(rest.len())
                }
                _ => 0,
            }
        }
        _ => 0,
    }
}

/// Whether an `r` after `before` can open a raw literal: it does not end a longer name, unless
/// that is the `b` or `c` of a byte or C string.
fn starts_literal(before: &[u8]) -> bool {
    match before {
        [.., a, b'b' | b'c'] => !is_name(*a),
        [b'b' | b'c'] => true,
        [.., a] => !is_name(*a),
        [] => true,
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The distance to `end`, or to the end of the text.
fn until(rest: &[u8], end: &[u8]) -> usize {
    rest.windows(end.len()).position(|window| window == end).unwrap_or(rest.len())
}

fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut at, mut depth) = (2, 1);
    while at < rest.len() && depth > 0 {
        let step = match &rest[at..] {
            [b'/', b'*', ..] => 1,
            [b'*', b'/', ..] => -1,
            _ => 0,
        };
        depth += step;
        at += if step == 0 { 1 } else { 2 };
    }
    at.min(rest.len())
}

/// Where `word` stands in `code` as a word of its own.
pub(crate) fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = code.as_bytes()[..*at].last();
        let after = code.as_bytes().get(at + word.len());
        ![before, after].into_iter().flatten().any(|byte| is_name(*byte))
    })
}

/// The number, from 1, of the line that byte `at` is on.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_go_and_code_stays() {
        for (text, code) in [
            ("a // b\nc", "a c"),
            ("a /* b /* c */ d */ e", "a e"),
            (r#"f("x\"y", 'z', '\'')"#, "f( , , )"),
            ("r\"a\\\" b r##\"x\"# y\"## c", "b c"),
            ("br#\"a\"# cr\"b\" r#type for\"x\"", "b c r#type for"),
            ("fn f<'a>(x: &'a str) -> 'é'", "fn f<'a>(x: &'a str) ->"),
            ("a \"unfinished", "a"),
            ("a /* unfinished", "a"),
            ("a r#\"unfinished", "a"),
        ] {
            let left = code_only(text);
            assert_eq!(left.split_whitespace().collect::<Vec<_>>().join(" "), code, "{text}");
            assert_eq!((left.len(), left.lines().count()), (text.len(), text.lines().count()));
        }
    }

    #[test]
    fn words_are_whole() {
        assert_eq!(words("dbg my_dbg dbg_ (dbg)", "dbg").collect::<Vec<_>>(), [0, 17]);
        assert_eq!(line_of("a\nb\nc", 4), 3);
    }
}
