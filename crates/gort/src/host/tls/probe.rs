//! Finds everything out, on a thread made for it.
//!
//! # Safety
//!
//! The thread looks at its own control block, which no other thread writes meanwhile, but for libc's
//! list and set-id flags, and those are not looked at twice. Its parent waits for it, so what it is lent
//! outlives it.
//!
//! A thread of its own has three advantages: its stack has sizes that can be searched for; nothing
//! has been allocated on it, so the words that the first `malloc` changes show; and what allocation
//! leaves behind, libc cleans up when it ends.

#![allow(unsafe_code)]

use super::fs::{has_fsgsbase, thread_pointer};
use super::image::{Image, Modules, used_below};
use super::layout::{
    KEY_BLOCKS, KEY_DATA, KEYS_PER_BLOCK, Layout, Named, RES_STATE, get, has_shadow_stack,
};
use super::symbols::Symbols;
use super::tid::Tids;
use super::unsupported::Unsupported;
use super::{Tls, selftest};
use core::ffi::c_void;
use core::hint::black_box;
use core::mem::{self, MaybeUninit};
use core::ptr;
use core::sync::atomic::AtomicPtr;
use std::sync::Mutex;

/// An unlikely guard size, to recognise it by.
const GUARD: usize = 3 * 4096;
/// Likewise the stack, of which there must be enough besides the static TLS.
const STACK: usize = 0x4b000;

/// More words than malloc has are a sign that something else was found.
const MALLOC_WORDS_MAX: usize = 3;

/// What the thread is lent, and where it leaves its answer.
struct Task {
    symbols: Option<Symbols>,
    named: Named,
    /// As many words as the static TLS has in use.
    snapshot: Vec<usize>,
    answer: Result<Tls, Unsupported>,
}

/// Finds out what [`Tls`] has.
pub(super) fn run() -> Result<Tls, Unsupported> {
    // Asked now, because it reads the environment.
    has_fsgsbase();
    let symbols = Symbols::find()?;
    // SAFETY: the calling thread's own block.
    if unsafe { has_shadow_stack(thread_pointer()) } {
        return Err(Unsupported::ShadowStack);
    }
    let named = Named::find(&symbols)?;
    let words = used_below(&symbols, &named)? / size_of::<usize>();
    let mut task = Task {
        symbols: Some(symbols),
        named,
        snapshot: vec![0; words],
        answer: Err(Unsupported::SelfTest("the thread did not answer")),
    };
    // SAFETY: the attributes are initialised before use, and the task outlives the thread.
    let error = unsafe {
        let mut attributes = MaybeUninit::uninit();
        libc::pthread_attr_init(attributes.as_mut_ptr());
        libc::pthread_attr_setguardsize(attributes.as_mut_ptr(), GUARD);
        let stack = STACK + named.static_size.next_multiple_of(4096);
        libc::pthread_attr_setstacksize(attributes.as_mut_ptr(), stack);
        let mut thread = 0;
        let task = (&raw mut task).cast();
        let error = libc::pthread_create(&mut thread, attributes.as_ptr(), thread_main, task);
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        match error {
            0 => libc::pthread_join(thread, ptr::null_mut()),
            _ => error,
        }
    };
    if error == 0 { task.answer } else { Err(Unsupported::Thread(error)) }
}

extern "C" fn thread_main(task: *mut c_void) -> *mut c_void {
    // SAFETY: `run` lends the task until this thread has ended.
    let task = unsafe { &mut *task.cast::<Task>() };
    let candidates = changed_by_malloc(&mut task.snapshot);
    if let Some(symbols) = task.symbols.take() {
        task.answer = learn(symbols, task.named, &candidates);
    }
    ptr::null_mut()
}

/// The words of this thread's static TLS that its first allocation changes to pointers.
///
/// Must be the first on this thread to allocate.
fn changed_by_malloc(before: &mut [usize]) -> Vec<isize> {
    let fs = thread_pointer();
    let start = fs - size_of_val(before);
    // SAFETY: the static TLS in use ends at the thread pointer. `black_box` keeps the allocations.
    let after = unsafe {
        for (index, word) in before.iter_mut().enumerate() {
            *word = get(start + index * 8);
        }
        for size in [1000, 24] {
            libc::free(black_box(libc::malloc(black_box(size))));
        }
        |index: usize| get(start + index * 8)
    };
    // SAFETY: errno is a variable of the calling thread.
    let errno = unsafe { libc::__errno_location() } as usize & !7;
    let pointer = |word: usize| word >= 4096 && word.is_multiple_of(8);
    (0..before.len())
        .filter(|index| after(*index) != before[*index] && pointer(after(*index)))
        .map(|index| start + index * 8)
        .filter(|address| *address != errno)
        .map(|address| address.wrapping_sub(fs) as isize)
        .collect()
}

/// Everything else.
fn learn(symbols: Symbols, named: Named, candidates: &[isize]) -> Result<Tls, Unsupported> {
    let layout = look(&symbols, named)?;
    let modules = Modules::find(&symbols)?;
    let generation = modules.generation();
    let image = Image::new(&symbols, &layout)?;
    let mut tls = Tls {
        symbols,
        layout,
        modules,
        tids: Tids::new(),
        malloc_words: Vec::new(),
        image: AtomicPtr::new(Box::into_raw(Box::new(image))),
        imaged: Mutex::new(generation),
    };
    selftest::run(&tls)?;
    let plausible = (1..=MALLOC_WORDS_MAX).contains(&candidates.len());
    if plausible && selftest::shares_malloc(&tls, candidates)? {
        tls.malloc_words = candidates.to_vec();
    }
    Ok(tls)
}

/// Looks for the fields without a name in this thread's block, and checks those with one.
fn look(symbols: &Symbols, named: Named) -> Result<Layout, Unsupported> {
    let fs = thread_pointer();
    let inside = |address: usize, len: usize| {
        address.checked_sub(fs).filter(|offset| offset + len <= named.block_size)
    };
    // SAFETY: all reads are inside this thread's block, its vector, or its list's neighbours, which
    // exist while it does.
    unsafe {
        if *((fs + named.tid) as *const i32) != libc::gettid() {
            return Err(Unsupported::Field("tid"));
        }
        if !vector_is_ours(&named, fs) {
            return Err(Unsupported::Field("dtv"));
        }
        let first_keys = inside(get(fs + named.specific), KEYS_PER_BLOCK * KEY_DATA)
            .filter(|offset| offset + KEYS_PER_BLOCK * KEY_DATA == named.specific)
            .ok_or(Unsupported::Field("specific_1stblock"))?;
        let keys_end = named.specific + KEY_BLOCKS * size_of::<usize>();
        let res = inside(get(fs.wrapping_add_signed(symbols.resp)), RES_STATE)
            .filter(|offset| *offset >= keys_end)
            .ok_or(Unsupported::Field("res"))?;
        Ok(Layout {
            named,
            specific_used: specific_used(fs, keys_end)?,
            first_keys,
            stackblock: stackblock(&named, fs)?,
            robust: robust(inside)?,
            resp: symbols.resp,
            res,
            dlerror_result: symbols.dlerror_result,
            rseq: symbols.rseq_offset,
        })
    }
}

/// Whether `dtv[-1]` counts entries of which one is in the static TLS.
unsafe fn vector_is_ours(named: &Named, fs: usize) -> bool {
    // SAFETY: see `look`; the count is believed only if it is small.
    unsafe {
        let vector = get(fs + named.dtv);
        let entries = get(vector - 16);
        let ours = |entry| (fs - named.below()..fs).contains(&get(vector + entry * 16));
        entries < 1 << 20 && (1..=entries).any(ours)
    }
}

/// The byte that becomes 1 when a key gets a value.
unsafe fn specific_used(fs: usize, from: usize) -> Result<usize, Unsupported> {
    let missing = Unsupported::Field("specific_used");
    let mut key = 0;
    // SAFETY: see `look`; the eight bytes after the array belong to the flags there.
    unsafe {
        if libc::pthread_key_create(&mut key, None) != 0 {
            return Err(missing);
        }
        let flags = || ((fs + from) as *const [u8; 8]).read_volatile();
        let before = flags();
        libc::pthread_setspecific(key, ptr::without_provenance(1));
        let after = flags();
        libc::pthread_setspecific(key, ptr::null());
        libc::pthread_key_delete(key);
        let mut changed = (0..8).filter(|i| before[*i] != after[*i]);
        match (changed.next(), changed.next()) {
            (Some(i), None) if (before[i], after[i]) == (0, 1) => Ok(from + i),
            _ => Err(missing),
        }
    }
}

/// The four words about the stack, of which three are known.
unsafe fn stackblock(named: &Named, fs: usize) -> Result<usize, Unsupported> {
    let missing = Unsupported::Field("stackblock");
    let (mut stack, mut size) = (ptr::null_mut(), 0);
    // SAFETY: see `look`; the attributes are initialised by the call that fills them.
    unsafe {
        let mut attributes: libc::pthread_attr_t = mem::zeroed();
        if libc::pthread_getattr_np(libc::pthread_self(), &mut attributes) != 0 {
            return Err(missing);
        }
        libc::pthread_attr_getstack(&attributes, &mut stack, &mut size);
        libc::pthread_attr_destroy(&mut attributes);
        let stack = stack as usize;
        let matches = |offset: usize| {
            let [lo, len, guard, reported] = *((fs + offset) as *const [usize; 4]);
            (guard, reported) == (GUARD, GUARD)
                && lo.wrapping_add(len) == stack + size
                && (lo..=lo + guard).contains(&stack)
        };
        // The head has no such thing; it is the list that comes first after it.
        let mut found = (named.list..named.block_size - 32).step_by(8).filter(|o| matches(*o));
        match (found.next(), found.next()) {
            (Some(offset), None) => Ok(offset),
            _ => Err(missing),
        }
    }
}

/// The list of robust mutexes, which the kernel knows.
unsafe fn robust(inside: impl Fn(usize, usize) -> Option<usize>) -> Result<usize, Unsupported> {
    let (mut head, mut len) = (0usize, 0usize);
    // SAFETY: the call writes its two results; if the head is in the block, its neighbours are too.
    unsafe {
        libc::syscall(libc::SYS_get_robust_list, 0, &raw mut head, &raw mut len);
        inside(head, len)
            .filter(|_| len == 24 && get(head) == head && get(head - 8) == head)
            .ok_or(Unsupported::Field("robust_head"))
    }
}
