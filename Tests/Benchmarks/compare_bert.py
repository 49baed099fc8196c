"""compare_bert.sh [--benchmark PROGRAM] [--runs 5] [--passes 40]

Messages per second of the BERT decoder beside Erlang's binary_to_term and its C library libei, one thread each, all terms
in memory: a corpus of the public shape (mean 582 bytes; BERT/bert_corpus.escript). Every run measures each of them once,
in an order that turns round; ratios are those within a run. Needs Debian's erlang-base and erlang-dev."""
import argparse
import os
import statistics
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))


def programs(options):
    frames = os.path.join(options.work, "corpus.bertseq")
    libei = os.path.join(options.work, "libei_decode")
    return [
        ("cti-bridge: decode", [options.benchmark, "decode", frames], 4),
        ("cti-bridge: decode and read all", [options.benchmark, "read", frames], 4),
        ("libei: tree, texts in place", [libei, "tree", frames], 2),
        ("libei: tree, texts copied", [libei, "copy", frames], 1),
        ("libei: skip only", [libei, "skip", frames], 4),
        ("Erlang: binary_to_term", ["escript", os.path.join(HERE, "BERT", "binary_to_term.escript"), frames], 1),
    ]


def spread(values, digits):
    return "%.*f (%.*f-%.*f)" % (digits, statistics.median(values), digits, min(values), digits, max(values))


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--work", required=True)
    parser.add_argument("--benchmark", default=os.path.join(HERE, "..", "..", ".build", "release", "BERTBenchmark"))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--passes", type=int, default=40, help="of the slow ones; the fast ones make four times as many")
    options = parser.parse_args()
    rows = programs(options)
    rates = {name: [] for name, _, _ in rows}
    for number in range(options.runs):
        for name, command, times in rows if number % 2 == 0 else rows[::-1]:
            result = subprocess.run(command + [str(options.passes * times)], stdout=subprocess.PIPE, check=True)
            rates[name].append(float(result.stdout))
    ours = rates[rows[0][0]], rates[rows[1][0]]
    print("| decoder | 1000 messages/s | decode / it | decode and read all / it |\n| --- | ---: | ---: | ---: |")
    for name, _, _ in rows:
        ratios = [spread([a / b for a, b in zip(own, rates[name])], 2) for own in ours]
        print("| %s | %s | %s | %s |" % (name, spread([rate / 1000 for rate in rates[name]], 0), *ratios))
    print("load of this machine: %s" % " ".join("%.2f" % x for x in os.getloadavg()))


main()
