#!/bin/sh
# Run every measurement: the C ones that meson knows and the ones in JavaScript, which print one
# line per number, then Dormouse beside workerd under load.
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
tests/bench/run.py "$@"
