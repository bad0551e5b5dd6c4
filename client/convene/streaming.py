"""How a stream is asked for and resumed; the loops that read it are in the sync and the async client."""

import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx

from convene.calls import API
from convene.errors import Unreachable
from convene.events import Event, Lines, Parser, event_of
from convene.transport import Busy, parameters

TIMEOUT = httpx.Timeout(10.0, read=75.0)
"""The server sends a heartbeat every 15 s: three missed ones are a dead connection."""


class Resumption:
    """One stream across its connections: where to go on, and how long to wait before that."""

    def __init__(
        self,
        filters: Mapping[str, Any],
        since: str | None,
        last_event_id: str | None,
        tries: int,
        on_open: Callable[[], None] | None = None,
    ) -> None:
        self._filters, self._since, self._tries = parameters(filters), since, tries
        self._parser = Parser(last_event_id)
        self._lines = Lines()
        self._failures = 0
        self._on_open = on_open

    def request(self, client: httpx.Client | httpx.AsyncClient) -> httpx.Request:
        """The next connection: after the last whole event, never again from `since`."""
        self._parser.restart()
        self._lines = Lines()
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        query = dict(self._filters)
        if self._parser.last_id:
            headers["Last-Event-ID"] = self._parser.last_id
        elif self._since:
            query["since"] = self._since
        return client.build_request("GET", f"{API}/stream", params=query, headers=headers, timeout=TIMEOUT)

    def events(self, chunk: bytes) -> Iterator[Event]:
        self._failures = 0
        if self._on_open:
            told, self._on_open = self._on_open, None
            told()
        for line in self._lines.feed(chunk):
            message = self._parser.line(line)
            event = event_of(message) if message else None
            if event:
                yield event

    def pause_after(self, error: Exception | None, base_url: str) -> float:
        """Seconds to wait before the next connection; raises when there have been enough failures in a row.

        error   None when the server closed an open stream, which it does to spread its clients
        """
        if error is None:
            return random.uniform(0.05, 0.5)
        self._failures += 1
        if self._failures >= self._tries:
            if isinstance(error, Busy):
                raise error.error
            raise Unreachable(f"{base_url}: the stream broke: {error or type(error).__name__}") from error
        wait = min(self._parser.retry * 2 ** (self._failures - 1), 30.0) * random.uniform(0.5, 1.0)
        asked = error.retry_after if isinstance(error, Busy) else None
        return max(wait, asked or 0.0)
