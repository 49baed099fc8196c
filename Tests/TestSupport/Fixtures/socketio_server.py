"""A Socket.IO server of python-socketio, 4.x (eventlet) or 5.x (aiohttp), whichever is installed.

    socketio_server.py [--port N] [--ping-interval S] [--ping-timeout S] [--token TEXT]

Prints `ready PORT`, then one line per thing that happened: `connect NAMESPACE TRANSPORT`, `event NAME JSON`,
`disconnect NAMESPACE`. Emits `hello` when somebody connects, and knows the events of the recordings: echo, noreturn, push,
push_binary, bin_echo, ask, kick; `burst N` emits N events `n`. With a token: `token=` in the query (4.x) or in auth (5.x).
"""
import argparse
import json
import sys
from urllib.parse import parse_qs

import socketio

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=0)
parser.add_argument("--ping-interval", type=float, default=25)
parser.add_argument("--ping-timeout", type=float, default=20)
parser.add_argument("--token")
options = parser.parse_args()
NAMESPACES = ["/", "/cti"]
is_old = not hasattr(socketio, "SimpleClient")


def say(*words):
    print(*words, flush=True)


def shown(args):
    return json.dumps([a.hex() if isinstance(a, bytes) else a for a in args], ensure_ascii=True)


def refused(environ, auth):
    if not options.token:
        return False
    given = parse_qs(environ.get("QUERY_STRING", "")).get("token", [None])[0]
    if isinstance(auth, dict):
        given = auth.get("token", given)
    return given != options.token


def old():
    import eventlet
    import eventlet.wsgi

    server = socketio.Server(
        async_mode="eventlet", ping_interval=options.ping_interval, ping_timeout=options.ping_timeout)

    def register(namespace):
        def on(name, handler):
            server.on(name, handler, namespace=namespace)

        def connect(sid, environ):
            if refused(environ, None):
                raise socketio.exceptions.ConnectionRefusedError("Not authorized")
            say("connect", namespace)
            server.emit("hello", {"ns": namespace}, room=sid, namespace=namespace)

        def emit(sid, name, data, **more):
            server.emit(name, data, room=sid, namespace=namespace, **more)

        def logged(name, handler):
            def call(sid, *args):
                say("event", name, shown(args))
                return handler(sid, *args)
            on(name, call)

        def burst(sid, count):
            for number in range(count):
                emit(sid, "n", number)

        on("connect", connect)
        on("disconnect", lambda sid: say("disconnect", namespace))
        logged("echo", lambda sid, *args: args[0] if args else None)
        logged("bin_echo", lambda sid, data: data)
        logged("noreturn", lambda sid, *args: None)
        logged("push", lambda sid, *args: emit(sid, "pushed", args))
        logged("push_binary", lambda sid: emit(sid, "blob", {"b": bytes([1, 2, 3, 4]), "n": 7}))
        logged("ask", lambda sid: emit(
            sid, "question", "6x7?", callback=lambda *args: emit(sid, "answered", list(args))))
        logged("kick", lambda sid: server.disconnect(sid, namespace=namespace))
        logged("burst", burst)

    for namespace in NAMESPACES:
        register(namespace)
    listener = eventlet.listen(("127.0.0.1", options.port))
    say("ready", listener.getsockname()[1])
    eventlet.wsgi.server(listener, socketio.WSGIApp(server), log_output=False)


def new():
    import asyncio
    from aiohttp import web

    server = socketio.AsyncServer(
        async_mode="aiohttp", ping_interval=options.ping_interval, ping_timeout=options.ping_timeout,
        namespaces=NAMESPACES)

    def register(namespace):
        async def connect(sid, environ, auth):
            if refused(environ, auth):
                raise socketio.exceptions.ConnectionRefusedError("Not authorized", {"code": 401})
            say("connect", namespace)
            await server.emit("hello", {"ns": namespace, "auth": auth}, to=sid, namespace=namespace)

        async def emit(sid, name, data, **more):
            await server.emit(name, data, to=sid, namespace=namespace, **more)

        def logged(name, handler):
            async def call(sid, *args):
                say("event", name, shown(args))
                return await handler(sid, *args)
            server.on(name, call, namespace=namespace)

        async def disconnect(sid, *reason):
            say("disconnect", namespace)

        async def echo(sid, *args):
            return args[0] if args else None

        async def noreturn(sid, *args):
            return None

        async def push(sid, *args):
            await emit(sid, "pushed", args)

        async def push_binary(sid):
            await emit(sid, "blob", {"b": bytes([1, 2, 3, 4]), "n": 7})

        async def ask(sid):
            async def answered(*args):
                await emit(sid, "answered", list(args))
            await emit(sid, "question", "6x7?", callback=answered)

        async def kick(sid):
            await server.disconnect(sid, namespace=namespace)

        async def burst(sid, count):
            for number in range(count):
                await emit(sid, "n", number)

        server.on("connect", connect, namespace=namespace)
        server.on("disconnect", disconnect, namespace=namespace)
        for handler in [echo, noreturn, push, push_binary, ask, kick, burst]:
            logged(handler.__name__, handler)
        logged("bin_echo", echo)

    for namespace in NAMESPACES:
        register(namespace)

    async def main():
        app = web.Application()
        server.attach(app)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", options.port)
        await site.start()
        say("ready", runner.addresses[0][1])
        await asyncio.Event().wait()

    asyncio.run(main())


old() if is_old else new()
