#!/bin/sh
# Builds the yardsticks and compares the BERT decoder with Erlang and its C library: see compare_bert.py.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$here/../../.build/bench
mkdir -p "$work"
work=$(cd "$work" && pwd)
compiler=$(command -v clang || command -v cc)
"$compiler" -O2 -Wall -Wextra -o "$work/libei_decode" "$here/BERT/libei_decode.c" -lei -lpthread
[ -s "$work/corpus.bertseq" ] || escript "$here/BERT/bert_corpus.escript" "$work/corpus.bertseq" >&2
python=/usr/bin/python3
[ -x "$python" ] || python=python3
exec "$python" -B "$here/compare_bert.py" --work "$work" "$@"
