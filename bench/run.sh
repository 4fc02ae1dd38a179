#!/usr/bin/env bash
# Runs a benchmark by its folder and keeps its result: bench/run.sh start [rounds], bench/run.sh api [seconds per step]
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
. scripts/node.sh
name=${1:-start}
shift || true
script="bench/$name/$name.ts"
if [ "$name" = api ]; then
  script=bench/api/creates.ts
fi
exec node "$script" "$@"
