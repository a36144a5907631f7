//! What the kernel says of threads: whether one runs, or sleeps; how many there are.

use gort_sys::fd::CWD;
use gort_sys::raw;
use gort_sys::types::{ClockId, Mode, OFlags, Pid};

/// Room for `/proc/self/task/2147483647/stat` and its NUL.
const PATH: usize = 40;

/// The CPU time that the thread has used, in nanoseconds; `None` when it is gone. It stands still
/// while the thread sleeps, but also while it waits for a CPU. 140 ns.
pub(crate) fn cpu_time(tid: i32) -> Option<u64> {
    let time = raw::clock_gettime(ClockId::of_thread(Pid(tid))).ok()?;
    Some(time.sec as u64 * 1_000_000_000 + time.nsec as u64)
}

/// Whether the thread runs or wants to (`true`), or sleeps in the kernel; `None` when that cannot be
/// told: it is gone, or there is no `/proc`. Some 2 microseconds.
pub(crate) fn is_running(tid: i32) -> Option<bool> {
    let mut path = [0; PATH];
    let path = task_path(tid, &mut path)?;
    let file = raw::openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    // `TID (NAME) STATE ...`; a name has at most 15 bytes.
    let mut text = [0; 64];
    let len = raw::read(&file, &mut text).ok()?;
    let text = text.get(..len)?;
    let end = text.iter().rposition(|byte| *byte == b')')?;
    Some(*text.get(end + 2)? == b'R')
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

/// How many threads the process has; `None` when that cannot be told. One that is about to be gone counts.
/// Source: [proc_pid_stat(5)](https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html), `num_threads`.
pub(crate) fn count() -> Option<usize> {
    let path = c"/proc/self/stat";
    let file = raw::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let mut text = [0; 512];
    let len = raw::read(&file, &mut text).ok()?;
    let text = text.get(..len)?;
    let end = text.iter().rposition(|byte| *byte == b')')?;
    // It is the 20th field, and the name is the second.
    let field = text.get(end + 2..)?.split(|byte| *byte == b' ').nth(17)?;
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| usize::from(byte - b'0'));
    field.iter().try_fold(0, |number: usize, byte| Some(number * 10 + digit(byte)?))
}
