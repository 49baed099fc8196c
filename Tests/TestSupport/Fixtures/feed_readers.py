"""Many readers of one feed at once, on plain sockets: python3 feed_readers.py URL TOKEN READERS EVENTS PROGRESS-FILE

Writes to PROGRESS-FILE how many events every reader has, 0 when all have been let in. Reads until each has EVENTS events, for two
minutes at most, and prints one JSON object: how many different sequences of events came, the first of them, and how long after
the line's received_at the last reader had it.
"""
import asyncio
import datetime
import json
import os
import sys
import time
import urllib.parse


class Progress:
    def __init__(self, file, readers):
        self.file, self.readers, self.having = file, readers, {}

    def write(self, events):
        with open(self.file + ".new", "w") as new:
            new.write(str(events))
        os.rename(self.file + ".new", self.file)

    def has(self, before, events):
        for number in range(before + 1, events + 1):
            self.having[number] = self.having.get(number, 0) + 1
            if self.having[number] == self.readers:
                self.write(number)


class Reader:
    def __init__(self):
        self.chunks = []

    async def open(self, url, token):
        parts = urllib.parse.urlsplit(url)
        self.reader, self.writer = await asyncio.open_connection(parts.hostname, parts.port, limit=1 << 20)
        target = parts.path + ("?" + parts.query if parts.query else "")
        self.writer.write(
            f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        head = await self.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head

    async def read(self, count, progress):
        """Chunks (RFC 9112, section 7.1); what they hold is looked at later, so that it does not count as the feed's time."""
        events = 0
        while events < count:
            size = int(await self.reader.readuntil(b"\r\n"), 16)
            chunk = await self.reader.readexactly(size + 2)
            self.chunks.append((time.time(), chunk[:-2]))
            before, events = events, events + chunk.count(b"\nevent: ")
            progress.has(before, events)
            if size == 0:
                return

    def digest(self):
        self.seqs, self.arrivals = [], {}
        rest = b""
        for now, chunk in self.chunks:
            *events, rest = (rest + chunk).split(b"\n\n")
            for event in events:
                fields = dict(line.split(b": ", 1) for line in event.split(b"\n") if b": " in line)
                if b"id" not in fields:
                    continue
                seq = int(fields[b"id"])
                self.seqs.append(seq)
                line = json.loads(fields[b"data"])
                assert line["seq"] == seq and fields[b"event"].decode() == line["kind"]
                received = datetime.datetime.fromisoformat(line["received_at"].replace("Z", "+00:00")).timestamp()
                self.arrivals[seq] = now - received


async def main(url, token, readers, events, file):
    all = [Reader() for _ in range(readers)]
    for reader in all:
        await reader.open(url, token)
    progress = Progress(file, readers)
    progress.write(0)
    try:
        await asyncio.wait_for(asyncio.gather(*(reader.read(events, progress) for reader in all)), 120)
    except asyncio.TimeoutError:
        pass
    for reader in all:
        reader.digest()
    different = {tuple(reader.seqs) for reader in all}
    last = sorted(max(reader.arrivals.get(seq, 0) for reader in all) for seq in all[0].seqs)
    print(json.dumps({
        "different": len(different), "seqs": all[0].seqs, "shortest": min(len(reader.seqs) for reader in all),
        "median_ms": round(1000 * last[len(last) // 2], 1) if last else None,
        "p99_ms": round(1000 * last[len(last) * 99 // 100], 1) if last else None,
        "max_ms": round(1000 * last[-1], 1) if last else None,
    }))


url, token, readers, events, file = sys.argv[1:]
asyncio.run(main(url, token, int(readers), int(events), file))
