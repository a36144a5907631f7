//! What dumps say, line by line.

//!
//! # Safety
//!
//! What C is given outlives the call.

#![allow(unsafe_code)]

mod support;

use gort::sync::{Mutex, WaitGroup};
use std::ffi::c_void;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use support::dump::{Dumped, parse};
use support::hogs;

fn dump() -> Vec<Dumped> {
    let mut text = Vec::new();
    gort::runtime::dump(&mut text).unwrap();
    parse(&String::from_utf8(text).unwrap())
}

/// A dump in which the goroutine is as it should be, which it may not be at once.
fn until(id: gort::GoId, is: impl Fn(&Dumped) -> bool) -> Dumped {
    loop {
        let found = dump().into_iter().find(|dumped| dumped.id == id.as_u64());
        let found = found.expect("it is not over");
        if is(&found) {
            return found;
        }
        gort::gosched();
    }
}

/// Where the calls of a chain are written, the newest last.
static LINES: [AtomicU32; 5] = [const { AtomicU32::new(0) }; 5];

macro_rules! line {
    ($index:expr, $call:expr) => {{
        LINES[$index].store(std::line!(), Ordering::Relaxed);
        $call
    }};
}

#[inline(never)]
fn receives(channel: &gort::chan::Receiver<()>) {
    let _ = line!(4, channel.recv());
    black_box(());
}

#[inline(always)]
fn inlined(channel: &gort::chan::Receiver<()>) {
    line!(3, receives(channel));
    black_box(());
}

#[inline(never)]
fn calls(channel: &gort::chan::Receiver<()>) {
    line!(2, inlined(channel));
    black_box(());
}

#[inline(never)]
fn starts(channel: gort::chan::Receiver<()>) -> gort::JoinHandle<()> {
    let body = move || {
        line!(1, calls(&channel));
        black_box(());
    };
    let handle = line!(0, gort::go(body));
    black_box(handle)
}

/// The frames, the user's with their lines, and who made it.
#[test]
fn every_line_is_the_chain_of_calls() {
    support::matrix(|_| {
        let (sender, receiver) = gort::chan::bounded::<()>(0);
        let handle = starts(receiver);
        let found = until(handle.id(), |found| found.state == "chan receive");
        assert_eq!(found.functions()[..4], ["recv", "receives", "inlined", "calls"]);
        assert_eq!(found.frames.len(), 5, "{found:?}");
        assert!(found.frames[0].file.ends_with("src/chan/channel.rs"), "{found:?}");
        assert!(found.frames[4].function.contains("closure"), "{found:?}");
        for (frame, line) in found.frames[1..].iter().zip(LINES[1..].iter().rev()) {
            assert_eq!(frame.line, line.load(Ordering::Relaxed), "{found:?}");
            assert!(frame.file.ends_with("tests/dump.rs"), "{found:?}");
        }
        // Only what is not inlined has a distance.
        let offsets: Vec<_> =
            found.frames[1..4].iter().map(|frame| frame.offset.is_some()).collect();
        assert_eq!(offsets, [true, false, true], "{found:?}");
        assert!(found.frames.iter().filter_map(|frame| frame.offset).all(|offset| offset < 4096));
        let (creator, parent) = found.creator.as_ref().unwrap();
        assert_eq!(creator.short(), "starts", "{found:?}");
        assert_eq!(creator.line, LINES[0].load(Ordering::Relaxed), "{found:?}");
        assert_eq!(*parent, gort::current().map(gort::GoId::as_u64));
        drop(sender);
        handle.join().unwrap();
    });
}

unsafe extern "C" fn waits_in_c(stop: *mut c_void) {
    // SAFETY: the test's flag, which outlives the call.
    let stop = unsafe { &*stop.cast::<AtomicBool>() };
    while !stop.load(Ordering::Relaxed) {
        // SAFETY: a plain call.
        unsafe { libc::usleep(1000) };
    }
}

/// Is dumped while it waits in `wait`, and then ended by `end`.
fn in_state(
    state: &str,
    frame: &str,
    wait: impl FnOnce() + Send + 'static,
    end: impl FnOnce(),
) -> Dumped {
    #[inline(never)]
    fn waits_here(wait: impl FnOnce()) {
        wait();
        black_box(());
    }
    let handle = gort::go(move || waits_here(wait));
    let found = until(handle.id(), |found| found.state == state && found.has(frame));
    assert!(found.has("waits_here"), "{found:?}");
    assert_eq!(found.creator.as_ref().map(|(frame, _)| frame.short()), Some("in_state"));
    end();
    handle.join().unwrap();
    found
}

#[test]
fn states_are_told_in_gos_words() {
    static MUTEX: Mutex<()> = Mutex::new(());
    static STOP: AtomicBool = AtomicBool::new(false);
    support::matrix(|procs| {
        let (sender, receiver) = gort::chan::bounded::<()>(0);
        let other = receiver.clone();
        in_state("chan receive", "recv", move || _ = other.recv(), || sender.send(()).unwrap());
        let other = sender.clone();
        in_state("chan send", "send", move || other.send(()).unwrap(), || receiver.recv().unwrap());
        let guard = MUTEX.lock();
        in_state("sync.Mutex.Lock", "waits_here", || drop(MUTEX.lock()), || drop(guard));
        let group = WaitGroup::new();
        group.add(1);
        let other = group.clone();
        in_state("sync.WaitGroup.Wait", "wait", move || other.wait(), || group.done());
        let (stop, stopped) = gort::chan::bounded::<()>(0);
        let sleeps = move || {
            while stopped.try_recv().is_err() {
                gort::time::sleep(Duration::from_millis(5));
            }
        };
        in_state("sleep", "sleep", sleeps, || stop.send(()).unwrap());
        let (mut reader, mut writer) = gort::io::pipe().unwrap();
        let read = move || _ = std::io::Read::read(&mut reader, &mut [0; 1]).unwrap();
        let write = || std::io::Write::write_all(&mut writer, b"x").unwrap();
        in_state("IO wait", "read", read, write);
        STOP.store(false, Ordering::Relaxed);
        let c = || {
            // SAFETY: it ends when the flag says so.
            unsafe { gort::ffi::call(waits_in_c, (&raw const STOP).cast_mut().cast()) }
        };
        let stop = || STOP.store(true, Ordering::Relaxed);
        assert!(in_state("syscall", "call", c, stop).in_c);
        if procs > 1 {
            let hog = || hogs::turn(&STOP, &Default::default());
            STOP.store(false, Ordering::Relaxed);
            in_state("running", "turn", hog, stop);
        }
        let this = dump().into_iter().next().unwrap();
        assert_eq!(
            (Some(this.id), &*this.state),
            (gort::current().map(|id| id.as_u64()), "running")
        );
        // A call that is a function's last may have taken its place.
        assert!(this.has("dump") || !cfg!(debug_assertions), "{this:?}");
    });
}

/// A goroutine that the thread has not let run, with whatever name.
#[test]
fn what_is_in_the_brackets_stays_there() {
    support::matrix(|procs| {
        let _guard = gort::lock_os_thread();
        for name in ["plain", "a, b", "]:", "quo\"te", "two\nlines", "ein Bär"] {
            let (sender, receiver) = gort::chan::bounded::<()>(0);
            let named = gort::Builder::new().name(name.into());
            let handle = named.spawn(move || receiver.recv().unwrap()).unwrap();
            let found = until(handle.id(), |_| true);
            let expected = match name {
                "a, b" => "a\\x2c b",
                "]:" => "\\x5d:",
                "quo\"te" => "quo\\x22te",
                "two\nlines" => "two\\nlines",
                name => name,
            };
            assert_eq!(found.name.as_deref(), Some(expected));
            if procs == 1 {
                assert_eq!(found.state, "runnable");
            }
            sender.send(()).unwrap();
            handle.join().unwrap();
        }
        assert!(dump()[0].locked);
    });
}

#[test]
fn a_thread_can_ask_too() {
    let _one = support::serial();
    let _watchdog = support::watchdog();
    let (sender, receiver) = gort::chan::bounded::<()>(0);
    let handle = starts(receiver);
    let found = until(handle.id(), |found| found.state == "chan receive");
    assert_eq!(found.functions()[..4], ["recv", "receives", "inlined", "calls"]);
    assert_eq!(
        found.creator.as_ref().map(|(frame, on)| (frame.short(), *on)),
        Some(("starts", None))
    );
    drop(sender);
    handle.join().unwrap();
}

/// An error ends the dump, and nothing else.
#[test]
fn a_writer_may_fail_or_wait() {
    struct Fails;
    impl std::io::Write for Fails {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            gort::gosched();
            Err(std::io::Error::other("no"))
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    support::matrix(|_| {
        let error = gort::runtime::dump(&mut Fails).unwrap_err();
        assert_eq!(error.to_string(), "no");
        assert!(!dump().is_empty());
    });
}

#[test]
fn ten_thousand_are_dumped_in_a_storm() {
    const ALL: usize = 10_000;
    let _one = support::serial();
    let _watchdog = support::watchdog();
    for procs in support::PROCS {
        gort::runtime::gomaxprocs(Some(procs));
        gort::run(|| {
            let stop = AtomicBool::new(false);
            let (sender, receiver) = gort::chan::bounded::<()>(0);
            gort::scope(|s| {
                let mut ids = Vec::new();
                for number in 0..ALL {
                    let (receiver, stop) = (receiver.clone(), &stop);
                    let handle = match number % 1000 {
                        0 => s.go(move || hogs::turn(stop, &Default::default())),
                        _ => s.go(move || _ = receiver.recv()),
                    };
                    ids.push(handle.id().as_u64());
                }
                let storm = support::storm::storm(Some(2000));
                for _ in 0..if cfg!(debug_assertions) { 3 } else { 25 } {
                    let mut found: Vec<_> = dump().iter().map(|dumped| dumped.id).collect();
                    found.sort_unstable();
                    assert!(ids.iter().all(|id| found.binary_search(id).is_ok()));
                }
                drop(storm);
                stop.store(true, Ordering::Relaxed);
                drop(sender);
            });
        });
    }
}
