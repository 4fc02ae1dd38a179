#!/usr/bin/env bash
# Kills an API server a thousand times in the middle of its work and checks what its clients saw. Takes some minutes.
# usage: scripts/test-crash.sh [--trials N] [--lanes N] [--seed N]      see test/crash/README.md
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
. scripts/node.sh
exec node --disable-warning=ExperimentalWarning test/crash/main.ts "$@"
