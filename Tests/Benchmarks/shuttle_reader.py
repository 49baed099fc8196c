"""Receives the events of a Shuttle with python-socketio and says how long that took: see shuttle.py.

    shuttle_reader.py PORT EVENTS
"""
import asyncio
import json
import os
import sys
import time

# Beside this script lies another websocket.py than the library that socketio looks for.
sys.path.pop(0)
import socketio  # noqa: E402


async def main(port, expected):
    client = socketio.AsyncClient(reconnection=False)
    began, count, size = 0.0, 0, 0
    done = asyncio.Event()

    # What a user of it needs at least: the event's name and the call.
    async def heard(name, data):
        nonlocal began, count, size
        if count == 0:
            began = time.monotonic()
        count += 1
        size += len(name) + len(data["uniqueid"])
        if count == expected:
            print(json.dumps({"messages": count, "bytes": size, "seconds": time.monotonic() - began}), flush=True)
            done.set()

    client.on("*", heard)
    await client.connect("http://127.0.0.1:%d" % port, transports=["websocket"])
    await done.wait()
    os._exit(0)


asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
