//! Messages: several buffers, addresses, and descriptors that travel with them.

mod scratch;
mod support;

use gort_sys::fd::{AsFd, AsRawFd, OwnedFd};
use gort_sys::types::*;
use gort_sys::{Errno, raw};
use scratch::Scratch;
use std::io::{Read, Seek, Write};
use std::net::{Ipv4Addr, SocketAddrV4};
use support::{closed, watchdog};

fn pair(kind: SockType) -> [OwnedFd; 2] {
    raw::socketpair(Domain::UNIX, kind | SockFlags::CLOEXEC, Protocol::DEFAULT).unwrap()
}

fn udp() -> (OwnedFd, SockAddr) {
    let fd = raw::socket(Domain::INET, SockType::DGRAM, Protocol::UDP).unwrap();
    raw::bind(&fd, SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).unwrap();
    let addr = raw::local_addr(&fd).unwrap();
    (fd, addr)
}

/// How many of this process's descriptors stand for this very file.
fn open_count(file: &impl AsRawFd) -> usize {
    let link = |name: &std::path::Path| std::fs::read_link(name).ok();
    let wanted = link(format!("/proc/self/fd/{}", file.as_raw_fd()).as_ref()).unwrap();
    let all = std::fs::read_dir("/proc/self/fd").unwrap();
    all.filter(|entry| link(&entry.as_ref().unwrap().path()).as_ref() == Some(&wanted)).count()
}

/// A file without a name.
fn temporary() -> std::fs::File {
    Scratch::new().file("a", b"").into()
}

#[test]
fn buffers_are_gathered_and_scattered() {
    watchdog();
    let ((a, a_addr), (b, b_addr)) = (udp(), udp());
    let (to, parts) =
        (b_addr.into(), [IoSlice::new(b"one"), IoSlice::new(b""), IoSlice::new(b"two")]);
    assert_eq!(raw::sendmsg(&a, &SendMsg::new(&parts).to(&to), SendFlags::empty()), Ok(6));

    let (mut x, mut y, mut from) = ([0; 2], [0; 2], SockAddrBuf::new());
    let mut parts = [IoSliceMut::new(&mut x), IoSliceMut::new(&mut y)];
    let mut message = RecvMsg::new(&mut parts).from(&mut from);
    assert_eq!(raw::recvmsg(&b, &mut message, RecvFlags::empty()), Ok(4));
    assert_eq!(message.addr(), Some(a_addr));
    assert!(message.flags().contains(RecvFlags::TRUNC));
    message.clear();
    assert_eq!(raw::recvmsg(&b, &mut message, RecvFlags::DONTWAIT), Err(Errno::EAGAIN));
    drop(message);
    assert_eq!((&x, &y), (b"on", b"et"));
}

#[test]
fn a_message_is_received_into_again() {
    watchdog();
    let ((a, a_addr), (b, b_addr)) = (udp(), udp());
    let (c, c_addr) = udp();
    let mut bytes = [0; 8];
    let (mut parts, mut from) = ([IoSliceMut::new(&mut bytes)], SockAddrBuf::new());
    let mut message = RecvMsg::new(&mut parts).from(&mut from);
    for (sender, addr) in [(&a, a_addr), (&c, c_addr)] {
        raw::sendto(sender, b"abc", SendFlags::empty(), b_addr).unwrap();
        message.clear();
        assert_eq!(raw::recvmsg(&b, &mut message, RecvFlags::empty()), Ok(3));
        assert_eq!((message.addr(), message.flags()), (Some(addr), RecvFlags::empty()));
    }
}

#[test]
fn many_messages_at_once() {
    watchdog();
    let ((a, a_addr), (b, b_addr)) = (udp(), udp());
    let to = b_addr.into();
    let parts = [[IoSlice::new(b"1")], [IoSlice::new(b"22")], [IoSlice::new(b"333")]];
    let mut messages = parts.each_ref().map(|parts| SendMsg::new(parts).to(&to));
    assert_eq!(raw::sendmmsg(&a, &mut messages, SendFlags::empty()), Ok(3));
    assert_eq!(messages.map(|message| message.sent()), [1, 2, 3]);

    let (mut x, mut y, mut z, mut spare) = ([0; 4], [0; 4], [0; 4], [0; 4]);
    let mut parts = [&mut x, &mut y, &mut z, &mut spare].map(|bytes| [IoSliceMut::new(bytes)]);
    let mut from = [SockAddrBuf::new(); 4];
    let mut messages: Vec<RecvMsg<'_>> = std::iter::zip(&mut parts, &mut from)
        .map(|(parts, from)| RecvMsg::new(parts).from(from))
        .collect();
    assert_eq!(raw::recvmmsg(&b, &mut messages, RecvFlags::WAITFORONE, None), Ok(3));
    for (message, expected) in messages.iter().zip([1, 2, 3]) {
        assert_eq!((message.received(), message.addr()), (expected, Some(a_addr)));
    }
    messages.iter_mut().for_each(RecvMsg::clear);
    let mut timeout = Timespec { sec: 0, nsec: -1 };
    let bad = raw::recvmmsg(&b, &mut messages, RecvFlags::empty(), Some(&mut timeout));
    assert_eq!(bad, Err(Errno::EINVAL));
    assert_eq!(raw::recvmmsg(closed(), &mut messages, RecvFlags::empty(), None), Err(Errno::EBADF));
    assert_eq!(raw::sendmmsg(closed(), &mut [], SendFlags::empty()), Err(Errno::EBADF));
}

#[test]
fn descriptors_travel() {
    watchdog();
    let [a, b] = pair(SockType::STREAM);
    let (file, [left, right]) = (temporary(), pair(SockType::STREAM));
    let mut control = SendControl::<4>::new();
    control.descriptors(&[file.as_fd(), left.as_fd(), a.as_fd()]).unwrap();
    let parts = [IoSlice::new(b"three")];
    let message = SendMsg::new(&parts).control(&control);
    assert_eq!(raw::sendmsg(&a, &message, SendFlags::empty()), Ok(5));

    let (mut bytes, mut room) = ([0; 8], RecvControl::<4>::new());
    let mut parts = [IoSliceMut::new(&mut bytes)];
    let mut message = RecvMsg::new(&mut parts).control(&mut room);
    assert_eq!(raw::recvmsg(&b, &mut message, RecvFlags::CMSG_CLOEXEC), Ok(5));
    assert_eq!(message.flags() & RecvFlags::CTRUNC, RecvFlags::empty());
    let (level, kind, len) = {
        let (level, kind, data) = message.controls().next().unwrap();
        (level, kind, data.len())
    };
    assert_eq!((level, kind, len), (libc::SOL_SOCKET, libc::SCM_RIGHTS, 12));
    let fds: Vec<OwnedFd> = message.take_fds().collect();
    assert_eq!(message.take_fds().count(), 0, "each descriptor is given once");
    drop(message);
    let [mut got, left_again, _]: [std::fs::File; 3] =
        fds.into_iter().map(std::fs::File::from).collect::<Vec<_>>().try_into().unwrap();
    got.write_all(b"through the copy").unwrap();
    let (mut text, mut file) = (String::new(), file);
    file.rewind().unwrap();
    file.read_to_string(&mut text).unwrap();
    assert_eq!(text, "through the copy");
    raw::send(&right, b"!", SendFlags::empty()).unwrap();
    assert_eq!(raw::recv(&left_again, &mut [0], RecvFlags::empty()), Ok(1));
}

#[test]
fn descriptors_that_nobody_takes_are_closed() {
    watchdog();
    let [a, b] = pair(SockType::SEQPACKET);
    let file = temporary();
    assert_eq!(open_count(&file), 1);
    let mut control = SendControl::<3>::new();
    control.descriptors(&[file.as_fd(), file.as_fd()]).unwrap();
    let send = || {
        let parts = [IoSlice::new(b"x")];
        raw::sendmsg(&a, &SendMsg::new(&parts).control(&control), SendFlags::empty()).unwrap();
    };
    let (mut bytes, mut room) = ([0; 1], RecvControl::<8>::new());
    let mut parts = [IoSliceMut::new(&mut bytes)];
    let mut message = RecvMsg::new(&mut parts).control(&mut room);

    send();
    raw::recvmsg(&b, &mut message, RecvFlags::empty()).unwrap();
    assert_eq!(open_count(&file), 3);
    let first = message.take_fds().next().unwrap();
    assert_eq!(open_count(&file), 3, "one taken, one left");
    message.clear();
    assert_eq!(open_count(&file), 2, "the one that was left is closed");

    // A failure leaves nothing that could be taken for a descriptor.
    assert_eq!(raw::recvmsg(&b, &mut message, RecvFlags::DONTWAIT), Err(Errno::EAGAIN));
    assert_eq!(message.take_fds().count(), 0);

    // One without control data makes the kernel set the length to zero; the room comes back.
    raw::send(&a, b"plain", SendFlags::empty()).unwrap();
    message.clear();
    raw::recvmsg(&b, &mut message, RecvFlags::empty()).unwrap();
    assert_eq!(message.take_fds().count(), 0);
    send();
    message.clear();
    raw::recvmsg(&b, &mut message, RecvFlags::empty()).unwrap();
    assert_eq!(open_count(&file), 4);
    drop((message, first));
    assert_eq!(open_count(&file), 1, "dropping the message closes the rest");
}

#[test]
fn too_little_room_for_descriptors() {
    watchdog();
    let [a, b] = pair(SockType::STREAM);
    let file = temporary();
    let three = [file.as_fd(), file.as_fd(), file.as_fd()];
    assert_eq!(SendControl::<3>::new().descriptors(&three), Err(Errno::EINVAL));
    let mut control = SendControl::<7>::new();
    control.descriptors(&three).unwrap();
    control.descriptors(&three[..2]).unwrap();
    assert_eq!(control.descriptors(&[]), Err(Errno::EINVAL));
    let parts = [IoSlice::new(b"x")];
    raw::sendmsg(&a, &SendMsg::new(&parts).control(&control), SendFlags::empty()).unwrap();

    let (mut bytes, mut room) = ([0; 1], RecvControl::<3>::new());
    let mut parts = [IoSliceMut::new(&mut bytes)];
    let mut message = RecvMsg::new(&mut parts).control(&mut room);
    raw::recvmsg(&b, &mut message, RecvFlags::empty()).unwrap();
    assert!(message.flags().contains(RecvFlags::CTRUNC));
    assert_eq!(message.take_fds().count(), 2);
    drop(message);
    assert_eq!(open_count(&file), 1);
    // A descriptor that is not open cannot travel.
    let mut control = SendControl::<3>::new();
    control.descriptors(&[closed()]).unwrap();
    let message = SendMsg::new(&[]).control(&control);
    assert_eq!(raw::sendmsg(&a, &message, SendFlags::empty()), Err(Errno::EBADF));
}
