//! Mappings: what may be done with them and how they are made.

flags! {
    /// What may be done with a page. No bits: nothing.
    Prot: u32, general {
        READ PROT_READ
        WRITE PROT_WRITE
        EXEC PROT_EXEC
        GROWSDOWN PROT_GROWSDOWN
        GROWSUP PROT_GROWSUP
    }
}

flags! {
    /// How a mapping is made.
    MapFlags: u32, general {
        SHARED MAP_SHARED
        SHARED_VALIDATE MAP_SHARED_VALIDATE
        PRIVATE MAP_PRIVATE
        ANONYMOUS MAP_ANONYMOUS
        /// Exactly there, in place of whatever is mapped there.
        FIXED MAP_FIXED
        /// Exactly there, or `EEXIST`.
        FIXED_NOREPLACE MAP_FIXED_NOREPLACE
        GROWSDOWN MAP_GROWSDOWN
        HUGETLB MAP_HUGETLB
        LOCKED MAP_LOCKED
        NORESERVE MAP_NORESERVE
        POPULATE MAP_POPULATE
        NONBLOCK MAP_NONBLOCK
        STACK MAP_STACK
        SYNC MAP_SYNC
    }
}

flags! {
    /// How a mapping is moved.
    MremapFlags: u32, general {
        MAYMOVE MREMAP_MAYMOVE
        /// To the address given, in place of whatever is mapped there.
        FIXED MREMAP_FIXED
        DONTUNMAP MREMAP_DONTUNMAP
    }
}

numbers! {
    /// How memory is going to be used, or what is to be done with it.
    Advice: u32, general {
        NORMAL MADV_NORMAL
        RANDOM MADV_RANDOM
        SEQUENTIAL MADV_SEQUENTIAL
        WILLNEED MADV_WILLNEED
        DONTNEED MADV_DONTNEED
        FREE MADV_FREE
        REMOVE MADV_REMOVE
        DONTFORK MADV_DONTFORK
        DOFORK MADV_DOFORK
        HWPOISON MADV_HWPOISON
        MERGEABLE MADV_MERGEABLE
        UNMERGEABLE MADV_UNMERGEABLE
        HUGEPAGE MADV_HUGEPAGE
        NOHUGEPAGE MADV_NOHUGEPAGE
        DONTDUMP MADV_DONTDUMP
        DODUMP MADV_DODUMP
        WIPEONFORK MADV_WIPEONFORK
        KEEPONFORK MADV_KEEPONFORK
        COLD MADV_COLD
        PAGEOUT MADV_PAGEOUT
        POPULATE_READ MADV_POPULATE_READ
        POPULATE_WRITE MADV_POPULATE_WRITE
        DONTNEED_LOCKED MADV_DONTNEED_LOCKED
        COLLAPSE MADV_COLLAPSE
        /// Touching the pages kills, without a mapping of their own (Linux 6.13).
        GUARD_INSTALL MADV_GUARD_INSTALL
        GUARD_REMOVE MADV_GUARD_REMOVE
    }
}

flags! {
    /// What `msync` starts and waits for.
    MsyncFlags: u32, general {
        ASYNC MS_ASYNC
        INVALIDATE MS_INVALIDATE
        SYNC MS_SYNC
    }
}

flags! {
    /// When `mlock2` brings the pages in.
    MlockFlags: u32, general {
        /// When they are touched.
        ONFAULT MLOCK_ONFAULT
    }
}

flags! {
    /// Which mappings `mlockall` is about.
    MlockAllFlags: u32, general {
        CURRENT MCL_CURRENT
        FUTURE MCL_FUTURE
        ONFAULT MCL_ONFAULT
    }
}

/// What `membarrier` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct MembarrierCommand(pub u32);

/// The kernel has these as an enum.
macro_rules! commands {
    ($($name:ident $variant:ident)+) => {
        impl MembarrierCommand {
            $(
                #[doc = concat!("`", stringify!($variant), "`.")]
                pub const $name: MembarrierCommand =
                    MembarrierCommand(linux_raw_sys::general::membarrier_cmd::$variant as u32);
            )+
        }
    };
}

commands! {
    QUERY MEMBARRIER_CMD_QUERY
    GLOBAL MEMBARRIER_CMD_GLOBAL
    GLOBAL_EXPEDITED MEMBARRIER_CMD_GLOBAL_EXPEDITED
    REGISTER_GLOBAL_EXPEDITED MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED
    PRIVATE_EXPEDITED MEMBARRIER_CMD_PRIVATE_EXPEDITED
    REGISTER_PRIVATE_EXPEDITED MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED
    PRIVATE_EXPEDITED_SYNC_CORE MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE
    REGISTER_PRIVATE_EXPEDITED_SYNC_CORE MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE
    PRIVATE_EXPEDITED_RSEQ MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ
    REGISTER_PRIVATE_EXPEDITED_RSEQ MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ
}

impl crate::arg::Arg for MembarrierCommand {
    const REGISTERS: usize = 1;

    #[inline(always)]
    fn with(self, regs: crate::Regs, call: impl FnOnce(crate::Regs) -> usize) -> usize {
        self.0.with(regs, call)
    }
}
