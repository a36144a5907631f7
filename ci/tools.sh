#!/usr/bin/env bash
# What the checks need beside cargo; a toolchain normally comes with both. Where one is missing and
# cannot be had, its own step fails.
set -euo pipefail
cd "$(dirname "$0")/.."

for component in rustfmt clippy; do
    command="cargo-${component/rustfmt/fmt}"
    command -v "$command" && continue
    rustup component add "$component" || echo "$component is missing and could not be installed" >&2
done
rustc --version
