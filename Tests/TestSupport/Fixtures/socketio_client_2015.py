"""socketIO-client 0.6.5 of 2015, a code base of its own for Socket.IO 1.x, in a conversation with our server.

    socketio_client_2015.py PORT [TOKEN]

Prints one line per step, and `done` at the end, or `failed REASON`.
"""
import sys
import time

from socketIO_client import SocketIO

heard = []


def say(*words):
    print(*words, flush=True)


def wait(client, count):
    limit = time.time() + 30
    while len(heard) < count and time.time() < limit:
        client.wait(seconds=0.2)
    say(heard[count - 1] if len(heard) >= count else "nothing came")


try:
    params = {"token": sys.argv[2]} if len(sys.argv) > 2 else {}
    client = SocketIO("127.0.0.1", int(sys.argv[1]), params=params, wait_for_connection=False)
    client.on("pushed", lambda *args: heard.append("pushed %s" % (args,)))
    client.on("seen", lambda *args: heard.append("seen %s" % (args,)))
    say("connected")
    client.emit("push", {"a": 1})
    wait(client, 1)
    client.emit("echo", {"k": "v"}, lambda *args: heard.append("echo %s" % (args,)))
    wait(client, 2)
    client.emit("RealtimeCTI", {"type": "demo", "channel": {"uniqueid": "1437069264.914"}})
    wait(client, 3)
    client.disconnect()
    say("done")
except Exception as error:
    say("failed", type(error).__name__, error)
