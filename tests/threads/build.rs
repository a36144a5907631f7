//! Builds the C program.

fn main() {
    println!("cargo::rerun-if-changed=src/threads.c");
    cc::Build::new().file("src/threads.c").warnings_into_errors(true).compile("gort_threads");
}
