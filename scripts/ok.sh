#!/usr/bin/env bash
# The gate before a change lands: types, lint, format, layer rules, tests.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
bash scripts/check.sh
bash scripts/test.sh
