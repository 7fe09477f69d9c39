"""Putting a file in the place of another: readers see the old one or the new one, whole."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sinks.connector.files import sync_folder


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file beside `path` to be written, which then takes its place; removed if that fails.

    What an earlier attempt left behind, when it was killed, is removed first.

    Raises:
        OSError: disk full, no rights and the like; what was at `path` is there as before.
    """
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.tmp*"):
        left.unlink()
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
    finally:
        for left in (temporary, Path(f"{temporary}.wal")):
            with suppress(OSError):
                left.unlink(missing_ok=True)
