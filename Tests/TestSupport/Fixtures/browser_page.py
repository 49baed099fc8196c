"""Serves one page that reads a feed with EventSource, and keeps what it saw: python3 browser_page.py DIRECTORY FEED-URL

Writes its port to DIRECTORY/port, and one line to DIRECTORY/seen for each event of the page: its type, its lastEventId and the
seq in its data.
"""
import http.server
import json
import os
import sys

directory, feed = sys.argv[1:]

PAGE = """<!doctype html><title>feed</title><script>
let last = Promise.resolve();
function tell(text) { last = last.then(() => fetch("/seen", { method: "POST", body: text })).catch(() => {}); }
const source = new EventSource(%s);
source.onopen = () => tell("open");
source.onerror = () => tell("error " + source.readyState);
for (const kind of %s)
    source.addEventListener(kind, e => tell(kind + " " + e.lastEventId + " " + (JSON.parse(e.data).seq ?? "")));
</script>"""

KINDS = (
    "call.offered call.dialing call.routed call.treatment call.queued call.ringing call.ring_stopped call.answered "
    "call.held call.retrieved call.parked call.unparked call.diverted call.transfer.started call.transfer.connected "
    "call.transfer.cancelled call.conferenced call.monitored call.left call.updated call.missed call.abandoned "
    "call.ended call.record agent.presence agent.status agent.request queue.status queue.members callback.requested "
    "callback.changed callback.attempt callback.confirmed callback.list.status voicemail.received voicemail.status "
    "alert.raised directory.changed source.connected source.disconnected source.gap source.snapshot source.notice "
    "source.unmapped source.heartbeat bridge.started bridge.stopped "
    "notice message").split()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = (PAGE % (json.dumps(feed), json.dumps(KINDS))).encode() if self.path == "/page" else b""
        self.answer(body)

    def do_POST(self):
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        with open(directory + "/seen", "a") as file:
            file.write(text + "\n")
        self.answer(b"")

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(directory + "/port.new", "w") as file:
    file.write(str(server.server_port))

os.rename(directory + "/port.new", directory + "/port")
server.serve_forever()
