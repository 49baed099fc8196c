"""An RTE-shaped hub on aiosignalr, a SignalR server that shares no code with us, with the login and token REST before it.

    rte_hub.py [--port N] [--users N] [--token-life SECONDS] [--frames binary|text|both]

Prints its port. Orders come as requests below /order/ and answer in JSON:

    POST /order/say      {"entity", "event", "data", "count"}: to whoever is subscribed
    POST /order/expire   no token given so far is good any more
    POST /order/mute     nothing is said or answered any more, pings included; sockets stay open
    POST /order/drop     every socket is cut
    GET  /order/figures  what happened so far
"""
import argparse
import asyncio
import base64
import json
import os
import time

from aiohttp import web
from aiosignalr.server import Hub, ServerOptions, SignalRServer
from aiosignalr.server.aiohttp_server import _AiohttpRequest, _AiohttpSocket

USER, KEY, OWN_ID = "api@acme.example", "hub-key", "c9eeb030-ff4b-ea11-ac9c-00155d4fdcf3"
EVENTS = [
    "UserCallInArrived", "UserCallInComing", "UserCallInDisconnected", "UserCallInOverflow", "UserCallInUserAllocated",
    "UserCallInUserCancelled", "UserCallInUserConnected", "UserCallInUserOverflow", "UserCallOutConnected",
    "UserCallOutDisconnected", "UserCallOutGoing", "UserAlert", "UserAvailability", "UserCallInTransferCancelled",
    "UserCallInTransferConnected", "UserCallInTransferStarted", "UserCallbackChanged", "UserMissedCallNotification",
    "UserStatus", "UserVoiceMailNotification",
]
figures = {"tokens": 0, "negotiations": 0, "unauthorized": 0, "accepted": 0, "subscribed": 0, "calls": 0, "sent": 0,
           "longest": 0, "pairs": 0, "connections": 0}
tokens = {}
subscriptions = {}
sockets = set()
state = {"mute": False}


def user_id(number):
    return "a1eeb030-ff4b-ea11-ac9c-%012x" % number


class RTEHub(Hub):
    async def on_connected(self):
        subscriptions[self.context.connection_id] = set()

    async def on_disconnected(self, exception):
        subscriptions.pop(self.context.connection_id, None)

    async def Subscribe(self, pairs: list) -> list:
        return self._result(pairs, True)

    async def Unsubscribe(self, pairs: list) -> list:
        return self._result(pairs, False)

    async def UnsubscribeAll(self) -> bool:
        subscriptions[self.context.connection_id] = set()
        return True

    async def AvailableSubscriptions(self) -> list:
        return EVENTS

    def _result(self, pairs, wanted):
        held = subscriptions[self.context.connection_id]
        figures["calls"] += 1
        figures["longest"] = max(figures["longest"], len(json.dumps(pairs)))
        results = []
        known = {name.lower() for name in EVENTS}
        # In another order than asked: a client has to look at what a result says.
        for pair in reversed(pairs):
            entity, event = pair["EntityId"].lower(), pair["EventName"].lower()
            message = None if event in known else "Invalid event name"
            if wanted and message is None:
                held.add((entity, event))
                figures["subscribed"] += 1
            else:
                held.discard((entity, event))
            results.append({"subscribed": wanted and message is None, "message": message, "entityId": entity,
                            "eventName": event})
        return results


class Socket(_AiohttpSocket):
    """JSON in text frames too, and silence on order."""
    frames = "binary"

    def __init__(self, ws):
        super().__init__(ws)
        self._count = 0

    async def send_bytes(self, data):
        if state["mute"]:
            return
        self._count += 1
        if self.frames == "text" or (self.frames == "both" and self._count % 2):
            await self._ws.send_str(data.decode())
        else:
            await self._ws.send_bytes(data)


def issue(life):
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
    end = time.time() + life
    token = "%s.%s.%s" % (part({"alg": "HS256"}), part({"sub": OWN_ID, "exp": int(end)}), os.urandom(9).hex())
    tokens[token] = end
    figures["tokens"] += 1
    return token


def refused(request):
    token = request.headers.get("Authorization", "").removeprefix("Bearer ") or request.query.get("access_token", "")
    if tokens.get(token, 0) > time.time():
        return None
    figures["unauthorized"] += 1
    return web.Response(status=401, headers={"WWW-Authenticate": "Bearer"})


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--users", type=int, default=100)
    parser.add_argument("--token-life", type=float, default=3600)
    parser.add_argument("--keep-alive", type=float, default=15)
    parser.add_argument("--frames", choices=["binary", "text", "both"], default="binary")
    options = parser.parse_args()
    Socket.frames = options.frames
    server = SignalRServer(RTEHub, options=ServerOptions(keep_alive_interval=options.keep_alive))
    server._path = "/rte"

    async def negotiate(request):
        figures["negotiations"] += 1
        return refused(request) or web.json_response(await server.handle_negotiate(_AiohttpRequest(request)))

    async def hub(request):
        refusal = refused(request)
        if refusal is not None:
            return refusal
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        figures["accepted"] += 1
        sockets.add(ws)
        try:
            await server.handle_websocket(_AiohttpRequest(request), Socket(ws))
        finally:
            sockets.discard(ws)
        return ws

    basic = "Basic " + base64.b64encode(("%s:%s" % (USER, KEY)).encode()).decode()

    def signed(handler):
        async def checked(request):
            if request.headers.get("Authorization") != basic:
                return web.Response(status=401)
            return web.json_response(handler(request))
        return checked

    async def say(request):
        order = await request.json()
        key = (order["entity"].lower(), order["event"].lower())
        message = {"subscription": {"entityId": key[0], "eventName": key[1]}, "data": order["data"]}
        heard = 0
        for connection, held in list(subscriptions.items()):
            if key in held:
                for _ in range(order.get("count", 1)):
                    await server.lifetime.send_connection(connection, "MessageReceived", (message,))
                    heard += 1
        figures["sent"] += heard
        return web.json_response(heard)

    async def order(request):
        name = request.match_info["name"]
        if name == "expire":
            tokens.clear()
        elif name == "mute":
            state["mute"] = True
        elif name == "drop":
            for socket in list(sockets):
                transport = socket._req.transport
                if transport is not None:
                    transport.abort()
        figures["pairs"] = sum(len(held) for held in subscriptions.values())
        figures["connections"] = len(sockets)
        return web.json_response(figures)

    app = web.Application()
    app.router.add_post("/rte/negotiate", negotiate)
    app.router.add_get("/rte", hub)
    app.router.add_get("/users/me", signed(lambda request: {"Id": OWN_ID, "UserName": USER}))
    app.router.add_get("/users/", signed(lambda request: [{"Id": user_id(n)} for n in range(options.users)]))
    app.router.add_get("/queues/", signed(lambda request: []))
    app.router.add_get("/calls/", signed(lambda request: []))
    app.router.add_get("/users/{id}/availability/current", signed(lambda request: {
        "UserID": request.match_info["id"], "Availability": "Available", "StartTime": "2026-01-15T08:00:00"}))
    app.router.add_get("/token/{id}/rte/", signed(lambda request: {
        "Token": issue(options.token_life), "WSSEndpoint": request.host + "/rte"}))
    app.router.add_post("/order/say", say)
    app.router.add_route("*", "/order/{name}", order)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", options.port, reuse_address=True)
    await site.start()
    print(site._server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Future()


asyncio.run(main())
