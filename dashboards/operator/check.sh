#!/bin/sh
# Checks the dashboard: are its types those of the API, does it compile, do its unit tests pass?
# Usage: check.sh PYTHON [--write]; with --write the types are made anew.
set -eu
python="$1"
cd "$(dirname "$0")"
(cd ../.. && "$python" -m serving.dashboard.description) >openapi.json
npx --no-install openapi-typescript openapi.json -o schema.made.d.ts >/dev/null
rm openapi.json
if [ "${2:-}" = "--write" ]; then
  mv schema.made.d.ts src/api/schema.d.ts
elif cmp -s schema.made.d.ts src/api/schema.d.ts; then
  rm schema.made.d.ts
else
  rm schema.made.d.ts
  echo "src/api/schema.d.ts is not what the API says: run check.sh PYTHON --write" >&2
  exit 1
fi
npm run --silent check
npm run --silent test
