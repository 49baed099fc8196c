"""Receiving a Shuttle's events over Socket.IO: xcally-reader beside python-socketio, in one run.

    shuttle.py --reader BINARY [--python INTERPRETER] [--runs 5] [--events 200000]

One server for both, in a process of its own: Engine.IO 4 over WebSocket, which joins the client and then writes the events,
which it has ready, as fast as they are taken. The events are those of whole calls (two phones ring, one answers, the agent
hangs up), each call with its own id. `received` reads the name and the call of each event, as the python-socketio script does;
`mapped and tracked` is our source as the daemon runs it, up to the events of the model. Time runs in the reader from the
first event to the last; CPU is that of the whole process, start and end included, so that events per CPU second are what
one core does. Every repetition runs all readers, every other one in reverse order, and none is dropped: figures are the
median and the range, ratios are taken within a repetition.
"""
import argparse
import json
import os
import socket
import time

from readers import HERE, flood, frame, repeat, run, say, table, upgraded

OPEN = b'0{"sid":"bench","upgrades":[],"pingInterval":300000,"pingTimeout":200000,"maxPayload":1000000}'


def events(count):
    """Calls of four events, with the members of 2015 (note, section 1.3)."""
    chunks, begin, number = [], int(time.time()), 0
    while len(chunks) < count:
        number += 1
        common = {"queue": "CC-SIPP", "direction": "inbound", "uniqueid": "%d.%d" % (begin, number), "context": "from-sip",
                  "extension": "9999", "trunk": "SIP/demo.trunk-%08x" % number, "callernum": "0110000%03d" % (number % 1000)}
        agents = [{"agentname": "John Doe", "agentnum": "1007", "peer": "SIP/john.doe"},
                  {"agentname": "Zo\u00eb M\u00fcller", "agentnum": "1008", "peer": "SIP/zoe.mueller"}]
        waited = {"holdtime": "4", "ringtime": "2"}
        for name, more in [("ringing", agents[0]), ("ringing", agents[1]), ("up", {**agents[1], **waited}),
                           ("hangup", {**agents[1], **waited, "talktime": "41", "reason": "agent"})]:
            payload = {"event": name, **common, **more, name: True}
            text = json.dumps([name, payload], separators=(",", ":"), ensure_ascii=False)
            chunks.append(frame(b"42" + text.encode()))
    return b"".join(chunks[:count])


def serve(listener, payload):
    """One client: the upgrade, the open packet, CONNECT, and the events."""
    accepted, _ = listener.accept()
    accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    request = b""
    while b"\r\n\r\n" not in request:
        request += accepted.recv(4096)
    accepted.sendall(upgraded(request) + frame(OPEN))
    try:
        # Its CONNECT: nothing else is said by a client before it is answered.
        accepted.recv(4096)
        accepted.sendall(frame(b'40{"sid":"bench"}'))
        flood(accepted, payload)
        accepted.settimeout(10)
        while accepted.recv(4096):
            accepted.sendall(b"\x88\x02\x03\xe8")
            break
    except OSError:
        pass
    accepted.close()


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--reader", required=True)
    parser.add_argument("--python", default=os.path.join(HERE, "../../.build/python/socketio5/bin/python3"))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--events", type=int, default=200_000)
    options = parser.parse_args()
    payload = events(options.events)
    reader, count = os.path.abspath(options.reader), str(options.events)
    rows = [("cti-bridge, received", [reader, "received", "PORT", count]),
            ("cti-bridge, mapped and tracked", [reader, "mapped", "PORT", count])]
    if os.access(options.python, os.X_OK):
        rows.append(("python-socketio", [options.python, "-B", os.path.join(HERE, "shuttle_reader.py"), "PORT", count]))
    else:
        say("left out: python-socketio (run `make test-python`)")

    def once(command):
        figures = run(command, serve, (payload,))
        assert figures["messages"] == options.events and figures.get("unmapped", 0) == 0, figures
        return figures

    title = "%d events, %d bytes each on average" % (options.events, len(payload) // options.events)
    table(title, options.events, rows, repeat(options, rows, once))


main()
