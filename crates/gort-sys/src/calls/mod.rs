//! The declared calls, a file for each part of the kernel.
//!
//! Each file is one macro that holds a list of declarations and hands it to `__sys!` with the mode
//! it is given: here twice, for [`call`](crate::call) and [`raw`](crate::raw), and later once more in
//! the crate above, with the scheduler's entry. Its doc comments are the documentation of them all.

mod descriptor;
mod directory;
mod event;
mod file;
mod ids;
mod io;
mod lock;
mod memory;
mod mount;
mod poll;
mod process;
mod sched;
mod signal;
mod socket;
mod storage;
mod system;
mod time;
mod xattr;

/// Every list, in one mode.
#[doc(hidden)]
#[macro_export]
macro_rules! __calls {
    ($mode:tt) => {
        $crate::__calls_descriptor!($mode);
        $crate::__calls_directory!($mode);
        $crate::__calls_event!($mode);
        $crate::__calls_file!($mode);
        $crate::__calls_ids!($mode);
        $crate::__calls_io!($mode);
        $crate::__calls_lock!($mode);
        $crate::__calls_memory!($mode);
        $crate::__calls_mount!($mode);
        $crate::__calls_poll!($mode);
        $crate::__calls_process!($mode);
        $crate::__calls_sched!($mode);
        $crate::__calls_signal!($mode);
        $crate::__calls_socket!($mode);
        $crate::__calls_storage!($mode);
        $crate::__calls_system!($mode);
        $crate::__calls_time!($mode);
        $crate::__calls_xattr!($mode);
    };
}
