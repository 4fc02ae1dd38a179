#!/usr/bin/env bash
# Long fuzz run: a million hostile messages into every decoder, by default. Takes minutes to an hour.
# usage: scripts/fuzz.sh [--messages N] [--target TEXT] [--seed S] [--from INDEX] [--input HEX]
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
. scripts/node.sh
exec node test/fuzz/run.ts --messages 1000000 "$@"
