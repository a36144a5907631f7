//! For tests of sockets.

use gort::chan::{Receiver, bounded};

/// Runs `body` on a goroutine or on an ordinary thread; its result can be received.
pub fn start<T: Send + 'static>(
    goroutine: bool,
    body: impl FnOnce() -> T + Send + 'static,
) -> Receiver<T> {
    let (sender, receiver) = bounded(1);
    let body = move || {
        // Who started it may not want to know.
        let _ = sender.send(body());
    };
    if goroutine {
        gort::go(body);
    } else {
        std::thread::spawn(body);
    }
    receiver
}

/// How many descriptors this process has open; not the poller's queues, of which there may be more later, nor the
/// file in which sysmon looks at a thread, which is not there while it goes on to another thread's.
pub fn descriptors() -> usize {
    // There is a poller from here on.
    drop(gort::net::UnixDatagram::unbound().expect("sockets can be made"));
    let all = std::fs::read_dir("/proc/self/fd").expect("/proc is mounted");
    let files = all.filter_map(|one| std::fs::read_link(one.ok()?.path()).ok());
    let runtimes = |name: &str| name.starts_with("anon_inode:[event") || name.contains("/task/");
    files.filter(|file| !runtimes(&file.to_string_lossy())).count()
}

/// There are no more descriptors open than there were, as soon as those are gone that others, who have not
/// ended yet, hold for a moment (libc, to start a thread).
pub fn none_left(before: usize) {
    while descriptors() > before {
        gort::time::sleep(std::time::Duration::from_millis(1));
    }
}

/// Numbers that look random.
pub struct Rng(pub u64);

impl Rng {
    /// One below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}
