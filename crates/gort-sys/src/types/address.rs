//! Socket addresses.
//!
//! A [`SockAddr`] goes into a call by value; a [`SockAddrBuf`] is room for one that comes out.

use crate::arg::Arg;
use crate::{Errno, Regs, Result};
use core::fmt;
use core::net::{Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use linux_raw_sys::net;

const UNIX: u16 = net::AF_UNIX as u16;
const INET: u16 = net::AF_INET as u16;
const INET6: u16 = net::AF_INET6 as u16;

/// The longest address of any family: the length of `struct sockaddr_storage`.
const ROOM: usize = net::_K_SS_MAXSIZE as usize;

/// The bytes in a Unix socket's path or name.
const UNIX_ROOM: usize = net::UNIX_PATH_MAX as usize;

/// The address of a Unix socket: a path, an abstract name, or none.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct UnixAddr {
    /// As in `sun_path`: an abstract name begins with its NUL, a path has none.
    bytes: [u8; UNIX_ROOM],
    len: u8,
}

impl UnixAddr {
    /// No address: binding to it makes the kernel choose an abstract name.
    pub const UNNAMED: UnixAddr = UnixAddr { bytes: [0; UNIX_ROOM], len: 0 };

    /// A path in the file system, of up to 108 bytes.
    ///
    /// # Errors
    ///
    /// `EINVAL` when it is empty, longer, or has a NUL inside.
    pub fn path(path: impl AsRef<[u8]>) -> Result<UnixAddr> {
        let path = path.as_ref();
        if path.is_empty() || path.contains(&0) {
            return Err(Errno::EINVAL);
        }
        UnixAddr::from_bytes(path)
    }

    /// A name that is not in the file system, of up to 107 bytes, any of which may be NUL.
    ///
    /// # Errors
    ///
    /// `EINVAL` when it is longer.
    pub fn abstract_name(name: impl AsRef<[u8]>) -> Result<UnixAddr> {
        let name = name.as_ref();
        let mut bytes = [0; UNIX_ROOM];
        let room = bytes.get_mut(1..=name.len()).ok_or(Errno::EINVAL)?;
        room.copy_from_slice(name);
        UnixAddr::from_bytes(&bytes[..=name.len()])
    }

    fn from_bytes(from: &[u8]) -> Result<UnixAddr> {
        let mut addr = UnixAddr::UNNAMED;
        addr.bytes.get_mut(..from.len()).ok_or(Errno::EINVAL)?.copy_from_slice(from);
        addr.len = from.len() as u8;
        Ok(addr)
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// The path, if the address is one.
    pub fn as_path(&self) -> Option<&[u8]> {
        match self.bytes() {
            [] | [0, ..] => None,
            path => Some(path),
        }
    }

    /// The abstract name, if the address is one.
    pub fn as_abstract_name(&self) -> Option<&[u8]> {
        match self.bytes() {
            [0, name @ ..] => Some(name),
            _ => None,
        }
    }
}

impl fmt::Debug for UnixAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UnixAddr(\"{}\")", self.bytes().escape_ascii())
    }
}

/// A socket's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SockAddr {
    /// IPv4 address and port.
    V4(SocketAddrV4),
    /// IPv6 address and port.
    V6(SocketAddrV6),
    /// A Unix socket's.
    Unix(UnixAddr),
    /// One of another family, in the kernel's bytes.
    Other(OtherAddr),
}

impl SockAddr {
    /// The address of no family: `connect` to it ends a datagram socket's association.
    pub const UNSPEC: SockAddr = SockAddr::Other(OtherAddr { bytes: [0; ROOM], len: 2 });
}

/// An address of a family that has no type here: `struct sockaddr` as bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct OtherAddr {
    bytes: [u8; ROOM],
    len: u8,
}

impl OtherAddr {
    /// From the bytes of a `struct sockaddr_*`, its family first.
    ///
    /// # Errors
    ///
    /// `EINVAL` when there are more than 128.
    pub fn new(from: &[u8]) -> Result<OtherAddr> {
        let mut addr = OtherAddr { bytes: [0; ROOM], len: 0 };
        addr.bytes.get_mut(..from.len()).ok_or(Errno::EINVAL)?.copy_from_slice(from);
        addr.len = from.len() as u8;
        Ok(addr)
    }

    /// The bytes, the family first.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl fmt::Debug for OtherAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OtherAddr").field(&self.as_bytes()).finish()
    }
}

impl From<SocketAddrV4> for SockAddr {
    fn from(addr: SocketAddrV4) -> SockAddr {
        SockAddr::V4(addr)
    }
}

impl From<SocketAddrV6> for SockAddr {
    fn from(addr: SocketAddrV6) -> SockAddr {
        SockAddr::V6(addr)
    }
}

impl From<SocketAddr> for SockAddr {
    fn from(addr: SocketAddr) -> SockAddr {
        match addr {
            SocketAddr::V4(addr) => SockAddr::V4(addr),
            SocketAddr::V6(addr) => SockAddr::V6(addr),
        }
    }
}

impl From<UnixAddr> for SockAddr {
    fn from(addr: UnixAddr) -> SockAddr {
        SockAddr::Unix(addr)
    }
}

/// What can be passed where a call takes an address: anything that becomes a [`SockAddr`].
///
/// The two registers of it are the address's place and its length.
#[derive(Debug)]
pub struct AddrIn<A>(pub A);

impl<A: Into<SockAddr>> Arg for AddrIn<A> {
    const REGISTERS: usize = 2;

    #[inline]
    fn with(self, regs: Regs, call: impl FnOnce(Regs) -> usize) -> usize {
        let buf = SockAddrBuf::from(self.0.into());
        (&buf.bytes).with(regs, |regs| call(regs.push(buf.len as usize)))
    }
}

/// Room for an address of any family, and its length.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub struct SockAddrBuf {
    pub(super) bytes: [u8; ROOM],
    pub(super) len: u32,
}

impl SockAddrBuf {
    /// Room with no address in it.
    pub const fn new() -> SockAddrBuf {
        SockAddrBuf { bytes: [0; ROOM], len: 0 }
    }

    /// The address that the last call left here: none if it failed or there was none to tell, as
    /// when receiving from a connected stream. (`recvmsg` tells it by
    /// [`RecvMsg::addr`](crate::types::RecvMsg::addr) instead.)
    pub fn addr(&self) -> Option<SockAddr> {
        decode(self.bytes.get(..self.len as usize).unwrap_or(&self.bytes))
    }
}

impl Default for SockAddrBuf {
    fn default() -> SockAddrBuf {
        SockAddrBuf::new()
    }
}

impl fmt::Debug for SockAddrBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SockAddrBuf").field(&self.addr()).finish()
    }
}

impl From<SockAddr> for SockAddrBuf {
    fn from(addr: SockAddr) -> SockAddrBuf {
        let mut buf = SockAddrBuf::new();
        let mut put = |bytes: &[u8]| {
            let at = buf.len as usize;
            buf.bytes[at..at + bytes.len()].copy_from_slice(bytes);
            buf.len += bytes.len() as u32;
        };
        match addr {
            SockAddr::V4(addr) => {
                put(&INET.to_ne_bytes());
                put(&addr.port().to_be_bytes());
                put(&addr.ip().octets());
                put(&[0; 8]);
            }
            SockAddr::V6(addr) => {
                put(&INET6.to_ne_bytes());
                put(&addr.port().to_be_bytes());
                // As std has it: in network order already.
                put(&addr.flowinfo().to_ne_bytes());
                put(&addr.ip().octets());
                put(&addr.scope_id().to_ne_bytes());
            }
            SockAddr::Unix(addr) => {
                put(&UNIX.to_ne_bytes());
                put(addr.bytes());
                if addr.as_path().is_some() && addr.bytes().len() < UNIX_ROOM {
                    put(&[0]);
                }
            }
            SockAddr::Other(addr) => put(addr.as_bytes()),
        }
        buf
    }
}

/// Reads what the kernel wrote.
pub(super) fn decode(bytes: &[u8]) -> Option<SockAddr> {
    let (family, rest) = bytes.split_first_chunk::<2>()?;
    let addr = match (u16::from_ne_bytes(*family), rest) {
        (INET, &[p0, p1, a, b, c, d, ..]) => {
            SocketAddrV4::new([a, b, c, d].into(), u16::from_be_bytes([p0, p1])).into()
        }
        (INET6, rest) if rest.len() >= 26 => {
            let word = |at: usize| rest.get(at..)?.first_chunk().copied().map(u32::from_ne_bytes);
            let ip = Ipv6Addr::from(*rest.get(6..)?.first_chunk::<16>()?);
            let port = u16::from_be_bytes(*rest.first_chunk()?);
            SocketAddrV6::new(ip, port, word(2)?, word(22)?).into()
        }
        // The length counts a path's NUL, and more than one if the path was bound with more.
        (UNIX, [0, ..]) => UnixAddr::from_bytes(rest).ok()?.into(),
        (UNIX, path) => {
            let end = path.iter().position(|&byte| byte == 0).unwrap_or(path.len());
            UnixAddr::from_bytes(&path[..end]).ok()?.into()
        }
        _ => SockAddr::Other(OtherAddr::new(bytes).ok()?),
    };
    Some(addr)
}

/// Where an address goes, and where its length does, which says before the call how much room
/// there is. The room is the largest that any address needs, so none is cut off.
#[derive(Debug)]
pub struct AddrOut<A>(pub A);

impl Arg for AddrOut<&mut SockAddrBuf> {
    const REGISTERS: usize = 2;

    #[inline(always)]
    fn with(self, regs: Regs, call: impl FnOnce(Regs) -> usize) -> usize {
        let SockAddrBuf { bytes, len } = self.0;
        *len = ROOM as u32;
        let answer = bytes.with(regs, |regs| (&mut *len).with(regs, call));
        if Errno::from_ret(answer).is_err() {
            *len = 0;
        }
        answer
    }
}

/// `None` for a caller that does not want to know.
impl Arg for AddrOut<Option<&mut SockAddrBuf>> {
    const REGISTERS: usize = 2;

    #[inline(always)]
    fn with(self, regs: Regs, call: impl FnOnce(Regs) -> usize) -> usize {
        match self.0 {
            Some(buf) => AddrOut(buf).with(regs, call),
            None => call(regs.push(0).push(0)),
        }
    }
}
