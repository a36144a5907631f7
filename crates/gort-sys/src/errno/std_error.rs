//! To and from `std::io::Error`, without allocating: both are the bare number.

use super::Errno;
use std::io;

impl From<Errno> for io::Error {
    #[inline]
    fn from(errno: Errno) -> io::Error {
        io::Error::from_raw_os_error(errno.raw())
    }
}

impl From<Errno> for io::ErrorKind {
    fn from(errno: Errno) -> io::ErrorKind {
        io::Error::from(errno).kind()
    }
}

/// Gives the error back when it did not come from the operating system.
impl TryFrom<io::Error> for Errno {
    type Error = io::Error;

    #[inline]
    fn try_from(error: io::Error) -> Result<Errno, io::Error> {
        match error.raw_os_error() {
            Some(number) => Ok(Errno::from_raw(number)),
            None => Err(error),
        }
    }
}
