#!/usr/bin/env bash
# The README's programs, and what they print: a million goroutines' sum; this folder, with the right
# sizes; a file of it over HTTP.
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

serve() {
    cargo run --release --example httpd -- --root .
}
# With job control it has a process group, which can be told to stop.
set -m
serve &
server=$!
# Until it is built and listens, or has failed.
until { exec 3<>/dev/tcp/127.0.0.1/8080; } 2>/dev/null; do
    if ! kill -0 "$server" 2>/dev/null; then
        echo "httpd does not run" >&2
        exit 1
    fi
    sleep 0.2
done
printf 'GET /Cargo.toml HTTP/1.0\r\n\r\n' >&3
served=$(sed '1,/^\r$/d' <&3)
kill -TERM -- "-$server"
# The shell around it has been told, too.
wait "$server" || true
if [[ $served != "$(<Cargo.toml)" ]]; then
    echo "httpd does not serve Cargo.toml: $served" >&2
    exit 1
fi
