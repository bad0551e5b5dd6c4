"""The run: files are read once for their habits and once for their rows, indexed, scored in blocks, explained where it matters.

Rows go to disk as they are read (`shelf`), so memory does not grow with the lists. Blocks are the same whatever the
number of processes, and come back in order: the same lists give the same output, byte for byte.
"""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from infra.lists import days, scoring
from infra.lists.colliding import Colliding, Once, collisions
from infra.lists.index import Cut, Index, blocks
from infra.lists.labels import WAYS, Labels, keys_of, place
from infra.lists.postings import Posting, plan_text, understand
from infra.lists.rows import Row, Unread
from infra.lists.scoring import Explainer
from infra.lists.shelf import Shelf, ShelfWriter
from infra.lists.tables import Table
from services.activities.matching import overlaps
from services.activities.matching.features import extract, pack
from services.activities.matching.sieve import Side

Task = TypeVar("Task")
Answer = TypeVar("Answer")
Progress = Callable[[str, int, int], None]
"""Told of each step: what is done, how far, of how many."""

CHUNK = 250
"""Rows understood, or compared with all that come after, at a time."""
SLICE = 20_000
"""Pairs scored at a time: their packed rows are a few dozen megabytes."""
ALONE = 3000
"""Lists of up to so many rows are done before a second process has started."""
SAME = 0.5
"""Pairs this likely of one activity, or of one series, do not collide."""


@dataclass(frozen=True)
class Options:
    """What is asked. `processes` 0: one per core."""

    min_probability: float = 0.5
    overlaps: bool = False
    across: bool = False
    processes: int = 0


@dataclass(frozen=True)
class Found:
    """A pair to report; `a` comes before `b` in the input. `kind` duplicate, series or overlap."""

    a: int
    b: int
    kind: str
    probability: float | None
    explanation: dict[str, Any]
    overlap: dict[str, Any] | None = None


@dataclass
class ReadFile:
    """What became of one file. `unread` and `notes` are (where, sentence); `order` how it writes 03/04/2017, and where it shows."""

    name: str
    rows: int = 0
    unread: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    notes: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    ignored: Counter[str] = field(default_factory=Counter[str])
    order: tuple[days.Order | None, str] = (None, "")

    @property
    def lost(self) -> int:
        return len(self.unread)


@dataclass
class Summary:
    """What was read, left out and found; complete when the run is over."""

    files: list[ReadFile]
    rows: int = 0
    pairs: int = 0
    undated: list[int] = field(default_factory=list[int])
    cuts: list[Cut] = field(default_factory=list[Cut])
    found: Counter[str] = field(default_factory=Counter[str])
    crowded: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    """Rows that collide with more than are listed, and with how many."""


class Run:
    """`with Run(tables, options, folder) as run: for found in run: ...`; then `run.summary` is complete."""

    def __init__(self, tables: list[Table], options: Options, folder: Path, progress: Progress | None = None) -> None:
        self._tables, self._options, self._folder = tables, options, folder
        self._tell = progress or (lambda stage, done, total: None)
        self.summary = Summary([ReadFile(table.name) for table in tables])
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Run:
        """Reads and indexes. Raises ListError for a file that is no list."""
        try:
            self._read()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool:
            self._pool.shutdown(cancel_futures=True)

    def __iter__(self) -> Iterator[Found]:
        size, done = len(self.shelf), 0
        tasks = list(blocks(size, CHUNK))
        once = Once(self.shelf)
        for (_, last), told in zip(tasks, self._each(_compare, tasks), strict=True):
            self.summary.pairs += told.pairs
            for each in told.colliding:
                told.found += [
                    Found(pair.a, pair.b, "overlap", None, {"sentence": pair.told["why"]}, pair.told)
                    for pair in once.told(each)
                ]
                if each.total > overlaps.MOST:
                    self.summary.crowded.append((each.row, each.total))
            found = sorted(told.found, key=lambda each: (each.a, each.b, each.kind))
            self.summary.found.update(one.kind for one in found)
            yield from found
            done = last
            self._tell("comparing", done, size)

    def posting(self, index: int) -> Posting:
        return self.shelf.posting(index)

    def label(self, index: int) -> str:
        return self.labels.of(index, self.posting(index))

    def capped(self, found: Found) -> list[str]:
        """Under which kinds of key one of the two met the nearest rows only: there may be more like it."""
        return sorted({*self.index.capped(found.a), *self.index.capped(found.b)})

    def _read(self) -> None:
        total = sum(self._habits(table, read) for table, read in zip(self._tables, self.summary.files, strict=True))
        if total > ALONE and self._processes > 1:
            context = get_context("spawn")
            self._pool = ProcessPoolExecutor(self._processes, context, _start, (str(self._folder), self._options))
        keys: list[npt.NDArray[Any]] = []
        with ShelfWriter(self._folder) as shelf:
            for told in self._each(_prepare, self._chunks()):
                shelf_file = self.summary.files[told.file]
                shelf_file.unread += told.unread
                shelf_file.notes += told.notes
                shelf_file.ignored.update(told.ignored)
                shelf_file.rows += len(told.rows)
                for posting, packed, said, dated in told.rows:
                    if not dated:
                        self.summary.undated.append(shelf.size)
                    shelf.add(posting, packed, told.file, said)
                keys.append(np.array(told.keys, np.uint64).reshape(-1, WAYS))
                self._tell("reading", shelf.size, total)
        self.shelf = Shelf(self._folder)
        self.summary.rows = len(self.shelf)
        self.labels = Labels(
            np.concatenate([*keys, np.zeros((0, WAYS), np.uint64)]), [table.name for table in self._tables]
        )
        self._tell("indexing", 0, 1)
        Index.build(self.shelf.rows, self.shelf.said, self.shelf.files, overlaps=self._options.overlaps).save(
            self._folder
        )
        self.index = Index.open(self._folder)  # mapped: what was built is let go
        self.summary.cuts = self.index.cuts()
        self._tell("indexing", 1, 1)

    def _habits(self, table: Table, read: ReadFile) -> int:
        """How many rows there are, and which number of 03/04/2017 the file puts first."""
        count = 0

        def cells() -> Iterator[str]:
            nonlocal count
            for row in table:
                count += 1
                if isinstance(row, Row):
                    yield from (str(row.cells[name]) for name in ("start", "end") if name in row.cells)

        read.order = days.order_of(cells())
        return count

    def _chunks(self) -> Iterator[tuple[int, days.Order | None, list[Row | Unread]]]:
        for file, table in enumerate(self._tables):
            order = self.summary.files[file].order[0]
            chunk: list[Row | Unread] = []
            for row in table:
                chunk.append(row)
                if len(chunk) == CHUNK:
                    yield file, order, chunk
                    chunk = []
            yield file, order, chunk

    @property
    def _processes(self) -> int:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return self._options.processes or min(cores, 8)

    def _each(self, work: Callable[[Task], Answer], tasks: Iterable[Task]) -> Iterator[Answer]:
        """Answers in the order of the tasks; no more tasks under way than keep the processes busy."""
        if self._pool is None:
            _start(str(self._folder), self._options)
            yield from map(work, tasks)
            return
        waiting: deque[Future[Answer]] = deque()
        for task in tasks:
            waiting.append(self._pool.submit(work, task))
            if len(waiting) > 3 * self._processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


@dataclass
class _Compared:
    """Of one block: pairs scored, those to report, and what its rows collide with."""

    pairs: int = 0
    found: list[Found] = field(default_factory=list[Found])
    colliding: list[Colliding] = field(default_factory=list[Colliding])


@dataclass
class _Told:
    file: int
    rows: list[tuple[bytes, bytes, int, bool]] = field(default_factory=list[tuple[bytes, bytes, int, bool]])
    keys: list[tuple[int, ...]] = field(default_factory=list[tuple[int, ...]])
    unread: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    notes: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    ignored: Counter[str] = field(default_factory=Counter[str])


class _Room:
    """What a process has open: the shelf and the index, once both are written."""

    def __init__(self, folder: Path, options: Options) -> None:
        self.folder, self.options = folder, options
        self._open: tuple[Shelf, Index, Explainer] | None = None

    @property
    def open(self) -> tuple[Shelf, Index, Explainer]:
        if self._open is None:
            shelf = Shelf(self.folder)
            self._open = shelf, Index.open(self.folder), Explainer(shelf)
        return self._open


_room: _Room


def _start(folder: str, options: Options) -> None:
    # a process of the pool serves one run
    global _room
    _room = _Room(Path(folder), options)


def _prepare(task: tuple[int, days.Order | None, list[Row | Unread]]) -> _Told:
    file, order, rows = task
    told = _Told(file)
    for row in rows:
        where = place(row.sheet, row.number)
        if isinstance(row, Unread):
            told.unread.append((where, row.problem))
            continue
        found = understand(row, file, order)
        if isinstance(found, str):
            told.unread.append((where, found))
            continue
        posting, said = found.posting, found.posting.said
        try:
            packed = pack(extract(plan_text(posting)))
        except (ValueError, OverflowError) as error:
            told.unread.append((where, f"cannot be compared ({str(error)[:80]})"))
            continue
        told.notes += [(where, note) for note in found.notes]
        told.ignored.update(found.ignored)
        told.rows.append((posting.as_json().encode(), packed, int(said, 16), bool(posting.start)))
        told.keys.append(keys_of(posting))
    return told


def _compare(block: tuple[int, int]) -> _Compared:
    shelf, index, explainer = _room.open
    options, told = _room.options, _Compared()
    one, other = index.pairs(*block, across=options.across)
    told.pairs = len(one)
    for at in range(0, len(one), SLICE):
        a, b = one[at : at + SLICE], other[at : at + SLICE]
        alike, same, series = scoring.likely(
            Side(shelf.rows, a), Side(shelf.rows, b), options.min_probability, explainer.priors(a, b)
        )
        pairs = list(zip(a[alike].tolist(), b[alike].tolist(), strict=True))
        for i, (x, y), words in zip(range(len(pairs)), pairs, explainer.explain(pairs), strict=True):
            kind = "duplicate" if same[i] >= series[i] else "series"
            told.found.append(Found(x, y, kind, float(max(same[i], series[i])), words))
    if options.overlaps:
        told.colliding = list(
            collisions(shelf, index, explainer, block, across=options.across, same=SAME, slice_=SLICE)
        )
    return told
