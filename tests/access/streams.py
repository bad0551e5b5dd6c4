"""Reads a stream in process until it has told all of its history."""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit


async def listen(app: Any, headers: Mapping[str, str], address: str) -> str:
    """The bytes of the stream at `address`, as text, until its first sign of life: it beats once it is up to date."""
    parts = urlsplit(address)
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": parts.path, "raw_path": parts.path.encode(), "query_string": parts.query.encode(), "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1), "server": ("convene.test", 80),
    }  # fmt: skip
    asked, gone, heard = False, asyncio.Event(), list[bytes]()
    beat = asyncio.Event()

    async def receive() -> dict[str, Any]:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.body":
            heard.append(message.get("body", b""))
            if heard[-1].startswith(b": heartbeat"):
                beat.set()

    task = asyncio.create_task(app(scope, receive, send))
    beating = asyncio.create_task(beat.wait())
    await asyncio.wait({task, beating}, timeout=60, return_when=asyncio.FIRST_COMPLETED)
    beating.cancel()
    gone.set()
    await asyncio.wait_for(task, 20)
    return b"".join(heard).decode()
