//! The paths that are taken most, and what their instructions are for: what of them is left above the limit.
//!
//! What is said here has been read off callgrind's counts by instruction (`--dump-instr=yes`), on one machine with one
//! version of everything: who changes a path counts again.

use crate::peer::Peer;
use crate::table::{ROWS, Row};

/// A path: a line of the table, whose instructions are counted.
#[derive(Debug)]
pub(crate) struct Path {
    pub workload: &'static str,
    /// How many times fewer operations than in a full run are done at a time.
    pub divisor: u64,
    /// Where gort's instructions go, and what the least would be.
    pub left: &'static str,
}

const fn path(workload: &'static str, divisor: u64, left: &'static str) -> Path {
    Path { workload, divisor, left }
}

/// The paths.
pub(crate) static PATHS: &[Path] = &[
    path(
        "yield",
        100,
        "The switch itself is 20 instructions; a loop that does nothing else takes 27. About 45 enter and \
         leave the runtime and ask whether anybody waits, 125 choose the next goroutine and mark it as \
         running, and 48 put the old one into the queue. Of these 31 carry malloc's two thread-local words \
         from block to block, and 16 ask whose turn it is in the round of 61. The one atomic takes the next \
         goroutine out of the queue, from which others may steal.",
    ),
    path(
        "join",
        100,
        "Two switches, and a goroutine that is made and ended. A third of the instructions, about 600, are \
         for its thread-local storage, which is as a thread's: 222 in memcpy and 156 around it make it as it \
         was linked, and 229 look for what libc has allocated for it, nearly all of them in a walk over the \
         entries of modules that were loaded at run time. Of the nine atomics four are for the queue, four \
         for the end and the handle, and one is the fence before the look for idle Ps.",
    ),
    path(
        "pingpong",
        100,
        "Two switches, two values that are sent and two that are received. The switches are about 330 \
         instructions, parking and readying 350, and the channels the rest. Four of the eight atomics are \
         latches of a channel, two put a goroutine into the place of who goes next, and two take it out \
         again.",
    ),
    path(
        "buffered1x1",
        100,
        "59 instructions receive and 39 send; the switches, one for a whole buffer, and what belongs to them \
         are about ten. The latch of the channel is one atomic for each side, and is let go by a plain store.",
    ),
    path(
        "select3",
        100,
        "One switch, one value that is sent, and one select. The select is about 560 of the instructions: it \
         takes one of the channels that are ready at random, or the latches of all in the order of their \
         addresses, and then it waits at each and has to leave the others. Four of the 6.5 atomics are \
         latches, two the place of who goes next, and half a one is the sender's claim on who waits at \
         several channels.",
    ),
    path(
        "uncontended",
        80,
        "Two compare-and-swaps, one to lock and one to unlock, and the loop around them. Go's has two \
         atomics as well: a compare-and-swap and an addition.",
    ),
    path(
        "mutex",
        80,
        "On one P whoever has the lock is not interrupted, and the other seven never find it taken: the same \
         two compare-and-swaps. The rest is the start of eight goroutines for every hundred thousand \
         lockings.",
    ),
    path(
        "timerreset",
        100,
        "A later time is one compare-and-swap on the timer's own word, and the heap is not touched: 31 \
         instructions. 25 read the clock, without the clock's own; 20 are the workload's loop and the call \
         through a table, by which timers of all functions look the same. There are 10,000 timers here: one \
         miss is for the timer's word, 0.75 are for what holds its function, and the rest for the list that \
         the workload goes through.",
    ),
    path(
        "syscall",
        500,
        "The bare call is 4 instructions with its loop. The scheduler is told by stores alone, without an \
         atomic: where the goroutine is and that it is in a call, and afterwards that it is not. About a \
         quarter of the instructions lay out the call's arguments, decode the result and keep it.",
    ),
    path(
        "ccall",
        200,
        "A direct call is 8 instructions with its loop. The scheduler is told by stores alone, as of a system \
         call: with the checks afterwards that is 62, and ten change to the thread's large stack and back.",
    ),
    path(
        "echo1",
        200,
        "Three calls receive, one of which finds nothing, two send, and two look for events. valgrind 3.19 \
         refuses epoll_pwait2, and epoll_wait is called in its place: the bare machine has two calls fewer \
         than are counted. 210 of the instructions clear the memory for events before each look. Of the 28 \
         atomics eight are the locks of a connection's two directions, and four count looks and events. How \
         often sysmon looks depends on the time, so that these figures are true to a tenth.",
    ),
];

impl Path {
    /// Its line of the table.
    pub(crate) fn row(&self) -> &'static Row {
        let found = ROWS.iter().find(|row| row.workload == self.workload && row.figure.is_empty());
        found.expect("each path has its line")
    }

    /// Whose instructions are counted: gort's, Go's, and what the machine itself takes.
    pub(crate) fn peers(&self) -> impl Iterator<Item = Peer> {
        [Peer::Gort, Peer::Go, Peer::Bare]
            .into_iter()
            .filter(|peer| *peer == Peer::Gort || self.row().peers.contains(peer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_lines_of_the_table() {
        for path in PATHS {
            assert_eq!(path.row().workload, path.workload);
            assert!(path.left.ends_with('.'), "{} has no explanation", path.workload);
        }
        let of = |place: usize| PATHS[place].peers().collect::<Vec<_>>();
        assert_eq!(of(0), [Peer::Gort, Peer::Go, Peer::Bare]);
        assert_eq!(of(1), [Peer::Gort, Peer::Go]);
    }
}
