//! The kernel's error numbers.

mod table;

#[cfg(feature = "std")]
mod std_error;

use core::fmt;

/// What a system call answers: a value or an [`Errno`].
pub type Result<T> = core::result::Result<T, Errno>;

/// A Linux error number.
///
/// Two bytes, copied, compared and matched like a number; making one, naming it and printing it
/// allocates nothing and takes constant time. `Display` is libc's message for it, `Debug` its name.
///
/// ```
/// use gort_sys::Errno;
/// assert_eq!(Errno::ENOENT.to_string(), "No such file or directory");
/// assert_eq!(format!("{:?}", Errno::ENOENT), "ENOENT");
/// assert_eq!(Errno::from_raw(2), Errno::ENOENT);
/// ```
///
/// Zero is [`Errno::NONE`], "no error": only the untyped entry points
/// ([`raw_syscall`](crate::raw_syscall)) give it, because they return all three of Go's values.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(transparent)]
pub struct Errno(u16);

impl Errno {
    /// No error.
    pub const NONE: Errno = Errno(0);

    /// The largest error number the kernel can return (its `MAX_ERRNO`): results of -4095 to -1
    /// are errors, -4096 is a value.
    pub const MAX: usize = 4095;

    /// The error with this number, known or not. Numbers outside 0..=4095 do not occur; they give
    /// [`Errno::EINVAL`].
    #[inline]
    pub const fn from_raw(number: i32) -> Errno {
        if number >= 0 && number as usize <= Self::MAX {
            Errno(number as u16)
        } else {
            Errno::EINVAL
        }
    }

    /// The number.
    #[inline]
    pub const fn raw(self) -> i32 {
        self.0 as i32
    }

    /// Whether this is [`Errno::NONE`].
    #[inline]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// Splits a kernel result register into value and error.
    ///
    /// # Errors
    ///
    /// The error number, when the register holds -4095 to -1.
    #[inline(always)]
    pub const fn from_ret(register: usize) -> Result<usize> {
        if register > usize::MAX - Self::MAX {
            Err(Errno(register.wrapping_neg() as u16))
        } else {
            Ok(register)
        }
    }

    /// The register value that means this error: the inverse of [`Errno::from_ret`].
    #[inline(always)]
    pub const fn to_ret(self) -> usize {
        (self.0 as usize).wrapping_neg()
    }

    /// The name in the kernel's headers: `"ENOENT"`; `None` for a number that has none.
    pub const fn name(self) -> Option<&'static str> {
        match self.entry() {
            Some((name, _)) => Some(name),
            None => None,
        }
    }

    /// libc's message for it; `"Unknown error"` for a number that has none (`Display` adds the
    /// number, as libc does).
    pub const fn message(self) -> &'static str {
        match self.entry() {
            Some((_, message)) => message,
            None if self.is_none() => "Success",
            None => "Unknown error",
        }
    }

    const fn entry(self) -> Option<(&'static str, &'static str)> {
        if (self.0 as usize) < table::TABLE.len() { table::TABLE[self.0 as usize] } else { None }
    }

    /// Whether trying again later may help: interrupted, out of descriptors, or a timeout.
    /// Go: `syscall.Errno.Temporary`.
    pub const fn is_temporary(self) -> bool {
        matches!(self, Errno::EINTR | Errno::EMFILE | Errno::ENFILE) || self.is_timeout()
    }

    /// Whether this says that a time ran out or that the call would have had to wait.
    /// Go: `syscall.Errno.Timeout`.
    pub const fn is_timeout(self) -> bool {
        matches!(self, Errno::EAGAIN | Errno::ETIMEDOUT)
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.entry() {
            Some((_, message)) => f.pad(message),
            None if self.is_none() => f.pad("Success"),
            None => pad(f, format_args!("Unknown error {}", self.0)),
        }
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => pad(f, format_args!("Errno({})", self.0)),
        }
    }
}

impl core::error::Error for Errno {}

/// [`pad`](fmt::Formatter::pad) for text that has yet to be put together, by way of the stack.
fn pad(f: &mut fmt::Formatter<'_>, text: fmt::Arguments<'_>) -> fmt::Result {
    /// Room for the longest such text.
    struct Buffer([u8; 24], usize);
    impl fmt::Write for Buffer {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            let room = self.0.get_mut(self.1..self.1 + text.len()).ok_or(fmt::Error)?;
            room.copy_from_slice(text.as_bytes());
            self.1 += text.len();
            Ok(())
        }
    }
    let mut buffer = Buffer([0; 24], 0);
    fmt::Write::write_fmt(&mut buffer, text)?;
    f.pad(core::str::from_utf8(&buffer.0[..buffer.1]).unwrap_or_default())
}
