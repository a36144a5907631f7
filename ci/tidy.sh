#!/usr/bin/env bash
# The rules that cargo does not know; see xtask/src/tidy.rs.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo xtask tidy
