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
import json
import os
import socket
import struct

from readers import HERE, flood, frame, repeat, run, say, table, upgraded

SEPARATOR = b"\x1e"
USER = "00000000-0000-0001-0000-000000000001"
QUEUE = "00000000-0000-0002-0000-000000000001"


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
                    flood(peer.socket, payload)


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
            accepted.sendall(upgraded(head))
            converse(peer, payload)
        except OSError:
            return


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

    def once(command):
        figures = run(command, serve, (payload,), seconds=5)
        assert figures["messages"] == options.messages, figures
        return figures

    title = "%d events, %d bytes each on average" % (options.messages, len(payload) // options.messages)
    table(title, options.messages, rows, repeat(options, rows, once))


main()
