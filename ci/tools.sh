#!/usr/bin/env bash
# What the checks need beside cargo; a toolchain normally comes with both. Where one is missing and
# cannot be had, its own step fails.
set -euo pipefail
cd "$(dirname "$0")/.."

# rustup puts a command in place whether or not it has the component behind it: ask the command.
cargo fmt --version || rustup component add rustfmt || echo "rustfmt cannot be installed" >&2
cargo clippy --version || rustup component add clippy || echo "clippy cannot be installed" >&2
rustc --version
