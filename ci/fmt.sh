#!/usr/bin/env bash
# The code is formatted, that of the packages too that are no members of the workspace.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo fmt --all --check
shopt -s nullglob
for manifest in crates/*/fuzz/Cargo.toml tests/crates/Cargo.toml; do
    cargo fmt --manifest-path "$manifest" --check
done
