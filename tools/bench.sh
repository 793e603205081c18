#!/bin/sh
# Run every measurement: single parts first, then the whole beside workerd. What is given here is
# given to tests/bench/run.py (--quick for a first look).
set -eu
cd "$(dirname "$0")/.."

for program in build/tests/bench/bench_*; do
    # bench_store's lines stand in run.py's first table.
    if [ -f "$program" ] && [ -x "$program" ] && [ "${program##*/}" != bench_store ]; then
        "$program"
    fi
done
exec python3 tests/bench/run.py "$@"
