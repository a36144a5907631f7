//! What a goroutine runs and what comes of it: of every size and alignment, whole, and dropped once,
//! whenever the handle goes.

mod support;

use gort::JoinHandle;
use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Waker};
use support::{all, matrix};

/// Something that knows where it may lie, and how many of it there are.
trait Thing: Send + 'static {
    fn new(alive: &Arc<()>, seed: u8) -> Self;
    /// What keeps count, if it is whole.
    fn check(&self, seed: u8) -> &Arc<()>;
}

macro_rules! thing {
    ($name:ident, $size:expr, $align:expr) => {
        #[repr(align($align))]
        struct $name([u8; $size], Arc<()>);

        impl Thing for $name {
            fn new(alive: &Arc<()>, seed: u8) -> $name {
                $name([seed; $size], Arc::clone(alive))
            }

            fn check(&self, seed: u8) -> &Arc<()> {
                assert!(std::ptr::from_ref(self).addr().is_multiple_of($align));
                assert!(self.0.iter().all(|byte| *byte == seed));
                &self.1
            }
        }
    };
}

thing!(Small, 1, 1);
thing!(Medium, 40, 16);
// About where tasks cease to fit into a G.
thing!(Border, 48, 8);
thing!(Over, 56, 8);
thing!(Aligned, 1, 64);
thing!(Large, 1_000, 8);

fn poll<T: Send>(handle: &mut JoinHandle<T>) -> bool {
    matches!(pin!(handle).poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(Ok(_)))
}

/// Every way in which a handle can go: joined, dropped at once, dropped after the end, dropped with a
/// waker in it, and polled to the end.
fn one<C: Thing, R: Thing>(round: u8) {
    let alive = Arc::new(());
    for late in [false, true] {
        for case in 0..5 {
            let closure = C::new(&alive, round);
            let mut handle = gort::go(move || {
                if late {
                    gort::gosched();
                }
                R::new(closure.check(round), round.wrapping_add(1))
            });
            match case {
                0 => drop(handle.join().unwrap().check(round.wrapping_add(1)).clone()),
                1 => drop(handle),
                2 => {
                    while !handle.is_finished() {
                        gort::gosched();
                    }
                    drop(handle);
                }
                3 => {
                    poll(&mut handle);
                    drop(handle);
                }
                _ => {
                    while !poll(&mut handle) {
                        gort::gosched();
                    }
                }
            }
        }
    }
    while Arc::strong_count(&alive) > 1 {
        gort::gosched();
    }
}

fn each<C: Thing>(round: u8) {
    one::<C, ()>(round);
    one::<C, Small>(round);
    one::<C, Medium>(round);
    one::<C, Border>(round);
    one::<C, Over>(round);
    one::<C, Aligned>(round);
    one::<C, Large>(round);
}

impl Thing for () {
    fn new(_: &Arc<()>, _: u8) {}

    fn check(&self, _: u8) -> &Arc<()> {
        static NONE: LazyLock<Arc<()>> = LazyLock::new(Arc::default);
        &NONE
    }
}

#[test]
fn tasks_of_every_shape_come_and_go_whole() {
    matrix(|_| {
        all(4, |worker| {
            for round in 0..20 {
                let seed = (worker * 50 + round) as u8;
                each::<Small>(seed);
                each::<Medium>(seed);
                each::<Border>(seed);
                each::<Over>(seed);
                each::<Aligned>(seed);
                each::<Large>(seed);
            }
        });
    });
}
