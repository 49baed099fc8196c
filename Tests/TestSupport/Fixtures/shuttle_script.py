"""A script of a Shuttle as it comes: a python-socketio client, 4.x or 5.x, in its default settings, which pushes with RealtimeCTI.

    shuttle_script.py URL [--token T] [--transports polling|websocket] UNIQUEID EVENT...

Prints `connected TRANSPORT`, then `acknowledged EVENT` for each event of the call, and `done`; or `failed REASON`.
"""
import argparse

import socketio

parser = argparse.ArgumentParser()
parser.add_argument("url")
parser.add_argument("--token")
parser.add_argument("--transports")
parser.add_argument("uniqueid")
parser.add_argument("events", nargs="+")
options = parser.parse_args()
client = socketio.Client(reconnection=False)


def say(*words):
    print(*words, flush=True)


def channel(event):
    payload = {"event": event, "queue": "CC-SIPP", "direction": "inbound", "uniqueid": options.uniqueid,
               "callernum": "998", "callername": "\u20ac Zo\u00eb", event: True, "time": "2015-07-16T17:54:30.000Z"}
    if event != "abandon":
        payload.update({"agentname": "John Doe", "agentnum": "1007", "peer": "SIP/john.doe", "extension": "9999"})
    if event == "hangup":
        payload.update({"talktime": "0", "reason": "agent"})
    return payload


try:
    query = "?token=" + options.token if options.token else ""
    more = {"transports": [options.transports]} if options.transports else {}
    client.connect(options.url + query, **more)
    say("connected", client.transport())
    for name in options.events:
        push = {"type": "crm", "channel": channel(name), "reference": "77", "url": "http://crm.example/77"}
        client.call("RealtimeCTI", push, timeout=30)
        say("acknowledged", name)
    client.disconnect()
    say("done")
except Exception as error:
    say("failed", type(error).__name__, error)
