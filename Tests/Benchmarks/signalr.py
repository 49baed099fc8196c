"""Receiving RTE events: enreach-reader beside pysignalr, in one run.

    signalr.py --reader BINARY [--python INTERPRETER] [--runs 5] [--messages 200000]

One hub for both, in a process of its own: it negotiates, shakes hands, grants the subscription, and then writes the events,
which it has ready, as fast as they are taken. The events are those of whole calls, a queue's and a user's, each with its own
id. `received` reads the name and the call of each event, as the pysignalr script does; `mapped and tracked` is our source as the
daemon runs it, up to the events of the model. Time runs in the reader from the first event to the
last; CPU is that of the whole process, start and end included, so that events per CPU second are what one core does. Every
repetition runs both readers, every other one in reverse order, and none is dropped: figures are the median and the range,
ratios are taken within a repetition.
"""
import argparse
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
SEPARATOR = b"\x1e"
USER = "00000000-0000-0001-0000-000000000001"
QUEUE = "00000000-0000-0002-0000-000000000001"


def say(text):
    print(text, file=sys.stderr, flush=True)


def frame(payload):
    size = len(payload)
    if size < 126:
        return bytes([0x81, size]) + payload
    if size < 1 << 16:
        return struct.pack(">BBH", 0x81, 126, size) + payload
    return struct.pack(">BBQ", 0x81, 127, size) + payload


def record(value):
    return json.dumps(value, separators=(",", ":")).encode() + SEPARATOR


def events(count):
    """Queue calls of six events and direct calls of four, one record to a frame as ASP.NET Core writes them."""
    chunks = []
    made = 0
    call = 0
    while made < count:
        call += 1
        common = {"callerNumber": "+358401%06d" % (call % 1000000), "callId": "0f4d9f8e-5a53-4c8e-%04x-%012x" % (call >> 48, call),
                  "legId": "%x@127.0.0.1_br1" % call, "organizationId": "6c3a1c1e-0b1f-4b0e-9a55-0d7a4f1f2a10",
                  "targetNumber": "+358942450100"}
        queue = {"queueId": QUEUE, "queueName": "Support", "queueNumber": "+358942450100"}
        user = {"userId": USER, "userName": "anna.k"}
        flow = [("QueueCallInComing", queue), ("QueueCallInArrived", queue),
                ("QueueCallInUserAllocated", {**queue, **user, "detailedReason": ""}),
                ("QueueCallInUserConnected", {**queue, **user, "userNumber": "+358942450111"}),
                ("QueueCallInDisconnected", {"queueId": QUEUE, "queueName": "Support", "reason": "remote", "techReason": None}),
                ] if call % 2 else [
                ("UserCallInComing", {"userId": USER, "username": "anna.k"}), ("UserCallInUserAllocated", {**user, "userNumber": None, "detailedReason": None}),
                ("UserCallInUserConnected", {**user, "userNumber": "+358942450111"}),
                ("UserCallInDisconnected", {"userId": USER, "username": "anna.k", "reason": "remote", "techReason": "NORMAL_CLEARING"})]
        for name, more in flow:
            if made == count:
                break
            entity = QUEUE if name.startswith("Queue") else USER
            message = {"subscription": {"entityId": entity, "eventName": name.lower()}, "data": {**common, **more}}
            chunks.append(frame(record({"type": 1, "target": "MessageReceived", "arguments": [message]})))
            made += 1
    return b"".join(chunks)


class Peer:
    """The hub's end of one WebSocket, as far as this needs it."""

    def __init__(self, accepted):
        self.socket, self.buffer = accepted, b""

    def request(self):
        while b"\r\n\r\n" not in self.buffer:
            got = self.socket.recv(4096)
            if not got:
                return None
            self.buffer += got
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        return head

    def message(self):
        """The next data message of the client."""
        while True:
            need = 2
            if len(self.buffer) >= 2:
                size = self.buffer[1] & 0x7F
                need = {126: 4, 127: 10}.get(size, 2)
                if len(self.buffer) >= need:
                    if size == 126:
                        size = struct.unpack(">H", self.buffer[2:4])[0]
                    elif size == 127:
                        size = struct.unpack(">Q", self.buffer[2:10])[0]
                    if len(self.buffer) >= need + 4 + size:
                        opcode = self.buffer[0] & 0xF
                        mask = self.buffer[need:need + 4]
                        data = bytes(byte ^ mask[index % 4] for index, byte in enumerate(self.buffer[need + 4:need + 4 + size]))
                        self.buffer = self.buffer[need + 4 + size:]
                        if opcode in (1, 2):
                            return data
                        if opcode == 8:
                            raise OSError("closed")
                        continue
            got = self.socket.recv(1 << 16)
            if not got:
                raise OSError("gone")
            self.buffer += got


def converse(peer, payload):
    """From the handshake to the end of the events."""
    records, flooded = b"", False
    while True:
        records += peer.message()
        while SEPARATOR in records:
            one, records = records.split(SEPARATOR, 1)
            value = json.loads(one)
            if "protocol" in value:
                peer.socket.sendall(frame(b"{}" + SEPARATOR))
            elif value.get("type") == 1 and value["target"] == "AvailableSubscriptions":
                names = ["UserCallInComing", "QueueCallInComing"]
                peer.socket.sendall(frame(record({"type": 3, "invocationId": value["invocationId"], "result": names})))
            elif value.get("type") == 1:
                results = [{"subscribed": True, "message": None, "entityId": pair["EntityId"], "eventName": pair["EventName"].lower()}
                           for pair in value["arguments"][0]]
                peer.socket.sendall(frame(record({"type": 3, "invocationId": value["invocationId"], "result": results})))
                if not flooded:
                    flooded = True
                    view = memoryview(payload)
                    for start in range(0, len(view), PIECE):
                        peer.socket.sendall(view[start:start + PIECE])


def serve(listener, payload):
    negotiation = json.dumps({"negotiateVersion": 1, "connectionId": "a", "connectionToken": "b", "availableTransports": [
        {"transport": "WebSockets", "transferFormats": ["Text", "Binary"]}]}).encode()
    while True:
        accepted, _ = listener.accept()
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer = Peer(accepted)
        try:
            head = peer.request()
            if head is None:
                continue
            if head.startswith(b"POST"):
                accepted.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
                                 % len(negotiation) + negotiation)
                accepted.close()
                continue
            key = [line.split(b": ")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:")][0]
            accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
            accepted.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
            converse(peer, payload)
        except OSError:
            return


def run(command, payload, expected):
    listener = socket.create_server(("127.0.0.1", 0))
    sender = multiprocessing.get_context("fork").Process(target=serve, args=(listener, payload))
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
    sender.join(5)
    if sender.is_alive():
        sender.kill()
    if status != 0 or not output:
        raise SystemExit("%s failed: status %d" % (command[0], status))
    figures = json.loads(output.splitlines()[-1])
    assert figures["messages"] == expected, figures
    figures["cpu"] = usage.ru_utime + usage.ru_stime
    return figures


def spread(values, digits):
    return "%.*f (%.*f-%.*f)" % (digits, statistics.median(values), digits, min(values), digits, max(values))


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--reader", required=True)
    parser.add_argument("--python", default=os.path.join(HERE, "../../.build/python/signalr/bin/python3"))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--messages", type=int, default=200_000)
    options = parser.parse_args()
    payload = events(options.messages)
    reader, count = os.path.abspath(options.reader), str(options.messages)
    rows = [("cti-bridge, received", [reader, "received", "PORT", count]),
            ("cti-bridge, mapped and tracked", [reader, "mapped", "PORT", count])]
    if os.access(options.python, os.X_OK):
        rows.append(("pysignalr", [options.python, "-B", os.path.join(HERE, "signalr_reader.py"), "PORT", count]))
    else:
        say("left out: pysignalr (run `make test-python`)")
    results = []
    for number in range(options.runs):
        figures = {}
        for name, command in rows if number % 2 == 0 else rows[::-1]:
            say("%d/%d: %s" % (number + 1, options.runs, name))
            figures[name] = run(command, payload, options.messages)
        results.append(figures)
    print("%d events, %d bytes each on average\n| reader | 1000 events/s | 1000 events per CPU second | rate / pysignalr's |"
          "\n| --- | ---: | ---: | ---: |" % (options.messages, len(payload) // options.messages))
    for name, _ in rows:
        cells = [spread([options.messages / one[name]["seconds"] / 1000 for one in results], 1),
                 spread([options.messages / one[name]["cpu"] / 1000 for one in results], 1)]
        cells.append(spread([one[rows[-1][0]]["seconds"] / one[name]["seconds"] for one in results], 2))
        print("| %s | %s |" % (name, " | ".join(cells)))
    say("load of this machine: %s" % " ".join("%.2f" % value for value in os.getloadavg()))


main()
