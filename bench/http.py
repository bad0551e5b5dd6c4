"""HTTP/1.1 as thin as it can be: the generator must not be what is measured (httpx alone costs more than the server)."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from urllib.parse import urlsplit


class Connection:
    """One kept-alive connection; one request at a time."""

    def __init__(self, host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._host, self._reader, self._writer = host, reader, writer

    @classmethod
    async def open(cls, url: str) -> "Connection":
        address = urlsplit(url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port, limit=1 << 24)
        return cls(address.netloc, reader, writer)

    async def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Status and body."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._writer.write(
            f"POST {path} HTTP/1.1\r\nHost: {self._host}\r\n{lines}Content-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        status, length = await self._head()
        return status, await self._reader.readexactly(length)

    async def events(self, path: str, headers: Mapping[str, str]) -> AsyncIterator[bytes]:
        """The messages of an event stream, each with its lines; the first comes when the stream is open."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._writer.write(f"GET {path} HTTP/1.1\r\nHost: {self._host}\r\n{lines}\r\n".encode())
        status, _ = await self._head()
        if status != 200:
            raise ConnectionError(f"{path}: {status}")
        pending = b""
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            pending += (await self._reader.readexactly(size + 2))[:-2]
            *messages, pending = pending.split(b"\n\n")
            for message in messages:
                yield message

    def close(self) -> None:
        self._writer.close()

    async def _head(self) -> tuple[int, int]:
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n"):
            if line[:15].lower() == b"content-length:":
                length = int(line[15:])
        return int(head[9:12]), length
