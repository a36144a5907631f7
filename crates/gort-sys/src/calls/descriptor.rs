//! Descriptors, whatever they stand for: read, write, duplicate, close.

/// The list; see `calls/mod.rs`.
#[doc(hidden)]
#[macro_export]
macro_rules! __calls_descriptor {
    ($mode:tt) => {
        $crate::__sys! { $mode
            /// Reads into `buf` at the descriptor's position; 0 is the end. [read(2)]
            ///
            /// [read(2)]: https://man7.org/linux/man-pages/man2/read.2.html
            sys read(fd: impl AsFd, buf: &mut [u8]) -> Result<usize>;

            /// Writes from `buf` at the descriptor's position; may write less. [write(2)]
            ///
            /// [write(2)]: https://man7.org/linux/man-pages/man2/write.2.html
            sys write(fd: impl AsFd, buf: &[u8]) -> Result<usize>;
        }
    };
}
