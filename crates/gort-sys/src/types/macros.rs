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
