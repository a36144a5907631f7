//! What libc keeps for each thread, it keeps for each block.
//!
//! # Safety
//!
//! libc's functions are called as any thread may call them, on objects that live to the end of the
//! test.

#![allow(unsafe_code)]

use super::super::fs::thread_pointer;
use super::super::layout::KEYS_PER_BLOCK;
use super::{Block, Outcome, in_block, in_many_threads, tls, yield_now};
use std::ffi::c_void;
use std::mem::{MaybeUninit, zeroed};
use std::net::ToSocketAddrs;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

fn errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

#[test]
fn errno_moves_along() {
    in_many_threads(|| {
        for _ in 0..20 {
            // SAFETY: there is no such descriptor.
            unsafe { libc::close(-1) };
            yield_now();
            assert_eq!(errno(), libc::EBADF);
            assert!(std::fs::File::open("/nowhere/at/all").is_err());
            yield_now();
            assert_eq!(errno(), libc::ENOENT);
        }
    });
}

#[test]
fn two_blocks_on_a_thread_have_an_errno_each() {
    let (mut a, mut b) = (Block::new(), Block::new());
    a.start(|| {
        // SAFETY: there is no such descriptor.
        unsafe { libc::close(-1) };
        yield_now();
        assert_eq!(errno(), libc::EBADF);
    });
    b.start(|| {
        assert_eq!(errno(), 0);
        assert!(std::fs::File::open("/nowhere/at/all").is_err());
        yield_now();
        assert_eq!(errno(), libc::ENOENT);
    });
    for _ in 0..2 {
        a.resume();
        b.resume();
    }
    assert_eq!((a.outcome, b.outcome), (Outcome::Returned, Outcome::Returned));
}

/// Enough keys to need more than the block of them that is part of the control block.
const KEYS: usize = 61;
const _: () = assert!(KEYS > KEYS_PER_BLOCK);

static DESTROYED: AtomicUsize = AtomicUsize::new(0);
unsafe extern "C" fn count(_: *mut c_void) {
    DESTROYED.fetch_add(1, Ordering::Relaxed);
}

#[test]
fn keys_belong_to_the_block_and_their_destructors_run() {
    let keys: Vec<_> = (0..KEYS)
        .map(|_| {
            let mut key = 0;
            // SAFETY: the destructor ignores its argument.
            assert_eq!(unsafe { libc::pthread_key_create(&mut key, Some(count)) }, 0);
            key
        })
        .collect();
    let mut block = Block::new();
    for round in 1..=50 {
        let its_keys = keys.clone();
        block.start(move || {
            let keys = its_keys;
            for (i, key) in keys.iter().enumerate() {
                // SAFETY: the key exists.
                unsafe {
                    assert!(libc::pthread_getspecific(*key).is_null());
                    libc::pthread_setspecific(*key, ptr::without_provenance(i + round));
                }
            }
            yield_now();
            for (i, key) in keys.iter().enumerate() {
                // SAFETY: the key exists.
                let value = unsafe { libc::pthread_getspecific(*key) };
                assert_eq!(value.addr(), i + round);
            }
        });
        block.resume();
        for key in &keys {
            // SAFETY: the key exists.
            assert!(unsafe { libc::pthread_getspecific(*key) }.is_null());
        }
        assert_eq!(block.resume(), Outcome::Returned);
        assert_eq!(DESTROYED.load(Ordering::Relaxed), round * KEYS);
        block.reset();
    }
    for key in keys {
        // SAFETY: the key exists.
        unsafe { libc::pthread_key_delete(key) };
    }
}

#[test]
fn a_destructor_that_sets_its_key_again_runs_four_times() {
    static KEY: AtomicUsize = AtomicUsize::new(0);
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    unsafe extern "C" fn again(value: *mut c_void) {
        RUNS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the key exists until the test ends.
        unsafe { libc::pthread_setspecific(KEY.load(Ordering::Relaxed) as u32, value) };
    }
    let mut key = 0;
    // SAFETY: the destructor has the right signature.
    assert_eq!(unsafe { libc::pthread_key_create(&mut key, Some(again)) }, 0);
    KEY.store(key as usize, Ordering::Relaxed);
    let mut block = Block::new();
    for round in 1..=3 {
        block.run(move || {
            // SAFETY: the key exists.
            unsafe {
                assert!(libc::pthread_getspecific(key).is_null());
                libc::pthread_setspecific(key, ptr::without_provenance(8));
            }
        });
        // As often as PTHREAD_DESTRUCTOR_ITERATIONS says.
        assert_eq!(RUNS.load(Ordering::Relaxed), 4 * round);
        block.reset();
    }
    // SAFETY: the key exists.
    unsafe { libc::pthread_key_delete(key) };
}

#[test]
fn variables_made_by_a_keys_destructor_are_destroyed_too() {
    struct Late;
    impl Drop for Late {
        fn drop(&mut self) {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
    }
    static DROPPED: AtomicUsize = AtomicUsize::new(0);
    thread_local! { static LATE: Late = const { Late }; }
    unsafe extern "C" fn touch(_: *mut c_void) {
        LATE.with(|_| {});
    }
    let mut key = 0;
    // SAFETY: the destructor has the right signature.
    assert_eq!(unsafe { libc::pthread_key_create(&mut key, Some(touch)) }, 0);
    // SAFETY: the key exists.
    in_block(move || unsafe {
        libc::pthread_setspecific(key, ptr::without_provenance(8));
    });
    assert_eq!(DROPPED.load(Ordering::Relaxed), 1);
    // SAFETY: the key exists.
    unsafe { libc::pthread_key_delete(key) };
}

/// A mutex of a kind, at an address that does not change.
struct Mutex(Box<MaybeUninit<libc::pthread_mutex_t>>);

// SAFETY: it is a mutex.
unsafe impl Sync for Mutex {}
// SAFETY: it is a mutex that nobody holds when it moves.
unsafe impl Send for Mutex {}

impl Mutex {
    fn new(kind: i32) -> Mutex {
        let mut mutex = Box::new(MaybeUninit::uninit());
        // SAFETY: the attributes and the mutex are initialised before use.
        unsafe {
            let mut attributes = zeroed();
            libc::pthread_mutexattr_init(&mut attributes);
            libc::pthread_mutexattr_settype(&mut attributes, kind);
            assert_eq!(libc::pthread_mutex_init(mutex.as_mut_ptr(), &attributes), 0);
        }
        Mutex(mutex)
    }

    fn at(&self) -> *mut libc::pthread_mutex_t {
        self.0.as_ptr().cast_mut()
    }

    fn try_lock(&self) -> i32 {
        // SAFETY: the mutex is initialised.
        unsafe { libc::pthread_mutex_trylock(self.at()) }
    }

    fn lock(&self) -> i32 {
        // SAFETY: the mutex is initialised.
        unsafe { libc::pthread_mutex_lock(self.at()) }
    }

    fn unlock(&self) -> i32 {
        // SAFETY: the mutex is initialised.
        unsafe { libc::pthread_mutex_unlock(self.at()) }
    }
}

#[test]
fn mutexes_that_know_their_owner_keep_blocks_on_one_thread_apart() {
    for (kind, again) in
        [(libc::PTHREAD_MUTEX_ERRORCHECK, libc::EDEADLK), (libc::PTHREAD_MUTEX_RECURSIVE, 0)]
    {
        let mutex: &'static Mutex = Box::leak(Box::new(Mutex::new(kind)));
        let (mut holder, mut other) = (Block::new(), Block::new());
        holder.start(move || {
            assert_eq!(mutex.lock(), 0);
            assert_eq!(mutex.lock(), again);
            yield_now();
            if again == 0 {
                assert_eq!(mutex.unlock(), 0);
            }
            assert_eq!(mutex.unlock(), 0);
            assert_eq!(mutex.unlock(), libc::EPERM);
        });
        other.start(move || {
            assert_eq!(mutex.try_lock(), libc::EBUSY);
            assert_eq!(mutex.unlock(), libc::EPERM);
            yield_now();
            assert_eq!((mutex.try_lock(), mutex.unlock()), (0, 0));
        });
        holder.resume();
        other.resume();
        // The thread that carries the holder does not hold it either.
        assert_eq!((mutex.try_lock(), mutex.unlock()), (libc::EBUSY, libc::EPERM));
        // And the holder holds it in another thread.
        std::thread::scope(|scope| scope.spawn(|| holder.resume()).join()).unwrap();
        other.resume();
        assert_eq!((holder.outcome, other.outcome), (Outcome::Returned, Outcome::Returned));
    }
}

#[test]
fn a_lock_left_behind_is_not_the_next_goroutines() {
    let mutex: &'static Mutex = Box::leak(Box::new(Mutex::new(libc::PTHREAD_MUTEX_RECURSIVE)));
    let mut block = Block::new();
    block.run(|| assert_eq!(mutex.lock(), 0));
    block.reset();
    block.run(|| assert_eq!(mutex.try_lock(), libc::EBUSY));
}

#[test]
fn the_resolver_works() {
    let _watchdog = super::watchdog("the_resolver_works");
    for _ in 0..5 {
        in_many_threads(|| {
            let mut addresses = ("localhost", 80).to_socket_addrs().unwrap();
            assert!(addresses.next().unwrap().ip().is_loopback());
            yield_now();
            // SAFETY: asks for the block's own state.
            let state = unsafe { __res_state() } as usize;
            let fs = thread_pointer();
            assert_eq!(state, fs + tls().layout.res);
        });
    }
}

unsafe extern "C" {
    pub(super) fn __res_state() -> *mut c_void;
    pub(super) fn __res_ninit(state: *mut c_void) -> i32;
}

#[test]
fn the_resolvers_state_is_taken_apart_at_the_end() {
    let mut block = Block::new();
    let servers = || {
        // SAFETY: the state is the block's own, and its count of servers is 16 bytes into it.
        unsafe { *(__res_state() as *const u8).add(16).cast::<i32>() }
    };
    for _ in 0..3 {
        block.run(move || {
            assert_eq!(servers(), 0);
            // SAFETY: the state is the block's own.
            assert_eq!(unsafe { __res_ninit(__res_state()) }, 0);
            assert_ne!(servers(), 0);
        });
        block.reset();
    }
}

#[test]
fn character_tables_and_the_locale_are_there() {
    in_block(|| {
        // SAFETY: pure functions of the locale, and strings that are terminated.
        unsafe {
            assert_ne!(libc::isalpha(b'x'.into()), 0);
            assert_eq!(libc::toupper(b'x'.into()), b'X'.into());
            assert_eq!(libc::strtod(c"2.5".as_ptr(), ptr::null_mut()), 2.5);
            assert!(!libc::strerror(libc::ENOENT).is_null());
        }
    });
}

#[test]
fn the_cpus_number_comes_from_the_kernel() {
    // In a thread of its own, which can be tied to one CPU after the other.
    let cpus = std::thread::spawn(|| {
        // SAFETY: the sets are initialised and as long as is said.
        unsafe {
            let mut allowed: libc::cpu_set_t = zeroed();
            let len = size_of_val(&allowed);
            assert_eq!(libc::sched_getaffinity(0, len, &mut allowed), 0);
            let cpus =
                (0..libc::CPU_SETSIZE as usize).filter(|cpu| libc::CPU_ISSET(*cpu, &allowed));
            cpus.inspect(|cpu| {
                let cpu = *cpu;
                let mut one = zeroed();
                libc::CPU_SET(cpu, &mut one);
                assert_eq!(libc::sched_setaffinity(0, len, &one), 0);
                in_block(move || assert_eq!(libc::sched_getcpu(), cpu as i32));
            })
            .count()
        }
    });
    assert_ne!(cpus.join().unwrap(), 0);
}

#[test]
fn the_head_is_as_a_threads() {
    // `multiple_threads`, and the guards of stacks and of pointers: what atexit scrambles with the
    // last, exit unscrambles, perhaps elsewhere.
    // SAFETY: the calling thread's own head.
    let head = || unsafe {
        let head = thread_pointer() as *const usize;
        [head.add(3).cast::<u32>().read() as usize, head.add(5).read(), head.add(6).read()]
    };
    let expected = head();
    assert!(expected[0] == 1 && expected[2] != 0);
    let mut block = Block::new();
    for _ in 0..2 {
        block.run(move || assert_eq!(head(), expected));
        block.reset();
    }
}

#[test]
fn a_robust_mutex_that_nobody_contends_for_works() {
    let mut mutex = Box::new(MaybeUninit::uninit());
    // SAFETY: the attributes and the mutex are initialised before use.
    unsafe {
        let mut attributes = zeroed();
        libc::pthread_mutexattr_init(&mut attributes);
        libc::pthread_mutexattr_setrobust(&mut attributes, libc::PTHREAD_MUTEX_ROBUST);
        assert_eq!(libc::pthread_mutex_init(mutex.as_mut_ptr(), &attributes), 0);
    }
    let mutex: &'static Mutex = Box::leak(Box::new(Mutex(mutex)));
    let mut block = Block::new();
    for _ in 0..2 {
        block.run(|| {
            for _ in 0..2 {
                assert_eq!((mutex.lock(), mutex.unlock()), (0, 0));
            }
        });
        block.reset();
    }
}

#[test]
fn a_block_knows_its_stack() {
    static IN_BLOCK: AtomicUsize = AtomicUsize::new(0);
    static ASKED: AtomicBool = AtomicBool::new(false);
    // For one block only: other tests run meanwhile.
    super::super::super::attr::install(|fs| {
        let expected = IN_BLOCK.load(Ordering::Relaxed);
        (expected != 0 && fs == expected).then(|| {
            ASKED.store(true, Ordering::Relaxed);
            let top = tls().stack_top(fs);
            (top - 0x10000, 0x10000)
        })
    });
    let stack = || {
        // SAFETY: the attributes are written before they are read.
        unsafe {
            let mut attributes = zeroed();
            let error = libc::pthread_getattr_np(libc::pthread_self(), &mut attributes);
            let (mut address, mut size) = (ptr::null_mut(), 0);
            libc::pthread_attr_getstack(&attributes, &mut address, &mut size);
            (error, address as usize, size)
        }
    };
    let mut block = Block::new();
    let fs = block.fs;
    let slot = [block.lo, super::SLOT, 4096, 4096];
    block.run(move || {
        // SAFETY: four words of the block's own.
        let known = unsafe { *((fs + tls().layout.stackblock) as *const [usize; 4]) };
        assert_eq!(known, slot);
        IN_BLOCK.store(fs, Ordering::Relaxed);
        assert_eq!(stack(), (0, tls().stack_top(fs) - 0x10000, 0x10000));
        IN_BLOCK.store(0, Ordering::Relaxed);
        // This is why: libc's own does not know the thread.
        assert_eq!(stack().0, libc::ESRCH);
    });
    assert!(ASKED.load(Ordering::Relaxed));
    let local = 0u8;
    let (error, address, size) = stack();
    assert_eq!(error, 0);
    assert!((address..address + size).contains(&(&raw const local as usize)));
}
