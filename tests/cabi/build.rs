//! Builds the C library.

fn main() {
    println!("cargo::rerun-if-changed=src/cabi.c");
    cc::Build::new().file("src/cabi.c").warnings_into_errors(true).compile("gort_cabi");
}
