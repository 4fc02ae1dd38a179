#!/usr/bin/env bash
# Runs a benchmark by its folder and keeps its result: bench/run.sh start [rounds]
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
. scripts/node.sh
name=${1:-start}
shift || true
exec node "bench/$name/$name.ts" "$@"
