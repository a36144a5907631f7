//! Descriptors that stand for events: counters, timers, signals, file watches, processes, rings.
//!
//! # Safety
//!
//! One structure of plain numbers is made of zero bytes.

#![allow(unsafe_code)]

/// What `io_uring_setup` is told and tells: `struct io_uring_params`.
pub use linux_raw_sys::io_uring::io_uring_params as IoUringParams;

/// An [`IoUringParams`] that asks for nothing special.
// SAFETY: the structure is integers only, and zero is one of them.
pub const IO_URING_PARAMS: IoUringParams = unsafe { core::mem::zeroed() };

flags! {
    /// How a counter is made.
    EventfdFlags: u32, general {
        CLOEXEC EFD_CLOEXEC
        NONBLOCK EFD_NONBLOCK
        /// A read takes one, not all.
        SEMAPHORE EFD_SEMAPHORE
    }
}

flags! {
    /// How a timer's descriptor is made.
    TimerfdFlags: u32, general {
        CLOEXEC TFD_CLOEXEC
        NONBLOCK TFD_NONBLOCK
    }
}

flags! {
    /// How a timer reads its time.
    TimerfdTimerFlags: u32, general {
        /// The time is a point on the clock.
        ABSTIME TFD_TIMER_ABSTIME
        /// Setting the clock cancels it.
        CANCEL_ON_SET TFD_TIMER_CANCEL_ON_SET
    }
}

flags! {
    /// How `signalfd4` makes its descriptor: `SFD_CLOEXEC` and `SFD_NONBLOCK` are the same bits.
    SignalfdFlags: u32, general {
        CLOEXEC O_CLOEXEC
        NONBLOCK O_NONBLOCK
    }
}

flags! {
    /// How `inotify_init1` makes its descriptor.
    InotifyFlags: u32, general {
        CLOEXEC IN_CLOEXEC
        NONBLOCK IN_NONBLOCK
    }
}

flags! {
    /// What is watched for, what a watch does, and what has happened.
    InotifyMask: u32, general {
        ACCESS IN_ACCESS
        MODIFY IN_MODIFY
        ATTRIB IN_ATTRIB
        CLOSE_WRITE IN_CLOSE_WRITE
        CLOSE_NOWRITE IN_CLOSE_NOWRITE
        OPEN IN_OPEN
        MOVED_FROM IN_MOVED_FROM
        MOVED_TO IN_MOVED_TO
        CREATE IN_CREATE
        DELETE IN_DELETE
        DELETE_SELF IN_DELETE_SELF
        MOVE_SELF IN_MOVE_SELF
        /// All of the above.
        ALL_EVENTS IN_ALL_EVENTS
        ONLYDIR IN_ONLYDIR
        DONT_FOLLOW IN_DONT_FOLLOW
        EXCL_UNLINK IN_EXCL_UNLINK
        MASK_CREATE IN_MASK_CREATE
        MASK_ADD IN_MASK_ADD
        ONESHOT IN_ONESHOT
        UNMOUNT IN_UNMOUNT
        Q_OVERFLOW IN_Q_OVERFLOW
        IGNORED IN_IGNORED
        ISDIR IN_ISDIR
    }
}

numbers! {
    /// A watch of one inotify descriptor.
    WatchId: i32
}

flags! {
    /// How `pidfd_open` makes its descriptor: `PIDFD_NONBLOCK` and `PIDFD_THREAD` are these bits.
    PidfdFlags: u32, general {
        NONBLOCK O_NONBLOCK
        /// A thread that need not be its process's first.
        THREAD O_EXCL
    }
}

flags! {
    /// How `io_uring_enter` waits.
    IoUringEnterFlags: u32, io_uring {
        /// Waits for completions.
        GETEVENTS IORING_ENTER_GETEVENTS
        SQ_WAKEUP IORING_ENTER_SQ_WAKEUP
        SQ_WAIT IORING_ENTER_SQ_WAIT
        /// The argument is not a signal set but `struct io_uring_getevents_arg`.
        EXT_ARG IORING_ENTER_EXT_ARG
        REGISTERED_RING IORING_ENTER_REGISTERED_RING
    }
}
