//! The table by descriptor number: see the [module above](super).
//!
//! # Safety
//!
//! The pages of the table are mapped, zeroed, and never given back; a word's address is of a record, and those
//! are never freed.

#![allow(unsafe_code)]

use super::record::{Record, Use};
use crate::here;
use gort_rt::netpoll::PollDesc;
use gort_sys::context::slot;
use gort_sys::types::{BorrowedFd, Prot};
use gort_sys::{Errno, raw};
use libc::c_int;
use std::ptr::{null_mut, with_exposed_provenance};
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, AtomicUsize, Ordering};

/// Numbers in a page of the table, and pages. More descriptors than that no kernel has without being told to;
/// what is beyond is never registered.
const PAGE: usize = 1024;
const PAGES: usize = 1 << 14;

static ROOT: [AtomicPtr<[Entry; PAGE]>; PAGES] = [const { AtomicPtr::new(null_mut()) }; PAGES];

/// The process that has registered descriptors; 0 before there is one.
static OWNER: AtomicI32 = AtomicI32::new(0);

/// What is known of a number.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The record's address, and in bits that it has not, the [`Kind`] below and above how often the number has
    /// been forgotten.
    word: AtomicUsize,
    /// [`REGISTERING`], and [`CLOSING`] for each who closes it.
    busy: AtomicU32,
}

const REGISTERING: u32 = 1;
const CLOSING: u32 = 2;

/// The bits of a word that say what kind of file it is.
const KIND: usize = 7;
/// The connection was accepted.
const ACCEPTED: usize = 8;
/// The bits that are an address.
const ADDRESS: usize = ((1 << 48) - 1) & !63;
/// What the number's having been forgotten adds, past the address.
const FORGOTTEN: usize = 1 << 48;

/// How a file is read and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Kind {
    Unknown = 0,
    /// It is never waited for: calls are announced.
    File = 1,
    Socket = 2,
    /// `RWF_NOWAIT`.
    Stream = 3,
    /// poll(2) first: it does not know `RWF_NOWAIT`.
    Polled = 4,
}

impl Kind {
    fn of(word: usize) -> Kind {
        match word & KIND {
            1 => Kind::File,
            2 => Kind::Socket,
            3 => Kind::Stream,
            4 => Kind::Polled,
            _ => Kind::Unknown,
        }
    }
}

/// The number's entry, if its page is there.
#[inline]
pub(crate) fn entry(fd: c_int) -> Option<&'static Entry> {
    let number = usize::try_from(fd).ok()?;
    // Acquire: with the Release in `entry_made`.
    let page = ROOT.get(number / PAGE)?.load(Ordering::Acquire);
    // SAFETY: null, or a page of the table.
    let page = unsafe { page.as_ref()? };
    Some(&page[number % PAGE])
}

/// The number's entry.
///
/// # Errors
///
/// `EBADF` for a number that has no place, `ENOMEM`.
fn entry_made(fd: c_int) -> Result<&'static Entry, Errno> {
    if let Some(entry) = entry(fd) {
        return Ok(entry);
    }
    let root = usize::try_from(fd).ok().and_then(|number| ROOT.get(number / PAGE));
    let root = root.ok_or(Errno::EBADF)?;
    let len = size_of::<[Entry; PAGE]>();
    let page: *mut u8 = raw::mmap_anonymous(len, Prot::READ | Prot::WRITE)?;
    // Release: the page is there before it is found.
    if root.compare_exchange(null_mut(), page.cast(), Ordering::Release, Ordering::Relaxed).is_err()
    {
        // SAFETY: nobody else knows of it.
        let _ = unsafe { raw::munmap(page, len) };
    }
    entry(fd).ok_or(Errno::EBADF)
}

/// A descriptor, for as long as the call lasts.
///
/// # Safety
///
/// Used for no longer than the caller's own use of the number.
pub(crate) unsafe fn borrow<'fd>(fd: c_int) -> BorrowedFd<'fd> {
    // SAFETY: the caller's contract. -1 is the one number that cannot be borrowed.
    unsafe { BorrowedFd::borrow_raw(if fd == -1 { c_int::MAX } else { fd }) }
}

impl Entry {
    fn record_of(word: usize) -> Option<&'static Record> {
        // SAFETY: an address in a word is a record's.
        unsafe { with_exposed_provenance::<Record>(word & ADDRESS).as_ref() }
    }

    /// What kind of file it is.
    pub(crate) fn kind(&self) -> Kind {
        Kind::of(self.word.load(Ordering::Relaxed))
    }

    /// The record, counted.
    #[inline]
    pub(crate) fn find(&self) -> Option<Use> {
        loop {
            // Acquire: the record is as `register` has made it.
            let word = self.word.load(Ordering::Acquire);
            let record = Entry::record_of(word)?;
            // If it cannot be counted it is not in the table any more.
            if let Some(used) = record.count()
                && self.word.load(Ordering::Relaxed) & !(KIND | ACCEPTED)
                    == word & !(KIND | ACCEPTED)
            {
                return Some(used);
            }
        }
    }

    /// Says what kind of file it is, unless the number was forgotten since the word was `seen`.
    fn tell(&self, seen: usize, bits: usize) {
        let told = seen & !(KIND | ACCEPTED) | bits;
        let _ = self.word.compare_exchange(seen, told, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Its record, made if need be: `None` if it cannot be waited for, or is being closed.
    #[cold]
    fn register(&self, fd: c_int) -> Option<Use> {
        loop {
            if let Some(used) = self.find() {
                return Some(used);
            }
            // SeqCst, here and in `forget`: the word before it is busy; see the module above.
            let word = self.word.load(Ordering::SeqCst);
            match self.busy.compare_exchange(0, REGISTERING, Ordering::SeqCst, Ordering::Relaxed) {
                Ok(_) => {}
                // It takes no longer than a system call.
                Err(REGISTERING) => {
                    gort_rt::gosched();
                    continue;
                }
                Err(_) => return None,
            }
            let registered = self.register_busy(fd, word);
            self.busy.fetch_sub(REGISTERING, Ordering::SeqCst);
            match registered {
                Err(Errno::ESTALE) => {}
                registered => return registered.ok(),
            }
        }
    }

    /// By the one who registers. `ESTALE` if the number was forgotten since the word was `seen`, or has a record.
    fn register_busy(&self, fd: c_int, seen: usize) -> Result<Use, Errno> {
        if self.word.load(Ordering::Relaxed) != seen || seen & ADDRESS != 0 {
            return Err(Errno::ESTALE);
        }
        // A child after a fork has another, and does not get here.
        OWNER.store(raw::getpid().0, Ordering::Relaxed);
        // SAFETY: for this call.
        let descriptor = unsafe { borrow(fd) };
        let desc = PollDesc::open(descriptor)?;
        let record = match Record::take(desc, descriptor, seen & ACCEPTED != 0) {
            Ok(record) => record,
            Err(errno) => {
                desc.close(descriptor);
                return Err(errno);
            }
        };
        let used = record.count().ok_or(Errno::ESTALE)?;
        let word = seen | std::ptr::from_ref(record).expose_provenance();
        if self.word.compare_exchange(seen, word, Ordering::SeqCst, Ordering::Relaxed).is_err() {
            record.end(descriptor);
            return Err(Errno::ESTALE);
        }
        Ok(used)
    }

    /// The number's next file is another. Not in a child, whose numbers these are not.
    /// Whether it had a record.
    fn forget(&self, fd: c_int) -> bool {
        let mut word = self.word.load(Ordering::SeqCst);
        loop {
            if word & ADDRESS != 0 && raw::getpid().0 != OWNER.load(Ordering::Relaxed) {
                return false;
            }
            // Not only where there is something to forget: somebody may be about to register.
            let next = (word & !(FORGOTTEN - 1)).wrapping_add(FORGOTTEN);
            match self.word.compare_exchange(word, next, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => break,
                Err(now) => word = now,
            }
        }
        let record = Entry::record_of(word);
        if let Some(record) = record
            && !here::in_handler()
            && slot::locks() == 0
        {
            // SAFETY: for this call.
            record.end(unsafe { borrow(fd) });
        }
        record.is_some()
    }
}

/// The number's record, counted, if it has one.
#[inline]
pub(crate) fn find(fd: c_int) -> Option<Use> {
    entry(fd)?.find()
}

/// The number's record, made if need be; `None` if it cannot be waited for.
pub(crate) fn register(fd: c_int) -> Option<Use> {
    entry_made(fd).ok()?.register(fd)
}

/// What kind of file it is, of a number that goroutines read or write.
#[inline]
pub(crate) fn kind(fd: c_int) -> Kind {
    match entry(fd).map_or(Kind::Unknown, Entry::kind) {
        Kind::Unknown => ask(fd),
        kind => kind,
    }
}

#[cold]
fn ask(fd: c_int) -> Kind {
    let Ok(entry) = entry_made(fd) else { return Kind::File };
    let seen = entry.word.load(Ordering::Relaxed);
    // SAFETY: for this call.
    let Ok(stat) = raw::fstat(unsafe { borrow(fd) }) else { return Kind::File };
    let kind = match stat.st_mode & libc::S_IFMT {
        libc::S_IFREG | libc::S_IFDIR | libc::S_IFBLK => Kind::File,
        libc::S_IFSOCK => Kind::Socket,
        _ => Kind::Stream,
    };
    entry.tell(seen, kind as usize);
    kind
}

/// It does not know `RWF_NOWAIT`.
#[cold]
pub(crate) fn is_polled(fd: c_int) {
    if let Some(entry) = entry(fd) {
        let seen = entry.word.load(Ordering::Relaxed);
        if Kind::of(seen) == Kind::Stream {
            entry.tell(seen, Kind::Polled as usize);
        }
    }
}

/// Somebody closes the number, until this is dropped: its record is forgotten, and nobody registers another.
#[derive(Debug)]
pub(crate) struct Closing {
    entry: Option<&'static Entry>,
    had_record: bool,
}

impl Closing {
    /// Whether somebody has waited for it: it is nothing that takes long to be closed.
    pub(crate) fn had_record(&self) -> bool {
        self.had_record
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        if let Some(entry) = self.entry {
            entry.busy.fetch_sub(CLOSING, Ordering::SeqCst);
        }
    }
}

/// The number is about to be closed. On any thread, in a handler as well.
#[inline]
pub(crate) fn closing(fd: c_int) -> Closing {
    let entry = entry(fd);
    let had_record = entry.is_some_and(|entry| {
        entry.busy.fetch_add(CLOSING, Ordering::SeqCst);
        entry.forget(fd)
    });
    Closing { entry, had_record }
}

/// A number that is new: what is known of it is another file's.
#[inline]
pub(crate) fn arrived(fd: c_int) {
    if let Some(entry) = entry(fd)
        && entry.word.load(Ordering::Relaxed) & (FORGOTTEN - 1) != 0
    {
        drop(closing(fd));
    }
}

/// A number that is new, and a connection that was accepted.
pub(crate) fn accepted(fd: c_int) {
    arrived(fd);
    if let Ok(entry) = entry_made(fd) {
        let seen = entry.word.load(Ordering::Relaxed);
        entry.tell(seen, Kind::Socket as usize | ACCEPTED);
    }
}

/// Something has been put over the connection.
pub(crate) fn wrapped(fd: c_int) {
    if let Some(used) = find(fd) {
        used.is_wrapped();
    }
}

/// All numbers from one to another are about to be closed.
pub(crate) fn closing_all(first: usize, last: usize) {
    let mut fd = first;
    while fd <= last && fd < PAGE * PAGES {
        match entry(fd as c_int) {
            Some(_) => {
                arrived(fd as c_int);
                fd += 1;
            }
            None => fd = (fd / PAGE + 1) * PAGE,
        }
    }
}
