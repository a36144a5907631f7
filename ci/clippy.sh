#!/usr/bin/env bash
# No warnings, of the compiler's or of clippy's, in anything that can be built.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo clippy --workspace --all-targets -- -D warnings
