//! The first and the last thing that a goroutine does with its thread-local storage.
//!
//! # Safety
//!
//! Both run on the goroutine itself, with its block as the thread pointer. They do what glibc's
//! `start_thread` does around a thread's function, with the functions that it does it with, and leave
//! alone what belongs to the kernel's thread. What is freed here was allocated by glibc for this block.
//!
//! Destructors are users' code: they may block, and the goroutine may go on in another thread. Nothing
//! here keeps anything that belongs to a thread.

#![allow(unsafe_code)]

use super::Tls;
use super::fs::thread_pointer;
use super::layout::{KEY_BLOCKS, KEY_DATA, KEYS_PER_BLOCK, RES_STATE, get, put};
use core::ffi::c_void;

/// glibc's `PTHREAD_DESTRUCTOR_ITERATIONS`.
const ROUNDS: usize = 4;

/// `TLS_DTV_UNALLOCATED`.
const UNALLOCATED: usize = usize::MAX;

/// `dl_action_result_malloc_failed`: a marker where `dlerror`'s memory would be.
const DLERROR_NO_MEMORY: usize = usize::MAX;

impl Tls {
    /// Gives the goroutine the character tables of the current locale.
    ///
    /// # Safety
    ///
    /// On the goroutine, before its function.
    #[inline]
    pub(crate) unsafe fn first_run(&self) {
        // SAFETY: glibc calls it at the start of each thread.
        unsafe { (self.symbols.ctype_init)() }
    }

    /// Runs the destructors of thread-local variables and of pthread keys, and gives back what glibc
    /// has allocated for the goroutine. Nearly nothing is to be done if it used none of this.
    ///
    /// What `strerror` and `strsignal` allocate for a number that they do not know is lost: glibc
    /// hides where it is.
    ///
    /// # Safety
    ///
    /// On the goroutine, after its function; what runs there afterwards, until
    /// [`reset`](Tls::reset), uses no thread-local variables and no libc.
    pub(crate) unsafe fn exit_sequence(&self) {
        let fs = thread_pointer();
        // SAFETY: the module's contract. Each step is glibc's, in glibc's order; the steps see to
        // it themselves that they have something to do.
        unsafe {
            (self.symbols.call_tls_dtors)();
            if self.keys_used(fs) {
                self.run_key_destructors(fs);
                // Those may have made thread-local variables anew.
                (self.symbols.call_tls_dtors)();
            }
            self.free_dlerror(fs);
            self.free_resolver(fs);
            self.free_dynamic(fs);
        }
    }

    /// Whether a key has or had a value.
    unsafe fn keys_used(&self, fs: usize) -> bool {
        // SAFETY: the flag lies in the control block.
        unsafe { *((fs + self.layout.specific_used) as *const bool) }
    }

    /// glibc's `__nptl_deallocate_tsd`, and the keys' data as in a new block.
    #[cold]
    unsafe fn run_key_destructors(&self, fs: usize) {
        let specific = fs + self.layout.named.specific;
        for _ in 0..ROUNDS {
            // SAFETY: the array of blocks and each block have glibc's sizes; the flag is set again
            // by a destructor that gives a key a value.
            unsafe {
                *((fs + self.layout.specific_used) as *mut bool) = false;
                for block in 0..KEY_BLOCKS {
                    let data = get(specific + block * 8);
                    if data != 0 {
                        self.run_block(data, block * KEYS_PER_BLOCK);
                    }
                }
                if !self.keys_used(fs) {
                    break;
                }
            }
        }
        // SAFETY: as above; blocks other than the first are glibc's allocations, and no pointer to
        // one is left.
        unsafe {
            *((fs + self.layout.specific_used) as *mut bool) = false;
            let first = (fs + self.layout.first_keys) as *mut u8;
            first.write_bytes(0, KEYS_PER_BLOCK * KEY_DATA);
            for block in 1..KEY_BLOCKS {
                let data = get(specific + block * 8);
                if data != 0 {
                    put(specific + block * 8, 0);
                    libc::free(data as *mut c_void);
                }
            }
        }
    }

    /// Calls the destructors for the values in one block, whose first key is `first`.
    unsafe fn run_block(&self, data: usize, first: usize) {
        for index in 0..KEYS_PER_BLOCK {
            let entry = data + index * KEY_DATA;
            // SAFETY: the entry lies in the block, and its key in `__pthread_keys`. A value counts
            // only if its key has not been deleted and created again since it was set.
            unsafe {
                let value = get(entry + 8);
                if value == 0 {
                    continue;
                }
                put(entry + 8, 0);
                let key = self.symbols.keys.add(first + index);
                if (*key).sequence == get(entry)
                    && let Some(destructor) = (*key).destructor
                {
                    destructor(value as *mut c_void);
                }
            }
        }
    }

    /// Frees the text of the last error of `dlopen` and the like.
    unsafe fn free_dlerror(&self, fs: usize) {
        let Some(offset) = self.layout.dlerror_result else { return };
        let result = fs.wrapping_add_signed(offset);
        // SAFETY: the variable is in the block's static TLS. `dlerror` frees what it has returned
        // before; an empty result it leaves, and that is glibc's allocation.
        unsafe {
            if get(result) == 0 {
                return;
            }
            libc::dlerror();
            libc::dlerror();
            match get(result) {
                0 | DLERROR_NO_MEMORY => {}
                empty => libc::free(empty as *mut c_void),
            }
            put(result, 0);
        }
    }

    /// Closes the resolver's sockets, frees its configuration, and makes its state as new.
    unsafe fn free_resolver(&self, fs: usize) {
        let state = fs + self.layout.res;
        // SAFETY: the state lies in the control block. Its first fields are the time-outs, the
        // options, and the number of name servers: all are zero until it has been initialised.
        unsafe {
            let servers = *((state + 16) as *const i32);
            if get(state) | get(state + 8) == 0 && servers == 0 {
                return;
            }
            if servers != 0 {
                (self.symbols.res_nclose)(state as *mut c_void);
            }
            (state as *mut u8).write_bytes(0, RES_STATE);
        }
    }

    /// Frees the block's copies of the variables of modules that were loaded at run time.
    unsafe fn free_dynamic(&self, fs: usize) {
        // SAFETY: `dtv[-1]` has the number of modules' entries, which begin at `dtv[1]`: an address,
        // and what to free if the module has no static TLS. Those behind the last module are as they were.
        unsafe {
            let dtv = get(fs + self.layout.named.dtv);
            for index in 1..=get(dtv - 16).min(self.modules.count()) {
                let entry = dtv + index * 16;
                let memory = get(entry + 8);
                if memory != 0 {
                    put(entry, UNALLOCATED);
                    put(entry + 8, 0);
                    libc::free(memory as *mut c_void);
                }
            }
        }
    }
}
