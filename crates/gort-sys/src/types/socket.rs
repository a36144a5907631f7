//! Kinds of sockets, and how to send, receive and shut down.

use core::ops::BitOr;
use linux_raw_sys::general;

numbers! {
    /// A family of protocols and addresses.
    Domain: i32, net {
        UNSPEC AF_UNSPEC
        UNIX AF_UNIX
        INET AF_INET
        INET6 AF_INET6
        NETLINK AF_NETLINK
        PACKET AF_PACKET
        ALG AF_ALG
        VSOCK AF_VSOCK
        XDP AF_XDP
    }
}

numbers! {
    /// What a socket carries; `SockType::STREAM | SockFlags::CLOEXEC` makes it so from the start.
    SockType: i32, net {
        STREAM SOCK_STREAM
        DGRAM SOCK_DGRAM
        RAW SOCK_RAW
        RDM SOCK_RDM
        SEQPACKET SOCK_SEQPACKET
    }
}

bitflags::bitflags! {
    /// What a new socket's descriptor is like.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
    #[repr(transparent)]
    pub struct SockFlags: i32 {
        /// `SOCK_CLOEXEC`, which is the number of `O_CLOEXEC`.
        const CLOEXEC = general::O_CLOEXEC as i32;
        /// `SOCK_NONBLOCK`, which is the number of `O_NONBLOCK`.
        const NONBLOCK = general::O_NONBLOCK as i32;
        const _ = !0;
    }
}

impl crate::arg::Arg for SockFlags {
    const REGISTERS: usize = 1;

    #[inline(always)]
    fn with(self, regs: crate::Regs, call: impl FnOnce(crate::Regs) -> usize) -> usize {
        self.bits().with(regs, call)
    }
}

impl BitOr<SockFlags> for SockType {
    type Output = SockType;

    fn bitor(self, flags: SockFlags) -> SockType {
        SockType(self.0 | flags.bits())
    }
}

numbers! {
    /// A protocol of a family.
    Protocol: i32, net {
        /// The family's usual one for the type of socket; for raw internet sockets, any.
        DEFAULT IPPROTO_IP
        ICMP IPPROTO_ICMP
        TCP IPPROTO_TCP
        UDP IPPROTO_UDP
        ICMPV6 IPPROTO_ICMPV6
        RAW IPPROTO_RAW
    }
}

numbers! {
    /// Which direction of a connection to end.
    Shutdown: i32, net {
        READ SHUT_RD
        WRITE SHUT_WR
        BOTH SHUT_RDWR
    }
}

flags! {
    /// How to send.
    SendFlags: u32, net {
        OOB MSG_OOB
        DONTROUTE MSG_DONTROUTE
        /// `EAGAIN` rather than waiting.
        DONTWAIT MSG_DONTWAIT
        EOR MSG_EOR
        CONFIRM MSG_CONFIRM
        /// `EPIPE` without the signal.
        NOSIGNAL MSG_NOSIGNAL
        MORE MSG_MORE
    }
}

flags! {
    /// How to receive, and what a received message says about itself.
    RecvFlags: u32, net {
        OOB MSG_OOB
        /// Leave what is received to be received again.
        PEEK MSG_PEEK
        /// Asked for: return the datagram's whole length, even if it is more than the buffer's.
        /// Reported: the datagram was longer than the buffer.
        TRUNC MSG_TRUNC
        /// Reported: there was more control data than room for it.
        CTRUNC MSG_CTRUNC
        /// `EAGAIN` rather than waiting.
        DONTWAIT MSG_DONTWAIT
        EOR MSG_EOR
        /// Wait until the buffer is full.
        WAITALL MSG_WAITALL
        ERRQUEUE MSG_ERRQUEUE
        /// Received descriptors are closed by execve.
        CMSG_CLOEXEC MSG_CMSG_CLOEXEC
    }
}

impl RecvFlags {
    /// `MSG_WAITFORONE`, for `recvmmsg`: do not wait after the first message. The kernel's headers
    /// for programs leave it out, though it is part of the interface (recvmmsg(2)).
    pub const WAITFORONE: RecvFlags = RecvFlags::from_bits_retain(0x1_0000);
}
