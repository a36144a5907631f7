#!/usr/bin/env bash
# gort-sys and gort-rt build without std, and without a warning.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build -p gort-sys --no-default-features
cargo build -p gort-rt
cargo clippy -p gort-sys --no-default-features -- -D warnings
