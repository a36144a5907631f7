//! What the kernel says of threads: whether one runs, or sleeps; how many there are.
//!
//! The `stat` file of the thread that was asked about last stays open, so that the runtime never has one
//! descriptor more than it had when it was started: a program with as many as it may have would find one
//! missing now and then. The next thread's file takes its place. Of two who ask at the same time, sysmon and a
//! thread that returns from a call, one waits a little; only if the other has lost its CPU meanwhile it opens a
//! file of its own. There is no lock: who has it might be held, by a dump, that asks as well.
//!
//! # Safety
//!
//! The number kept is that of a file opened here. Whoever has taken it out ([`KEPT`]) owns it. If the program has
//! closed descriptors that are not its own, the number may be another file's, which is not closed: what it
//! says tells.

#![allow(unsafe_code)]

use crate::prim::{AtomicU64, Ordering, SPINS, spin_loop};
use gort_sys::fd::{CWD, FromRawFd, IntoRawFd, OwnedFd};
use gort_sys::types::{ClockId, Mode, OFlags, Pid};
use gort_sys::{Errno, raw};

/// Room for `/proc/self/task/2147483647/stat` and its NUL.
const PATH: usize = 40;

/// Room for the first 20 words of a `stat`, and more.
const TEXT: usize = 512;

/// The thread, in the upper half, and its file, in the lower; 0 while somebody has it.
static KEPT: AtomicU64 = AtomicU64::new(0);

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

    /// The one that was kept, unless somebody else has it for longer than it takes to read it.
    fn take() -> Option<Stat> {
        let kept = (0..SPINS).find_map(|_| {
            // Acquire: pairs with the release in `keep`.
            let kept = KEPT.swap(0, Ordering::Acquire);
            if kept == 0 {
                spin_loop();
            }
            (kept != 0).then_some(kept)
        })?;
        // SAFETY: see the module: it was taken out just now.
        let file = unsafe { OwnedFd::from_raw_fd(kept as u32 as i32) };
        Some(Stat { tid: (kept >> 32) as i32, file })
    }

    /// Keeps it for the next one. That of another that was kept meanwhile is closed.
    fn keep(self) {
        let kept = (self.tid as u64) << 32 | u64::from(self.file.into_raw_fd() as u32);
        // AcqRel: pairs with that in `take`, and with this one.
        let other = KEPT.swap(kept, Ordering::AcqRel);
        if other != 0 {
            // SAFETY: see the module: it was taken out just now.
            drop(unsafe { OwnedFd::from_raw_fd(other as u32 as i32) });
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

/// Opens the file that is kept, before the program has its descriptors.
pub(crate) fn setup() {
    if let Some(stat) = Stat::open(raw::gettid().0) {
        stat.keep();
    }
}

/// What `of` finds in the `stat` of the thread, or of any, from the state on; `None` when that cannot be told.
fn look<T>(tid: Option<i32>, of: impl FnOnce(&[u8]) -> Option<T>) -> Option<T> {
    let mut text = [0; TEXT];
    if let Some(stat) = Stat::take() {
        let says = stat.read(&mut text);
        let same = tid.is_none_or(|tid| tid == stat.tid);
        match says {
            Ok(Some(says)) if same => {
                let found = of(says);
                stat.keep();
                return found;
            }
            // The program's own, by now.
            Err(_) => _ = stat.file.into_raw_fd(),
            _ => drop(stat),
        }
    }
    let stat = Stat::open(tid.unwrap_or_else(|| raw::gettid().0))?;
    let found = stat.read(&mut text).ok().flatten().and_then(of);
    stat.keep();
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
pub(crate) fn is_running(tid: i32) -> Option<bool> {
    look(Some(tid), |says| Some(*says.first()? == b'R'))
}

/// How many threads the process has; `None` when that cannot be told. One that is about to be gone counts.
/// Source: [proc_pid_stat(5)](https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html), `num_threads`.
pub(crate) fn count() -> Option<usize> {
    look(None, |says| {
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
