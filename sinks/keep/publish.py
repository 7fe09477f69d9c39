"""A copy of the database for readers who hold a file open for hours: whole, renamed into place."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from config.errors import ConfigError, PublishError
from sinks.connector.connection import open_file
from sinks.connector.errors import DatabaseError
from sinks.database.opening import one_row, open_database
from sinks.database.replacing import replacing
from sinks.database.where import Where, as_file, is_there

ATTACH_IT = "its readers hold nobody up: let them attach it as it is"


class Published(NamedTuple):
    """A published copy: where, how large, whether it was written now, in how many seconds."""

    path: Path
    bytes: int
    written: bool
    seconds: float


def check_target(database: Where, target: Path, lock_timeout: float) -> None:
    """Refuse a place that is no place for a copy, before anything is done.

    A file that is there is replaced if it is an earlier copy, which has the database's id, or
    empty.

    Raises:
        ConfigError: it is the database, one of its files, any file but a copy of it, or no file in
            a folder that is there.
        DatabaseLocked: another process held the database.
        DatabaseError: the database cannot be read.
    """
    own = as_file(database, ATTACH_IT).resolve()
    place = target.resolve()
    if place == own or (place.exists() and own.exists() and place.samefile(own)):
        raise ConfigError(f"--publish {target}: that is the database itself")
    if str(place) in (f"{own}.wal", f"{own}.lock") or _within(place, Path(f"{own}.staging")):
        raise ConfigError(f"--publish {target}: that name belongs to the database {database}")
    if Path(f"{place}.staging").exists():
        raise ConfigError(f"--publish {target}: that is a database which runs write to")
    if place.is_dir() or (place.exists() and not place.is_file()):
        raise ConfigError(f"--publish {target}: not a file")
    if not place.parent.is_dir():
        raise ConfigError(f"--publish {target}: no such folder {place.parent}")
    if place.exists() and place.stat().st_size:
        _check_copy(database, target, lock_timeout)


def _check_copy(database: Where, target: Path, lock_timeout: float) -> None:
    """Refuse to replace a file that is no earlier copy of the database."""
    own = _id_of(database, lock_timeout) if is_there(database) else None
    try:
        found, why = _id_of(target, 0), "another file is there"
    except DatabaseError as error:
        found, why = None, str(error)
    if own is None or found != own:
        raise ConfigError(
            f"--publish {target}: that is no copy of {database}, and stays as it is; name another "
            f"file, or remove it first ({why})"
        )


def _id_of(path: Where, lock_timeout: float) -> str | None:
    """The id of a newsbeam database; None where it is of a schema without."""
    with open_database(path, read_only=True, lock_timeout=lock_timeout, any_version=True) as opened:
        return one_row(opened.connection, "FROM newsbeam_schema LIMIT 1").get("database_id")


def publish(database: Where, target: Path, lock_timeout: float) -> Published:
    """Copy the database to `target`, unless the copy there is of today's state.

    Readers of an earlier copy keep what they have; who opens `target` next sees the new one. The
    copy may be read by whom the database may be read by, and written by no one.

    Raises:
        PublishError: it cannot be read, or the copy not be written; the earlier one stays.
    """
    path, target = as_file(database, ATTACH_IT).resolve(), target.resolve()
    started = time.monotonic()
    try:
        with _settled(path, lock_timeout):
            state = path.stat()
            if written := not _is_copy(state, target):
                with replacing(target) as temporary:
                    shutil.copyfile(path, temporary)
                    os.utime(temporary, ns=(state.st_atime_ns, state.st_mtime_ns))
                    temporary.chmod(state.st_mode & 0o444)
                    Path(f"{target}.wal").unlink(missing_ok=True)  # of the earlier copy
    except OSError as error:
        reason = error.strerror or error
        raise PublishError(f"{target}: the copy could not be written: {reason}") from error
    except DatabaseError as error:
        raise PublishError(f"{target}: the copy could not be made: {error}") from error
    return Published(target, state.st_size, written, round(time.monotonic() - started, 3))


@contextmanager
def _settled(database: Path, lock_timeout: float) -> Iterator[None]:
    """Keep writers away from the file, all of whose rows are in it and none in a log.

    POSIX takes a process's locks from a file with the first descriptor that it closes: so copy it
    once, last.
    """
    log = Path(f"{database}.wal")
    settled = not log.exists()
    with open_file(database, read_only=settled, lock_timeout=lock_timeout) as opened:
        if not settled:
            opened.connection.execute("CHECKPOINT")
        if log.exists():
            raise DatabaseError(f"{log}: rows wait in it; another process wrote just now")
        yield


def _is_copy(state: os.stat_result, target: Path) -> bool:
    """Whether `target` is a copy of a file in this state: a copy carries its time."""
    try:
        found = target.stat()
    except FileNotFoundError:
        return False
    return (found.st_mtime_ns, found.st_size) == (state.st_mtime_ns, state.st_size)


def _within(place: Path, folder: Path) -> bool:
    return place == folder or folder in place.parents
