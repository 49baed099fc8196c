"""From RPUSH to a healthy sink: how fast, and how little the sick sinks beside it change that.

    delivery.py webhook   --daemon BINARY [--events 1000] [--lone 10]
    delivery.py isolation --daemon BINARY [--seconds 600] [--rate 200]

webhook: the daemon writes each answered call to a pipe and posts it to a receiver on loopback; both are read by this process,
in one loop. The line in the pipe comes behind the commit, so the difference is what the webhook adds to it. Events come at
200 and 10 a second, and alone after six seconds of silence, when the kept connection is closed.

isolation: healthy sinks (pipe, synced file, webhook) get RATE elements a second, alone for half of SECONDS, then for
SECONDS beside sick ones (a webhook that never answers, one that refuses connections, one that answers a byte a second, a
file on a full disk), then alone again. Latencies run from RPUSH to the line; the first two seconds of a run do not count.
"""
import argparse
import ctypes
import json
import multiprocessing
import os
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

from compare import KEY, Redis, anonymous_bytes, reap, say, table

RECORDS = "enigma:notifications:cdr"
ANSWERED = b'"kind":"call.answered"'
WARM_UP = 2.0


# --- what goes in ---


def inbound(number):
    payload = {"number": "0821234567", "dial_number": "27101234567", "hold_time": 12, "call_ref": "probe-%d" % number,
               "contact_ref": "PROBE~%d~%d" % (number, time.monotonic_ns()), "call_dir": "inbound", "ref": "2001"}
    return json.dumps({"type": "call", "payload": payload}, separators=(",", ":"))


def record(number):
    payload = {"extension": "2001", "number": "0821234567", "dial_number": "27101234567", "call_ref": "probe-%d" % number,
               "contact_ref": "", "dialed_at": int(time.time()), "end_reason": "hungup", "end_code": 16, "call_time": 30,
               "hold_time": 12, "call_dir": "inbound", "recording_url": "", "ref": "click-dial"}
    return json.dumps({"type": "cdr", "payload": payload}, separators=(",", ":"))


def produce(port, first, gap, count, ends):
    """`count` calls, one each `gap` seconds; with `ends` each ends two seconds later, which is a second element."""
    redis = Client(port)
    due, open_calls = time.monotonic(), []
    for number in range(first, first + count):
        time.sleep(max(0, due - time.monotonic()))
        redis("RPUSH", KEY, inbound(number))
        due += gap
        open_calls.append((due + 2, number))
        while ends and open_calls[0][0] <= due:
            redis("RPUSH", RECORDS, record(open_calls.pop(0)[1]))


class Client(Redis):
    """A connection to a server that runs."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")


# --- what comes out ---


class Latencies:
    """Nanoseconds from the push of an element until it was seen, by its number."""

    def __init__(self):
        self.of, self.rest = {}, b""

    def take(self, text, now):
        lines = (self.rest + text).split(b"\n")
        self.rest = lines.pop()
        for line in lines:
            self.take_event(line, now)

    def take_event(self, line, now):
        if ANSWERED not in line:
            return
        mark = line.find(b"PROBE~")
        if mark >= 0:
            number, pushed = line[mark + 6:line.index(b'"', mark)].split(b"~")
            self.of.setdefault(int(number), now - int(pushed))

    def since(self, first):
        return sorted(value / 1e3 for number, value in self.of.items() if number >= first)


def percentile(values, share):
    return values[min(len(values) - 1, int(len(values) * share))] if values else float("nan")


class Watch:
    """One loop that reads a pipe, a growing file and the requests of a webhook."""

    def __init__(self, pipe, path=None):
        self.selector = selectors.DefaultSelector()
        self.pipe, self.webhook, self.file = Latencies(), Latencies(), Latencies()
        os.set_blocking(pipe.fileno(), False)
        self.selector.register(pipe.fileno(), selectors.EVENT_READ, self.read_pipe)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self.selector.register(self.listener, selectors.EVENT_READ, self.accept)
        self.descriptor = None
        if path:
            self.descriptor = os.open(path, os.O_RDONLY | os.O_CREAT, 0o600)
            libc = ctypes.CDLL(None, use_errno=True)
            notes = libc.inotify_init1(os.O_NONBLOCK)
            if notes < 0 or libc.inotify_add_watch(notes, path.encode(), 2) < 0:  # IN_MODIFY
                raise OSError(ctypes.get_errno(), "inotify")
            self.selector.register(notes, selectors.EVENT_READ, self.read_file)

    @property
    def port(self):
        return self.listener.getsockname()[1]

    def run(self, until):
        while time.monotonic() < until:
            for key, _ in self.selector.select(min(0.2, max(0, until - time.monotonic()))):
                key.data(key.fileobj)

    def close(self):
        for key in list(self.selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
            elif key.data == self.read_file:
                os.close(key.fileobj)
        if self.descriptor is not None:
            os.close(self.descriptor)
        self.selector.close()

    def read_pipe(self, descriptor):
        text = os.read(descriptor, 1 << 20)
        now = time.monotonic_ns()
        if not text:
            raise SystemExit("the daemon has ended; see its log")
        self.pipe.take(text, now)

    def read_file(self, notes):
        os.read(notes, 1 << 16)
        while text := os.read(self.descriptor, 1 << 20):
            self.file.take(text, time.monotonic_ns())

    def accept(self, listener):
        connection, _ = listener.accept()
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        held = bytearray()
        self.selector.register(connection, selectors.EVENT_READ, lambda it: self.read_request(it, held))

    def read_request(self, connection, held):
        try:
            text = connection.recv(1 << 16)
        except ConnectionError:
            text = b""
        now = time.monotonic_ns()
        if not text:
            self.selector.unregister(connection)
            connection.close()
            return
        held += text
        while (head := held.find(b"\r\n\r\n")) >= 0:
            length = next(int(line[15:]) for line in bytes(held[:head]).split(b"\r\n")
                          if line.lower().startswith(b"content-length:"))
            if len(held) < head + 4 + length:
                return
            self.webhook.take_event(bytes(held[head + 4:head + 4 + length]), now)
            del held[:head + 4 + length]
            connection.send(b"HTTP/1.1 204 No Content\r\n\r\n")


# --- the daemon ---


class Daemon:
    def __init__(self, options, redis, sinks, extra=""):
        self.work = tempfile.mkdtemp(dir=options.work)
        path = os.path.join(self.work, "bench.yaml")
        with open(path, "w") as file:
            file.write("tenant: bench\nsources:\n  - { name: cape, vendor: teleforge, redis: 'redis://127.0.0.1:%d/0' }\n"
                       "sinks:\n%s\nstore: { path: %s/store.sqlite }\nlog: { level: warning }\n"
                       % (redis.port, "\n".join("  - { %s }" % sink for sink in sinks), self.work))
        self.log = os.path.join(self.work, "daemon.err")
        self.command = [os.path.abspath(options.daemon), "run", path]
        self.environment = dict(os.environ, XDG_RUNTIME_DIR=self.work, XDG_STATE_HOME=self.work)
        self.path = path

    def start(self, output):
        self.process = subprocess.Popen(
            self.command, stdout=output, stderr=open(self.log, "wb"), env=self.environment)

    def sinks(self):
        """What `status` tells of each sink."""
        answer = subprocess.run([self.command[0], "status", "--json", "--config", self.path], env=self.environment,
                                stdout=subprocess.PIPE, timeout=30)
        return json.loads(answer.stdout)["sinks"] if answer.returncode == 0 else []


def pipe_pair():
    reader, writer = os.pipe()
    return os.fdopen(reader, "rb", 0), writer


def await_line(watch, redis, number):
    """The first call goes through: the daemon is up."""
    redis("RPUSH", KEY, inbound(number))
    end = time.monotonic() + 30
    while number not in watch.pipe.of:
        if time.monotonic() > end:
            raise SystemExit("the daemon did not come up")
        watch.run(time.monotonic() + 0.05)


def feed(redis, watch, first, gap, count, ends, during=lambda share: None):
    """Runs a producer and reads until it is done, and two seconds more."""
    producer = multiprocessing.Process(target=produce, args=(redis.port, first, gap, count, ends))
    producer.start()
    began, whole = time.monotonic(), gap * count
    for quarter in range(1, 5):
        watch.run(began + whole * quarter / 4)
        during(quarter / 4)
    watch.run(time.monotonic() + 2)
    producer.join(30)
    if producer.is_alive():
        producer.terminate()
        raise SystemExit("the producer did not keep the rate")


# --- webhook ---


def bench_webhook(options, redis):
    reader, writer = pipe_pair()
    watch = Watch(reader)
    only = "events: [call.answered]"
    daemon = Daemon(options, redis, [
        "name: pipe, type: stdout, " + only,
        "name: crm, type: webhook, url: 'http://127.0.0.1:%d/hook', secret: { env: BENCH_SECRET }, %s" % (watch.port, only)])
    daemon.environment["BENCH_SECRET"] = "whsec_" + "A" * 32
    daemon.start(writer)
    os.close(writer)
    rows, first = [], 1
    try:
        await_line(watch, redis, 0)
        for name, gap, count in [("200 a second", 0.005, options.events), ("10 a second", 0.1, max(1, options.events // 5)),
                                 ("alone, after 6 s", 6.0, options.lone)]:
            say("webhook: %s" % name)
            feed(redis, watch, first, gap, count, False)
            numbers = range(first, first + count)
            missing = [n for n in numbers if n not in watch.webhook.of or n not in watch.pipe.of]
            if missing:
                raise SystemExit("%d events did not come within two seconds; see %s" % (len(missing), daemon.log))
            figures = [sorted(f(n) / 1e3 for n in numbers) for f in (
                watch.pipe.of.get, watch.webhook.of.get, lambda n: watch.webhook.of[n] - watch.pipe.of[n])]
            rows.append([name, str(count)] + ["%.0f" % percentile(values, share) for values in figures
                                              for share in (0.5, 0.99)] + ["%.0f" % figures[2][-1]])
            first += count
    finally:
        reap(daemon.process)
        watch.close()
    table("From RPUSH to the line behind the commit, and to the request at the receiver, us",
          ["events", "count", "line p50", "line p99", "request p50", "request p99", "request - line p50",
           "request - line p99", "max"], rows)
    print("asked: the request at most 20,000 us behind the line (p99)")


# --- isolation ---


class SickServers:
    """In a process of their own: one that never answers, one that answers a byte a second."""

    def __init__(self):
        self.hanging, self.dripping = (socket.create_server(("127.0.0.1", 0), backlog=128) for _ in range(2))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.refusing_port = probe.getsockname()[1]
        self.process = multiprocessing.Process(target=self.serve, daemon=True)
        self.process.start()

    @property
    def ports(self):
        return self.hanging.getsockname()[1], self.refusing_port, self.dripping.getsockname()[1]

    def serve(self):
        threading.Thread(target=self.accept, args=(self.hanging, lambda _: None), daemon=True).start()
        self.accept(self.dripping, self.drip)

    def accept(self, listener, answer):
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=self.talk, args=(connection, answer), daemon=True).start()

    @staticmethod
    def talk(connection, answer):
        try:
            while connection.recv(65536):
                answer(connection)
        except OSError:
            pass
        connection.close()

    @staticmethod
    def drip(connection):
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n":
            connection.send(bytes([byte]))
            time.sleep(1)

    def stop(self):
        self.process.terminate()
        self.process.join(10)


class FullDisk:
    """A file system with no room; None in `path` where it cannot be mounted."""

    def __init__(self, work):
        self.path = tempfile.mkdtemp(dir=work)
        mounted = os.geteuid() == 0 and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", self.path], stderr=subprocess.DEVNULL).returncode == 0
        if not mounted:
            say("left out: the full disk, which needs a mount and so root")
            self.path = None
            return
        try:
            with open(os.path.join(self.path, "ballast"), "wb", 0) as file:
                file.write(b"x" * (1 << 20))
        except OSError:
            pass

    def stop(self):
        if self.path:
            subprocess.run(["umount", "-l", self.path], check=False)


def bench_isolation(options, redis):
    healthy = ["pipe", "file", "webhook"]
    runs = [("alone, before", False, options.seconds / 2), ("beside sick sinks", True, options.seconds),
            ("alone, after", False, options.seconds / 2)]
    results = [(name, isolation_run(options, redis, name, is_sick, seconds)) for name, is_sick, seconds in runs]
    rows = [[name, sink] + ["%.0f" % percentile(run[sink], share) for share in (0.5, 0.99)]
            + ["%.0f" % run[sink][-1], str(len(run[sink]))] for name, run in results for sink in healthy]
    table("From RPUSH to the line of a healthy sink, %d elements/s, us" % options.rate,
          ["run", "sink", "p50", "p99", "max", "events"], rows)
    alone = {sink: sorted(results[0][1][sink] + results[2][1][sink]) for sink in healthy}
    rows = []
    for sink in healthy:
        cells = [sink]
        for share in (0.5, 0.99):
            before, beside, after = (percentile(run[sink], share) for _, run in results)
            cells += ["%.2f" % (beside / percentile(alone[sink], share)), "%.2f" % (after / before)]
        rows.append(cells)
    table("Ratios", ["sink", "p50: beside / alone", "p50: after / before", "p99: beside / alone", "p99: after / before"], rows)
    print("asked: p99 beside / alone within 10 %; after / before shows how steady the machine itself was")
    table("Memory, MB (anonymous), at the start and after each quarter", ["run", "start", "1/4", "2/4", "3/4", "end"],
          [[name] + ["%.1f" % (value / 1e6) for value in run["memory"]] for name, run in results])


def isolation_run(options, redis, name, is_sick, seconds):
    say("isolation: %s, %.0f s" % (name, seconds))
    redis("FLUSHALL")
    reader, writer = pipe_pair()
    out = os.path.join(tempfile.mkdtemp(dir=options.work), "lines.jsonl")
    watch = Watch(reader, out)
    servers, disk = SickServers(), FullDisk(options.work)
    sinks = ["name: pipe, type: stdout", "name: lines, type: file, path: %s" % out,
             "name: crm, type: webhook, url: 'http://127.0.0.1:%d/hook'" % watch.port]
    if is_sick:
        sinks += ["name: %s, type: webhook, url: 'http://127.0.0.1:%d/hook'" % pair
                  for pair in zip(["hanging", "refusing", "dripping"], servers.ports)]
        if disk.path:
            sinks.append("name: full, type: file, path: %s/lines.jsonl" % disk.path)
    daemon = Daemon(options, redis, sinks)
    daemon.start(writer)
    os.close(writer)
    try:
        await_line(watch, redis, 0)
        memory = [anonymous_bytes(daemon.process.pid)]
        count = int(seconds * options.rate / 2)
        feed(redis, watch, 1, 2 / options.rate, count, True,
             lambda share: memory.append(anonymous_bytes(daemon.process.pid)))
        if is_sick:
            for sink in daemon.sinks():
                say("  %s: %s, backlog %s, skipped %s, %s" % (sink["name"], sink["state"], sink["backlog_events"],
                    sink["skipped"], sink.get("last_error", {}).get("reason", "no error")))
    finally:
        reap(daemon.process)
        servers.stop()
        disk.stop()
        watch.close()
        reader.close()
    first = int(WARM_UP * options.rate / 2)
    figures = {"pipe": watch.pipe.since(first), "file": watch.file.since(first), "webhook": watch.webhook.since(first)}
    for sink, values in figures.items():
        if len(values) != count + 1 - first:
            raise SystemExit("%s: %d of %d events came; see %s" % (sink, len(values), count + 1 - first, daemon.log))
    figures["memory"] = memory
    return figures


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("bench", choices=["webhook", "isolation"])
    parser.add_argument("--daemon", required=True)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--rate", type=int, default=200)
    parser.add_argument("--events", type=int, default=1000)
    parser.add_argument("--lone", type=int, default=10)
    options = parser.parse_args()
    multiprocessing.set_start_method("fork")
    options.work = tempfile.mkdtemp(prefix="ctib-bench-")
    redis = Redis(options.work)
    try:
        (bench_webhook if options.bench == "webhook" else bench_isolation)(options, redis)
    finally:
        redis.stop()
        shutil.rmtree(options.work, ignore_errors=True)
    say("\nload of this machine: %s" % " ".join("%.2f" % x for x in os.getloadavg()))


main()
