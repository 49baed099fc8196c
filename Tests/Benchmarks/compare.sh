#!/bin/sh
# Builds the yardsticks and compares the daemon with them and with its peers: see compare.py for options and method.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$here/../../.build/bench
mkdir -p "$work"
work=$(cd "$work" && pwd)
compiler=$(command -v clang || command -v cc)
for program in raw_reader latency_probe; do
    "$compiler" -O2 -Wall -Wextra -o "$work/$program" "$here/$program.c" -lhiredis
done
# The system's Python: Debian's python3-redis belongs to it.
python=/usr/bin/python3
[ -x "$python" ] || python=python3
exec "$python" -B "$here/compare.py" --work "$work" "$@"
