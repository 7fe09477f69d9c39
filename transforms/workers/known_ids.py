"""A compact set of known ids, made by the launcher and read by workers: 16 bytes an id."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa


def write_known(path: Path, ids: pa.ChunkedArray) -> None:
    """Write ids, blobs of 16 bytes in any order, as a file for `KnownIds`."""
    np.save(path, _halves(ids))


def _halves(ids: pa.ChunkedArray) -> npt.NDArray[np.uint64]:
    blobs = ids.cast(pa.binary()).combine_chunks()
    if isinstance(blobs, pa.ChunkedArray):
        blobs = blobs.chunk(0) if blobs.num_chunks else pa.array([], pa.binary())
    words = np.frombuffer(blobs.buffers()[2] or b"", dtype=">u8")
    words = words[2 * blobs.offset : 2 * (blobs.offset + len(blobs))].reshape(-1, 2)
    high = words[:, 0].astype(np.uint64)
    order = np.argsort(high)
    return np.stack([high[order], words[:, 1].astype(np.uint64)[order]])


class KnownIds:
    """128-bit ids, sorted by their first half; a million take 16 MB, a look-up microseconds."""

    def __init__(self, halves: npt.NDArray[np.uint64]) -> None:
        self._high, self._low = halves
        self._added: set[str] = set()

    @classmethod
    def of(cls, ids: pa.ChunkedArray) -> KnownIds:
        """Hold ids, blobs of 16 bytes in any order, in memory."""
        return cls(_halves(ids))

    @classmethod
    def read(cls, path: str | Path) -> KnownIds:
        """Map a file into memory, which all workers of a machine share."""
        return cls(np.load(path, mmap_mode="r"))

    def add(self, ids: Iterable[str]) -> int:
        """Add ids, in hexadecimal; how many were added so far, at some 100 bytes each."""
        self._added.update(ids)
        return len(self._added)

    def __contains__(self, hexadecimal: str) -> bool:
        if hexadecimal in self._added:
            return True
        high, low = int(hexadecimal[:16], 16), int(hexadecimal[16:], 16)
        first = int(np.searchsorted(self._high, np.uint64(high)))
        while first < len(self._high) and self._high[first] == high:
            if self._low[first] == low:
                return True
            first += 1
        return False

    def __len__(self) -> int:
        return len(self._high) + len(self._added)
