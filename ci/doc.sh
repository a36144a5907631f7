#!/usr/bin/env bash
# The documentation builds without a warning: no dead links in it.
set -euo pipefail
cd "$(dirname "$0")/.."

export RUSTDOCFLAGS="-D warnings"
cargo doc --workspace --no-deps
