#!/bin/bash
# Measurement 1 beside other systems, on one Redis: run.sh DIR [REPETITIONS] [PEER...]
#
# DIR holds the harness (common/harness.py) and a folder a system; what they need is installed in
# $PEERS_HOME, see its README. The systems take turns within each repetition, so that what else the
# machine does hits all of them. One JSON line a run goes to $OUT, the medians to stdout.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
peers=$(cd "${1:?usage: run.sh DIR [REPETITIONS] [PEER...]}" && pwd)
repetitions=${2:-3}
shift $(($# < 2 ? $# : 2))
systems=("$@")
[ ${#systems[@]} -gt 0 ] || systems=(scrum-fleet bullmq sidekiq rusty-sidekiq oxana apalis-redis apalis-redis-100)
: "${PEERS_HOME:?set PEERS_HOME to the folder in which the other systems are installed}"
export PEERS_HOME BENCH_BIN=${BENCH_BIN:-$here/../../target/release} REPS=1 NL=${NL:-200} RUST_LOG=error
BENCH_BIN=$(cd "$BENCH_BIN" && pwd)
port=${BENCH_PORT:-6395}
export REDIS_URL=redis://127.0.0.1:$port
out=${OUT:-$(mktemp -d)}
mkdir -p "$out"
data=$(mktemp -d)
redis-server --port "$port" --bind 127.0.0.1 --dir "$data" --save "" --appendonly yes \
    --appendfsync "${FSYNC:-everysec}" --auto-aof-rewrite-percentage 0 >"$data/log" &
redis=$!
trap 'kill $redis; wait $redis || true; rm -rf "$data"' EXIT
sleep 1

for ((turn = 0; turn < repetitions; turn++)); do
    for system in "${systems[@]}"; do
        folder=$peers/$system
        [ -d "$here/$system" ] && folder=$here/$system
        # apalis-redis can't take back more than some thousand jobs at once.
        n=${N:-20000}
        [[ "$system" == apalis-redis* ]] && n=${N_APALIS:-7000}
        for mode in ${MODES:-perf}; do
            N=$n timeout 900 python3 "$peers/common/harness.py" "$folder" "$mode" \
                >>"$out/$mode.jsonl" 2>>"$out/errors.log" || echo "$system $mode: failed, see $out/errors.log" >&2
        done
    done
done
python3 "$here/table.py" "$out"/*.jsonl
echo "written to $out" >&2
