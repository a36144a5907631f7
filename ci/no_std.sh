#!/usr/bin/env bash
# gort-sys builds without std, and without a warning.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build -p gort-sys --no-default-features
cargo clippy -p gort-sys --no-default-features -- -D warnings
