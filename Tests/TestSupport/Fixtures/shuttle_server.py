"""A Shuttle stand-in on python-socketio, whichever generation the interpreter has (4.x on eventlet, 5.x on aiohttp).

    shuttle_server.py --port 8888 --commands FILE [--token T] [--ping-interval 25] [--ping-timeout 20] [--namespace /]

FILE is followed: every line appended to it is a command in JSON.

    {"emit": [NAME, ARGUMENT...]}   to every client
    {"disconnect": true}            ends the namespace of every client

Standard output tells what happens, a JSON object a line:

    {"listening": PORT} {"connected": ID, "query": TEXT, "auth": VALUE} {"refused": TEXT} {"disconnected": ID}
    {"event": NAME, "arguments": [...]}
"""
import argparse
import json
import urllib.parse
import warnings
from importlib import metadata

warnings.simplefilter("ignore")
import socketio  # noqa: E402

OURS = ["RealtimeCTI", "AgentCTI", "AgentCTINotification"]


def say(**what):
    print(json.dumps(what), flush=True)


def is_welcome(options, environ, auth):
    query = environ.get("QUERY_STRING", "")
    given = urllib.parse.parse_qs(query).get("token", [""])[0] or (auth or {}).get("token", "")
    return not options.token or given == options.token


class Commands:
    """What was appended to a file since the last look."""

    def __init__(self, path):
        self.file = open(path, encoding="utf-8")
        self.rest = ""

    def take(self):
        self.rest += self.file.read()
        *lines, self.rest = self.rest.split("\n")
        return [json.loads(line) for line in lines if line]


def serve_old(options):
    import eventlet

    server = socketio.Server(
        async_mode="eventlet", ping_interval=options.ping_interval, ping_timeout=options.ping_timeout)
    clients = set()

    @server.on("connect", namespace=options.namespace)
    def connect(sid, environ):
        if not is_welcome(options, environ, None):
            say(refused=sid)
            return False
        clients.add(sid)
        say(connected=sid, query=environ.get("QUERY_STRING", ""), auth=None)

    @server.on("disconnect", namespace=options.namespace)
    def disconnect(sid):
        clients.discard(sid)
        say(disconnected=sid)

    for name in OURS:
        def handler(sid, *arguments, name=name):
            say(event=name, arguments=arguments)
            return "ok"
        server.on(name, handler, namespace=options.namespace)

    def follow():
        commands = Commands(options.commands)
        while True:
            for command in commands.take():
                if "emit" in command:
                    name, *arguments = command["emit"]
                    server.emit(name, tuple(arguments), namespace=options.namespace)
                if "disconnect" in command:
                    for sid in list(clients):
                        server.disconnect(sid, namespace=options.namespace)
            eventlet.sleep(0.01)

    eventlet.spawn(follow)
    listener = eventlet.listen(("127.0.0.1", options.port))
    say(listening=listener.getsockname()[1])
    eventlet.wsgi.server(listener, socketio.WSGIApp(server), log_output=False)


def serve_new(options):
    import asyncio

    from aiohttp import web

    server = socketio.AsyncServer(
        async_mode="aiohttp", ping_interval=options.ping_interval, ping_timeout=options.ping_timeout,
        namespaces=[options.namespace])
    clients = set()

    @server.on("connect", namespace=options.namespace)
    async def connect(sid, environ, auth):
        if not is_welcome(options, environ, auth):
            say(refused=sid)
            raise socketio.exceptions.ConnectionRefusedError("Not authorized", {"code": 401})
        clients.add(sid)
        say(connected=sid, query=environ.get("QUERY_STRING", ""), auth=auth)

    @server.on("disconnect", namespace=options.namespace)
    async def disconnect(sid, *reason):
        clients.discard(sid)
        say(disconnected=sid)

    for name in OURS:
        async def handler(sid, *arguments, name=name):
            say(event=name, arguments=arguments)
            return "ok"
        server.on(name, handler, namespace=options.namespace)

    async def follow():
        commands = Commands(options.commands)
        while True:
            for command in commands.take():
                if "emit" in command:
                    name, *arguments = command["emit"]
                    await server.emit(name, tuple(arguments), namespace=options.namespace)
                if "disconnect" in command:
                    for sid in list(clients):
                        await server.disconnect(sid, namespace=options.namespace)
            await asyncio.sleep(0.01)

    async def run():
        app = web.Application()
        server.attach(app)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", options.port)
        await site.start()
        say(listening=site._server.sockets[0].getsockname()[1])
        await follow()

    asyncio.run(run())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--commands", required=True)
    parser.add_argument("--token")
    parser.add_argument("--ping-interval", type=float, default=25)
    parser.add_argument("--ping-timeout", type=float, default=20)
    parser.add_argument("--namespace", default="/")
    options = parser.parse_args()
    if metadata.version("python-engineio").startswith("3."):
        serve_old(options)
    else:
        serve_new(options)


if __name__ == "__main__":
    main()
