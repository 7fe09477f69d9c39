"""Putting a file in the place of another: readers see the old one or the new one, whole."""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sinks.connector.files import sync_folder


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file to be written, which then takes the place of `path`; removed if that fails.

    It lies in a folder beside `path` that no one else may look into: until it has its own rights,
    the new file has those of any new file. What an earlier attempt left behind, when it was
    killed, is removed first.

    Raises:
        OSError: disk full, no rights and the like; what was at `path` is there as before.
    """
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        shutil.rmtree(left)
    folder = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    folder.mkdir(mode=0o700)
    try:
        temporary = folder / path.name
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
