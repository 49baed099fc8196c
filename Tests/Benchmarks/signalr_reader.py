"""Receives MessageReceived of an RTE hub with pysignalr and says how long that took: see signalr.py.

    signalr_reader.py PORT MESSAGES
"""
import asyncio
import json
import os
import sys
import time

from pysignalr.client import SignalRClient


async def main(port, expected):
    client = SignalRClient("http://127.0.0.1:%d/rte" % port, headers={"Authorization": "Bearer bench"},
                           max_size=64 << 20)
    began, count, calls = 0.0, 0, set()
    done = asyncio.Event()

    async def opened():
        async def subscribed(_):
            pass
        pair = {"EntityId": "00000000-0000-0001-0000-000000000001", "EventName": "UserCallInComing"}
        await client.send("Subscribe", [[pair]], subscribed)

    # What a user of it needs at least: the event's name and the ids.
    async def heard(arguments):
        nonlocal began, count
        if count == 0:
            began = time.monotonic()
        count += 1
        message = arguments[0]
        calls.add((message["subscription"]["eventName"], message["data"]["callId"]))
        if count == expected:
            print(json.dumps({"messages": count, "seconds": time.monotonic() - began}), flush=True)
            done.set()

    client.on_open(opened)
    client.on("MessageReceived", heard)
    running = asyncio.ensure_future(client.run())  # noqa: F841: held while we wait
    await done.wait()
    os._exit(0)  # closing would tell of itself on stderr


asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
