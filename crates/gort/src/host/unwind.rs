//! Where the unwind table of an address is.
//!
//! glibc 2.35 and later answer that without a lock (`_dl_find_object`), which is what makes it good in
//! signal handlers and for a process that is about to end. Where there is no such function, a list is made
//! when the runtime starts, and again when something has been loaded since.
//!
//! # Safety
//!
//! `_dl_find_object`'s declaration is the one in `dlfcn.h`: on x86-64 neither a database pointer nor a count
//! is among its fields. A list is never freed: somebody may be looking at it.

#![allow(unsafe_code)]

use gort_rt::host::Unwind;
use std::ffi::{c_int, c_void};
use std::mem::transmute;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// `struct dl_find_object`.
#[repr(C)]
struct Found {
    flags: u64,
    start: usize,
    end: usize,
    link_map: usize,
    eh_frame: usize,
    reserved: [u64; 7],
}

type Find = unsafe extern "C" fn(*const c_void, *mut Found) -> c_int;

/// `_dl_find_object`; 0 where there is none.
static FIND: AtomicUsize = AtomicUsize::new(0);
/// The newest list, if one is needed.
static LIST: AtomicPtr<Vec<Unwind>> = AtomicPtr::new(ptr::null_mut());

/// Before anything is looked up.
pub(super) fn install() {
    // SAFETY: looks a name up.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"_dl_find_object".as_ptr()) };
    FIND.store(found.expose_provenance(), Ordering::Relaxed);
    refresh();
}

/// Something may have been loaded. On an ordinary thread, or g0.
pub(super) fn refresh() {
    if FIND.load(Ordering::Relaxed) == 0 {
        let list = Box::into_raw(Box::new(list()));
        // Release: pairs with the Acquire in `listed`.
        LIST.store(list, Ordering::Release);
    }
}

/// [`gort_rt::host::Host::find_unwind`].
pub(super) fn find(pc: usize) -> Option<Unwind> {
    match FIND.load(Ordering::Relaxed) {
        0 => listed(pc),
        // SAFETY: see the module.
        at => asked(unsafe { transmute::<usize, Find>(at) }, pc),
    }
}

fn asked(find: Find, pc: usize) -> Option<Unwind> {
    let mut found =
        Found { flags: 0, start: 0, end: 0, link_map: 0, eh_frame: 0, reserved: [0; 7] };
    // SAFETY: takes any address, and fills the structure if it returns 0.
    let status = unsafe { find(ptr::without_provenance(pc), &mut found) };
    let there = status == 0 && found.eh_frame != 0;
    let header = found.eh_frame;
    // Of an object whose segments leave a gap it tells the one with the code only, and nothing says where
    // that with the tables ends.
    let whole = (found.start..found.end).contains(&header);
    let (start, end) = if whole { (found.start, found.end) } else { (0, usize::MAX) };
    there.then_some(Unwind { header, start, end })
}

fn listed(pc: usize) -> Option<Unwind> {
    // SAFETY: null, or a list, which is never freed. Acquire: pairs with the Release in `refresh`.
    let list = unsafe { LIST.load(Ordering::Acquire).as_ref() }?;
    list.iter().find(|object| (object.start..object.end).contains(&pc)).copied()
}

fn list() -> Vec<Unwind> {
    let mut found = Vec::new();
    // SAFETY: the callback takes `found` and returns before this does.
    unsafe { libc::dl_iterate_phdr(Some(collect), (&raw mut found).cast()) };
    found
}

unsafe extern "C" fn collect(info: *mut libc::dl_phdr_info, _: usize, found: *mut c_void) -> c_int {
    // SAFETY: what `dl_iterate_phdr` hands over, and what `list` has given it.
    let (info, found) = unsafe { (&*info, &mut *found.cast::<Vec<Unwind>>()) };
    // SAFETY: the headers are as many as it says.
    let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
    let place = |header: &libc::Elf64_Phdr| info.dlpi_addr as usize + header.p_vaddr as usize;
    let loaded = || headers.iter().filter(|header| header.p_type == libc::PT_LOAD);
    let start = loaded().map(place).min();
    let end = loaded().map(|header| place(header) + header.p_memsz as usize).max();
    let table = headers.iter().find(|header| header.p_type == libc::PT_GNU_EH_FRAME).map(place);
    if let (Some(header), Some(start), Some(end)) = (table, start, end) {
        found.push(Unwind { header, start, end });
    }
    0
}

#[cfg(test)]
mod tests {
    use super::{FIND, asked, install, list};
    use std::mem::transmute;
    use std::sync::atomic::Ordering;

    /// Both ways lead to the same table, for the program, libc and the vDSO.
    ///
    /// Shown to fail: a list that leaves the first object out.
    #[test]
    fn both_ways_agree() {
        install();
        let find = FIND.load(Ordering::Relaxed);
        let list = list();
        // SAFETY: `getauxval` has no conditions.
        let vdso = unsafe { libc::getauxval(libc::AT_SYSINFO_EHDR) } as usize;
        let places =
            [both_ways_agree as *const () as usize, libc::getpid as *const () as usize, vdso];
        for pc in places.into_iter().filter(|pc| *pc != 0) {
            let listed = list.iter().find(|object| (object.start..object.end).contains(&pc));
            let listed = listed.unwrap_or_else(|| panic!("{pc:#x} is not in the list"));
            if find != 0 {
                // SAFETY: see the module.
                let asked = asked(unsafe { transmute::<usize, super::Find>(find) }, pc).unwrap();
                assert_eq!(asked.header, listed.header);
                assert!((asked.start..asked.end).contains(&asked.header), "{asked:x?}");
            }
        }
        assert!(list.len() >= 2);
    }
}
