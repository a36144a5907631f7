//! Extended attributes.
//!
//! Names are C strings, so that they cannot be swapped with paths made from Rust's. An empty `value`
//! or `list` to read into asks for the size; `ERANGE` where it does not fit.

/// The list; see `calls/mod.rs`.
#[doc(hidden)]
#[macro_export]
macro_rules! __calls_xattr {
    ($mode:tt) => {
        $crate::__sys! { $mode
            /// Sets an attribute. [setxattr(2)]
            ///
            /// [setxattr(2)]: https://man7.org/linux/man-pages/man2/setxattr.2.html
            sys setxattr(path: impl Path, name: &CStr, value: &[u8], flags: XattrFlags) -> Result<()>;

            /// Sets an attribute of a link itself. [setxattr(2)]
            ///
            /// [setxattr(2)]: https://man7.org/linux/man-pages/man2/setxattr.2.html
            sys lsetxattr(path: impl Path, name: &CStr, value: &[u8], flags: XattrFlags) -> Result<()>;

            /// Sets an attribute of an open file. [setxattr(2)]
            ///
            /// [setxattr(2)]: https://man7.org/linux/man-pages/man2/setxattr.2.html
            sys fsetxattr(fd: impl AsFd, name: &CStr, value: &[u8], flags: XattrFlags) -> Result<()>;

            /// Reads an attribute. [getxattr(2)]
            ///
            /// [getxattr(2)]: https://man7.org/linux/man-pages/man2/getxattr.2.html
            sys getxattr(path: impl Path, name: &CStr, value: &mut [u8]) -> Result<usize>;

            /// Reads an attribute of a link itself. [getxattr(2)]
            ///
            /// [getxattr(2)]: https://man7.org/linux/man-pages/man2/getxattr.2.html
            sys lgetxattr(path: impl Path, name: &CStr, value: &mut [u8]) -> Result<usize>;

            /// Reads an attribute of an open file. [getxattr(2)]
            ///
            /// [getxattr(2)]: https://man7.org/linux/man-pages/man2/getxattr.2.html
            sys fgetxattr(fd: impl AsFd, name: &CStr, value: &mut [u8]) -> Result<usize>;

            /// The attributes' names, each with its NUL. [listxattr(2)]
            ///
            /// [listxattr(2)]: https://man7.org/linux/man-pages/man2/listxattr.2.html
            sys listxattr(path: impl Path, list: &mut [u8]) -> Result<usize>;

            /// The names of a link's own attributes, each with its NUL. [listxattr(2)]
            ///
            /// [listxattr(2)]: https://man7.org/linux/man-pages/man2/listxattr.2.html
            sys llistxattr(path: impl Path, list: &mut [u8]) -> Result<usize>;

            /// The names of an open file's attributes, each with its NUL. [listxattr(2)]
            ///
            /// [listxattr(2)]: https://man7.org/linux/man-pages/man2/listxattr.2.html
            sys flistxattr(fd: impl AsFd, list: &mut [u8]) -> Result<usize>;

            /// Removes an attribute. [removexattr(2)]
            ///
            /// [removexattr(2)]: https://man7.org/linux/man-pages/man2/removexattr.2.html
            sys removexattr(path: impl Path, name: &CStr) -> Result<()>;

            /// Removes an attribute of a link itself. [removexattr(2)]
            ///
            /// [removexattr(2)]: https://man7.org/linux/man-pages/man2/removexattr.2.html
            sys lremovexattr(path: impl Path, name: &CStr) -> Result<()>;

            /// Removes an attribute of an open file. [removexattr(2)]
            ///
            /// [removexattr(2)]: https://man7.org/linux/man-pages/man2/removexattr.2.html
            sys fremovexattr(fd: impl AsFd, name: &CStr) -> Result<()>;
        }
    };
}
