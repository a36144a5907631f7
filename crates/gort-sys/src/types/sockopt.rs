//! Socket options that are safe to set and get, by the type of their value.
//!
//! Others go through the untyped [`setsockopt`](crate::raw::setsockopt) and
//! [`getsockopt`](crate::raw::getsockopt), which are unsafe because some options' values are
//! addresses that the kernel reads, writes or maps over.

use crate::arg::Arg;
use crate::types::Timeval;
use crate::{Errno, Regs};
use core::time::Duration;
use linux_raw_sys::net;

/// Level and name: two registers.
macro_rules! options {
    ($($(#[$meta:meta])* $ty:ident { $($(#[$doc:meta])* $option:ident $level:ident $name:ident)+ })+) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub struct $ty {
            level: u32,
            name: u32,
        }

        impl $ty {
            $(
                #[doc = concat!("`", stringify!($name), "`.")]
                $(#[$doc])*
                pub const $option: $ty = $ty { level: net::$level, name: net::$name };
            )+
        }

        impl Arg for $ty {
            const REGISTERS: usize = 2;

            #[inline(always)]
            fn with(self, regs: Regs, call: impl FnOnce(Regs) -> usize) -> usize {
                call(regs.push(self.level as usize).push(self.name as usize))
            }
        }
    )+};
}

options! {
    /// An option that is on or off.
    FlagOption {
        REUSEADDR SOL_SOCKET SO_REUSEADDR
        REUSEPORT SOL_SOCKET SO_REUSEPORT
        KEEPALIVE SOL_SOCKET SO_KEEPALIVE
        BROADCAST SOL_SOCKET SO_BROADCAST
        OOBINLINE SOL_SOCKET SO_OOBINLINE
        DONTROUTE SOL_SOCKET SO_DONTROUTE
        PASSCRED SOL_SOCKET SO_PASSCRED
        /// Cannot be set.
        ACCEPTCONN SOL_SOCKET SO_ACCEPTCONN
        NODELAY SOL_TCP TCP_NODELAY
        CORK SOL_TCP TCP_CORK
        QUICKACK SOL_TCP TCP_QUICKACK
        V6ONLY SOL_IPV6 IPV6_V6ONLY
    }

    /// An option that is a number.
    IntOption {
        /// The kernel doubles what is set, and bounds it.
        RCVBUF SOL_SOCKET SO_RCVBUF
        /// The kernel doubles what is set, and bounds it.
        SNDBUF SOL_SOCKET SO_SNDBUF
        RCVLOWAT SOL_SOCKET SO_RCVLOWAT
        PRIORITY SOL_SOCKET SO_PRIORITY
        MARK SOL_SOCKET SO_MARK
        INCOMING_CPU SOL_SOCKET SO_INCOMING_CPU
        /// Cannot be set.
        DOMAIN SOL_SOCKET SO_DOMAIN
        /// Cannot be set.
        TYPE SOL_SOCKET SO_TYPE
        /// Cannot be set.
        PROTOCOL SOL_SOCKET SO_PROTOCOL
        /// Cannot be set; getting it clears it.
        ERROR SOL_SOCKET SO_ERROR
        TTL SOL_IP IP_TTL
        TOS SOL_IP IP_TOS
        HOPS SOL_IPV6 IPV6_UNICAST_HOPS
        MAXSEG SOL_TCP TCP_MAXSEG
        KEEPIDLE SOL_TCP TCP_KEEPIDLE
        KEEPINTVL SOL_TCP TCP_KEEPINTVL
        KEEPCNT SOL_TCP TCP_KEEPCNT
    }

    /// An option that is a time after which a call gives up.
    TimeOption {
        RCVTIMEO SOL_SOCKET SO_RCVTIMEO
        SNDTIMEO SOL_SOCKET SO_SNDTIMEO
    }

    /// How long closing waits for what has yet to be sent.
    LingerOption {
        LINGER SOL_SOCKET SO_LINGER
    }
}

impl From<FlagOption> for IntOption {
    fn from(option: FlagOption) -> IntOption {
        IntOption { level: option.level, name: option.name }
    }
}

/// An option's value: its address and length.
#[derive(Debug)]
pub struct OptionValue<V>(pub V);

fn push<T>(value: T, regs: Regs, call: impl FnOnce(Regs) -> usize) -> usize {
    (&value).with(regs, |regs| call(regs.push(size_of::<T>())))
}

impl Arg for OptionValue<i32> {
    const REGISTERS: usize = 2;

    fn with(self, regs: Regs, call: impl FnOnce(Regs) -> usize) -> usize {
        push(self.0, regs, call)
    }
}

impl Arg for OptionValue<bool> {
    const REGISTERS: usize = 2;

    fn with(self, regs: Regs, call: impl FnOnce(Regs) -> usize) -> usize {
        push(i32::from(self.0), regs, call)
    }
}

/// No time is "for ever". A time of zero would mean that too to the kernel, so it gives `EINVAL`.
impl Arg for OptionValue<Option<Duration>> {
    const REGISTERS: usize = 2;

    fn with(self, regs: Regs, call: impl FnOnce(Regs) -> usize) -> usize {
        match self.0 {
            Some(Duration::ZERO) => Errno::EINVAL.to_ret(),
            Some(time) => push(Timeval::from(time), regs, call),
            None => push(Timeval::default(), regs, call),
        }
    }
}

/// `struct linger`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Linger {
    /// Whether closing waits at all: zero or not.
    pub on: i32,
    /// For how many seconds; zero drops what is unsent, and resets the connection.
    pub seconds: i32,
}

same_layout!(Linger = net linger { on l_onoff seconds l_linger });

impl Arg for OptionValue<Linger> {
    const REGISTERS: usize = 2;

    fn with(self, regs: Regs, call: impl FnOnce(Regs) -> usize) -> usize {
        push(self.0, regs, call)
    }
}
