#!/usr/bin/env bash
# Cargo.lock is what the manifests ask for. First of all, since any other cargo command mends it.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo metadata --locked --format-version 1 >/dev/null
