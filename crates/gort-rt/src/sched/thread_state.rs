//! What the kernel says of threads: whether one runs, or sleeps; how many there are.
//!
//! The `stat` file of the thread that was asked about last stays open, so that the runtime never has one
//! descriptor more than it had when it was started: a program with as many as it may have would find one
//! missing now and then. The next thread's file takes its place. sysmon has a file for itself, and the others
//! that ask while the program runs have one together: while one of them does, the rest are not told. Nobody
//! waits: who has it may have lost its CPU, or be held by a dump. That opens files of its own.
//!
//! # Safety
//!
//! The number kept is that of a file opened here. Whoever has taken it out ([`KEPT`]) owns it. If the program has
//! closed descriptors that are not its own, the number may be another file's, which is not closed: what it
//! says tells.

#![allow(unsafe_code)]

use crate::prim::{AtomicU64, Ordering};
use gort_sys::fd::{CWD, FromRawFd, IntoRawFd, OwnedFd};
use gort_sys::types::{ClockId, Mode, OFlags, Pid};
use gort_sys::{Errno, raw};

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asker {
    Sysmon,
    /// A thread that returns from a call, or stops the world: it asks for a hint only.
    Hurried,
    /// A dump.
    Dump,
}

/// Room for `/proc/self/task/2147483647/stat` and its NUL.
const PATH: usize = 40;

/// Room for the first 20 words of a `stat`, and more.
const TEXT: usize = 512;

/// sysmon's, and that of the others: the thread, in the upper half, and its file, in the lower; 0 while somebody has it.
static KEPT: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];

/// A thread's `stat`.
struct Stat {
    tid: i32,
    file: OwnedFd,
}

impl Stat {
    /// Opens that of `tid`.
    fn open(tid: i32) -> Option<Stat> {
        let mut path = [0; PATH];
        let path = task_path(tid, &mut path)?;
        let file = raw::openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
        Some(Stat { tid, file })
    }

    /// The one that was kept, unless somebody else has it.
    fn take(asker: Asker) -> Option<Stat> {
        // Acquire: pairs with the release in `keep`.
        let kept = KEPT.get(asker as usize)?.swap(0, Ordering::Acquire);
        if kept == 0 {
            return None;
        }
        // SAFETY: see the module: it was taken out just now.
        let file = unsafe { OwnedFd::from_raw_fd(kept as u32 as i32) };
        Some(Stat { tid: (kept >> 32) as i32, file })
    }

    /// Keeps it for the next one, if there is a place for it: whoever asks in its name alone has taken out what was
    /// there.
    fn keep(self, asker: Asker) {
        if let Some(place) = KEPT.get(asker as usize) {
            let kept = (self.tid as u64) << 32 | u64::from(self.file.into_raw_fd() as u32);
            // Release: pairs with the acquire in `take`.
            place.store(kept, Ordering::Release);
        }
    }

    /// What it says; `None` when the thread is gone. An error if it is not the thread's file.
    fn read<'text>(&self, text: &'text mut [u8; TEXT]) -> Result<Option<&'text [u8]>, Errno> {
        let len = match raw::pread64(&self.file, text, 0) {
            Ok(len) => len,
            Err(Errno::ESRCH) => return Ok(None),
            Err(error) => return Err(error),
        };
        // `TID (NAME) STATE ...`; a name has at most 15 bytes.
        let text = text.get(..len).ok_or(Errno::EBADF)?;
        let mut digits = text.iter().take_while(|byte| byte.is_ascii_digit());
        let tid = digits
            .try_fold(0_i32, |tid, byte| tid.checked_mul(10)?.checked_add((byte - b'0').into()));
        let end = text.iter().rposition(|byte| *byte == b')').ok_or(Errno::EBADF)?;
        if tid != Some(self.tid) {
            return Err(Errno::EBADF);
        }
        Ok(text.get(end + 2..))
    }
}

/// Opens the files that are kept, before the program has its descriptors.
pub(crate) fn setup() {
    for asker in [Asker::Sysmon, Asker::Hurried] {
        if let Some(stat) = Stat::open(raw::gettid().0) {
            stat.keep(asker);
        }
    }
}

/// What `of` finds in the `stat` of the thread, or of any, from the state on; `None` when that cannot be told.
fn look<T>(asker: Asker, tid: Option<i32>, of: impl FnOnce(&[u8]) -> Option<T>) -> Option<T> {
    let mut text = [0; TEXT];
    let kept = Stat::take(asker);
    if asker == Asker::Hurried && kept.is_none() {
        return None;
    }
    if let Some(stat) = kept {
        let says = stat.read(&mut text);
        let same = tid.is_none_or(|tid| tid == stat.tid);
        match says {
            Ok(Some(says)) if same => {
                let found = of(says);
                stat.keep(asker);
                return found;
            }
            // The program's own, by now.
            Err(_) => _ = stat.file.into_raw_fd(),
            _ => drop(stat),
        }
    }
    let stat = Stat::open(tid.unwrap_or_else(|| raw::gettid().0))?;
    let found = stat.read(&mut text).ok().flatten().and_then(of);
    stat.keep(asker);
    found
}

/// The CPU time that the thread has used, in nanoseconds; `None` when it is gone. It stands still
/// while the thread sleeps, but also while it waits for a CPU. 140 ns.
pub(crate) fn cpu_time(tid: i32) -> Option<u64> {
    let time = raw::clock_gettime(ClockId::of_thread(Pid(tid))).ok()?;
    Some(time.sec as u64 * 1_000_000_000 + time.nsec as u64)
}

/// Whether the thread runs or wants to (`true`), or sleeps in the kernel; `None` when that cannot be
/// told: it is gone, or there is no `/proc`. Some 2 microseconds.
pub(crate) fn is_running(asker: Asker, tid: i32) -> Option<bool> {
    look(asker, Some(tid), |says| Some(*says.first()? == b'R'))
}

/// How many threads the process has, for sysmon; `None` when that cannot be told. One that is about to be gone counts.
/// Source: [proc_pid_stat(5)](https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html), `num_threads`.
pub(crate) fn count() -> Option<usize> {
    look(Asker::Sysmon, None, |says| {
        // The state is the third field, and it is the 20th.
        let field = says.split(|byte| *byte == b' ').nth(17)?;
        let digit = |byte: &u8| byte.is_ascii_digit().then(|| usize::from(byte - b'0'));
        field.iter().try_fold(0, |number: usize, byte| Some(number * 10 + digit(byte)?))
    })
}

/// The path of the thread's `stat`, without a NUL.
fn task_path(tid: i32, path: &mut [u8; PATH]) -> Option<&[u8]> {
    let mut digits = [0; 10];
    let mut first = digits.len();
    let mut rest = u32::try_from(tid).ok()?;
    while rest != 0 && first != 0 {
        first -= 1;
        *digits.get_mut(first)? = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let pieces: [&[u8]; 3] = [b"/proc/self/task/", digits.get(first..)?, b"/stat"];
    let mut len = 0;
    for byte in pieces.into_iter().flatten() {
        *path.get_mut(len)? = *byte;
        len += 1;
    }
    path.get(..len)
}
