#!/usr/bin/env bash
# The README's programs, and what they print: a million goroutines' sum; this folder, with the right
# sizes.
set -euo pipefail
cd "$(dirname "$0")/.."

sum=$(
    cargo run --release --example skynet
)
echo "$sum"
if [[ $sum != 499999500000:* ]]; then
    echo "skynet's sum is wrong" >&2
    exit 1
fi

listing=$(
    cargo run --release --example ls -- .
)
echo "$listing"
size=$(wc -c <Cargo.toml)
if ! grep -Eq "(^|\s)$size\s+Cargo\.toml$" <<<"$listing"; then
    echo "the listing does not have Cargo.toml with its $size bytes" >&2
    exit 1
fi
