#!/bin/sh
# Run every measurement: the C ones that meson knows, then the ones in JavaScript. Each prints one
# line per number.
set -eu
cd "$(dirname "$0")/.."

for program in build/tests/bench/bench_*; do
    [ -f "$program" ] && [ -x "$program" ] || continue
    "$program"
done
for script in tests/bench/*.bench.mjs; do
    [ -f "$script" ] || continue
    node "$script"
done
