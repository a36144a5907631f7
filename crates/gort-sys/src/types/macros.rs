//! How the kernel's numbers and flag words become types: a list of its own constants' names.

/// A set of the kernel's flags. Bits that have no name here are kept as they are, so that a newer
/// kernel's can be passed.
macro_rules! flags {
    ($(#[$meta:meta])* $name:ident: $repr:ty, $module:ident { $($(#[$($doc:tt)*])* $flag:ident $constant:ident)* }) => {
        bitflags::bitflags! {
            $(#[$meta])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
            #[repr(transparent)]
            pub struct $name: $repr {
                $(
                    #[doc = concat!("`", stringify!($constant), "`.")]
                    $(#[$($doc)*])*
                    const $flag = linux_raw_sys::$module::$constant as $repr;
                )*
                const _ = !0;
            }
        }

        impl $crate::arg::Arg for $name {
            const REGISTERS: usize = 1;

            #[inline(always)]
            fn with(self, regs: $crate::Regs, call: impl FnOnce($crate::Regs) -> usize) -> usize {
                self.bits().with(regs, call)
            }
        }
    };
}

/// Does not compile unless a structure of ours is as long as the kernel's, with its fields at the
/// same places. With `..` for the end, one may be longer than the other.
macro_rules! same_layout {
    ($ours:ty = $module:ident $theirs:ident { $($ours_at:ident $theirs_at:ident)* }) => {
        const _: () = assert!(size_of::<$ours>() == size_of::<linux_raw_sys::$module::$theirs>());
        same_layout!($ours = $module $theirs { $($ours_at $theirs_at)* .. });
    };
    ($ours:ty = $module:ident $theirs:ident { $($ours_at:ident $theirs_at:ident)* .. }) => {
        $(const _: () = assert!(
            core::mem::offset_of!($ours, $ours_at)
                == core::mem::offset_of!(linux_raw_sys::$module::$theirs, $theirs_at)
        );)*
    };
}

/// One of the kernel's numbers: a type of its own around the number, with a constant for each name.
macro_rules! numbers {
    ($(#[$meta:meta])* $name:ident: $repr:ty $(, $module:ident { $($(#[$doc:meta])* $value:ident $constant:ident)* })?) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(transparent)]
        pub struct $name(pub $repr);

        $(impl $name {
            $(
                #[doc = concat!("`", stringify!($constant), "`.")]
                $(#[$doc])*
                pub const $value: $name = $name(linux_raw_sys::$module::$constant as $repr);
            )*
        })?

        impl $crate::arg::Arg for $name {
            const REGISTERS: usize = 1;

            #[inline(always)]
            fn with(self, regs: $crate::Regs, call: impl FnOnce($crate::Regs) -> usize) -> usize {
                self.0.with(regs, call)
            }
        }

        impl $crate::arg::Ret for $name {
            #[inline(always)]
            fn from_answer(answer: $crate::arg::Answer) -> $name {
                $name(answer.value() as $repr)
            }
        }
    };
}
