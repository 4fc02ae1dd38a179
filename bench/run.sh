#!/usr/bin/env bash
# Runs a benchmark by its folder and keeps its result: bench/run.sh start [rounds], bench/run.sh api [seconds per step],
# bench/run.sh nftables [rounds], bench/run.sh device-program [rounds], bench/run.sh operator [rounds]
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
. scripts/node.sh
name=${1:-start}
shift || true
script="bench/$name/$name.ts"
if [ "$name" = api ]; then
  script=bench/api/creates.ts
elif [ -f "bench/linux/$name.ts" ]; then
  script="bench/linux/$name.ts"
fi
exec node "$script" "$@"
