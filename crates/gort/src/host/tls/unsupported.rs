//! Why goroutines cannot have thread-local storage of their own here.

use std::fmt;

/// The condition that failed. Its text is a sentence for the user of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unsupported {
    /// The process runs without glibc.
    NotGlibc,
    /// This glibc, by its own words, is too old.
    OldGlibc(String),
    /// glibc does not export a symbol of its private interface.
    Symbol(&'static str),
    /// A field of the control block is not where it was looked for.
    Field(&'static str),
    /// Shadow stacks are on, which a switch of stacks would have to switch too.
    ShadowStack,
    /// No thread could be made to look at; the error's number.
    Thread(i32),
    /// No memory for the first block.
    Memory,
    /// A block was made and does not behave as a thread's.
    SelfTest(&'static str),
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unsupported::NotGlibc => {
                f.write_str("goroutines need the GNU C library, and this program runs without it")
            }
            Unsupported::OldGlibc(version) => {
                write!(f, "goroutines need glibc 2.34 or later, and this one is {version}")
            }
            Unsupported::Symbol(name) => write!(
                f,
                "glibc does not export `{name}`: goroutines need a dynamically linked glibc"
            ),
            Unsupported::Field(name) => {
                write!(f, "glibc's thread control block has no `{name}` where gort looks for it")
            }
            Unsupported::ShadowStack => f.write_str(
                "shadow stacks (CET) are enabled, and goroutines' stacks have none: \
                 start the program with GLIBC_TUNABLES=glibc.cpu.x86_shstk=off",
            ),
            Unsupported::Thread(errno) => write!(
                f,
                "the thread that gort learns glibc's layout from could not be started: {}",
                std::io::Error::from_raw_os_error(*errno)
            ),
            Unsupported::Memory => {
                f.write_str("no memory for the first thread-local storage block")
            }
            Unsupported::SelfTest(what) => {
                write!(f, "thread-local storage made by gort does not work with this glibc: {what}")
            }
        }
    }
}

impl std::error::Error for Unsupported {}
