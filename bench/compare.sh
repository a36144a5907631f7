#!/usr/bin/env bash
# The scheduler's workloads on gort and on its peers, interleaved, and the medians with gort's ratio to
# each peer: bench/compare.sh [ROUNDS [WORKLOAD...]]. Go is left out if there is no `go` (set GO to name
# one).
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=${1:-7}
workloads=("${@:2}")
if [[ ${#workloads[@]} == 0 ]]; then
    workloads=(burst join yield skynet rawsyscall syscall block ccall callback
        pingpong buffered1x1 buffered4x4 select3 mutex uncontended rwlock waitgroup
        timeradd timerfire timerreset sleep sleephogs echo100 echo5000
        readfile statfile blockon oneshot defer defers recover deferred)
fi
target=${CARGO_TARGET_DIR:-target}
go=${GO:-go}

cargo build --release --package gort-bench
peers=(gort tokio may crossbeam flume parking_lot std epoll)
if command -v "$go" >/dev/null; then
    "$go" build -o "$target/go-sched" bench/go/{sched,calls,channels,defers,echo,locks,timers}.go
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

for workload in "${workloads[@]}"; do
    for procs in 1 2; do
        declare -A figures=()
        for ((round = 0; round < rounds; round++)); do
            for peer in "${peers[@]}"; do
                # Not every peer has every workload. may has no burst and no skynet: it cannot have that
                # many coroutines. crossbeam-channel and flume have channels only, parking_lot locks, std sleep,
                # files and panics, on as many threads as the workload has, whatever P is.
                if figure=$(run "$peer" "$workload" "$procs"); then
                    figures[$peer]+="$figure"$'\n'
                fi
            done
        done
        ours=$(printf '%s' "${figures[gort]}" | median)
        printf '%-11s %2s' "$workload" "$procs"
        for peer in "${peers[@]}"; do
            [[ -n ${figures[$peer]:-} ]] || continue
            theirs=$(printf '%s' "${figures[$peer]}" | median)
            awk -v peer="$peer" -v theirs="$theirs" -v ours="$ours" \
                'BEGIN { printf "  %s %.1f ns (%.2f)", peer, theirs, ours / theirs }'
        done
        printf '\n'
    done
done
