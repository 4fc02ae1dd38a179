#!/usr/bin/env bash
# Runs the tests of the tiers that this machine can run and ends with `N passed, N failed, N skipped`.
# usage: scripts/test.sh [PATTERN ...]      node --test patterns; all tests when none is given
set -uo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
. scripts/node.sh
if [ "$#" -gt 0 ]; then
  patterns=("$@")
else
  patterns=('src/**/*.test.ts' 'test/**/*.test.ts')
fi
# One file at a time: tests that wait for a real guest should not wait for each other's.
exec node --test --test-concurrency=1 --test-timeout=600000 --test-reporter="$root/scripts/test-reporter.ts" "${patterns[@]}"
