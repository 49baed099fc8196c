"""An independent WebSocket peer for conformance tests: the Python package `websockets` (Debian: python3-websockets).

    websocket_peer.py server DEFLATE   prints its port, then echoes; texts that begin with "!" are orders, see below
    websocket_peer.py client URL DEFLATE   goes through a conversation with an echoing server, prints one line per step

DEFLATE: `none`, or server bits, client bits, and `s` `c` for no context takeover of server and client: `12,15,s`.
"""
import asyncio
import json
import sys

import websockets
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, ServerPerMessageDeflateFactory


def factories(text, kind):
    if text == "none":
        return None
    server, client, *flags = text.split(",")
    return [kind(
        server_max_window_bits=int(server) if server != "15" else None,
        client_max_window_bits=int(client) if client != "15" else None,
        server_no_context_takeover="s" in flags, client_no_context_takeover="c" in flags)]


async def pieces(data, size):
    for start in range(0, len(data), size):
        yield data[start:start + size]


async def serve(socket):
    try:
        async for message in socket:
            if isinstance(message, str) and message.startswith("!"):
                order, *rest = message[1:].split(" ", 2)
                if order == "close":
                    await socket.close(int(rest[0]), rest[1])
                elif order == "ping":
                    await (await socket.ping(b"are you there"))
                    await socket.send("ponged")
                elif order == "fragments":
                    data = "€uro " * int(rest[0])
                    await socket.send(pieces(data, 7))
                elif order == "extensions":
                    await socket.send(repr(socket.extensions))
            else:
                await socket.send(message)
        print("closed %s %s" % (socket.close_code, socket.close_reason), flush=True)
    except websockets.ConnectionClosed as closed:
        print("closed %s" % closed, flush=True)


async def server(deflate):
    async with websockets.serve(
            serve, "127.0.0.1", 0, compression=None, max_size=1 << 26,
            extensions=factories(deflate, ServerPerMessageDeflateFactory)) as listening:
        print(listening.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()


async def client(url, deflate):
    offers = factories(deflate, ClientPerMessageDeflateFactory)
    if offers and offers[0].client_max_window_bits is None:
        offers[0].client_max_window_bits = True
    async with websockets.connect(
            url, compression=None, max_size=1 << 26, extensions=offers, subprotocols=["b", "a"],
            extra_headers={"X-Extra": "1"}) as socket:
        def step(name, value):
            print(json.dumps({"step": name, "value": value}), flush=True)

        step("subprotocol", socket.subprotocol)
        step("extensions", len(socket.extensions))
        for name, message in [
                ("text", "grüß €😀"), ("empty", ""), ("binary", bytes(range(256)) * 10), ("large", b"\x07" * (3 << 20)),
                ("repeated", "again and again " * 200), ("repeated", "again and again " * 200)]:
            await socket.send(message)
            step(name, await socket.recv() == message)
        await socket.send(pieces("frägment " * 500, 11))
        step("fragments", await socket.recv() == "frägment " * 500)
        await (await socket.ping(b"hello"))
        step("ping", True)
        await socket.close(4001, "tschüß")
        step("close", [socket.close_code, socket.close_reason])


if sys.argv[1] == "server":
    asyncio.run(server(sys.argv[2]))
else:
    asyncio.run(client(sys.argv[2], sys.argv[3]))
