#!/usr/bin/env bash
# The tests again as users build: what the optimiser makes of assembly, it makes only here.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo test --workspace --release
