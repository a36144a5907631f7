//! A harness in place of a scheduler: blocks that run closures, yield in the middle, and go on in
//! whichever thread resumes them.
//!
//! # Safety
//!
//! A block runs on one thread at a time, which `resume` taking it by `&mut` ensures, and its body is
//! `Send`. Bodies end before their block is dropped, which `drop` checks.

#![allow(unsafe_code)]

mod c_library;
mod dlopen;
mod figures;
mod memory;
mod process;
mod rust_std;

use super::{Tls, get};
use core::arch::naked_asm;
use gort_sys::raw;
use gort_sys::types::Prot;
use std::cell::Cell;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

const SLOT: usize = 256 * 1024;

fn tls() -> &'static Tls {
    match get() {
        Ok(tls) => tls,
        Err(why) => panic!("{why}"),
    }
}

type Body = Box<dyn FnOnce() + Send>;

/// A slot with a block, and perhaps a body that runs in it.
struct Block {
    lo: usize,
    fs: usize,
    /// Where it will go on, and where its resumer will.
    sp: usize,
    resumer_sp: usize,
    resumer_fs: usize,
    body: Option<Body>,
    outcome: Outcome,
}

// SAFETY: bodies are `Send`, and what is on the stack moves with the thread-local storage.
unsafe impl Send for Block {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Yielded,
    Returned,
    Panicked,
}

thread_local! {
    /// The block that runs here: in a block's own storage, so it moves along.
    static CURRENT: Cell<*mut Block> = const { Cell::new(core::ptr::null_mut()) };
}

/// Saves the callee-saved registers and the stack pointer, and takes up the others.
#[unsafe(naked)]
unsafe extern "C" fn switch(save: *mut usize, sp: usize, fs: usize) {
    naked_asm!(
        "push rbp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "mov [rdi], rsp",
        "mov rsp, rsi",
        "wrfsbase rdx",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
    )
}

/// Where a block's stack begins: no caller, for the unwinder.
#[unsafe(naked)]
unsafe extern "C" fn start() {
    naked_asm!(
        ".cfi_startproc",
        ".cfi_undefined rip",
        "mov rdi, r12",
        "call {main}",
        "ud2",
        ".cfi_endproc",
        main = sym block_main,
    )
}

unsafe extern "C" fn block_main(block: *mut Block) {
    CURRENT.set(block);
    // SAFETY: the first and the last thing on the block, whose owner waits in `resume`.
    unsafe {
        tls().first_run();
        let body = (*block).body.take().expect("a body");
        (*block).outcome = match catch_unwind(AssertUnwindSafe(body)) {
            Ok(()) => Outcome::Returned,
            Err(_) => Outcome::Panicked,
        };
        tls().exit_sequence();
        switch(&raw mut (*block).sp, (*block).resumer_sp, (*block).resumer_fs);
    }
}

/// From a block: back to who resumed it.
#[inline(never)]
fn yield_now() {
    let block = CURRENT.get();
    assert!(!block.is_null(), "not in a block");
    // SAFETY: the resumer waits in `resume`, and its thread is this one.
    unsafe {
        (*block).outcome = Outcome::Yielded;
        switch(&raw mut (*block).sp, (*block).resumer_sp, (*block).resumer_fs);
    }
}

impl Block {
    fn new() -> Box<Block> {
        let lo = raw::mmap_anonymous(SLOT, Prot::READ | Prot::WRITE).expect("a slot") as usize;
        // SAFETY: the slot is ours. It is not zero, as one that was used before is not.
        let fs = unsafe {
            (lo as *mut u8).add(SLOT - 2 * tls().reserve()).write_bytes(0xaa, 2 * tls().reserve());
            tls().build(lo, lo + SLOT, 4096).expect("a block")
        };
        assert!(fs < lo + SLOT && tls().stack_top(fs) >= lo + SLOT - tls().reserve());
        Box::new(Block {
            lo,
            fs,
            sp: 0,
            resumer_sp: 0,
            resumer_fs: 0,
            body: None,
            outcome: Outcome::Returned,
        })
    }

    /// Lets the block begin with `body` at the next `resume`.
    fn start(&mut self, body: impl FnOnce() + Send + 'static) {
        self.body = Some(Box::new(body));
        self.outcome = Outcome::Yielded;
        let top = tls().stack_top(self.fs);
        // SAFETY: the stack is ours and empty. Six registers, of which r12 is the argument, the
        // address to return to, and two words that keep the alignment.
        unsafe {
            let frame = (top - 72) as *mut usize;
            frame.write_bytes(0, 9);
            *frame.add(3) = &raw mut *self as usize;
            *frame.add(6) = start as *const () as usize;
            self.sp = frame as usize;
        }
    }

    /// Runs it on this thread until it yields or ends.
    #[inline(never)]
    fn resume(&mut self) -> Outcome {
        assert_eq!(self.outcome, Outcome::Yielded, "there is nothing to resume");
        // Every M allocates once before it copies the words.
        drop(std::hint::black_box(Box::new(1u64)));
        let own = super::fs::thread_pointer();
        self.resumer_fs = own;
        // SAFETY: the block is ours by `&mut` and not running.
        unsafe {
            copy_words(own, self.fs);
            switch(&raw mut self.resumer_sp, self.sp, self.fs);
            copy_words(self.fs, own);
        }
        self.outcome
    }

    /// Runs `body` to its end on this thread. It must not panic.
    fn run(&mut self, body: impl FnOnce() + Send + 'static) {
        self.start(body);
        while self.resume() == Outcome::Yielded {}
        assert_eq!(self.outcome, Outcome::Returned);
    }

    /// New again for the next body.
    fn reset(&mut self) {
        assert_ne!(self.outcome, Outcome::Yielded);
        // SAFETY: its body has ended with the exit sequence.
        unsafe { tls().reset(self.fs, self.lo, self.lo + SLOT, 4096) };
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        if self.outcome == Outcome::Yielded {
            // A failed test: the stack may be referred to from elsewhere, so leave it.
            return;
        }
        // SAFETY: the body has ended, and the slot is ours.
        unsafe {
            tls().destroy(self.fs);
            raw::munmap(self.lo as *mut u8, SLOT).expect("the slot is mapped");
        }
    }
}

unsafe fn copy_words(from: usize, to: usize) {
    for offset in tls().malloc_words() {
        // SAFETY: both have static TLS at these offsets.
        unsafe {
            *(to.wrapping_add_signed(*offset) as *mut usize) =
                *(from.wrapping_add_signed(*offset) as *const usize);
        }
    }
}

/// Runs `body` in a new block to its end on this thread. It must not panic.
fn in_block(body: impl FnOnce() + Send + 'static) {
    Block::new().run(body);
}

/// Runs `body` in a new block, each part between two yields in another thread.
fn in_many_threads(body: impl FnOnce() + Send + 'static) {
    let mut block = Block::new();
    block.start(body);
    loop {
        let outcome = std::thread::scope(|scope| {
            scope.spawn(|| block.resume()).join().expect("resume does not panic")
        });
        match outcome {
            Outcome::Yielded => {}
            outcome => return assert_eq!(outcome, Outcome::Returned),
        }
    }
}

/// Ends the process if it is not dropped within a minute.
struct Watchdog(#[expect(dead_code, reason = "dropped to say that the test is over")] Sender<()>);

fn watchdog(test: &'static str) -> Watchdog {
    let (sender, over) = channel::<()>();
    std::thread::spawn(move || {
        if over.recv_timeout(Duration::from_secs(60)) == Err(RecvTimeoutError::Timeout) {
            // Not into what libtest keeps of a test's output, which is lost now.
            let _ = writeln!(std::io::stderr(), "{test} hangs");
            std::process::abort();
        }
    });
    Watchdog(sender)
}

#[test]
fn all_words_of_malloc_are_found() {
    let words = tls().malloc_words();
    assert!((1..=3).contains(&words.len()), "{words:?}");
    assert!(words.iter().all(|offset| *offset < 0 && offset % 8 == 0), "{words:?}");
}

#[test]
fn blocks_lie_where_the_slot_ends() {
    let tls = tls();
    let mut block = Block::new();
    let top = tls.stack_top(block.fs);
    assert_eq!((block.fs % 64, top % 64), (0, 0));
    assert!(top >= block.lo + SLOT - tls.reserve() && tls.reserve() < SLOT / 2);
    let at_start = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let seen = at_start.clone();
    block.run(move || {
        let local = 0u8;
        seen.store(&raw const local as usize, std::sync::atomic::Ordering::Relaxed);
    });
    let at_start = at_start.load(std::sync::atomic::Ordering::Relaxed);
    assert!((block.lo..top).contains(&at_start));
}
