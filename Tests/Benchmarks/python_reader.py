"""redis-py as its users write it: BLPOP, parse, one normalised line per element, written before the next pop.

    python_reader.py PORT KEY OUT          ("-": standard output)
"""
import json
import os
import sys
import time

import redis

port, key, out = sys.argv[1:4]
client = redis.Redis(host="127.0.0.1", port=int(port))
file = 1 if out == "-" else os.open(out, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def line(text):
    message = json.loads(text)
    payload = message["payload"]
    event = {
        "vendor": "teleforge", "kind": message["type"], "call": payload.get("call_ref"),
        "direction": payload.get("call_dir"), "from": payload.get("number"), "to": payload.get("dial_number"),
        "agent": payload.get("extension", payload.get("ref")), "contact_ref": payload.get("contact_ref") or None,
        "queue_s": payload.get("hold_time"), "started_at": payload.get("dialed_at"),
        "reason": payload.get("end_reason"), "received_at": time.time_ns() // 1_000_000,
    }
    return json.dumps(event, separators=(",", ":")).encode() + b"\n"


while True:
    popped = client.blpop([key], timeout=5)
    if popped is not None:
        os.write(file, line(popped[1]))
