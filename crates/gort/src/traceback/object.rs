//! Which file code comes from: found by the kernel's list of mappings, which takes no lock of libc's and
//! knows what `dlopen` has brought.
//!
//! Good in a signal handler: raw calls and a few KiB of stack, nothing else.
//!
//! # Safety
//!
//! A file's mapping stays for good. It is only read; a file that somebody cuts short meanwhile ends the
//! process by SIGBUS, as it would by running its code.

#![allow(unsafe_code)]

use super::elf::Elf;
use gort_sys::fd::CWD;
use gort_sys::types::{MapFlags, Mode, OFlags, Prot};
use gort_sys::{Errno, raw};
use std::ffi::CStr;
use std::os::fd::AsFd;
use std::{ptr, slice};

/// A file, of which a part with code is mapped.
#[derive(Debug)]
pub(super) struct Object {
    at: Mapping,
    /// What is added to an address of the file's to have one of the process's.
    bias: usize,
    /// All of the file; `None` if it cannot be had.
    elf: Option<Elf<'static>>,
}

/// Code that the kernel has put there: its file is what is mapped.
const VDSO: &[u8] = b"[vdso]";
const EXECUTABLE: &CStr = c"/proc/self/exe";

impl Object {
    /// The one with the code at `pc`.
    pub(super) fn find(pc: usize) -> Option<Object> {
        let at = Mapping::find(pc)?;
        let offset = pc - at.start + at.offset;
        let file = if at.path.bytes() == VDSO { at.content() } else { map(&at.path) };
        let elf = file.and_then(Elf::new);
        let address = elf.and_then(|elf| elf.address_of(offset as u64));
        let bias = pc.wrapping_sub(address.map_or(offset, |address| address as usize));
        Some(Object { at, bias, elf })
    }

    pub(super) fn contains(&self, pc: usize) -> bool {
        (self.at.start..self.at.end).contains(&pc)
    }

    /// Whether it is still there.
    pub(super) fn is_mapped(&self) -> bool {
        Mapping::find(self.at.start).is_some_and(|now| now == self.at)
    }

    /// The file's own address of what is at `pc`.
    pub(super) fn address(&self, pc: usize) -> u64 {
        pc.wrapping_sub(self.bias) as u64
    }

    /// The file's name.
    pub(super) fn path(&self) -> &str {
        self.at.path.text()
    }

    pub(super) fn elf(&self) -> Option<Elf<'static>> {
        self.elf
    }
}

/// Maps all of a file.
fn map(path: &Path) -> Option<&'static [u8]> {
    let mut link = [0; 512];
    let executable = raw::readlinkat(CWD, EXECUTABLE, &mut link).ok();
    // By its link, for it may have been replaced.
    let is_executable = executable.is_some_and(|len| link.get(..len) == Some(path.bytes()));
    let path = if is_executable { EXECUTABLE } else { path.c_str()? };
    let file = raw::openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let len = usize::try_from(raw::fstat(&file).ok()?.st_size).ok().filter(|len| *len != 0)?;
    let (prot, flags) = (Prot::READ, MapFlags::PRIVATE);
    // SAFETY: a new mapping, of so many bytes, that stays; see the module.
    unsafe {
        let at = raw::mmap(ptr::null_mut(), len, prot, flags, Some(file.as_fd()), 0).ok()?;
        Some(slice::from_raw_parts(at, len))
    }
}

impl Path {
    fn new(text: &[u8]) -> Path {
        let mut path = Path { bytes: [0; 512], len: text.len().min(511) };
        for (to, from) in path.bytes.iter_mut().zip(text).take(path.len) {
            *to = *from;
        }
        path
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    fn c_str(&self) -> Option<&CStr> {
        CStr::from_bytes_until_nul(&self.bytes).ok()
    }

    fn text(&self) -> &str {
        str::from_utf8(self.bytes()).unwrap_or("??")
    }
}

/// A file's name, with a NUL.
#[derive(Debug, PartialEq, Eq)]
struct Path {
    bytes: [u8; 512],
    len: usize,
}

/// A line of `/proc/self/maps`.
#[derive(Debug, PartialEq, Eq)]
struct Mapping {
    start: usize,
    end: usize,
    /// Where in the file it begins.
    offset: usize,
    inode: usize,
    path: Path,
}

impl Mapping {
    /// The file's mapping that `pc` is in.
    fn find(pc: usize) -> Option<Mapping> {
        let path = c"/proc/self/maps";
        let maps = raw::openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
        let (mut buffer, mut line, mut len) = ([0; 1024], [0; 640], 0);
        loop {
            let read = match raw::read(&maps, &mut buffer) {
                Err(Errno::EINTR) => continue,
                read => read.ok().filter(|read| *read != 0)?,
            };
            for byte in buffer.iter().take(read) {
                if *byte != b'\n' {
                    // What does not fit is cut.
                    line.iter_mut().skip(len).take(1).for_each(|to| *to = *byte);
                    len += 1;
                } else if let Some(found) = Mapping::parse(line.get(..len).unwrap_or_default())
                    && (found.start..found.end).contains(&pc)
                {
                    return Some(found);
                } else {
                    len = 0;
                }
            }
        }
    }

    /// What is there, which stays.
    fn content(&self) -> Option<&'static [u8]> {
        let at = ptr::with_exposed_provenance(self.start);
        // SAFETY: as the kernel says; the vDSO can be read, and nobody unmaps it.
        Some(unsafe { slice::from_raw_parts(at, self.end - self.start) })
    }

    /// `start-end perms offset device inode path`; none for what is no file's.
    fn parse(line: &[u8]) -> Option<Mapping> {
        let mut words = line.splitn(6, |byte| *byte == b' ');
        let mut range = words.next()?.split(|byte| *byte == b'-').map(hex);
        let (start, end) = (range.next()??, range.next()??);
        let offset = hex(words.nth(1)?)?;
        let inode = str::from_utf8(words.nth(1)?).ok()?.parse().ok()?;
        let path = words.next()?.trim_ascii_start();
        (path.starts_with(b"/") || path == VDSO).then(|| Mapping {
            start,
            end,
            offset,
            inode,
            path: Path::new(path),
        })
    }
}

fn hex(digits: &[u8]) -> Option<usize> {
    usize::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::{Mapping, Object};

    #[test]
    fn code_is_found_in_its_file() {
        let here = code_is_found_in_its_file as *const () as usize;
        let object = Object::find(here).unwrap();
        assert_eq!(object.path(), std::env::current_exe().unwrap().to_str().unwrap());
        let elf = object.elf().unwrap();
        let symbol = elf.function(object.address(here)).unwrap();
        assert_eq!(symbol.address, object.address(here));
        assert!(elf.name(&symbol).unwrap().contains("code_is_found_in_its_file"));
        assert!(object.contains(here) && !object.contains(0));

        let libc = Object::find(libc::getpid as *const () as usize).unwrap();
        assert!(libc.path().contains("libc.so"), "{}", libc.path());
        // SAFETY: has no conditions.
        let vdso = unsafe { libc::getauxval(libc::AT_SYSINFO_EHDR) } as usize;
        if vdso != 0 {
            let object = Object::find(vdso).unwrap();
            let elf = object.elf().unwrap();
            assert_eq!(object.path(), "[vdso]");
            assert!(elf.functions().any(|one| elf.name(&one) == Some("__vdso_clock_gettime")));
        }
        assert!(Object::find(8).is_none());
        assert!(Object::find(&raw const here as usize).is_none());
    }

    #[test]
    fn lines_are_read() {
        let line = b"7f00-7fff r-xp 00002000 08:01 99   /a b/c.so (deleted)";
        let found = Mapping::parse(line).unwrap();
        assert_eq!((found.start, found.end, found.offset), (0x7f00, 0x7fff, 0x2000));
        assert_eq!(found.inode, 99);
        assert_eq!(found.path.text(), "/a b/c.so (deleted)");
        for line in ["", "7f00-7fff r-xp 0 00:00 0 ", "7f00-7fff rw-p 0 0:0 0  [heap]", "x-y z"] {
            assert!(Mapping::parse(line.as_bytes()).is_none(), "{line}");
        }
    }
}
