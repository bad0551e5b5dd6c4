"""Many clients of one event stream, in a process of its own: `python -m bench.listeners URL PATH CLIENTS`.

The authorization comes on the first line of standard input. It says `ready` when every client holds an open stream;
then each further line is a round: `{"round": 3, "messages": 100, "start": ..., "interval": ...}`, where message `n` was
due at `start + n * interval` on the monotonic clock, which all processes of a machine share. The answer is one line, with
the latencies since then: what was late because the sender was late counts as late.
"""

import asyncio
import json
import re
import sys
import time
from array import array
from typing import Any
from urllib.parse import urlsplit

import uvloop

from bench.measure import Busy, latencies

MARK = re.compile(rb"bench-(\d+)-(\d+)-")
"""In the title of each plan: the round and the number of the message in it."""
PATIENCE = 60.0


class Arrivals:
    """What came in the present round."""

    def __init__(self) -> None:
        self.begin({"round": -1, "messages": 0, "start": 0.0, "interval": 0.0}, 0)

    def begin(self, order: dict[str, Any], clients: int) -> None:
        self.round, self.messages = int(order["round"]), int(order["messages"])
        self.start, self.interval = float(order["start"]), float(order["interval"])
        self.late = array("d")
        self.wanted = clients * self.messages
        self.last = 0.0
        self.done = asyncio.Event()

    def add(self, number: int, now: float) -> None:
        self.late.append(now - self.start - number * self.interval)
        self.last = now
        if len(self.late) >= self.wanted:
            self.done.set()


class Client(asyncio.Protocol):
    def __init__(self, request: bytes, arrivals: Arrivals) -> None:
        self._request, self._arrivals = request, arrivals
        self._pending = b""
        self.opened = asyncio.Event()
        self.seen = bytearray()
        self.wrong = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.write(self._request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        data = self._pending + data
        end = data.rfind(b"\n\n")
        if end < 0:
            self._pending = data
            return
        self._pending = data[end + 2 :]
        if not self.opened.is_set():
            self.wrong += not data.startswith(b"HTTP/1.1 200")
            self.opened.set()
        arrivals = self._arrivals
        for found in MARK.finditer(data, 0, end):
            if int(found[1]) != arrivals.round:
                continue
            number = int(found[2])
            self.wrong += self.seen[number]  # once before
            self.seen[number] = 1
            arrivals.add(number, now)

    def connection_lost(self, exc: Exception | None) -> None:
        self.wrong += 1
        self.opened.set()


async def main(url: str, path: str, count: int) -> None:
    lines = await _standard_input()
    authorization = (await lines.readline()).decode().strip()
    address, arrivals = urlsplit(url), Arrivals()
    headers = f"Authorization: {authorization}\r\n" if authorization else ""
    request = f"GET {path} HTTP/1.1\r\nHost: {address.netloc}\r\n{headers}\r\n".encode()
    loop = asyncio.get_running_loop()
    host, port = address.hostname or "", address.port or 80
    clients: list[Client] = []
    for _ in range(count):
        _, client = await loop.create_connection(lambda: Client(request, arrivals), host, port)
        clients.append(client)
        await client.opened.wait()
    _say({"ready": sum(not client.wrong for client in clients)})
    while line := await lines.readline():
        order = json.loads(line)
        for client in clients:
            client.seen, client.wrong = bytearray(order["messages"]), 0
        arrivals.begin(order, count)
        busy = Busy()
        _say({"listening": True})
        try:
            async with asyncio.timeout(PATIENCE):
                await arrivals.done.wait()
            await asyncio.sleep(0.2)  # for what comes twice
        except TimeoutError:
            pass
        _say(
            {
                "deliveries": sum(sum(client.seen) for client in clients),
                "wrong": sum(client.wrong for client in clients),
                "seconds": arrivals.last - arrivals.start,
                "busy": busy.share(),
                **latencies(arrivals.late),
            }
        )


async def _standard_input() -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


def _say(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
