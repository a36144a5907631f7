//! Arguments of different types cannot change places.

use gort_sys::fd::{BorrowedFd, CWD};
use gort_sys::types::Pid;
use gort_sys::{Result, sys};

sys! { unsafe extern "kernel" {
    sysnb kill(pid: Pid, signal: i32) -> Result<()>;
    sys write(fd: BorrowedFd<'_>, buf: &[u8]) -> Result<usize>;
} }

fn main() {
    let _ = kill(9, Pid(1));
    let _ = write(b"data", CWD);
}
