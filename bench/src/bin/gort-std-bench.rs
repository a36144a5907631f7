//! `gort-std-bench WORKLOAD`: as `gort-bench std WORKLOAD`, but on goroutines, by std's own names. A program of its own,
//! for libc's functions are taken over for a whole program.

gort_std::threads!();

fn main() {
    gort_bench::run_std_on_goroutines();
}
