#!/bin/sh
# Fetches the tables of OPC 40100-1 from the npm package that carries them. Without npm: says so and goes on.
set -eu
cd "$(dirname "$0")"
package="node-opcua-nodesets@2.182.0"
name="Opc.Ua.MachineVision.NodeSet2.xml"
wanted="3e67454155a9618e0981aa8b3ee248f7a9ee216f9f915b53eb26a69533c0cc62"
if echo "$wanted  nodeset/$name" | sha256sum --check --status 2>/dev/null; then
  exit 0
fi
if ! command -v npm >/dev/null; then
  echo "opcua: no npm, so OPC UA comes without OPC 40100-1 (machine vision)" >&2
  exit 0
fi
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
if ! (cd "$scratch" && npm pack --silent "$package" >/dev/null && tar -xzf ./*.tgz "package/nodesets/$name"); then
  echo "opcua: $package cannot be fetched, so OPC UA comes without OPC 40100-1 (machine vision)" >&2
  exit 0
fi
if ! (cd "$scratch/package/nodesets" && echo "$wanted  $name" | sha256sum --check --status); then
  echo "opcua: $package holds another file than expected" >&2
  exit 1
fi
mkdir -p nodeset
mv "$scratch/package/nodesets/$name" "nodeset/$name"
