"""Where an export goes: written aside, then renamed, so that no reader sees half of it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.errors import ExportError
from sinks.connector.files import sync_folder


@contextmanager
def new_file(target: Path, *, replace: bool) -> Iterator[Path]:
    """A path to write to, which takes the place of `target` when all went well.

    Raises:
        ExportError: `target` is there and must not be replaced, or cannot be written.
    """
    _check_file(target, replace)
    with _aside(target) as aside:
        written = aside / target.name
        yield written
        with open(written, "rb") as file:
            os.fsync(file.fileno())
        _check_file(target, replace)  # much may have happened since
        os.replace(written, target)
        sync_folder(target.parent)


@contextmanager
def new_folder(target: Path, *, marker: str, replace: bool) -> Iterator[Path]:
    """A folder to fill, which takes the place of `target` when all went well.

    A folder that holds `marker` may be replaced, and an empty one; no other, whatever was asked:
    it may hold all that somebody has.

    Raises:
        ExportError: `target` is there and must not be replaced, or cannot be written.
    """
    _check_folder(target, marker, replace)
    with _aside(target) as aside:
        written = aside / target.name
        written.mkdir()
        yield written
        _check_folder(target, marker, replace)
        _exchange(written, target, aside / "replaced")
        sync_folder(target.parent)


def _check_file(target: Path, replace: bool) -> None:
    if target.is_dir():
        raise ExportError(f"{target}: there is a folder of this name")
    if target.exists() and not replace:
        raise ExportError(f"{target}: there is a file of this name; --overwrite replaces it")


def _check_folder(target: Path, marker: str, replace: bool) -> None:
    if not target.exists():
        return
    if not target.is_dir():
        raise ExportError(f"{target}: there is a file of this name")
    if not any(target.iterdir()):
        return
    if not (target / marker).is_file():
        raise ExportError(f"{target}: not empty, and no earlier export ({marker} is not there)")
    if not replace:
        raise ExportError(f"{target}: there is one of this name; --overwrite replaces it")


def _exchange(written: Path, target: Path, old: Path) -> None:
    """No system has one call for this; between the two renames there is no `target`."""
    there = target.exists()
    if there:
        os.rename(target, old)
    try:
        os.rename(written, target)
    except BaseException:
        if there:
            os.rename(old, target)
        raise


@contextmanager
def _aside(target: Path) -> Iterator[Path]:
    """A hidden folder beside `target`, on the same disk; gone in the end."""
    try:
        aside = Path(
            tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent)
        )
        try:
            yield aside
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    except OSError as error:
        raise ExportError(f"{target}: could not be written: {error.strerror or error}") from error
