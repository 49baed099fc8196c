"""What the scripts that compare readers have in common: a sender in a process of its own, a reader, its figures."""
import base64
import hashlib
import json
import multiprocessing
import os
import socket
import statistics
import struct
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
PIECE = 64 << 10
# For one reader, in seconds.
TIME_LIMIT = 180


def say(text):
    print(text, file=sys.stderr, flush=True)


def frame(payload, first=0x81):
    """A frame of a WebSocket server; `first` is its first byte."""
    size = len(payload)
    if size < 126:
        return bytes([first, size]) + payload
    if size < 1 << 16:
        return struct.pack(">BBH", first, 126, size) + payload
    return struct.pack(">BBQ", first, 127, size) + payload


def upgraded(head):
    """The 101 to the head of a request."""
    key = [line.split(b": ")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:")][0]
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    return (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
            + accept + b"\r\n\r\n")


def flood(accepted, payload):
    """Writes as fast as it is taken."""
    view = memoryview(payload)
    for start in range(0, len(view), PIECE):
        accepted.sendall(view[start:start + PIECE])


def run(command, serve, arguments, seconds=20):
    """`serve(listener, *arguments)` in a process, and the command with PORT in place; the figures that it prints, and its CPU."""
    listener = socket.create_server(("127.0.0.1", 0))
    sender = multiprocessing.get_context("fork").Process(target=serve, args=(listener, *arguments))
    sender.start()
    port = listener.getsockname()[1]
    listener.close()
    reader = subprocess.Popen([part.replace("PORT", str(port)) for part in command], stdout=subprocess.PIPE)
    limit = threading.Timer(TIME_LIMIT, reader.kill)
    limit.start()
    output = reader.stdout.read()
    limit.cancel()
    _, status, usage = os.wait4(reader.pid, 0)
    reader.returncode = status
    sender.join(seconds)
    if sender.is_alive():
        sender.kill()
    if status != 0 or not output:
        raise SystemExit("%s failed: status %d" % (command[0], status))
    figures = json.loads(output.splitlines()[-1])
    figures["cpu"] = usage.ru_utime + usage.ru_stime
    return figures


def repeat(options, rows, once):
    """Every repetition runs all rows (a name, a command), every other one in reverse order; `once(command)` gives figures."""
    results = []
    for number in range(options.runs):
        figures = {}
        for name, command in rows if number % 2 == 0 else rows[::-1]:
            say("%d/%d: %s" % (number + 1, options.runs, name))
            figures[name] = once(command)
        results.append(figures)
    return results


def spread(values, digits):
    return "%.*f (%.*f-%.*f)" % (digits, statistics.median(values), digits, min(values), digits, max(values))


def table(title, count, rows, results):
    """Rates of `count` events beside those of the last row."""
    last = rows[-1][0]
    print("%s\n| reader | 1000 events/s | 1000 events per CPU second | rate / %s's |\n| --- | ---: | ---: | ---: |"
          % (title, last))
    for name, _ in rows:
        cells = [spread([count / one[name]["seconds"] / 1000 for one in results], 1),
                 spread([count / one[name]["cpu"] / 1000 for one in results], 1),
                 spread([one[last]["seconds"] / one[name]["seconds"] for one in results], 2)]
        print("| %s | %s |" % (name, " | ".join(cells)))
    say("load of this machine: %s" % " ".join("%.2f" % value for value in os.getloadavg()))
