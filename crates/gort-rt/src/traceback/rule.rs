//! What a row of an unwind table says: where a frame's caller has its registers.

use gort_sys::context::registers::COUNT;

/// A DWARF expression's place: its distance from the table's base, and its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Expression {
    pub(super) at: i32,
    pub(super) len: u16,
}

/// Where the frame's CFA is: its caller's stack pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cfa {
    /// A register, and a distance.
    Plus(u16, i32),
    Expression(Expression),
}

/// Where one register of the caller is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// Nothing is said about it.
    Same,
    /// Nowhere.
    Undefined,
    /// In memory, so far from the CFA.
    At(i32),
    /// It is the CFA and so much.
    Plus(i32),
    /// In another register.
    Register(u16),
    /// In memory, where the expression says.
    AtExpression(Expression),
    /// It is what the expression says.
    Expression(Expression),
}

/// A row: it holds for a range of addresses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// What expressions' places are relative to.
    pub(super) base: usize,
    pub(super) cfa: Cfa,
    pub(super) rules: [Rule; COUNT],
    /// Bits of the registers about which they say something: few.
    pub(super) said: u32,
    /// Whether the frame's "return address" is where its "caller" was interrupted.
    pub(super) signal: bool,
}

impl Row {
    pub(super) const EMPTY: Row =
        Row { base: 0, cfa: Cfa::Plus(0, 0), rules: [Rule::Same; COUNT], said: 0, signal: false };
}
