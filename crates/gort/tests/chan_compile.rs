//! What must not compile, with the compiler's or the macro's own words.

#[test]
fn what_must_not_compile_does_not() {
    trybuild::TestCases::new().compile_fail("tests/ui/chan/*.rs");
}
