//! Blocks that come and go leave nothing behind.
//!
//! # Safety
//!
//! libc's functions are called as any thread may call them.

#![allow(unsafe_code)]

use super::c_library::{__res_ninit, __res_state};
use super::dlopen::Library;
use super::{Block, Outcome, tls};
use std::hint::black_box;

/// Bytes that malloc has handed out, in this process's arenas and mappings.
fn allocated() -> usize {
    // SAFETY: no conditions.
    let info = unsafe { libc::mallinfo2() };
    info.uordblks + info.hblkhd
}

fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// Allocates, keeps nothing, and has variables with and without destructors.
fn body() {
    thread_local! { static KEPT: std::cell::RefCell<Vec<u8>> = const { std::cell::RefCell::new(Vec::new()) }; }
    for size in [24, 100, 1000] {
        drop(black_box(vec![0u8; size]));
    }
    KEPT.with_borrow_mut(|v| v.extend([0; 100]));
}

/// How much more is allocated and resident after `cycles` of `once` than after a first few.
fn growth(cycles: usize, mut once: impl FnMut()) -> (usize, usize) {
    for _ in 0..cycles / 20 {
        once();
    }
    let (bytes, pages) = (allocated(), resident());
    for _ in 0..cycles {
        once();
    }
    (allocated().saturating_sub(bytes), resident().saturating_sub(pages))
}

/// Runs the tests of this file apart from those that allocate beside them.
fn alone(name: &str, body: fn()) {
    super::process::in_child_process(&format!("host::tls::tests::memory::{name}"), "", body);
}

#[test]
fn reused_blocks_leak_nothing() {
    alone("reused_blocks_leak_nothing", || {
        let mut block = Block::new();
        let (bytes, pages) = growth(200_000, || {
            block.run(body);
            block.reset();
        });
        println!("200,000 reuses: {bytes} bytes more allocated, {pages} more resident");
        // One byte each would be more.
        assert!(bytes < 100_000 && pages < 1_000_000, "{bytes} {pages}");
    });
}

#[test]
fn new_blocks_leak_nothing() {
    alone("new_blocks_leak_nothing", || {
        let (bytes, pages) = growth(20_000, || {
            Block::new().run(body);
        });
        println!("20,000 blocks: {bytes} bytes more allocated, {pages} more resident");
        assert!(bytes < 10_000 && pages < 1_000_000, "{bytes} {pages}");
        // Nor have thread ids been used up: the next is one of the first.
        // SAFETY: the block's own tid.
        let tid = unsafe { tls().layout.tid(Block::new().fs) };
        assert!((1 << 29..(1 << 29) + 1000).contains(&tid), "{tid:#x}");
    });
}

#[test]
fn what_libc_allocates_for_a_thread_is_freed() {
    alone("what_libc_allocates_for_a_thread_is_freed", || {
        let mut keys = [0; 64];
        for key in &mut keys {
            // SAFETY: no destructor.
            assert_eq!(unsafe { libc::pthread_key_create(key, None) }, 0);
        }
        let mut library = Library::load("leak", "global-dynamic");
        let (last, variable) = (keys[63], library.variable());
        let mut block = Block::new();
        let (bytes, pages) = growth(10_000, || {
            block.run(move || {
                // SAFETY: the first library does not exist, and the key and the program do. The
                // resolver's state is the block's own.
                unsafe {
                    assert!(libc::dlopen(c"/nowhere.so".as_ptr(), libc::RTLD_NOW).is_null());
                    libc::pthread_setspecific(last, std::ptr::without_provenance(1));
                    assert_eq!(__res_ninit(__res_state()), 0);
                }
                (variable.get)();
                black_box(std::thread::current());
            });
            block.reset();
            block.run(|| {
                // SAFETY: as above. An error that another call's success has made moot.
                unsafe {
                    assert!(libc::dlopen(c"/nowhere.so".as_ptr(), libc::RTLD_NOW).is_null());
                    libc::dlclose(libc::dlopen(std::ptr::null(), libc::RTLD_NOW));
                }
            });
            block.reset();
        });
        library.close();
        println!("10,000 reuses: {bytes} bytes more allocated, {pages} more resident");
        assert!(bytes < 10_000 && pages < 1_000_000, "{bytes} {pages}");
    });
}

/// The address of a chunk that is free again.
fn allocate_and_free() -> usize {
    // SAFETY: freed once, and used by nobody. `black_box` keeps the pair.
    unsafe {
        let chunk = black_box(libc::malloc(black_box(72)));
        libc::free(chunk);
        chunk as usize
    }
}

#[test]
fn malloc_hands_a_block_what_its_thread_has_freed() {
    let mut block = Block::new();
    let (sender, chunks) = std::sync::mpsc::channel();
    block.start(move || {
        for _ in 0..10 {
            let chunk = allocate_and_free();
            sender.send(chunk).unwrap();
            super::yield_now();
        }
    });
    // Each thread has its own cache, and the block has that of the thread that it is on.
    for _ in 0..5 {
        for _ in 0..2 {
            let freed = allocate_and_free();
            block.resume();
            assert_eq!(chunks.recv(), Ok(freed));
        }
    }
    assert_eq!(block.resume(), Outcome::Returned);
}

#[test]
fn blocks_come_and_go_in_many_threads_at_once() {
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..200 {
                    let mut blocks: Vec<_> = (0..5).map(|_| Block::new()).collect();
                    for block in &mut blocks {
                        block.run(body);
                        block.reset();
                        block.start(|| {
                            super::yield_now();
                            body();
                        });
                        block.resume();
                    }
                    // All of these exist at once.
                    // SAFETY: the block's own tid.
                    let tid = |block: &Block| unsafe { tls().layout.tid(block.fs) };
                    let mut tids: Vec<_> = blocks.iter().map(|block| tid(block)).collect();
                    tids.sort_unstable();
                    tids.dedup();
                    assert_eq!(tids.len(), blocks.len());
                    for block in &mut blocks {
                        assert_eq!(block.resume(), Outcome::Returned);
                    }
                }
            });
        }
    });
}
