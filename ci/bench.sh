#!/usr/bin/env bash
# The benchmarks build. CI machines are too uneven for their figures to mean anything.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo bench --workspace --no-run
