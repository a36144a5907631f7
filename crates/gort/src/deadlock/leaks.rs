//! Goroutines that wait at channels which nobody else can reach.
//!
//! # What is looked for
//!
//! A set of parked goroutines such that whatever could wake one of them is with others of the set: the handles
//! of the channels that they wait at (of both ends, for both can close), the locks, the ends. The largest such
//! set is what is left when everybody is taken out for whom that is not so, until nothing changes.
//!
//! # Where the handles are
//!
//! A handle is a word, the address of its channel (`chan/shared.rs`), which nothing else in the process has but
//! the channel itself. All memory is searched for it. A word is with a goroutine if it lies on the part of its
//! stack that is in use, among its thread-locals, or in what it was made with; else it is somebody else's. Copies
//! that a move has left behind look the same as handles, so that they cannot be counted; but there must be at least as
//! many as there are handles, or one is where nobody has looked.

use super::memory::{Area, Search};
use super::{Everybody, Leak, waiting};
use gort_rt::{Party, Pit};
use std::collections::HashMap;
use std::io;

/// Where a pit's handles are.
#[derive(Clone, Default)]
struct Found {
    /// Goroutines, by their place in the census; one for each word.
    with: Vec<usize>,
    /// Whether there is one somewhere else.
    elsewhere: bool,
}

/// Looks once. What is on the stack below `own` is this one's.
pub(super) fn candidates(own: usize) -> io::Result<Vec<Leak>> {
    let everybody = Everybody::now();
    let Everybody { parties, pits } = &everybody;
    if !parties.iter().any(|party| party.waits_at_pits) {
        return Ok(Vec::new());
    }
    let found = handles(parties, pits, own)?;
    let stuck = closed(parties, pits, &found);
    // They have been parked all the while, if they still are, where they were.
    let now = Everybody::now();
    let places: HashMap<u64, (&Party, &[Pit])> =
        now.parties.iter().map(|party| (party.id, (party, pits_of(party, &now.pits)))).collect();
    let still = |party: &Party| {
        places.get(&party.id).is_some_and(|(later, their_pits)| {
            let same = |(a, b): (&Pit, &Pit)| a.hidden == b.hidden;
            later.reason == party.reason
                && later.on == party.on
                && their_pits.len() == pits_of(party, pits).len()
                && their_pits.iter().zip(pits_of(party, pits)).all(same)
        })
    };
    let members = parties.iter().zip(stuck).filter(|(party, stuck)| *stuck && still(party));
    Ok(members.filter_map(|(party, _)| waiting(party)).map(Leak).collect())
}

fn pits_of<'a>(party: &Party, pits: &'a [Pit]) -> &'a [Pit] {
    pits.get(party.pits.0..party.pits.1).unwrap_or_default()
}

/// Finds the words that are handles.
fn handles(parties: &[Party], pits: &[Pit], own: usize) -> io::Result<Vec<Found>> {
    let mut found = vec![Found::default(); pits.len()];
    // Several may wait at the same one.
    let mut places: HashMap<usize, Vec<usize>> = HashMap::new();
    for (i, pit) in pits.iter().enumerate() {
        places.entry(pit.hidden).or_default().push(i);
    }
    let mut owns: Vec<_> = parties.iter().enumerate().map(|(i, party)| (party.own, i)).collect();
    owns.sort_unstable();
    let owner = |at: usize| {
        let after = owns.partition_point(|((first, _), _)| *first <= at);
        let ((_, end), i) = owns.get(after.checked_sub(1)?)?;
        (at < *end).then_some(*i)
    };
    if pits.is_empty() {
        return Ok(found);
    }
    let mut search = Search::new(places.keys().copied(), own)?;
    let mut note = |hidden: usize, at: usize, with: Option<usize>| {
        for i in places.get(&hidden).into_iter().flatten() {
            let channel = !pits[*i].hidden;
            if (channel..channel + pits[*i].size).contains(&at) {
                continue;
            }
            match with.or_else(|| owner(at)) {
                Some(party) => found[*i].with.push(party),
                None => found[*i].elsewhere = true,
            }
        }
    };
    for (i, party) in parties.iter().enumerate() {
        search.area(Area::Stack(party.stack), &mut |hidden, at| note(hidden, at, Some(i)));
    }
    search.area(Area::Rest, &mut |hidden, at| note(hidden, at, None));
    search.end().map(|()| found)
}

/// Who is in the largest closed set.
fn closed(parties: &[Party], pits: &[Pit], found: &[Found]) -> Vec<bool> {
    let by_id: HashMap<u64, usize> =
        parties.iter().enumerate().map(|(i, party)| (party.id, i)).collect();
    let mut stuck: Vec<bool> =
        parties.iter().map(|party| party.waits_at_pits || party.on != 0).collect();
    loop {
        let free = |party: &Party| {
            if !party.waits_at_pits {
                return by_id.get(&party.on).is_none_or(|i| !stuck[*i]);
            }
            (party.pits.0..party.pits.1).any(|i| {
                let Found { with, elsewhere } = &found[i];
                *elsewhere || with.len() < pits[i].handles || with.iter().any(|one| !stuck[*one])
            })
        };
        let next: Vec<bool> =
            parties.iter().zip(&stuck).map(|(party, stuck)| *stuck && !free(party)).collect();
        if next == stuck {
            return stuck;
        }
        stuck = next;
    }
}
