//! Who waits for whom, and for ever: cycles, and goroutines that nobody can wake any more.
//!
//! A program in which everybody waits ends by itself (`gort_rt`, `sched/deadlock.rs`). This is about parts of
//! one that goes on.
//!
//! # Cycles
//!
//! A goroutine waits for another if that one has the lock that it wants, or is the one whose end it wants. It
//! waits for one at a time, so to follow that is to find out whether it comes back. What is found is so: all of
//! them are parked, and a lock says who has it from after it was taken until before it is let go. Only a lock
//! whose guard was given to another goroutine counts as the first one's.
//!
//! Not known is who reads under a read-write lock, who would do a group's work, give a permit back, or
//! notify, and which goroutine it is that a scope waits for; nor what ordinary threads have and wait for.
//!
//! # Leaks
//!
//! See `leaks.rs`.

mod leaks;
mod memory;

use crate::join::GoId;
use crate::runtime::Title;
use gort_rt::{Census, Party, Pit, WaitReason, census};
use std::collections::HashMap;
use std::fmt;
use std::io::{self, Write};

/// A goroutine that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Waiting {
    /// Its number.
    pub id: GoId,
    /// Its name, or as much of it as dumps show.
    pub name: Option<String>,
    /// What it waits for.
    pub reason: WaitReason,
}

/// `goroutine 7 [worker]`.
impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Title(self.id.0, self.name.as_deref()).fmt(f)
    }
}

/// Goroutines each of which waits for the next, and the last for the first: none of them ever goes on. One
/// that wants a lock which it has itself is a cycle, too.
///
/// Its text is one line for each:
///
/// ```text
/// deadlock: goroutine 7 [worker] waits for a lock held by goroutine 9
///           goroutine 9 waits for the end of goroutine 7 [worker]
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle(Vec<Waiting>);

impl Cycle {
    /// The goroutines, each before the one that it waits for, beginning with the oldest.
    pub fn goroutines(&self) -> &[Waiting] {
        &self.0
    }
}

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let next = self.0.iter().cycle().skip(1);
        for (i, (one, next)) in self.0.iter().zip(next).enumerate() {
            let start = if i == 0 { "deadlock: " } else { "\n          " };
            match one.reason {
                WaitReason::Join => write!(f, "{start}{one} waits for the end of {next}")?,
                _ => write!(f, "{start}{one} waits for a lock held by {next}")?,
            }
        }
        Ok(())
    }
}

/// A goroutine that waits for what nobody seems to be able to do any more.
///
/// Its text is a line:
///
/// ```text
/// leak?: goroutine 12 [reader] waits to receive from a channel that nobody else can reach
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak(Waiting);

impl Leak {
    /// The goroutine.
    pub fn goroutine(&self) -> &Waiting {
        &self.0
    }
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.0.reason {
            WaitReason::ChanSend => "waits to send on a channel that nobody else can reach",
            WaitReason::ChanReceive => "waits to receive from a channel that nobody else can reach",
            WaitReason::Select => "waits for one of several channels that nobody else can reach",
            WaitReason::Join => "waits for the end of one that never ends",
            WaitReason::Never => "waits for something that never happens",
            _ => "waits for a lock held by one that never lets it go",
        };
        write!(f, "leak?: {} {what}", self.0)
    }
}

/// The goroutines that wait for one another in a circle, at this moment. Empty before the runtime has started
/// and in a forked child.
///
/// Known are locks ([`Mutex`](crate::sync::Mutex), who writes under an [`RwLock`](crate::sync::RwLock))
/// and [`join`](crate::JoinHandle::join), if they are waited for without a limit of time. Not known is who
/// reads under a lock, and who would end the waiting for a group, a semaphore, a condition or a scope. A lock
/// whose guard was sent to another goroutine counts as that one's which locked it.
///
/// What waits: the goroutine or thread, until the world has stopped; some microseconds, and some for each
/// hundred goroutines.
///
/// ```
/// use gort::runtime::deadlocks;
/// use gort::sync::Mutex;
///
/// gort::go(|| {
///     let mutex = Mutex::new(());
///     let _once = mutex.lock();
///     let _twice = mutex.lock();
/// });
/// let mut found = deadlocks();
/// while found.is_empty() {
///     std::thread::yield_now();
///     found = deadlocks();
/// }
/// println!("{}", found[0]);
/// # let id = found[0].goroutines()[0].id;
/// # assert_eq!(found[0].to_string(), format!("deadlock: goroutine {id} waits for a lock held by goroutine {id}"));
/// ```
pub fn deadlocks() -> Vec<Cycle> {
    cycles(&Everybody::now().parties)
}

/// The goroutines that will never go on, as it seems: candidates for leaks.
///
/// A goroutine is one if it waits, without a limit of time, at channels of which no handle is to be found
/// anywhere but with goroutines of which the same is true; or for a lock that such a one has, or for its end; or for something that never happens
/// ([`never`](crate::chan::never), a select without cases). Handles are looked for in the memory of the whole process,
/// word by word. So a handle that only an old, unused copy is left of makes a leak go unnoticed; and one that is hidden
/// (in memory that is shared with other processes, or that is kept compressed or encrypted), or is moved from place to place
/// while this looks, makes one appear. Each is looked for twice for that reason.
///
/// What waits: the goroutine or thread, for the world to stop, four times, and for all memory in use to be read: about a second for each gigabyte or two.
/// Other goroutines run meanwhile.
///
/// ```
/// gort::go(|| {
///     let (sender, receiver) = gort::chan::bounded::<()>(0);
///     let _ = receiver.recv();
///     drop(sender);
/// });
/// for leak in gort::runtime::leaks()? {
///     println!("{leak}");
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// Those of reading `/proc/self/mem` and `/proc/self/maps`, which a sandbox may refuse.
#[inline(never)]
pub fn leaks() -> io::Result<Vec<Leak>> {
    // What lies above is the caller's, what lies below ours.
    let here = 0u8;
    let own = (&raw const here).addr();
    let mut found = leaks::candidates(own)?;
    if !found.is_empty() {
        let second = leaks::candidates(own)?;
        found.retain(|leak| second.contains(leak));
    }
    Ok(found)
}

/// Writes what [`deadlocks`] finds, each after an empty line: the end of a dump.
///
/// # Errors
///
/// Those of writing.
pub(crate) fn report(out: &mut dyn Write) -> io::Result<()> {
    deadlocks().iter().try_for_each(|cycle| writeln!(out, "\n{cycle}"))
}

/// A census in memory of ours.
struct Everybody {
    parties: Vec<Party>,
    pits: Vec<Pit>,
}

impl Everybody {
    fn now() -> Everybody {
        let mut room = Census { parties: gort_rt::numgoroutine() + 64, pits: 256 };
        loop {
            let mut parties = vec![Party::NONE; room.parties];
            let mut pits = vec![Pit::default(); room.pits];
            let found = census(&mut parties, &mut pits);
            if found.parties <= room.parties && found.pits <= room.pits {
                parties.truncate(found.parties);
                pits.truncate(found.pits);
                return Everybody { parties, pits };
            }
            room = Census { parties: found.parties + 64, pits: 2 * found.pits };
        }
    }
}

fn waiting(party: &Party) -> Option<Waiting> {
    let name = party.name.as_str().map(str::to_owned);
    Some(Waiting { id: GoId(party.id), name, reason: party.reason? })
}

/// Follows each goroutine to the one that it waits for, once.
fn cycles(parties: &[Party]) -> Vec<Cycle> {
    let by_id: HashMap<u64, usize> =
        parties.iter().enumerate().map(|(i, party)| (party.id, i)).collect();
    // On which walk somebody was met.
    let mut met = vec![usize::MAX; parties.len()];
    let mut found = Vec::new();
    for start in 0..parties.len() {
        let mut at = Some(start);
        while let Some(i) = at
            && met[i] == usize::MAX
        {
            met[i] = start;
            at = by_id.get(&parties[i].on).copied();
        }
        if let Some(i) = at
            && met[i] == start
        {
            found.push(cycle(parties, &by_id, i));
        }
    }
    found
}

/// The cycle that `start` is in.
fn cycle(parties: &[Party], by_id: &HashMap<u64, usize>, start: usize) -> Cycle {
    let next = |i: &usize| by_id.get(&parties[*i].on).copied().filter(|i| *i != start);
    let mut members: Vec<_> =
        std::iter::successors(Some(start), next).filter_map(|i| waiting(&parties[i])).collect();
    let oldest = members.iter().enumerate().min_by_key(|(_, one)| one.id).map_or(0, |(i, _)| i);
    members.rotate_left(oldest);
    Cycle(members)
}
