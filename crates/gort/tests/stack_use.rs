//! `GORT_DEBUG=stackwater=1`: how much of their stacks goroutines have used.

mod support;

use gort::runtime::{StackUse, stack_profile};
use std::hint::black_box;
use support::{Child, is_child, stderr};

const PAGE: usize = 4096;

/// What frames above and below those that a test counts may take: of the runtime, of the measuring itself,
/// and of functions that are compiled without optimisation.
const ALLOWANCE: usize = 3 * PAGE;

/// Goes `bytes` deep from `top` on, or a frame more; returns how deep it was.
#[inline(never)]
fn dive(top: usize, bytes: usize) -> usize {
    let frame = black_box([1u8; 512]);
    let depth = top - std::ptr::from_ref(&frame).addr();
    if depth < bytes { black_box(dive(top, bytes)) } else { depth }
}

/// [`dive`] from here.
fn deep(bytes: usize) -> usize {
    let here = 0u8;
    dive(std::ptr::from_ref(&here).addr(), bytes)
}

fn shallow() -> usize {
    deep(1)
}

fn ten_kib() -> usize {
    deep(10 << 10)
}

fn hundred_kib() -> usize {
    deep(100 << 10)
}

/// The one whose entry ends like this.
fn of(profile: &[StackUse], entry: &str) -> StackUse {
    let mut found = profile.iter().filter(|one| one.entry.ends_with(entry));
    let one = *found.next().unwrap_or_else(|| panic!("no {entry} in {profile:?}"));
    assert_eq!(found.next(), None, "{profile:?}");
    one
}

fn is_about(one: StackUse, depth: usize) {
    let most = (depth + ALLOWANCE).next_multiple_of(PAGE);
    assert!((depth..=most).contains(&one.high_water), "{depth} deep: {one:?}");
}

/// Without preemption, which puts the registers on the stack.
const WATER: &str = "stackwater=1,asyncpreemptoff=1";

#[test]
fn known_depths_are_measured() {
    let output = Child::new("depths", || {
        // One P, so that they follow each other on the same slots.
        gort::runtime::gomaxprocs(Some(1));
        gort::run(|| {
            let mut depths = [0; 3];
            for _ in 0..100 {
                depths[0] = gort::go(hundred_kib).join().unwrap();
                depths[1] = gort::go(ten_kib).join().unwrap();
                depths[2] = gort::go(shallow).join().unwrap();
            }
            let profile = stack_profile();
            for (depth, entry) in
                depths.into_iter().zip(["::hundred_kib", "::ten_kib", "::shallow"])
            {
                let one = of(&profile, entry);
                assert_eq!(one.goroutines, 100);
                is_about(one, depth);
            }
            assert!(profile.is_sorted_by_key(|one| std::cmp::Reverse(one.high_water)));
        });
        // By size, too, and for one that is larger than the default.
        for kib in [200, 3000] {
            let sized = || gort::Builder::new().stack_size(kib << 10);
            let depth = sized().spawn(move || deep((kib - 50) << 10)).unwrap().join().unwrap();
            let profile = stack_profile();
            let mut closures = profile.iter().filter(|one| one.size >= kib << 10);
            let one = closures.find(|one| one.entry.ends_with("{{closure}}"));
            is_about(*one.unwrap_or_else(|| panic!("{profile:?}")), depth);
        }
    })
    .env("GORT_DEBUG", WATER)
    .run();
    if is_child() {
        return;
    }
    let err = stderr(&output);
    assert!(output.status.success(), "{err}");
    assert!(!err.contains("give it more"), "{err}");
    // What is printed at the end.
    let mut lines = err.lines().skip_while(|line| !line.starts_with("stack use, "));
    assert!(lines.next().is_some(), "{err}");
    let line = lines.find(|line| line.ends_with(" KiB, 100 x stack_use::hundred_kib"));
    let used = line.and_then(|line| line.trim().split(' ').next()).and_then(|kib| kib.parse().ok());
    assert!(used.is_some_and(|kib: usize| (100..=116).contains(&kib)), "{err}");
}

#[test]
fn those_that_are_not_over_are_measured() {
    fn waits(to: &gort::chan::Sender<usize>, end: &gort::chan::Receiver<()>) {
        let _ = to.send(deep(50 << 10));
        let _ = end.recv();
    }
    let output = Child::new("live", || {
        gort::run(|| {
            let (to, depths) = gort::chan::unbounded();
            let (end, ends) = gort::chan::bounded::<()>(0);
            let all: Vec<_> = (0..4)
                .map(|_| {
                    let (to, ends) = (to.clone(), ends.clone());
                    gort::go(move || waits(&to, &ends))
                })
                .collect();
            let depth = depths.iter().take(4).max().unwrap();
            let find = |count| {
                let profile = stack_profile();
                let waiting = |one: &&StackUse| one.goroutines == count;
                is_about(
                    *profile.iter().find(waiting).unwrap_or_else(|| panic!("{profile:?}")),
                    depth,
                );
            };
            find(4);
            drop(end);
            all.into_iter().for_each(|one| one.join().unwrap());
            find(4);
        });
    })
    .env("GORT_DEBUG", WATER)
    .run();
    if !is_child() {
        assert!(output.status.success(), "{}", stderr(&output));
    }
}

#[test]
fn who_comes_near_the_guard_is_told() {
    let output = Child::new("near", || {
        let size = 256 << 10;
        let start = |name: &str, less| {
            let builder = gort::Builder::new().name(name.into()).stack_size(size);
            builder.spawn(move || {
                let room = stack_profile();
                let size = room.iter().map(|one| one.size).max().unwrap();
                deep(size - less)
            })
        };
        start("far", 10 * PAGE).unwrap().join().unwrap();
        let near = start("near", 2 * PAGE).unwrap();
        println!("id {}", near.id());
        near.join().unwrap();
    })
    .env("GORT_DEBUG", WATER)
    .run();
    if is_child() {
        return;
    }
    let (out, err) = (support::stdout(&output), stderr(&output));
    assert!(output.status.success(), "{err}");
    let id = out.lines().find_map(|line| line.strip_prefix("id ")).expect("it is printed");
    let warned: Vec<_> = err.lines().filter(|line| line.contains("give it more")).collect();
    let [line] = warned[..] else { panic!("{err}") };
    let rest = line.strip_prefix(&format!("goroutine {id} [near] used ")).expect("its name");
    let numbers: Vec<usize> = rest.split(' ').filter_map(|word| word.parse().ok()).collect();
    assert!(numbers[0] <= numbers[1] && numbers[0] + 8 >= numbers[1], "{line}");
    assert!(line.contains("Builder::stack_size") && line.contains("GORT_STACK"), "{line}");
}

#[test]
fn nothing_is_measured_unless_asked_for() {
    let output = Child::new("off", || {
        gort::go(hundred_kib).join().unwrap();
        assert_eq!(stack_profile(), []);
    })
    .run();
    if !is_child() {
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(!stderr(&output).contains("stack use"));
    }
}
