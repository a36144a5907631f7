//! See the library: one workload on one peer.

fn main() {
    gort_bench::run_peer();
}
