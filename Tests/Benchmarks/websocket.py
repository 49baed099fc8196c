"""Receiving over a WebSocket: websocket-reader (our client) beside node's ws, in one run.

    websocket.py --reader BINARY [--runs 5] [--messages 400000] [--fragmented-mib 16]

One sender for both, in a process of its own: it has the frames ready and writes them as fast as they are taken, in pieces of
64 KiB. Time runs in the reader from the opening to the last message; CPU is that of the whole process, start and end
included. Every repetition runs both readers, every other one in reverse order, and none is dropped: figures are the median
and the range, ratios are taken within a repetition.
"""
import argparse
import os
import shutil
import socket
import ssl
import statistics
import struct
import subprocess
import sys
import tempfile

from readers import HERE, flood, frame, run, say, spread, upgraded


def plain_messages(count):
    """Binary messages of 600 bytes, a thousand different ones."""
    block = b"".join(frame(struct.pack(">I", number) * 150, 0x82) for number in range(1000))
    return [block] * (count // 1000)


def fragmented(mib):
    """One message in fragments of 64 bytes."""
    fragments = (mib << 20) // 64
    body = frame(b"\x07" * 64, 0x00)
    return [frame(b"\x07" * 64, 0x02) + body * (fragments - 2) + frame(b"\x07" * 64, 0x80)]


def serve(listener, context, blocks):
    """One connection: answers the upgrade, writes everything, and reads until the reader has had enough."""
    accepted, _ = listener.accept()
    accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if context:
        accepted = context.wrap_socket(accepted, server_side=True)
    request = b""
    while b"\r\n\r\n" not in request:
        request += accepted.recv(4096)
    accepted.sendall(upgraded(request))
    try:
        for block in blocks:
            flood(accepted, block)
        accepted.settimeout(10)
        while accepted.recv(4096):
            accepted.sendall(b"\x88\x02\x03\xe8")
            break
    except OSError:
        pass
    accepted.close()


def compare(options, title, readers, context, blocks, expected, unit):
    """`unit`: how many of what a table's rates are told in."""
    amount, name = unit
    results = []
    for number in range(options.runs):
        figures = {}
        for reader, command in readers if number % 2 == 0 else readers[::-1]:
            say("%s %d/%d: %s" % (title, number + 1, options.runs, reader))
            figures[reader] = one = run(command, serve, (context, blocks))
            assert (one["messages"], one["bytes"]) == expected, one
        results.append(figures)
    print("\n%s\n| reader | %s/s | CPU ms | cti-bridge / it: rate | cti-bridge / it: CPU |\n| --- | ---: | ---: | ---: | ---: |"
          % (title, name))
    for reader, _ in readers:
        cells = [spread([amount / one[reader]["seconds"] for one in results], 1),
                 spread([one[reader]["cpu"] * 1000 for one in results], 0)]
        if reader == "cti-bridge":
            cells += ["", ""]
        else:
            cells += [spread([one[reader]["seconds"] / one["cti-bridge"]["seconds"] for one in results], 2),
                      spread([one["cti-bridge"]["cpu"] / one[reader]["cpu"] for one in results], 2)]
        print("| %s | %s |" % (reader, " | ".join(cells)))
    sys.stdout.flush()
    return statistics.median(one["cti-bridge"]["seconds"] for one in results)


def certificate(work):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
         "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", work + "/key.pem", "-out", work + "/ca.pem"],
        check=True, stderr=subprocess.DEVNULL)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(work + "/ca.pem", work + "/key.pem")
    return work + "/ca.pem", context


def readers(options, expected, ca=None):
    rest = ["PORT", str(expected)] + ([ca] if ca else [])
    rows = [("cti-bridge", [os.path.abspath(options.reader)] + rest)]
    node = shutil.which("node")
    if node and subprocess.run([node, "-e", "require('ws')"], stderr=subprocess.DEVNULL).returncode == 0:
        rows.append(("node ws", [node, os.path.join(HERE, "websocket_reader.js")] + rest))
    else:
        say("left out: node's ws (Debian: nodejs node-ws)")
    return rows


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--reader", required=True)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--messages", type=int, default=400_000)
    parser.add_argument("--fragmented-mib", type=int, default=16)
    options = parser.parse_args()
    os.environ.setdefault("NODE_PATH", "/usr/share/nodejs")
    count = options.messages // 1000 * 1000
    blocks, expected = plain_messages(count), (count, count * 600)
    with tempfile.TemporaryDirectory() as work:
        compare(options, "%d messages of 600 bytes, plain" % count, readers(options, count), None, blocks, expected,
                (count / 1e3, "1000 messages"))
        ca, context = certificate(work)
        compare(options, "%d messages of 600 bytes, TLS" % count, readers(options, count, ca), context, blocks, expected,
                (count / 1e3, "1000 messages"))
    times = []
    for mib in (options.fragmented_mib // 2, options.fragmented_mib):
        times.append(compare(
            options, "one message of %d MiB in fragments of 64 bytes, plain" % mib, readers(options, 1), None,
            fragmented(mib), (1, mib << 20), (mib, "MiB")))
    print("\ntwice the fragments take %.2f times as long (linear: 2)" % (times[1] / times[0]))
    say("load of this machine: %s" % " ".join("%.2f" % value for value in os.getloadavg()))


main()
