"""The bus of a single machine: an append-only log in one SQLite file, as durable as a transaction of the database.

SQLite's own rules, kept here: WAL, `synchronous=FULL` (a published record survives a power cut), `BEGIN IMMEDIATE` (a
deferred transaction that upgrades fails at once, whatever the busy timeout), one connection, AUTOINCREMENT. All of it
runs in a thread of its own, so that an fsync never stops the event loop; the thread also gives calls their order.
"""

import asyncio
import json
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from shared.bus.local.bus import DRAIN_SECONDS, LocalBus
from shared.bus.local.storage import Placed, from_millis, to_millis
from shared.bus.port import BusUnavailable, Delivered, Topic, TopicPartition
from shared.clock import Clock, SystemClock
from shared.ids import Ids, Uuid7Ids
from shared.sqlite import sqlite3

_T = TypeVar("_T")

BUSY_SECONDS = 5.0

# `position` orders the whole log and is never given twice. The offset within the partition is what consumers commit;
# `end_offset` is kept apart from the log, so that pruning old records can never make an offset come again.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS log_identity (log_id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS partition_end (
    topic TEXT NOT NULL, partition INTEGER NOT NULL, end_offset INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (topic, partition)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS log (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    topic TEXT NOT NULL, partition INTEGER NOT NULL, offset INTEGER NOT NULL,
    time INTEGER NOT NULL, key TEXT NOT NULL, headers TEXT NOT NULL, value BLOB NOT NULL,
    UNIQUE (topic, partition, offset)
);
CREATE TABLE IF NOT EXISTS committed_offset (
    consumer_group TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL, next_offset INTEGER NOT NULL,
    PRIMARY KEY (consumer_group, topic, partition)
) WITHOUT ROWID;
"""


class SqliteBus(LocalBus):
    """A log in the file `path`, made with its folder where it is missing. One object per file at a time.

    The log's id is drawn once and kept in the file: another file is another log, whatever its name.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        clock: Clock | None = None,
        ids: Ids | None = None,
        drain: float = DRAIN_SECONDS,
    ) -> None:
        clock = clock or SystemClock()
        super().__init__(SqliteStorage(Path(path), ids or Uuid7Ids(clock)), clock, drain=drain)


class SqliteStorage:
    """Implements `Storage`. `time` is in milliseconds since 1970; headers are JSON pairs, their bytes as Latin-1."""

    def __init__(self, path: Path, ids: Ids) -> None:
        self._path, self._ids = path, ids
        self._thread: ThreadPoolExecutor | None = None
        self._connection: sqlite3.Connection | None = None

    async def open(self) -> str:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite-log")
        try:
            return await self._run(self._open)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        if self._thread:
            thread, self._thread = self._thread, None
            try:
                await asyncio.get_running_loop().run_in_executor(thread, self._close)
            finally:
                thread.shutdown()  # it has nothing left to do, so this does not wait

    async def create(self, topics: Sequence[Topic]) -> None:
        await self._run(lambda: self._create(topics))

    async def topics(self) -> Mapping[str, int]:
        rows = await self._rows("SELECT topic, count(*) FROM partition_end GROUP BY topic")
        return dict(rows)

    async def append(self, records: Sequence[Placed], at: datetime) -> Mapping[TopicPartition, int]:
        return await self._run(lambda: self._append(records, to_millis(at)))

    async def read(self, tp: TopicPartition, offset: int, limit: int) -> Sequence[Delivered]:
        return await self._run(lambda: self._read(tp, offset, limit))

    async def begins(self, tps: Iterable[TopicPartition]) -> Mapping[TopicPartition, int]:
        # The first record kept; an empty partition begins where it ends.
        return {
            tp: (
                await self._rows(
                    "SELECT coalesce((SELECT min(offset) FROM log WHERE topic = e.topic AND partition = e.partition),"
                    " e.end_offset) FROM partition_end e WHERE e.topic = ? AND e.partition = ?",
                    tp,
                )
            )[0][0]
            for tp in tps
        }

    async def ends(self) -> Mapping[TopicPartition, int]:
        rows = await self._rows("SELECT topic, partition, end_offset FROM partition_end")
        return {TopicPartition(topic, partition): end for topic, partition, end in rows}

    async def first_at(self, tp: TopicPartition, instant: datetime) -> int:
        rows = await self._rows(
            "SELECT coalesce((SELECT min(offset) FROM log WHERE topic = e.topic AND partition = e.partition"
            " AND time >= ?), e.end_offset) FROM partition_end e WHERE e.topic = ? AND e.partition = ?",
            (to_millis(instant), *tp),
        )
        return rows[0][0]

    async def committed(self, group: str) -> Mapping[TopicPartition, int]:
        rows = await self._rows(
            "SELECT topic, partition, next_offset FROM committed_offset WHERE consumer_group = ?", (group,)
        )
        return {TopicPartition(topic, partition): offset for topic, partition, offset in rows}

    async def commit(self, group: str, offsets: Mapping[TopicPartition, int]) -> None:
        rows = [(group, *tp, offset) for tp, offset in offsets.items()]
        await self._run(lambda: self._commit(rows))

    # From here on in the thread.

    def _open(self) -> str:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.executescript(_SCHEMA)
        with self._transaction() as db:
            row = db.execute("SELECT log_id FROM log_identity").fetchone()
            if row is None:
                row = (self._ids.new("log"),)
                db.execute("INSERT INTO log_identity (log_id) VALUES (?)", row)
        return row[0]

    def _close(self) -> None:
        if self._connection:
            self._connection.close()
            self._connection = None

    def _create(self, topics: Sequence[Topic]) -> None:
        with self._transaction() as db:
            for topic in topics:
                (there,) = db.execute("SELECT count(*) FROM partition_end WHERE topic = ?", (topic.name,)).fetchone()
                if there not in (0, topic.partitions):
                    raise ValueError(f"{topic.name} has {there} partitions, not {topic.partitions}")
                if not there:
                    rows = [(topic.name, number) for number in range(topic.partitions)]
                    db.executemany("INSERT INTO partition_end (topic, partition) VALUES (?, ?)", rows)

    def _append(self, records: Sequence[Placed], time: int) -> Mapping[TopicPartition, int]:
        ends: dict[TopicPartition, int] = {}
        rows: list[tuple[object, ...]] = []
        with self._transaction() as db:
            for tp, record in records:
                if tp not in ends:
                    (ends[tp],) = db.execute(
                        "SELECT end_offset FROM partition_end WHERE topic = ? AND partition = ?", tp
                    ).fetchone()
                headers = json.dumps([[name, value.decode("latin-1")] for name, value in record.headers])
                rows.append((*tp, ends[tp], time, record.key, headers, bytes(record.value)))
                ends[tp] += 1
            db.executemany(
                "INSERT INTO log (topic, partition, offset, time, key, headers, value) VALUES (?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
            db.executemany(
                "UPDATE partition_end SET end_offset = ? WHERE topic = ? AND partition = ?",
                [(end, *tp) for tp, end in ends.items()],
            )
        return ends

    def _read(self, tp: TopicPartition, offset: int, limit: int) -> Sequence[Delivered]:
        rows = self._db.execute(
            "SELECT offset, time, key, value, headers FROM log"
            " WHERE topic = ? AND partition = ? AND offset >= ? ORDER BY offset LIMIT ?",
            (*tp, offset, limit),
        )
        return [
            Delivered(*tp, at, from_millis(time), key, value, _headers(headers))
            for at, time, key, value, headers in rows
        ]

    def _commit(self, rows: Sequence[tuple[object, ...]]) -> None:
        with self._transaction() as db:
            db.executemany(
                "INSERT INTO committed_offset (consumer_group, topic, partition, next_offset) VALUES (?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET next_offset = excluded.next_offset",
                rows,
            )

    @contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield self._db
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    @property
    def _db(self) -> sqlite3.Connection:
        assert self._connection is not None
        return self._connection

    # Back on the event loop.

    async def _rows(self, query: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        return await self._run(lambda: self._db.execute(query, parameters).fetchall())

    async def _run(self, work: Callable[[], _T]) -> _T:
        if self._thread is None:
            raise BusUnavailable(f"{self._path.name} is closed")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except (sqlite3.Error, OSError) as error:
            raise BusUnavailable(f"{self._path.name}: {error}") from error


def _headers(text: str) -> tuple[tuple[str, bytes], ...]:
    return tuple((name, value.encode("latin-1")) for name, value in json.loads(text))
