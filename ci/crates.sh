#!/usr/bin/env bash
# Other people's blocking crates on goroutines. They are a workspace of their own, with a Cargo.lock of its own.
set -euo pipefail
cd "$(dirname "$0")/../tests/crates"

export RUST_TEST_THREADS=1
cargo test --locked
