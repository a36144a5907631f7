//! Messages: several buffers, an address and control data, sent or received by one call.
//!
//! # Safety
//!
//! A message holds addresses of what it borrows for `'a`; its lifetime parameter keeps all of it
//! borrowed as long as the message lives. The room for received control data belongs to
//! [`RecvControl`] alone: it is zero, or what the kernel wrote, or has had its descriptors replaced
//! by -1. So a descriptor found there is open, and nobody else's.

#![allow(unsafe_code)]

use crate::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use crate::types::{IoSlice, IoSliceMut, RecvFlags, SockAddr, SockAddrBuf, address};
use crate::{Errno, Result};
use core::marker::PhantomData;
use core::ptr::null_mut;
use linux_raw_sys::net;

/// `struct mmsghdr`, which begins with a `struct msghdr`.
#[derive(Debug)]
#[repr(C)]
struct Header {
    name: *mut SockAddrBuf,
    name_len: u32,
    iov: *const u8,
    iov_len: usize,
    control: *mut u64,
    control_len: usize,
    flags: u32,
    padding: u32,
    transferred: u32,
    /// How much room for control data there is: `control_len` is overwritten. The kernel has
    /// padding here.
    control_room: u32,
}

same_layout!(Header = net msghdr {
    name msg_name
    name_len msg_namelen
    iov msg_iov
    iov_len msg_iovlen
    control msg_control
    control_len msg_controllen
    flags msg_flags
    ..
});
const _: () = assert!(size_of::<Header>() == size_of::<net::mmsghdr>());
const _: () = assert!(core::mem::offset_of!(Header, transferred) == size_of::<net::msghdr>());

impl Header {
    const fn new(iov: *const u8, iov_len: usize) -> Header {
        Header {
            name: null_mut(),
            name_len: 0,
            iov,
            iov_len,
            control: null_mut(),
            control_len: 0,
            flags: 0,
            padding: 0,
            transferred: 0,
            control_room: 0,
        }
    }
}

/// A message to send.
#[derive(Debug)]
#[repr(transparent)]
pub struct SendMsg<'a> {
    header: Header,
    borrows: PhantomData<&'a [u8]>,
}

impl<'a> SendMsg<'a> {
    /// A message with these bytes.
    pub fn new(buffers: &'a [IoSlice<'a>]) -> SendMsg<'a> {
        let header = Header::new(buffers.as_ptr().cast(), buffers.len());
        SendMsg { header, borrows: PhantomData }
    }

    /// For this address.
    #[must_use]
    pub fn to(mut self, addr: &'a SockAddrBuf) -> SendMsg<'a> {
        self.header.name = core::ptr::from_ref(addr).cast_mut();
        self.header.name_len = addr.len;
        self
    }

    /// With this control data.
    #[must_use]
    pub fn control<const WORDS: usize>(mut self, data: &'a SendControl<'a, WORDS>) -> SendMsg<'a> {
        self.header.control = data.words.as_ptr().cast_mut();
        self.header.control_len = data.len;
        self
    }

    /// How many bytes of it `sendmmsg` has sent.
    pub fn sent(&self) -> usize {
        self.header.transferred as usize
    }
}

/// A header and its padding: where the data of a control message begins.
const CONTROL_HEADER: usize = size_of::<net::cmsghdr>();

/// Control data to send, up to `WORDS` words of eight bytes: each message takes two and its data.
#[derive(Debug)]
pub struct SendControl<'fd, const WORDS: usize> {
    words: [u64; WORDS],
    len: usize,
    descriptors: PhantomData<BorrowedFd<'fd>>,
}

impl<'fd, const WORDS: usize> SendControl<'fd, WORDS> {
    /// None yet.
    pub const fn new() -> Self {
        SendControl { words: [0; WORDS], len: 0, descriptors: PhantomData }
    }

    /// Adds descriptors, of which the receiver gets duplicates (`SCM_RIGHTS`).
    ///
    /// # Errors
    ///
    /// `EINVAL` when there is no room for them.
    pub fn descriptors(&mut self, fds: &[BorrowedFd<'fd>]) -> Result<()> {
        let start = self.len / 8;
        let len = CONTROL_HEADER + size_of_val(fds);
        let room = self.words.get_mut(start..start + len.div_ceil(8)).ok_or(Errno::EINVAL)?;
        room[0] = len as u64;
        room[1] = u64::from(net::SOL_SOCKET) | u64::from(net::SCM_RIGHTS) << 32;
        for (pair, word) in fds.chunks(2).zip(&mut room[2..]) {
            let number = |index: usize| pair.get(index).map_or(0, |fd| fd.as_raw_fd() as u32);
            *word = u64::from(number(0)) | u64::from(number(1)) << 32;
        }
        self.len += len.next_multiple_of(8);
        Ok(())
    }
}

impl<const WORDS: usize> Default for SendControl<'_, WORDS> {
    fn default() -> Self {
        SendControl::new()
    }
}

/// Room for received control data: `WORDS` words of eight bytes. A message takes two words and its
/// data, four bytes a descriptor.
#[derive(Debug)]
pub struct RecvControl<const WORDS: usize>([u64; WORDS]);

impl<const WORDS: usize> RecvControl<WORDS> {
    /// Empty room.
    pub const fn new() -> Self {
        RecvControl([0; WORDS])
    }
}

impl<const WORDS: usize> Default for RecvControl<WORDS> {
    fn default() -> Self {
        RecvControl::new()
    }
}

/// Room for a message to receive. Descriptors that come with it and are not taken are closed when
/// it is dropped.
#[derive(Debug)]
#[repr(transparent)]
pub struct RecvMsg<'a> {
    header: Header,
    borrows: PhantomData<&'a mut [u8]>,
}

impl<'a> RecvMsg<'a> {
    /// Room for the message's bytes.
    pub fn new(buffers: &'a mut [IoSliceMut<'_>]) -> RecvMsg<'a> {
        let header = Header::new(buffers.as_ptr().cast(), buffers.len());
        RecvMsg { header, borrows: PhantomData }
    }

    /// And for the sender's address.
    #[must_use]
    pub fn from(mut self, addr: &'a mut SockAddrBuf) -> RecvMsg<'a> {
        self.header.name_len = addr.bytes.len() as u32;
        addr.len = 0;
        self.header.name = addr;
        self
    }

    /// And for control data, of which any that was there before is forgotten.
    #[must_use]
    pub fn control<const WORDS: usize>(mut self, room: &'a mut RecvControl<WORDS>) -> RecvMsg<'a> {
        room.0.fill(0);
        self.header.control = room.0.as_mut_ptr();
        self.header.control_len = size_of_val(&room.0);
        self.header.control_room = size_of_val(&room.0) as u32;
        self
    }

    /// Makes all of the room available again, for another message.
    pub fn clear(&mut self) {
        self.take_fds().for_each(drop);
        if !self.header.name.is_null() {
            self.header.name_len = size_of_val(&SockAddrBuf::new().bytes) as u32;
        }
        self.header.control_len = self.header.control_room as usize;
        self.control_words().fill(0);
        self.header.flags = 0;
    }

    /// The sender's address, if there was room for it and the sender has one.
    pub fn addr(&self) -> Option<SockAddr> {
        if self.header.name.is_null() {
            return None;
        }
        // SAFETY: the pointer is the `SockAddrBuf` that is borrowed for this message.
        let bytes = unsafe { &(*self.header.name).bytes };
        address::decode(bytes.get(..self.header.name_len as usize).unwrap_or(bytes))
    }

    /// What the kernel says about the message.
    pub fn flags(&self) -> RecvFlags {
        RecvFlags::from_bits_retain(self.header.flags)
    }

    /// How many bytes `recvmmsg` has received.
    pub fn received(&self) -> usize {
        self.header.transferred as usize
    }

    /// The descriptors that came with the message, each of them once.
    pub fn take_fds(&mut self) -> impl Iterator<Item = OwnedFd> + '_ {
        let bytes = self.control_bytes();
        let (mut next, mut fds) = (0, 0..0);
        core::iter::from_fn(move || {
            loop {
                if let Some(at) = fds.next() {
                    let number = bytes.get_mut(at * 4..)?.first_chunk_mut::<4>()?;
                    let fd = i32::from_ne_bytes(core::mem::replace(number, (-1i32).to_ne_bytes()));
                    if fd >= 0 {
                        // SAFETY: the kernel made it for this process, and only this buffer, which
                        // has just forgotten it, knew of it (see the module's invariant).
                        return Some(unsafe { OwnedFd::from_raw_fd(fd) });
                    }
                    continue;
                }
                let control = Control::at(bytes, next)?;
                if control.level == net::SOL_SOCKET as i32 && control.kind == net::SCM_RIGHTS as i32
                {
                    fds = (next + CONTROL_HEADER) / 4..(next + control.len) / 4;
                }
                next += control.len.next_multiple_of(8);
            }
        })
    }

    /// Every control message: level, type and data. Descriptors in them are numbers that are not
    /// the caller's; [`take_fds`](RecvMsg::take_fds) gives those.
    pub fn controls(&mut self) -> impl Iterator<Item = (i32, i32, &[u8])> + '_ {
        let bytes = &*self.control_bytes();
        let mut next = 0;
        core::iter::from_fn(move || {
            let control = Control::at(bytes, next)?;
            let data = bytes.get(next + CONTROL_HEADER..next + control.len)?;
            next += control.len.next_multiple_of(8);
            Some((control.level, control.kind, data))
        })
    }

    /// All of the room for control data.
    fn control_words(&mut self) -> &mut [u64] {
        if self.header.control.is_null() {
            return &mut [];
        }
        // SAFETY: the pointer and `control_room` are those of the `RecvControl` that is borrowed
        // for this message.
        unsafe {
            core::slice::from_raw_parts_mut(
                self.header.control,
                self.header.control_room as usize / 8,
            )
        }
    }

    /// The part of it that the kernel has written.
    fn control_bytes(&mut self) -> &mut [u8] {
        let len = self.header.control_len.min(self.header.control_room as usize);
        let words = self.control_words();
        // SAFETY: `len` is at most the length of the room, and bytes need no alignment.
        unsafe { core::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), len) }
    }
}

impl Drop for RecvMsg<'_> {
    fn drop(&mut self) {
        self.take_fds().for_each(drop);
    }
}

/// The header of a control message.
struct Control {
    len: usize,
    level: i32,
    kind: i32,
}

impl Control {
    /// The message at `offset`, if there is a whole one.
    fn at(bytes: &[u8], offset: usize) -> Option<Control> {
        let rest = bytes.get(offset..)?;
        let (len, header) = rest.split_first_chunk::<8>()?;
        let (level, header) = header.split_first_chunk::<4>()?;
        let len = usize::from_ne_bytes(*len);
        (CONTROL_HEADER..=rest.len()).contains(&len).then_some(())?;
        Some(Control {
            len,
            level: i32::from_ne_bytes(*level),
            kind: i32::from_ne_bytes(*header.first_chunk()?),
        })
    }
}
