#!/usr/bin/env bash
# httpd beside Go's FileServer, hyper and nginx, by wrk, interleaved: medians, and each one's ratio to
# httpd's: bench/httpd.sh [ROUNDS [SECONDS]]. Those that are not installed are left out; set GO to name a go.
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=${1:-5}
seconds=${2:-3}
target=${CARGO_TARGET_DIR:-target}
go=${GO:-go}

cargo build --release --package gort --example httpd
cargo build --release --package gort-bench --bin hyper-files

dir=$(mktemp -d)
servers=()
stop() {
    kill "${servers[@]}"
    wait
    rm -r "$dir"
}
trap stop EXIT
mkdir "$dir/www"
head -c 1024 /dev/zero | tr '\0' 'x' >"$dir/www/small.html"
head -c 200000000 /dev/zero >"$dir/www/large.bin"

peers=(httpd hyper hyper-inline)
"$target/release/examples/httpd" --quiet --root "$dir/www" --listen 127.0.0.1:8101 &
servers+=($!)
"$target/release/hyper-files" 127.0.0.1:8102 "$dir/www" &
servers+=($!)
"$target/release/hyper-files" 127.0.0.1:8103 "$dir/www" inline &
servers+=($!)
if command -v "$go" >/dev/null; then
    "$go" build -o "$target/go-files" bench/go/fileserver.go
    "$target/go-files" 127.0.0.1:8104 "$dir/www" &
    servers+=($!)
    peers+=(go)
fi
if command -v nginx >/dev/null; then
    chmod 755 "$dir" "$dir/www"
    cat >"$dir/nginx.conf" <<END
daemon off;
worker_processes auto;
pid $dir/nginx.pid;
error_log $dir/error.log;
events { worker_connections 1024; }
http {
    sendfile on;
    access_log off;
    keepalive_requests 1000000000;
    server { listen 127.0.0.1:8105; root $dir/www; }
}
END
    nginx -c "$dir/nginx.conf" -p "$dir" &
    servers+=($!)
    peers+=(nginx)
fi
sleep 1

port() {
    case $1 in
    httpd) echo 8101 ;;
    hyper) echo 8102 ;;
    hyper-inline) echo 8103 ;;
    go) echo 8104 ;;
    nginx) echo 8105 ;;
    esac
}

# What wrk says under a name, in plain numbers: requests, or bytes, in a second.
figure() {
    awk -v name="$1" '$1 == name {
        number = $2 + 0
        unit = $2
        gsub(/[0-9.B]/, "", unit)
        print number * (unit == "K" ? 1024 : unit == "M" ? 1024 ^ 2 : unit == "G" ? 1024 ^ 3 : 1)
    }'
}

median() {
    sort -g | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'
}

compare() {
    local title=$1 name=$2 file=$3 connections=$4
    declare -A figures=()
    for ((round = 0; round < rounds; round++)); do
        for peer in "${peers[@]}"; do
            url="http://127.0.0.1:$(port "$peer")/$file"
            figures[$peer]+="$(wrk -t1 -c"$connections" -d"$seconds" "$url" | figure "$name")"$'\n'
        done
    done
    ours=$(printf '%s' "${figures[httpd]}" | median)
    printf '%s:' "$title"
    for peer in "${peers[@]}"; do
        theirs=$(printf '%s' "${figures[$peer]}" | median)
        awk -v peer="$peer" -v theirs="$theirs" -v ours="$ours" \
            'BEGIN { printf "  %s %.0f (httpd %.2f)", peer, theirs, ours / theirs }'
    done
    printf '\n'
}

compare "1 KiB, 100 connections, requests/s" Requests/sec: small.html 100
compare "200 MB, 4 connections, bytes/s" Transfer/sec: large.bin 4
