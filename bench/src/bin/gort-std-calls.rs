//! What a call costs that need not wait, in nanoseconds, as a table in Markdown: the bare system call, libc's
//! function, gort-std's on a thread of a program that has no runtime, and gort-std's on a goroutine.
//!
//! The threads' and the goroutines' figures are those of programs of their own (this one, told which), which take
//! turns; in each the ways take turns, too. A figure is the least of its rounds.
//!
//! # Safety
//!
//! Functions are called with the registers that their arguments are in, whatever their types. The arguments are
//! open descriptors, and memory that lives as long as the program.

#![allow(unsafe_code)]

use gort_std as _;
use std::ffi::{CStr, c_void};
use std::hint::black_box;
use std::process::Command;
use std::time::{Duration, Instant};

type Function = unsafe extern "C" fn(usize, usize, usize, usize, usize, usize) -> isize;

/// Programs of each kind.
const PROGRAMS: usize = 7;
/// In each of them, how often each way has its turn.
const ROUNDS: usize = 5;
/// How long a turn lasts.
const TURN: Duration = Duration::from_millis(1);

/// How a call is made.
#[derive(Clone, Copy)]
enum Way {
    Kernel,
    Libc,
    Ours,
}

const WAYS: [Way; 3] = [Way::Kernel, Way::Libc, Way::Ours];

struct Call {
    number: Option<usize>,
    libc: Function,
    ours: Function,
    args: [usize; 6],
    /// The system call's.
    bare: [usize; 6],
}

/// Calls that belong together, each of which leaves to the next what it needs.
struct Row {
    name: &'static str,
    calls: Vec<Call>,
}

/// `name` is what the linker finds first, which is gort-std's if that has it.
fn call(name: &'static CStr, number: Option<i64>, args: &[usize]) -> Call {
    let find = |from| {
        // SAFETY: a plain lookup.
        let at = unsafe { libc::dlsym(from, name.as_ptr()) };
        assert!(!at.is_null(), "{name:?} is not there");
        // SAFETY: see the module.
        unsafe { std::mem::transmute::<*mut c_void, Function>(at) }
    };
    let mut all = [0; 6];
    all[..args.len()].copy_from_slice(args);
    Call {
        number: number.map(|number| number as usize),
        libc: find(libc::RTLD_NEXT),
        ours: find(libc::RTLD_DEFAULT),
        args: all,
        bare: all,
    }
}

impl Call {
    #[inline(always)]
    fn make(&self, way: Way) {
        let function = match (way, self.number) {
            (Way::Kernel, Some(number)) => {
                let [a, b, c, d, e, f] = self.bare;
                // SAFETY: see the module.
                black_box(unsafe { gort_sys::raw_syscall6(number, a, b, c, d, e, f) });
                return;
            }
            (Way::Kernel, None) => return,
            (Way::Libc, _) => self.libc,
            (Way::Ours, _) => self.ours,
        };
        let [a, b, c, d, e, f] = self.args;
        // SAFETY: see the module.
        black_box(unsafe { function(a, b, c, d, e, f) });
    }
}

impl Row {
    fn make(&self, way: Way, times: u64) {
        (0..times).for_each(|_| self.calls.iter().for_each(|call| call.make(way)));
    }

    /// Nanoseconds for all its calls once, by each way.
    fn measure(&self) -> [f64; 3] {
        let mut least = [f64::INFINITY; 3];
        let times = WAYS.map(|way| {
            let start = Instant::now();
            self.make(way, 100);
            (TURN.as_nanos() as u64 * 100 / (start.elapsed().as_nanos() as u64).max(100)).max(1)
        });
        for _ in 0..ROUNDS {
            for ((way, times), least) in WAYS.into_iter().zip(times).zip(&mut least) {
                let start = Instant::now();
                self.make(way, times);
                *least = least.min(start.elapsed().as_nanos() as f64 / times as f64);
            }
        }
        least
    }
}

/// A value that stays where it is.
fn keep<T>(value: T) -> usize {
    std::ptr::from_mut(Box::leak(Box::new(value))).expose_provenance()
}

/// Two ends.
fn pair(make: unsafe extern "C" fn(*mut i32) -> i32) -> [usize; 2] {
    let mut fds = [0; 2];
    // SAFETY: writes there.
    assert_eq!(unsafe { make(fds.as_mut_ptr()) }, 0);
    fds.map(|fd| fd as usize)
}

fn rows() -> Vec<Row> {
    use libc::*;
    use std::os::fd::IntoRawFd;

    unsafe extern "C" fn sockets(fds: *mut i32) -> i32 {
        // SAFETY: the caller's contract.
        unsafe { socketpair(AF_UNIX, SOCK_STREAM, 0, fds) }
    }
    let byte = keep([0_u8; 64]);
    let file = |path: &str| {
        let file = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
        file.into_raw_fd() as usize
    };
    let [read_end, write_end] = pair(pipe);
    let [one, other] = pair(sockets);
    let [ready, filler] = pair(sockets);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let near = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let far = listener.accept().unwrap().0.into_raw_fd() as usize;
    near.set_nodelay(true).unwrap();
    listener.set_nonblocking(true).unwrap();
    let (near, listener) = (near.into_raw_fd() as usize, listener.into_raw_fd() as usize);
    // SAFETY: a byte to read, a queue of events with one in it, and a file in memory.
    let (queue, memory) = unsafe {
        assert_eq!(write(filler as i32, c"x".as_ptr().cast(), 1), 1);
        let queue = epoll_create1(0);
        let mut event = epoll_event { events: EPOLLIN as u32, u64: 0 };
        assert_eq!(epoll_ctl(queue, EPOLL_CTL_ADD, ready as i32, &mut event), 0);
        let memory = memfd_create(c"calls".as_ptr(), 0);
        assert_eq!(ftruncate(memory, 64), 0);
        (queue as usize, memory as usize)
    };
    let wants = |fd: usize| keep(pollfd { fd: fd as i32, events: POLLIN, revents: 0 });
    let (is_ready, is_not) = (wants(ready), wants(one));
    let word = keep(0_u32);
    let private = FUTEX_PRIVATE_FLAG;
    // The number is the function's first argument, and none of the kernel's.
    let futex = |op: i32, value: usize| {
        let [number, op] = [SYS_futex as usize, (op | private) as usize];
        let bare = [word, op, value, 0, 0, 0];
        Call { bare, ..call(c"syscall", Some(SYS_futex), &[number, word, op, value, 0]) }
    };
    let null = file("/dev/null");
    let zero = file("/dev/zero");
    let mutex = keep(PTHREAD_MUTEX_INITIALIZER);
    let lock = keep(PTHREAD_RWLOCK_INITIALIZER);
    let semaphore = keep([0_u64; 4]);
    let row = |name, calls| Row { name, calls };
    vec![
        row("`read` 1 byte of /dev/zero", vec![call(c"read", Some(SYS_read), &[zero, byte, 1])]),
        row("`write` 1 byte to /dev/null", vec![call(c"write", Some(SYS_write), &[null, byte, 1])]),
        row(
            "`pread` 1 byte of a file in memory",
            vec![call(c"pread", Some(SYS_pread64), &[memory, byte, 1, 0])],
        ),
        row("`fsync` of that", vec![call(c"fsync", Some(SYS_fsync), &[memory])]),
        row(
            "`write`, `read` 1 byte, pipe",
            vec![
                call(c"write", Some(SYS_write), &[write_end, byte, 1]),
                call(c"read", Some(SYS_read), &[read_end, byte, 1]),
            ],
        ),
        row(
            "`send`, `recv` 1 byte, Unix sockets",
            vec![
                call(c"send", Some(SYS_sendto), &[one, byte, 1, 0]),
                call(c"recv", Some(SYS_recvfrom), &[other, byte, 1, 0]),
            ],
        ),
        row(
            "`write`, `read` 1 byte, TCP",
            vec![
                call(c"write", Some(SYS_write), &[near, byte, 1]),
                call(c"read", Some(SYS_read), &[far, byte, 1]),
            ],
        ),
        row(
            "`recv`, nothing there, MSG_DONTWAIT",
            vec![call(c"recv", Some(SYS_recvfrom), &[one, byte, 1, MSG_DONTWAIT as usize])],
        ),
        row(
            "`accept4`, nobody there, O_NONBLOCK",
            vec![call(c"accept4", Some(SYS_accept4), &[listener, 0, 0, 0])],
        ),
        row(
            "`poll`, one is ready",
            vec![call(c"poll", Some(SYS_poll), &[is_ready, 1, usize::MAX])],
        ),
        row("`poll`, none is, no time", vec![call(c"poll", Some(SYS_poll), &[is_not, 1, 0])]),
        row(
            "`epoll_wait`, one is ready",
            vec![call(c"epoll_wait", Some(SYS_epoll_wait), &[queue, byte, 4, usize::MAX])],
        ),
        row("`fcntl`, F_GETFL", vec![call(c"fcntl", Some(SYS_fcntl), &[one, F_GETFL as usize])]),
        row("futex: wake, nobody there", vec![futex(FUTEX_WAKE, 1)]),
        row("futex: wait, the word has changed", vec![futex(FUTEX_WAIT, 1)]),
        row("`waitpid`, no child", vec![call(c"waitpid", Some(SYS_wait4), &[usize::MAX, 0, 0])]),
        row("`sched_yield`", vec![call(c"sched_yield", Some(SYS_sched_yield), &[])]),
        row(
            "`pthread_mutex_lock`, `_unlock`",
            vec![
                call(c"pthread_mutex_lock", None, &[mutex]),
                call(c"pthread_mutex_unlock", None, &[mutex]),
            ],
        ),
        row(
            "`pthread_rwlock_rdlock`, `_unlock`",
            vec![
                call(c"pthread_rwlock_rdlock", None, &[lock]),
                call(c"pthread_rwlock_unlock", None, &[lock]),
            ],
        ),
        row(
            "`sem_post`, `sem_wait`",
            vec![call(c"sem_post", None, &[semaphore]), call(c"sem_wait", None, &[semaphore])],
        ),
    ]
}

/// What one of the programs measures.
fn figures() -> String {
    let lines = rows().into_iter().map(|row| {
        let [kernel, libc, ours] = row.measure();
        format!("{kernel} {libc} {ours}\n")
    });
    lines.collect()
}

/// The figures that it prints.
fn program(how: &str) -> Vec<[f64; 3]> {
    let this = std::env::current_exe().expect("this program has a path");
    let output = Command::new(this).arg(how).output().expect("it can be run again");
    assert!(output.status.success(), "{output:?}");
    let numbers = |line: &str| {
        let numbers: Vec<f64> = line.split(' ').map(|number| number.parse().unwrap()).collect();
        [numbers[0], numbers[1], numbers[2]]
    };
    String::from_utf8_lossy(&output.stdout).lines().map(numbers).collect()
}

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("thread") => return print!("{}", figures()),
        Some("goroutine") => return print!("{}", gort::run(figures)),
        _ => {}
    }
    let rows = rows();
    let mut least = vec![[f64::INFINITY; 4]; rows.len()];
    for _ in 0..PROGRAMS {
        let (threads, goroutines) = (program("thread"), program("goroutine"));
        for ((least, thread), goroutine) in least.iter_mut().zip(threads).zip(goroutines) {
            for (least, now) in
                least.iter_mut().zip([thread[0], thread[1], thread[2], goroutine[2]])
            {
                *least = least.min(now);
            }
        }
    }
    println!("| Calls | kernel | libc | gort-std, thread | gort-std, goroutine |");
    println!("|-|-|-|-|-|");
    for (row, [kernel, libc, thread, goroutine]) in rows.iter().zip(least) {
        let kernel = if row.calls.iter().all(|call| call.number.is_some()) {
            format!("{kernel:.0}")
        } else {
            "–".into()
        };
        println!("| {} | {kernel} | {libc:.0} | {thread:.0} | {goroutine:.0} |", row.name);
    }
}
