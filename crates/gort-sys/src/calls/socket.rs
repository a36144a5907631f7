//! Sockets.
//!
//! Nearly everything here takes the socket's lock in the kernel, and sleeps while another thread's
//! call holds it; making a socket may load the protocol's module. So all of it is `sys`, however
//! quickly it is usually done.
//!
//! Addresses go in as anything that becomes a [`SockAddr`](crate::types::SockAddr) and come out in a
//! [`SockAddrBuf`](crate::types::SockAddrBuf), which has room for the longest.

/// The list; see `calls/mod.rs`.
#[doc(hidden)]
#[macro_export]
macro_rules! __calls_socket {
    ($mode:tt) => {
        $crate::__sys! { $mode
            /// Makes a socket. The type may carry flags: `SockType::STREAM | SockFlags::CLOEXEC`.
            /// [socket(2)]
            ///
            /// [socket(2)]: https://man7.org/linux/man-pages/man2/socket.2.html
            sys socket(domain: Domain, kind: SockType, protocol: Protocol) -> Result<OwnedFd>;

            /// Makes two sockets that are connected to each other. [socketpair(2)]
            ///
            /// [socketpair(2)]: https://man7.org/linux/man-pages/man2/socketpair.2.html
            sys socketpair(domain: Domain, kind: SockType, protocol: Protocol, ends: out [OwnedFd; 2]) -> Result<[OwnedFd; 2]>;

            /// Gives a socket its address. [bind(2)]
            ///
            /// [bind(2)]: https://man7.org/linux/man-pages/man2/bind.2.html
            sys bind(fd: impl AsFd, addr: impl Into<SockAddr> as AddrIn) -> Result<()>;

            /// Makes a socket take connections, up to `backlog` of them before they are accepted.
            /// [listen(2)]
            ///
            /// [listen(2)]: https://man7.org/linux/man-pages/man2/listen.2.html
            sys listen(fd: impl AsFd, backlog: i32) -> Result<()>;

            /// Takes the next connection; the peer's address goes to `peer`. [accept4(2)]
            ///
            /// [accept4(2)]: https://man7.org/linux/man-pages/man2/accept4.2.html
            sys accept4(fd: impl AsFd, peer: Option<&mut SockAddrBuf> as AddrOut, flags: SockFlags) -> Result<OwnedFd>;

            /// [`accept4`] without flags. [accept(2)]
            ///
            /// [accept(2)]: https://man7.org/linux/man-pages/man2/accept.2.html
            sys accept(fd: impl AsFd, peer: Option<&mut SockAddrBuf> as AddrOut, const SockFlags::empty()) -> Result<OwnedFd> = $crate::nr::ACCEPT4;

            /// Connects a socket, or sets whom a datagram socket sends to. After `EINTR` the
            /// connection is still being made: a second call gives `EALREADY`, and the socket
            /// becomes writable when it is done. [connect(2)]
            ///
            /// [connect(2)]: https://man7.org/linux/man-pages/man2/connect.2.html
            sys connect(fd: impl AsFd, addr: impl Into<SockAddr> as AddrIn) -> Result<()>;

            /// Ends one or both directions of a connection. [shutdown(2)]
            ///
            /// [shutdown(2)]: https://man7.org/linux/man-pages/man2/shutdown.2.html
            sys shutdown(fd: impl AsFd, how: Shutdown) -> Result<()>;

            /// The socket's own address goes to `addr`. [getsockname(2)]
            ///
            /// [getsockname(2)]: https://man7.org/linux/man-pages/man2/getsockname.2.html
            sys getsockname(fd: impl AsFd, addr: &mut SockAddrBuf as AddrOut) -> Result<()>;

            /// The peer's address goes to `addr`. [getpeername(2)]
            ///
            /// [getpeername(2)]: https://man7.org/linux/man-pages/man2/getpeername.2.html
            sys getpeername(fd: impl AsFd, addr: &mut SockAddrBuf as AddrOut) -> Result<()>;

            /// The socket's own address, as [`getsockname`] gives it. A family without addresses
            /// gives `EINVAL`. [getsockname(2)]
            ///
            /// [getsockname(2)]: https://man7.org/linux/man-pages/man2/getsockname.2.html
            wrapped local_addr(fd: impl AsFd) -> Result<SockAddr> {
                let mut buf = SockAddrBuf::new();
                getsockname::<E>(fd, &mut buf)?;
                buf.addr().ok_or($crate::Errno::EINVAL)
            }

            /// The peer's address, as [`getpeername`] gives it. A family without addresses gives
            /// `EINVAL`. [getpeername(2)]
            ///
            /// [getpeername(2)]: https://man7.org/linux/man-pages/man2/getpeername.2.html
            wrapped peer_addr(fd: impl AsFd) -> Result<SockAddr> {
                let mut buf = SockAddrBuf::new();
                getpeername::<E>(fd, &mut buf)?;
                buf.addr().ok_or($crate::Errno::EINVAL)
            }

            /// Sends to `addr`; may send less on a stream. [sendto(2)]
            ///
            /// [sendto(2)]: https://man7.org/linux/man-pages/man2/sendto.2.html
            sys sendto(fd: impl AsFd, buf: &[u8], flags: SendFlags, addr: impl Into<SockAddr> as AddrIn) -> Result<usize>;

            /// Sends to the peer; may send less on a stream. [send(2)]
            ///
            /// [send(2)]: https://man7.org/linux/man-pages/man2/send.2.html
            sys send(fd: impl AsFd, buf: &[u8], flags: SendFlags, const 0, const 0) -> Result<usize> = $crate::nr::SENDTO;

            /// Receives; the sender's address goes to `from`, where a connected stream leaves none.
            /// With [`RecvFlags::TRUNC`] the result can be more than the buffer's length.
            /// [recvfrom(2)]
            ///
            /// [recvfrom(2)]: https://man7.org/linux/man-pages/man2/recvfrom.2.html
            sys recvfrom(fd: impl AsFd, buf: &mut [u8], flags: RecvFlags, from: Option<&mut SockAddrBuf> as AddrOut) -> Result<usize>;

            /// Receives from the peer. With [`RecvFlags::TRUNC`] the result can be more than the
            /// buffer's length. [recv(2)]
            ///
            /// [recv(2)]: https://man7.org/linux/man-pages/man2/recv.2.html
            sys recv(fd: impl AsFd, buf: &mut [u8], flags: RecvFlags, const 0, const 0) -> Result<usize> = $crate::nr::RECVFROM;

            /// Sends a message of several buffers, with address and control data. [sendmsg(2)]
            ///
            /// [sendmsg(2)]: https://man7.org/linux/man-pages/man2/sendmsg.2.html
            sys sendmsg(fd: impl AsFd, message: &SendMsg<'_>, flags: SendFlags) -> Result<usize>;

            /// Receives a message into several buffers, with address and control data. A message
            /// that was received into before needs [`RecvMsg::clear`] first. [recvmsg(2)]
            ///
            /// [recvmsg(2)]: https://man7.org/linux/man-pages/man2/recvmsg.2.html
            sys recvmsg(fd: impl AsFd, message: &mut RecvMsg<'_>, flags: RecvFlags) -> Result<usize>;

            /// Sends several messages, and returns how many; the kernel takes at most 1024 at a
            /// time. [sendmmsg(2)]
            ///
            /// [sendmmsg(2)]: https://man7.org/linux/man-pages/man2/sendmmsg.2.html
            sys sendmmsg(fd: impl AsFd, messages: &mut [SendMsg<'_>], flags: SendFlags) -> Result<usize>;

            /// Receives several messages, and returns how many. The kernel looks at the timeout
            /// only when a message arrives, and leaves there what is left of it. [recvmmsg(2)]
            ///
            /// [recvmmsg(2)]: https://man7.org/linux/man-pages/man2/recvmmsg.2.html
            sys recvmmsg(fd: impl AsFd, messages: &mut [RecvMsg<'_>], flags: RecvFlags, timeout: Option<&mut Timespec>) -> Result<usize>;

            /// Sets any option from the bytes of its value. [setsockopt(2)]
            ///
            /// # Safety
            ///
            /// Some options' values hold addresses of memory that the kernel goes on to use; the
            /// caller knows what this option's does.
            ///
            /// [setsockopt(2)]: https://man7.org/linux/man-pages/man2/setsockopt.2.html
            unsafe sys setsockopt(fd: impl AsFd, level: i32, option: i32, value: &[u8] as IntLen) -> Result<()>;

            /// Gets any option: `len` bytes at most go to `value`, and `len` becomes how many did.
            /// [getsockopt(2)]
            ///
            /// # Safety
            ///
            /// `value` is valid for writing `len` bytes. Some options' values hold addresses of
            /// memory that the kernel goes on to use; the caller knows what this option's does.
            ///
            /// [getsockopt(2)]: https://man7.org/linux/man-pages/man2/getsockopt.2.html
            unsafe sys getsockopt(fd: impl AsFd, level: i32, option: i32, value: *mut u8, len: &mut u32) -> Result<()>;

            /// Turns an option on or off. [setsockopt(2)]
            ///
            /// [setsockopt(2)]: https://man7.org/linux/man-pages/man2/setsockopt.2.html
            sys set_socket_flag(fd: impl AsFd, option: FlagOption, on: bool as OptionValue) -> Result<()> = $crate::nr::SETSOCKOPT;

            /// Whether an option is on. [getsockopt(2)]
            ///
            /// [getsockopt(2)]: https://man7.org/linux/man-pages/man2/getsockopt.2.html
            wrapped socket_flag(fd: impl AsFd, option: FlagOption) -> Result<bool> {
                socket_int::<E>(fd, IntOption::from(option)).map(|value| value != 0)
            }

            /// Sets an option that is a number. [setsockopt(2)]
            ///
            /// [setsockopt(2)]: https://man7.org/linux/man-pages/man2/setsockopt.2.html
            sys set_socket_int(fd: impl AsFd, option: IntOption, value: i32 as OptionValue) -> Result<()> = $crate::nr::SETSOCKOPT;

            /// Gets an option that is a number. [getsockopt(2)]
            ///
            /// [getsockopt(2)]: https://man7.org/linux/man-pages/man2/getsockopt.2.html
            sys socket_int(fd: impl AsFd, option: IntOption, value: out i32 = 0, const &mut 4u32) -> Result<i32> = $crate::nr::GETSOCKOPT;

            /// After how long a call on this socket gives up with `EAGAIN`: `None` is never, and no
            /// time at all gives `EINVAL`. The kernel rounds it up to its clock's ticks.
            /// [socket(7)]
            ///
            /// [socket(7)]: https://man7.org/linux/man-pages/man7/socket.7.html
            sys set_socket_timeout(fd: impl AsFd, option: TimeOption, time: Option<core::time::Duration> as OptionValue) -> Result<()> = $crate::nr::SETSOCKOPT;

            /// After how long a call on this socket gives up, in the kernel's form: zero is never.
            /// [socket(7)]
            ///
            /// [socket(7)]: https://man7.org/linux/man-pages/man7/socket.7.html
            sys socket_timeout(fd: impl AsFd, option: TimeOption, time: out Timeval = Timeval::default(), const &mut 16u32) -> Result<Timeval> = $crate::nr::GETSOCKOPT;

            /// Whether and how long closing waits for what has yet to be sent. A close that waits
            /// holds up its thread even when the socket is non-blocking. [socket(7)]
            ///
            /// [socket(7)]: https://man7.org/linux/man-pages/man7/socket.7.html
            sys set_socket_linger(fd: impl AsFd, const LingerOption::LINGER, linger: Linger as OptionValue) -> Result<()> = $crate::nr::SETSOCKOPT;

            /// Whether and how long closing waits. [socket(7)]
            ///
            /// [socket(7)]: https://man7.org/linux/man-pages/man7/socket.7.html
            sys socket_linger(fd: impl AsFd, const LingerOption::LINGER, linger: out Linger = Linger::default(), const &mut 8u32) -> Result<Linger> = $crate::nr::GETSOCKOPT;

            /// The error that is pending on the socket, if any; it no longer is afterwards.
            /// [socket(7)]
            ///
            /// [socket(7)]: https://man7.org/linux/man-pages/man7/socket.7.html
            wrapped take_socket_error(fd: impl AsFd) -> Result<Option<$crate::Errno>> {
                let error = socket_int::<E>(fd, IntOption::ERROR)?;
                Ok((error != 0).then(|| $crate::Errno::from_raw(error)))
            }

            /// The type that the socket was made with, without flags. [socket(7)]
            ///
            /// [socket(7)]: https://man7.org/linux/man-pages/man7/socket.7.html
            wrapped socket_type(fd: impl AsFd) -> Result<SockType> {
                socket_int::<E>(fd, IntOption::TYPE).map(SockType)
            }
        }
    };
}
