"""An HTTP receiver for webhooks, written against Python's http.server and, where it is installed, the reference verifier of
Standard Webhooks.

    webhook_receiver.py DIRECTORY [--port N] [--secret whsec_...] [--tls CERT KEY]

Writes its port to DIRECTORY/port once it listens. Each request becomes one JSON line in DIRECTORY/requests, flushed before
it is answered. How it answers stands in DIRECTORY/plan, read for each request:

    {"status": 200, "then": [503, 429], "headers": {"Retry-After": "1"}, "delay": 0, "refuse": {"substring of a body": 422}}

`then` is used up first, one status a request. A status of 0 closes the connection without an answer; `delay` in seconds.
Answers of another kind are written as they stand, Latin-1, one piece after the other:

    {"raw": ["HTTP/1.1 200 OK\\r\\n", ...], "bytewise": true, "pause": 0.01, "endless": "x", "close": true, "reset": true}

then `endless` again and again until the other side has had enough; then the connection is closed, or reset, or kept.
It is an HTTP proxy as well: CONNECT leads to the port {"tunnel": N} of loopback, or is refused with {"proxy_status": 407}.
"""
import argparse
import json
import os
import socket
import ssl
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

try:
    from standardwebhooks.webhooks import Webhook
except ImportError:
    Webhook = None

arguments = argparse.ArgumentParser()
arguments.add_argument("directory")
arguments.add_argument("--port", type=int, default=0)
arguments.add_argument("--secret")
arguments.add_argument("--tls", nargs=2)
options = arguments.parse_args()

lock = threading.Lock()
log = open(os.path.join(options.directory, "requests"), "a", encoding="utf-8")
used = 0


def verdict(headers, body):
    """What the reference verifier says, of the delivery and of two that are not genuine."""
    if not (options.secret and Webhook):
        return {}
    def accepts(secret, text):
        try:
            Webhook(secret).verify(text, headers)
            return True
        except Exception as error:
            return f"{type(error).__name__}: {error}"
    altered = body.replace("call", "cell", 1) if "call" in body else body + " "
    wrong = "whsec_" + "A" * 32
    return {"verified": accepts(options.secret, body), "altered": accepts(options.secret, altered),
            "wrong_secret": accepts(wrong, body)}


def copy(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        global used
        arrived = time.time()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode("utf-8")
        headers = {name.lower(): value for name, value in self.headers.items()}
        with lock:
            plan = self.plan()
            then = plan.get("then", [])
            status = then[used] if used < len(then) else plan.get("status", 200)
            used += 1
            for text, refused in plan.get("refuse", {}).items():
                if text in body:
                    status = refused
            entry = {"at": arrived, "client": self.client_address[1], "path": self.path, "headers": headers,
                     "body": body, "status": status, **verdict(headers, body)}
            log.write(json.dumps(entry) + "\n")
            log.flush()
        if plan.get("delay"):
            time.sleep(plan["delay"])
        if "raw" in plan:
            try:
                self.answer_raw(plan)
            except OSError:
                self.close_connection = True
            return
        if status == 0:
            self.close_connection = True
            return
        answer = b"{}"
        self.send_response(status)
        for name, value in plan.get("headers", {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def answer_raw(self, plan):
        pieces = [piece.encode("latin-1") for piece in plan["raw"]]
        if plan.get("bytewise"):
            pieces = [bytes([byte]) for byte in b"".join(pieces)]
        for piece in pieces:
            self.wfile.write(piece)
            time.sleep(plan.get("pause", 0))
        while plan.get("endless"):
            self.wfile.write(plan["endless"].encode("latin-1") * 65536)
        if plan.get("reset"):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        self.close_connection = bool(plan.get("close") or plan.get("reset"))

    def do_CONNECT(self):
        with lock:
            plan = self.plan()
            log.write(json.dumps({"at": time.time(), "client": self.client_address[1], "path": self.path,
                                  "headers": {name.lower(): value for name, value in self.headers.items()},
                                  "body": "", "status": plan.get("proxy_status", 200)}) + "\n")
            log.flush()
        self.close_connection = True
        if "proxy_status" in plan:
            self.send_error(plan["proxy_status"])
            return
        with socket.create_connection(("127.0.0.1", plan["tunnel"])) as target:
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=copy, args=(target, self.connection), daemon=True)
            back.start()
            copy(self.connection, target)
            back.join()

    def plan(self):
        try:
            with open(os.path.join(options.directory, "plan"), encoding="utf-8") as file:
                return json.load(file)
        except FileNotFoundError:
            return {}

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


server = Server(("127.0.0.1", options.port), Receiver)
if options.tls:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*options.tls)
    server.socket = context.wrap_socket(server.socket, server_side=True)
with open(os.path.join(options.directory, "port.new"), "w") as file:
    file.write(str(server.server_address[1]))
os.rename(os.path.join(options.directory, "port.new"), os.path.join(options.directory, "port"))
try:
    server.serve_forever()
except KeyboardInterrupt:
    sys.exit(0)
