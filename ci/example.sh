#!/usr/bin/env bash
# The README's first command, and what it prints: this folder, with the right sizes.
set -euo pipefail
cd "$(dirname "$0")/.."

listing=$(
    cargo run --release --example ls -- .
)
echo "$listing"
size=$(wc -c <Cargo.toml)
if ! grep -Eq "(^|\s)$size\s+Cargo\.toml$" <<<"$listing"; then
    echo "the listing does not have Cargo.toml with its $size bytes" >&2
    exit 1
fi
