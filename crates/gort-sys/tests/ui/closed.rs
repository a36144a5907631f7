//! A descriptor cannot be used once its owner is gone.

use gort_sys::fd::{AsFd, OwnedFd};
use gort_sys::raw;

fn moved(fd: OwnedFd) {
    drop(fd);
    let _ = raw::read(&fd, &mut [0]);
}

fn outlived(fd: OwnedFd) {
    let borrowed = fd.as_fd();
    drop(fd);
    let _ = raw::read(borrowed, &mut [0]);
}

fn main() {}
