"""What is known, made by the launcher and read by workers: 16 bytes an id, 32 a mark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Halves = npt.NDArray[np.uint64]
"""Ids by column: the first half of each, and the second."""


class Known(NamedTuple):
    """What the database knows, in any order; blobs of 16 bytes."""

    ids: pa.ChunkedArray
    marks: pa.ChunkedArray
    """By which entries are known, too."""
    entries: pa.ChunkedArray
    """The id of the entry of each mark."""


NOTHING = Known(*(pa.chunked_array([], pa.binary()) for _ in Known._fields))


def write_known(path: Path, known: Known) -> None:
    """Write what is known as a file for `KnownIds`."""
    np.save(path, _sorted(known))


def _sorted(known: Known) -> Halves:
    """One array, so that a file is mapped into memory at once: how many there are, ids, marks,
    and the entries of these."""
    ids, marks = len(known.ids), len(known.marks)
    sorted_ = np.empty((2, 1 + ids + 2 * marks), np.uint64)
    sorted_[:, 0] = ids, marks
    halves = _halves(known.ids)
    sorted_[:, 1 : 1 + ids] = halves[:, np.argsort(halves[0])]
    halves = _halves(known.marks)
    order = np.argsort(halves[0])
    sorted_[:, 1 + ids : 1 + ids + marks] = halves[:, order]
    sorted_[:, 1 + ids + marks :] = _halves(known.entries)[:, order]
    return sorted_


def _halves(ids: pa.ChunkedArray) -> Halves:
    blobs = ids.cast(pa.binary()).combine_chunks()
    if isinstance(blobs, pa.ChunkedArray):
        blobs = blobs.chunk(0) if blobs.num_chunks else pa.array([], pa.binary())
    words = np.frombuffer(blobs.buffers()[2] or b"", dtype=">u8")
    words = words[2 * blobs.offset : 2 * (blobs.offset + len(blobs))].reshape(-1, 2)
    return words.T.astype(np.uint64)


class KnownIds:
    """128-bit ids, sorted by their first half; a million take 16 MB, a look-up microseconds."""

    def __init__(self, known: Halves) -> None:
        ids, marks = map(int, known[:, 0])
        self._ids = tuple(known[:, 1 : 1 + ids])
        self._marks = tuple(known[:, 1 + ids : 1 + ids + marks])
        self._entries = known[:, 1 + ids + marks :]
        self._added: set[str] = set()
        self._added_marks: dict[str, str] = {}

    @classmethod
    def of(cls, known: Known) -> KnownIds:
        """Hold what is known in memory."""
        return cls(_sorted(known))

    @classmethod
    def read(cls, path: str | Path) -> KnownIds:
        """Map a file into memory, which all workers of a machine share."""
        return cls(np.load(path, mmap_mode="r"))

    def add(self, ids: Iterable[str], marks: Mapping[str, str]) -> int:
        """Add ids and entries by marks, in hexadecimal; how many were added so far, at some 100
        bytes each."""
        self._added.update(ids)
        self._added_marks |= marks
        return len(self._added) + len(self._added_marks)

    def __contains__(self, hexadecimal: str) -> bool:
        return hexadecimal in self._added or _place(self._ids, hexadecimal) is not None

    def entry_of(self, mark: str) -> str | None:
        """The id of the entry that is known by a mark; None without one."""
        if mark in self._added_marks:
            return self._added_marks[mark]
        place = _place(self._marks, mark)
        return (
            None if place is None else "".join(f"{half:016x}" for half in self._entries[:, place])
        )

    def __len__(self) -> int:
        return len(self._ids[0]) + len(self._added)


def _place(halves: tuple[npt.NDArray[np.uint64], ...], hexadecimal: str) -> int | None:
    high, low = int(hexadecimal[:16], 16), int(hexadecimal[16:], 16)
    firsts, seconds = halves
    place = int(np.searchsorted(firsts, np.uint64(high)))
    while place < len(firsts) and firsts[place] == high:
        if seconds[place] == low:
            return place
        place += 1
    return None
