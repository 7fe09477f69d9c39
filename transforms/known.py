"""A compact set of known ids, made by the launcher and read by workers: 16 bytes an id."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq


class KnownIds:
    """Sorted 128-bit ids; a million of them take 16 MB, and a look-up microseconds."""

    def __init__(self, ids: npt.NDArray[np.uint64]) -> None:
        self._high, self._low = ids[:, 0].astype(np.uint64), ids[:, 1].astype(np.uint64)

    @classmethod
    def read(cls, path: str | Path) -> KnownIds:
        """Read a Parquet file with one column of 16-byte blobs, sorted."""
        column = pq.read_table(path).column(0).combine_chunks().cast(pa.binary(16))
        words = np.frombuffer(column.buffers()[1] or b"", dtype=">u8")
        first = 2 * column.offset
        return cls(words[first : first + 2 * len(column)].reshape(-1, 2))

    def __contains__(self, hexadecimal: str) -> bool:
        high, low = int(hexadecimal[:16], 16), int(hexadecimal[16:], 16)
        first = int(np.searchsorted(self._high, np.uint64(high)))
        while first < len(self._high) and self._high[first] == high:
            if self._low[first] == low:
                return True
            first += 1
        return False

    def __len__(self) -> int:
        return len(self._high)
