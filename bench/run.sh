#!/usr/bin/env bash
# Runs a benchmark and keeps its result in bench/results/NAME.json.
# usage: bench/run.sh NAME [arguments]      names and arguments: bench/README.md
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
. scripts/node.sh
name=${1:-start}
shift || true
for script in "bench/$name.ts" "bench/$name/$name.ts" "bench/linux/$name.ts"; do
  if [ -f "$script" ]; then
    exec node "$script" "$@"
  fi
done
echo "bench: no benchmark is called $name; bench/README.md names them" >&2
exit 2
