"""Texts of feeds, to be read in the place of pages that could not be had: a file of the plan.

What crosses a shuffle is where a text stands in the file, never the text.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable
from itertools import accumulate, pairwise
from pathlib import Path

Span = tuple[int, ...]
"""First byte, and the byte after the last."""


def write_texts(path: Path, texts: Iterable[str]) -> list[Span]:
    """Write texts to a file, one behind the other; where each of them stands."""
    with open(path, "wb") as file:
        sizes = [file.write(text.encode(errors="replace")) for text in texts]
    return list(pairwise(accumulate(sizes, initial=0)))


class FeedTexts:
    """The texts of such a file, which all workers of a machine share."""

    def __init__(self, path: str | Path) -> None:
        with open(path, "rb") as file:
            empty = not file.seek(0, 2)
            self._bytes = b"" if empty else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def __getitem__(self, span: Span) -> bytes:
        start, end = span
        return self._bytes[start:end]
