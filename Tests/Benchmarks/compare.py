"""Daemon, raw C loops, node-redis and redis-py on the same Redis list, in one run.

    compare.sh --daemon BINARY [--runs 5] [--elements 100000] [--events 500] [--only a,b] [--quick]
               [--skip-drain] [--skip-latency] [--skip-idle] [--long]

Every repetition runs all readers, every other one in reverse order, and none is dropped: figures are the median and the
range. Ratios are taken within a repetition. A drain runs from the start of the process until the list is empty and every
line is in the output file. CPU is that of the whole process, start and end included. --long: a million elements through
one process, to see its memory stay flat. Every run is a JSON line in WORK/results.jsonl.
"""
import argparse
import json
import os
import random
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time

KEY = "enigma:notifications:inbound"
HERE = os.path.dirname(os.path.abspath(__file__))


def say(text):
    print(text, file=sys.stderr, flush=True)


class Redis:
    """A private server, and just enough RESP2 to feed and watch it."""

    def __init__(self, work):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
             "--dir", work], stdout=subprocess.DEVNULL)
        end = time.monotonic() + 10
        while True:
            try:
                self.socket = socket.create_connection(("127.0.0.1", self.port))
                break
            except OSError:
                if time.monotonic() > end or self.process.poll() is not None:
                    raise
                time.sleep(0.02)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")
        # Never feed a server that took the port in between.
        assert ("process_id:%d\r" % self.process.pid).encode() in self("INFO", "server")

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def __call__(self, *arguments):
        parts = [a if isinstance(a, bytes) else str(a).encode() for a in arguments]
        self.socket.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts))
        line = self.file.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return self.file.read(int(rest) + 2)[:-2] if int(rest) >= 0 else None
        if kind == b"+":
            return rest
        raise RuntimeError(line)

    def fill(self, elements):
        self("FLUSHALL")
        self("CONFIG", "RESETSTAT")
        for start in range(0, len(elements), 500):
            self("RPUSH", KEY, *elements[start:start + 500])


def inbound_elements(count, seed=7):
    """Invented notifications of the vendor's public shape, about 230 bytes; no two are equal."""
    rng = random.Random(seed)
    result = []
    for number in range(count):
        contact = "crm~%032x~case:%07d" % (rng.getrandbits(128), rng.randrange(10**7)) if rng.random() < 0.85 else ""
        payload = {
            "number": "0%d" % rng.randrange(6 * 10**8, 85 * 10**7), "dial_number": "2710%07d" % rng.randrange(10**7),
            "hold_time": int(rng.expovariate(1 / 25)), "call_ref": "pbx1-%d.%06d" % (1700000000 + number // 7, number),
            "contact_ref": contact, "call_dir": "inbound", "ref": str(rng.randrange(1000, 5000))}
        result.append(json.dumps({"type": "call", "payload": payload}, separators=(",", ":")).encode())
    return result


class Reader:
    """One row: `file(out)` is the command that appends to a file, `pipe` the one that writes to standard output.

    An element is through when its `mark` is in the output, which comes once for each; `lines` carry its contact_ref.
    `share` of the elements that a drain gets (slow readers need no hundred thousand)."""

    def __init__(self, name, file, pipe, mark=b"\n", lines=1, share=1.0, latency=True, before=None):
        self.name, self.file, self.pipe, self.mark, self.lines = name, file, pipe, mark, lines
        self.share, self.latency, self.before = share, latency, before


def has(command):
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


class Daemon:
    """Configuration and clean state of the daemon under test."""

    def __init__(self, options, port):
        self.binary, self.work, self.port = os.path.abspath(options.daemon), options.work, port
        self.out = os.path.join(options.work, "out.jsonl")

    def reset(self):
        for name in os.listdir(self.work):
            if name.startswith("store.sqlite"):
                os.unlink(os.path.join(self.work, name))

    def command(self, sink):
        path = os.path.join(self.work, sink + ".yaml")
        destination = "type: stdout" if sink == "stdout" else "type: file, path: %s" % self.out
        with open(path, "w") as file:
            file.write(
                "tenant: bench\nsources:\n  - name: cape\n    vendor: teleforge\n    redis: redis://127.0.0.1:%d/0\n"
                "sinks:\n  - { name: lines, %s }\nstore: { path: %s/store.sqlite }\nlog: { level: warning }\n"
                % (self.port, destination, self.work))
        return [self.binary, "run", path]


def readers(options, port):
    work, out = options.work, os.path.join(options.work, "out.jsonl")
    journal = os.path.join(work, "journal")
    daemon = Daemon(options, port)

    def raw(mode, sync, **more):
        command = [os.path.join(work, "raw_reader"), mode, str(port), KEY]
        pipe = command + ["-", "0"] + ([journal] if sync else [])
        return Reader("raw-%s%s" % (mode, "-sync" if sync else ""), command + [out, str(sync)], pipe, **more)

    rows = [
        Reader("cti-bridge", daemon.command("file"), daemon.command("stdout"), b'"kind":"call.answered"', lines=2,
               before=daemon.reset),
        raw("batch", 1, latency=False), raw("batch", 0, latency=False), raw("one", 1, share=0.05), raw("one", 0)]
    node = shutil.which("node")
    if node and has([node, "-e", "require('redis')"]):
        script = [node, os.path.join(HERE, "node_reader.js"), str(port), KEY]
        rows.append(Reader("node-redis", script + [out], script + ["-"]))
    else:
        say("left out: node-redis (Debian: nodejs node-redis)")
    if has([sys.executable, "-c", "import redis"]):
        script = [sys.executable, "-B", os.path.join(HERE, "python_reader.py"), str(port), KEY]
        rows.append(Reader("redis-py", script + [out], script + ["-"], share=0.3))
    else:
        say("left out: redis-py (Debian: python3-redis python3-hiredis)")
    wanted = options.only.split(",") if options.only else [row.name for row in rows]
    return [row for row in rows if row.name in wanted], daemon


# --- one run ---


def start(row, command, out, **more):
    if row.before:
        row.before()
    open(out, "wb").close()
    return subprocess.Popen(command, stderr=open(out + ".err", "wb"), **more)


def reap(process, asked=signal.SIGTERM):
    """Ends it and returns the CPU seconds of its whole life."""
    process.send_signal(asked)
    end = time.monotonic() + 30
    while True:
        pid, _, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = 0
            return usage.ru_utime + usage.ru_stime
        if time.monotonic() > end:
            process.kill()
        time.sleep(0.005)


class Delivered:
    """Elements whose mark is in a growing file; each byte is read once."""

    def __init__(self, row, path):
        self.mark, self.file, self.count, self.rest = row.mark, open(path, "rb"), 0, b""

    def __call__(self):
        while chunk := self.file.read(1 << 20):
            chunk = self.rest + chunk
            self.count += chunk.count(self.mark)
            self.rest = chunk[len(chunk) - len(self.mark) + 1:]
        return self.count


def drain(row, redis, elements, out, limit):
    count = max(1, int(len(elements) * row.share))
    redis.fill(elements[:count])
    began = time.monotonic()
    process = start(row, row.file, out)
    delivered = Delivered(row, out)
    while True:
        time.sleep(0.003)
        if process.poll() is not None or time.monotonic() - began > limit:
            say("%s did not finish: %d of %d elements delivered, %d in Redis; see %s.err"
                % (row.name, delivered(), count, redis("LLEN", KEY), out))
            if process.returncode is None:
                reap(process, signal.SIGKILL)
            return None
        if redis("LLEN", KEY) == 0 and delivered() >= count:
            break
    wall = time.monotonic() - began
    cpu = reap(process)
    redis_us = sum(
        int(part.split(b"usec=")[1].split(b",")[0])
        for part in redis("INFO", "commandstats").split(b"\r\n") if b"usec=" in part and b"rpush" not in part
        and b"cmdstat_info" not in part and b"cmdstat_llen" not in part)
    return {"rate": count / wall, "cpu_us": cpu / count * 1e6, "redis_us": redis_us / count}


def latency(row, redis, options, out, way):
    redis("FLUSHALL")
    journal = os.path.join(options.work, "journal")
    if os.path.exists(journal):
        os.unlink(journal)
    probe = [os.path.join(options.work, "latency_probe"), str(redis.port), KEY, str(options.gap_us),
             str(options.events), str(row.lines)]
    if way == "pipe":
        if row.before:
            row.before()
        result = subprocess.run(
            probe + ["-"] + row.pipe, stdout=subprocess.PIPE, stderr=open(out + ".err", "wb"), timeout=120)
    else:
        process = start(row, row.file, out)
        result = subprocess.run(probe + [out], stdout=subprocess.PIPE, timeout=120)
        reap(process)
    figures = json.loads(result.stdout or b"{}")
    if result.returncode:
        say("%s: latency over a %s failed: %s; see %s.err" % (row.name, way, figures, out))
        return None
    return figures


# --- what the kernel says ---


def anonymous_bytes(pid):
    with open("/proc/%d/smaps_rollup" % pid) as file:
        fields = dict(line.split(":", 1) for line in file if ":" in line and "-" not in line.split(":")[0])
    return sum(int(fields[name].split()[0]) * 1024 for name in ("Anonymous", "Swap") if name in fields)


def sleeps(pid):
    """Voluntary context switches of each thread."""
    result = {}
    for thread in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/status" % (pid, thread)) as file:
            result[thread] = sum(int(line.split()[1]) for line in file if line.startswith("voluntary"))
    return result


def written_bytes(pid):
    with open("/proc/%d/io" % pid) as file:
        return int(dict(line.split(": ") for line in file)["write_bytes"])


def wait_for(condition, limit, what):
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("not within %d s: %s" % (limit, what))
        time.sleep(0.01)


def idle(row, redis, options, elements, out):
    """Memory and wake-ups of the daemon with nothing to do, and what a lone event writes to the disk."""
    redis("FLUSHALL")
    process = start(row, row.file, out)
    try:
        wait_for(lambda: b"blocked_clients:0\r" not in redis("INFO", "clients"), 30, "the daemon waits for elements")
        time.sleep(2)
        before, bytes_idle = sleeps(process.pid), anonymous_bytes(process.pid)
        time.sleep(10)
        wake_ups = sum(count - before.get(thread, 0) for thread, count in sleeps(process.pid).items())
        print("\nidle, 10 s: %d voluntary context switches; anonymous memory %.1f MB" % (wake_ups, bytes_idle / 1e6))
        lone, written = elements[:200], written_bytes(process.pid)
        delivered = Delivered(row, out)
        known = delivered()
        for number, element in enumerate(lone):
            redis("RPUSH", KEY, element)
            wait_for(lambda: delivered() > known + number, 30, "a lone event is delivered")
            time.sleep(0.01)
        print("lone events: %.1f KiB written to the disk for each (store and file)"
              % ((written_bytes(process.pid) - written) / len(lone) / 1024))
        rounds = 20 if options.long else 2
        figures = []
        for number in range(rounds):
            known = delivered()
            fresh = [e.replace(b"pbx1-", b"pbx%d-" % (number + 2)) for e in elements[:50000]]
            for begin in range(0, len(fresh), 500):
                redis("RPUSH", KEY, *fresh[begin:begin + 500])
            wait_for(lambda: redis("LLEN", KEY) == 0 and delivered() >= known + len(fresh), 300, "a backlog")
            figures.append("%.1f" % (anonymous_bytes(process.pid) / 1e6))
        print("anonymous memory after each %d elements, MB: %s" % (len(fresh), " ".join(figures)))
    finally:
        reap(process)


# --- tables ---


def spread(values, digits):
    return "%.*f (%.*f-%.*f)" % (digits, statistics.median(values), digits, min(values), digits, max(values))


def table(title, head, rows):
    print("\n%s\n| %s |\n| %s |" % (title, " | ".join(head), " | ".join(["---"] + ["---:"] * (len(head) - 1))))
    for row in rows:
        print("| %s |" % " | ".join(row))
    sys.stdout.flush()


def ratios(results, figure, other, inverse=False):
    """cti-bridge over `other`, within each repetition in which both ran."""
    pairs = [(run["cti-bridge"][figure], run[other][figure]) for run in results
             if run.get("cti-bridge") and run.get(other)]
    return spread([a / b for a, b in pairs], 2) if pairs else "-"


def report(results, rows, title, figures):
    names = [row.name for row in rows if any(run.get(row.name) for run in results)]
    head = ["reader"] + [label for label, _, _, _ in figures] + ["cti-bridge / it: " + figures[0][0]] + (
        ["cti-bridge / it: " + figures[1][0]])
    body = []
    for name in names:
        runs = [run[name] for run in results if run.get(name)]
        cells = [spread([run[key] * scale for run in runs], digits) for _, key, scale, digits in figures]
        compared = [ratios(results, figures[i][1], name) if name != "cti-bridge" else "" for i in (0, 1)]
        body.append([name] + cells + compared)
    table(title, head, body)


def repeat(options, rows, what, run):
    results = []
    with open(os.path.join(options.work, "results.jsonl"), "a") as log:
        for number in range(options.runs):
            figures = {}
            for row in rows if number % 2 == 0 else rows[::-1]:
                say("%s %d/%d: %s" % (what, number + 1, options.runs, row.name))
                figures[row.name] = run(row)
                log.write(json.dumps({"what": what, "run": number, "reader": row.name, "figures": figures[row.name]}) + "\n")
                log.flush()
            results.append(figures)
    return results


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--work", required=True)
    parser.add_argument("--daemon", required=True)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--elements", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=500)
    parser.add_argument("--gap-us", type=int, default=5000)
    parser.add_argument("--limit", type=float, default=180, help="seconds before a drain is given up")
    parser.add_argument("--only", default="")
    for flag in ("--quick", "--skip-drain", "--skip-latency", "--skip-idle", "--long"):
        parser.add_argument(flag, action="store_true")
    options = parser.parse_args()
    if options.quick:
        options.runs, options.elements, options.events = 2, 20_000, 200
    os.environ.setdefault("NODE_PATH", "/usr/share/nodejs")
    out = os.path.join(options.work, "out.jsonl")
    redis = Redis(options.work)
    try:
        rows, _ = readers(options, redis.port)
        elements = inbound_elements(max(options.elements, 0 if options.skip_idle else 50_000))
        wanted = elements[:options.elements]
        if not options.skip_drain:
            results = repeat(options, rows, "drain",
                             lambda row: drain(row, redis, wanted, out, options.limit))
            report(results, rows, "Drain of %d inbound elements (slow readers: fewer), from process start to the last line"
                   % options.elements,
                   [("1000 elements/s", "rate", 1e-3, 1), ("CPU us/element", "cpu_us", 1, 2),
                    ("us/element in Redis commands", "redis_us", 1, 2)])
            print("asked: at least 0.5 (aim 0.6) of raw-batch-sync, at least 3 times node-redis")
        for way in () if options.skip_latency else ("pipe", "file"):
            results = repeat(options, [r for r in rows if r.latency], "latency, " + way,
                             lambda row: latency(row, redis, options, out, way))
            report(results, rows, "Lone events, RPUSH to the last line read from a %s, us (%d events, one each %d us)"
                   % (way, options.events, options.gap_us),
                   [("p50", "p50", 1, 0), ("p99", "p99", 1, 0), ("max", "max", 1, 0)])
            print("asked: p50 and p99 at most 1.5 times raw-one-sync")
        if not options.skip_idle and rows and rows[0].name == "cti-bridge":
            idle(rows[0], redis, options, elements, out)
    finally:
        redis.stop()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    say("\nload of this machine: %s; every run: %s/results.jsonl; this script used %.0f s CPU"
        % (" ".join("%.2f" % x for x in os.getloadavg()), options.work, usage.ru_utime + usage.ru_stime))


if __name__ == "__main__":
    main()
