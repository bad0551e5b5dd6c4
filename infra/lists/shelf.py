"""Rows on disk while a run lasts: packed features as one mapped array, postings as JSON with their offsets.

So memory holds neither, however long the lists are, and every process of a run opens the same files.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from infra.lists.postings import Posting
from services.activities.matching.features import ROW


class ShelfWriter:
    """Takes rows in input order; `with` closes the files."""

    def __init__(self, folder: Path) -> None:
        self._rows = (folder / "rows.bin").open("wb")
        self._texts = (folder / "postings.jsonl").open("wb")
        self._numbers = (folder / "numbers.bin").open("wb")
        self.size = 0

    def add(self, posting: bytes, packed: bytes, file: int, said: int) -> None:
        at = self._texts.tell()
        self._texts.write(posting)
        self._rows.write(packed)
        self._numbers.write(np.array([at, self._texts.tell(), file, said], "<u8").tobytes())
        self.size += 1

    def __enter__(self) -> ShelfWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in (self._rows, self._texts, self._numbers):
            file.close()


class Shelf:
    """`rows` is an array of `ROW`, `files` the number of each row's file, `said` a key of each row's content: all in input order."""

    def __init__(self, folder: Path) -> None:
        numbers = np.fromfile(folder / "numbers.bin", "<u8").reshape(-1, 4)
        self._from, self._to = numbers[:, 0].copy(), numbers[:, 1].copy()
        self.files = numbers[:, 2].astype(np.int32)
        self.said = numbers[:, 3].copy()
        self.rows: npt.NDArray[Any] = np.memmap(folder / "rows.bin", ROW, "r") if len(numbers) else np.zeros(0, ROW)
        self._texts = (folder / "postings.jsonl").open("rb")

    def __len__(self) -> int:
        return len(self.files)

    def posting(self, index: int) -> Posting:
        self._texts.seek(int(self._from[index]))
        return Posting.from_json(self._texts.read(int(self._to[index] - self._from[index])))
