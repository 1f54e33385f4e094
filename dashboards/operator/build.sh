#!/bin/sh
# Builds the dashboard into dist/, unless nothing has changed since the last time. A machine without Node.js still runs
# the platform: the page at / then says what is missing.
set -eu
cd "$(dirname "$0")"

if ! command -v npm >/dev/null 2>&1 || ! node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)'; then
  echo "The dashboard is not built: it needs Node.js 20 or newer. The API works without it."
  exit 0
fi
if [ -f dist/index.html ] && [ -z "$(find src public index.html package-lock.json vite.config.ts tsconfig.json \
  -newer dist/index.html -print | head -n 1)" ]; then
  exit 0
fi
if [ ! -d node_modules ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  npm ci --silent
fi
npm run --silent build
