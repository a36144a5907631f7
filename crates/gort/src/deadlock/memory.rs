//! Words in the memory of the process.
//!
//! Memory is read as a file (`/proc/self/mem`), for it may go away while it is looked at. What is looked for is
//! kept with all its bits turned over, so that this is not what is found; nor is the buffer that is read into,
//! or the stack below whoever began.

use std::collections::HashSet;
use std::fs::{File, read_to_string};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;

/// How much is read at a time, in bytes.
const BUFFER: usize = 256 << 10;

/// How much stack this needs at most, in bytes.
const OWN: usize = 64 << 10;

const WORD: usize = size_of::<usize>();

/// Where to look.
#[derive(Clone, Copy)]
pub(super) enum Area {
    /// A goroutine's stack, from the lowest address to one past the highest.
    Stack((usize, usize)),
    /// All that can be written, but for where stacks of goroutines lie.
    Rest,
}

/// What is looked for, and where not.
pub(super) struct Search {
    hidden: HashSet<usize>,
    least: usize,
    most: usize,
    memory: File,
    buffer: Box<[u8]>,
    /// The part of the caller's stack that is this one's.
    own: (usize, usize),
    /// What has kept it from looking at all that there is.
    failed: Option<io::Error>,
}

impl Search {
    /// For words that are these with all bits turned over, except on the stack below `own`.
    pub(super) fn new(hidden: impl Iterator<Item = usize>, own: usize) -> io::Result<Search> {
        let hidden: HashSet<usize> = hidden.collect();
        let least = hidden.iter().min().copied().unwrap_or_default();
        let most = hidden.iter().max().copied().unwrap_or_default();
        Ok(Search {
            hidden,
            least,
            most,
            memory: File::open("/proc/self/mem")?,
            buffer: vec![0; BUFFER].into_boxed_slice(),
            own: (own - OWN, own),
            failed: None,
        })
    }

    /// Calls `f` with each word that is found, turned over, and its address.
    pub(super) fn area(&mut self, area: Area, f: &mut dyn FnMut(usize, usize)) {
        match area {
            Area::Stack((lo, hi)) => self.range(lo, hi, f),
            Area::Rest => {
                match read_to_string("/proc/self/maps").and_then(|maps| Ok((maps, stacks()?))) {
                    Ok((maps, stacks)) => {
                        maps.lines().filter_map(writable).for_each(|range| {
                            self.without(range, &stacks, f);
                        });
                    }
                    Err(error) => self.failed = Some(error),
                }
            }
        }
    }

    /// Whether all that there is has been looked at.
    pub(super) fn end(self) -> io::Result<()> {
        self.failed.map_or(Ok(()), Err)
    }

    /// The parts of a range that are in none of `holes`, which are in order.
    fn without(
        &mut self,
        (mut lo, hi): (usize, usize),
        holes: &[(usize, usize)],
        f: &mut dyn FnMut(usize, usize),
    ) {
        for (at, end) in holes {
            if *end > lo && *at < hi {
                self.range(lo, *at, f);
                lo = *end;
            }
        }
        self.range(lo, hi, f);
    }

    fn range(&mut self, lo: usize, hi: usize, f: &mut dyn FnMut(usize, usize)) {
        let mut at = lo.next_multiple_of(WORD);
        while at + WORD <= hi && self.failed.is_none() {
            let len = BUFFER.min(hi - at);
            let got = match self.memory.read_at(&mut self.buffer[..len], at as u64) {
                Ok(got @ WORD..) => got / WORD * WORD,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.raw_os_error() != Some(libc::EIO) => {
                    self.failed = Some(error);
                    return;
                }
                // This holds nothing: a guard, a page of a file that is shorter, memory that is gone.
                _ => {
                    at = (at + 1).next_multiple_of(4096);
                    continue;
                }
            };
            let buffer = self.buffer.as_ptr_range();
            let buffer = buffer.start.addr()..buffer.end.addr();
            let (words, _) = self.buffer[..got].as_chunks::<WORD>();
            let mut place = at;
            // Nearly all of the time goes by here, most of all in what is compiled without optimisation.
            for word in words {
                let hidden = !usize::from_ne_bytes(*word);
                if hidden >= self.least
                    && hidden <= self.most
                    && self.hidden.contains(&hidden)
                    && !buffer.contains(&place)
                    && !(self.own.0..self.own.1).contains(&place)
                {
                    f(hidden, place);
                }
                place += WORD;
            }
            at += got;
        }
    }
}

/// Where there is nothing of the program's but what goroutines have.
fn stacks() -> io::Result<Vec<(usize, usize)>> {
    let mut room = 256;
    loop {
        let mut stacks = vec![(0, 0); room];
        let count = gort_rt::stacks(&mut stacks).ok_or(ErrorKind::Unsupported)?;
        if count <= room {
            stacks.truncate(count);
            stacks.sort_unstable();
            return Ok(stacks);
        }
        room = 2 * count;
    }
}

/// The range of a line of `/proc/self/maps`, if it can be written.
fn writable(line: &str) -> Option<(usize, usize)> {
    let mut fields = line.split(' ');
    let (lo, hi) = fields.next()?.split_once('-')?;
    fields.next()?.starts_with("rw").then_some(())?;
    Some((usize::from_str_radix(lo, 16).ok()?, usize::from_str_radix(hi, 16).ok()?))
}
