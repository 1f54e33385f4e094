#!/bin/sh
# Fetches an OPC UA client of another make for the tests, pinned with hashes. Without npm: says so and goes on.
set -eu
cd "$(dirname "$0")"
wanted="$(sha256sum package-lock.json)"
if [ -f node_modules/.fetched ] && [ "$(cat node_modules/.fetched)" = "$wanted" ]; then
  exit 0
fi
if ! command -v npm >/dev/null; then
  echo "opcua: no npm, so the tests go without the OPC UA client of another make" >&2
  exit 0
fi
# No script of any package is run.
if ! npm ci --silent --ignore-scripts --no-audit --no-fund >/dev/null; then
  echo "opcua: node-opcua-client cannot be fetched, so the tests go without it" >&2
  rm -rf node_modules
  exit 0
fi
echo "$wanted" > node_modules/.fetched
