"""aiosqlite with one trip to the connection's thread for a statement and its rows.

aiosqlite gives each step of a cursor (open, execute, fetch, close) a trip of its own, and a trip costs more than most of our
statements: a posted plan made some 350 of them. Streaming from a cursor is not offered; nothing here reads more than a page.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from shared.sqlite import sqlite3  # isort: skip  (first: it may put another library in sqlite3's place)

import aiosqlite


class OneTripCursor:
    """What SQLAlchemy needs of an asynchronous cursor; the rows are here when `execute` returns."""

    arraysize = 1

    def __init__(self, connection: "OneTripConnection") -> None:
        self._connection = connection
        self._rows: Sequence[Any] = ()
        self.description: Any = None
        self.rowcount, self.lastrowid = -1, 0

    async def __aenter__(self) -> "OneTripCursor":
        return self

    async def execute(self, statement: str, parameters: Any = ()) -> "OneTripCursor":
        return await self._connection.run(self._on_thread, "execute", statement, parameters)

    async def executemany(self, statement: str, parameters: Any) -> "OneTripCursor":
        return await self._connection.run(self._on_thread, "executemany", statement, parameters)

    def _on_thread(self, method: str, statement: str, parameters: Any) -> "OneTripCursor":
        cursor = self._connection.plain().cursor()
        try:
            getattr(cursor, method)(statement, parameters)
            self._rows = cursor.fetchall() if cursor.description else ()
            self.description, self.rowcount, self.lastrowid = cursor.description, cursor.rowcount, cursor.lastrowid
        finally:
            cursor.close()
        return self

    async def fetchall(self) -> Sequence[Any]:
        return self._rows

    async def close(self) -> None:
        """The cursor on the thread is closed already."""


class OneTripConnection(aiosqlite.Connection):
    """aiosqlite's connection and thread, with the cursor above."""

    def cursor(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return OneTripCursor(self)

    async def run(self, work: Callable[..., Any], *args: Any) -> Any:
        return await self._execute(work, *args)  # pyright: ignore[reportUnknownMemberType]

    def plain(self) -> sqlite3.Connection:
        """The connection itself; only its own thread may use it."""
        return self._conn


def opener(path: str) -> Callable[[], Awaitable[OneTripConnection]]:
    """Opens connections to one file, for `create_async_engine(async_creator=...)`.

    The driver begins no transactions of its own (`isolation_level=None`).
    """

    async def opened() -> OneTripConnection:
        one = OneTripConnection(
            lambda: sqlite3.connect(path, isolation_level=None, check_same_thread=False), iter_chunk_size=64
        )
        one._thread.daemon = True  # pyright: ignore[reportPrivateUsage] # as SQLAlchemy does, so that a process can end
        await one
        return one

    return opened
