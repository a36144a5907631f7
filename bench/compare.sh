#!/usr/bin/env bash
# The scheduler's workloads on gort and on its peers, interleaved, and the medians with gort's ratio to
# each peer: bench/compare.sh [ROUNDS]. Go is left out if there is no `go` (set GO to name one).
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=${1:-7}
target=${CARGO_TARGET_DIR:-target}
go=${GO:-go}

cargo build --release --package gort-bench
peers=(gort tokio may std)
if command -v "$go" >/dev/null; then
    "$go" build -o "$target/go-sched" bench/go/sched.go bench/go/locks.go bench/go/timers.go
    CGO_ENABLED=1 "$go" build -o "$target/go-cgo" bench/go/cgo.go
    peers+=(go)
fi

run() {
    case $1 in
    go)
        case $2 in
        ccall | callback) GOMAXPROCS=$3 "$target/go-cgo" "$2" ;;
        *) GOMAXPROCS=$3 "$target/go-sched" "$2" ;;
        esac
        ;;
    *) GOMAXPROCS=$3 timeout 120 "$target/release/gort-bench" "$1" "$2" 2>/dev/null ;;
    esac
}

median() {
    sort -g | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'
}

printf '%-8s %2s' workload P
printf ' %18s' "${peers[@]}"
printf '\n'
for workload in burst join yield skynet ccall callback timeradd timerfire timerreset sleep sleephogs; do
    for procs in 1 2; do
        declare -A figures=()
        for ((round = 0; round < rounds; round++)); do
            for peer in "${peers[@]}"; do
                # may has no burst and no skynet: it cannot have that many coroutines. Calls of C are
                # no matter of a runtime's but in Go and here.
                if figure=$(run "$peer" "$workload" "$procs"); then
                    figures[$peer]+="$figure"$'\n'
                fi
            done
        done
        ours=$(printf '%s' "${figures[gort]}" | median)
        printf '%-8s %2s' "$workload" "$procs"
        for peer in "${peers[@]}"; do
            if [[ -z ${figures[$peer]:-} ]]; then
                printf ' %18s' absent
                continue
            fi
            theirs=$(printf '%s' "${figures[$peer]}" | median)
            awk -v theirs="$theirs" -v ours="$ours" \
                'BEGIN { printf " %9.1f ns %5.2f", theirs, ours / theirs }'
        done
        printf '\n'
    done
done
