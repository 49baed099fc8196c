"""An independent SignalR client, pysignalr, as a user of an RTE hub.

    rte_client.py API_URL SECONDS

Logs in at API_URL, subscribes to every event of every user and queue, and prints JSON lines: the offered events, the results of
Subscribe, and each message.
"""
import asyncio
import base64
import json
import sys

import aiohttp
from pysignalr.client import SignalRClient


def say(kind, value):
    print(json.dumps({kind: value}), flush=True)


async def main(url, seconds):
    basic = "Basic " + base64.b64encode(b"api@acme.example:simulated-key").decode()
    async with aiohttp.ClientSession(headers={"Authorization": basic}) as session:
        async def get(path):
            async with session.get(url + path) as answer:
                return await answer.json()
        own = (await get("users/me"))["Id"]
        given = await get("token/%s/rte/" % own)
        entities = [(one["Id"], "User") for one in await get("users/")] + [(one["Id"], "Queue") for one in await get("queues/")]
    headers = {"Authorization": "Bearer " + given["Token"]}
    client = SignalRClient("http://" + given["WSSEndpoint"], headers=headers)

    async def opened():
        async def offered(message):
            if message.error:
                say("error", message.error)
                return
            say("offered", message.result)
            pairs = [{"EntityId": entity, "EventName": name} for entity, kind in entities for name in message.result
                     if name.startswith(kind)]

            async def subscribed(result):
                say("results", result.result if not result.error else result.error)
            await client.send("Subscribe", [pairs], subscribed)
        await client.send("AvailableSubscriptions", [], offered)

    async def heard(arguments):
        say("message", arguments[0])

    client.on_open(opened)
    client.on("MessageReceived", heard)
    try:
        await asyncio.wait_for(client.run(), seconds)
    except asyncio.TimeoutError:
        pass


asyncio.run(main(sys.argv[1], float(sys.argv[2])))
