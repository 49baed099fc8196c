"""A Socket.IO client of python-socketio, 4.x or 5.x, whichever is installed, in a conversation with our server.

    socketio_client.py URL [--transports default|polling|websocket] [--token TEXT] [--auth TEXT] [--stay S]

Prints one line per step, and `done` at the end, or `failed REASON`.
"""
import argparse
import json
import queue

import socketio

parser = argparse.ArgumentParser()
parser.add_argument("url")
parser.add_argument("--transports", default="default")
parser.add_argument("--token")
parser.add_argument("--auth")
parser.add_argument("--stay", type=float, default=0)
options = parser.parse_args()
is_old = not hasattr(socketio, "SimpleClient")
heard = queue.Queue()


def say(*words):
    print(*words, flush=True)


def shown(value):
    return json.dumps(value, ensure_ascii=True, default=lambda data: data.hex())


client = socketio.Client(reconnection=False)
client.on("pushed", lambda *args: heard.put(("pushed", args)))
client.on("blob", lambda data: heard.put(("blob", data)))
client.on("answered", lambda *args: heard.put(("answered", args)))
client.on("seen", lambda data: heard.put(("seen", data)))
client.on("hello", lambda data, *more: heard.put(("hello", data)))
client.on("hello", lambda data, *more: heard.put(("hello /cti", data)), namespace="/cti")
client.on("disconnect", lambda *reason: say("disconnected"))


@client.on("question")
def question(text):
    say("asked", text)
    return "42", {"ok": True}


def expect(*names):
    found = {}
    while len(found) < len(names):
        name, data = heard.get(timeout=30)
        found[name] = data
    for name in names:
        say(name, shown(found[name]))


try:
    arguments = {"namespaces": ["/", "/cti"]}
    if options.transports != "default":
        arguments["transports"] = [options.transports]
    if options.auth and not is_old:
        arguments["auth"] = {"token": options.auth}
    url = options.url + (f"?token={options.token}" if options.token else "")
    client.connect(url, **arguments)
    say("connected by", client.transport())
    expect("hello", "hello /cti")
    say("echo", shown(client.call("echo", {"k": "v", "n": [1, 2.5, None, True]}, timeout=30)))
    say("echo", shown(client.call("echo", "caf\u00e9 \u260e \U0001f4de", timeout=30)))
    say("nothing", shown(client.call("noreturn", timeout=30)))
    client.emit("push", ("one", "two"))
    expect("pushed")
    client.emit("push", "\u20ac\U0001f600")
    expect("pushed")
    client.emit("push_binary")
    expect("blob")
    say("bin_echo", shown(client.call("bin_echo", b"\xde\xad\xbe\xef", timeout=30)))
    client.emit("ask")
    expect("answered")
    client.emit("RealtimeCTI", {"type": "demo", "channel": {"uniqueid": "1437069264.914"}, "reference": "r1"})
    expect("seen")
    say("cti", shown(client.call("echo", "cti", namespace="/cti", timeout=30)))
    if options.stay:
        client.sleep(options.stay)
        say("stayed", shown(client.call("echo", "still there", timeout=30)))
    client.disconnect()
    client.wait()
    say("done")
except Exception as error:
    say("failed", type(error).__name__, error)
