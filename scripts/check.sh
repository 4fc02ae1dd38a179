#!/usr/bin/env bash
# Everything that needs no run: types, lint, format, import directions.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
. scripts/node.sh
echo 'types';  node_modules/.bin/tsc -p tsconfig.json
echo 'lint';   node_modules/.bin/oxlint --type-aware --quiet
echo 'format'; node_modules/.bin/oxfmt --check
echo 'layers'; node scripts/check-layers.ts
