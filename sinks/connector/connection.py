"""Opening a database file: who may, for how long, and what to say when it cannot be."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from .errors import DatabaseError, DatabaseLocked

STORAGE_VERSION = "v1.2.0"
"""Files can be read by duckdb 1.2 and newer, whichever version writes them."""
OURS = "different configuration"
"""What DuckDB says of a file that this process has open for the other of reading and writing."""
LOCKED = ("Could not set lock on file", "being used by another process", OURS)
"""The first two are of a file that another process holds, on POSIX and on Windows."""
NO_LOCKS = "File locks are not supported"
NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP)
DAMAGED = ("corrupt database file", "could not read enough bytes")
NO_DATABASE = "not a valid duckdb database file"
FIRST_WAIT, LONGEST_WAIT = 0.05, 1.0
_WRITTEN: set[str] = set()
"""Files that this process has open for writing: DuckDB keeps out other processes only."""
_CLOSED = threading.Condition()
"""Held to look at these; told when one is closed."""


class Opened(NamedTuple):
    """A connection, how many seconds it waited for the lock, and since when it has it."""

    connection: duckdb.DuckDBPyConnection
    waited: float
    since: float
    """By the monotonic clock."""


@contextmanager
def open_file(path: str | Path, *, read_only: bool, lock_timeout: float) -> Iterator[Opened]:
    """Open a database file, waiting so many seconds at most for others that have it.

    Opened for writing, an absent file is created, and nobody else writes it, be it another process
    or a thread of this one. Times are shown in UTC. Whatever the path looks like, it is that of a
    file, and a link to a file is that file, with one log.

    Raises:
        DatabaseLocked: another process or thread held it all the time.
        DatabaseError: anything else is wrong with the file, then or while it is used.
    """
    started = time.monotonic()
    with nullcontext() if read_only else _one_writer(str(path), lock_timeout):
        opened = _connect(str(path), read_only, started, lock_timeout)
        try:
            opened.connection.execute("SET TimeZone = 'UTC'")
            yield opened
        except duckdb.Error as error:
            raise DatabaseError(_explain(str(path), read_only, error)) from error
        finally:
            opened.connection.close()


@contextmanager
def _one_writer(path: str, lock_timeout: float) -> Iterator[None]:
    """Keep other threads from writing a file.

    They would share one open database, in which each sees what was there when it began: both find
    a key absent, both insert it, and nothing conflicts.
    """
    file = os.path.realpath(path)
    with _CLOSED:
        if not _CLOSED.wait_for(
            lambda: file not in _WRITTEN, min(lock_timeout, threading.TIMEOUT_MAX)
        ):
            raise DatabaseLocked(_locked(path, lock_timeout, OURS))
        _WRITTEN.add(file)
    try:
        yield
    finally:
        with _CLOSED:
            _WRITTEN.remove(file)
            _CLOSED.notify_all()


def _connect(path: str, read_only: bool, started: float, lock_timeout: float) -> Opened:
    wait, file = FIRST_WAIT, os.path.realpath(path)
    config: dict[str, Any] = {} if read_only else {"storage_compatibility_version": STORAGE_VERSION}
    while True:
        try:
            if not read_only and not Path(file).exists():
                _create(file, config)
            since = time.monotonic()  # from here on nobody else has it: a log may be read in
            connection = duckdb.connect(file, read_only=read_only, config=config)
            return Opened(connection, since - started, since)
        except duckdb.Error as error:
            waited = time.monotonic() - started
            if NO_LOCKS in str(error) or not any(sign in str(error) for sign in LOCKED):
                raise DatabaseError(_explain(path, read_only, error)) from error
            if waited >= lock_timeout:
                raise DatabaseLocked(_locked(path, lock_timeout, str(error))) from error
        except OSError as error:
            raise DatabaseError(f"{path}: cannot be made: {error.strerror or error}") from error
        time.sleep(min(wait * random.uniform(0.5, 1.5), max(lock_timeout - waited, 0.01)))
        wait = min(wait * 2, LONGEST_WAIT)


def _create(path: str, config: dict[str, Any]) -> None:
    """Make an empty file, whole or not at all: a part of one could never be opened again."""
    temporary = f"{path}.{os.getpid()}.new"
    try:
        duckdb.connect(temporary, config=config).close()
        os.link(temporary, path)
    except FileExistsError:
        pass  # another process was faster
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        _take(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _take(temporary: str, path: str) -> None:
    """Give a file its name where there are no links, unless another process has that name."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
        os.replace(temporary, path)


def _locked(path: str, lock_timeout: float, reason: str) -> str:
    holder = re.search(r"Conflicting lock is held in (.*?)(?: by user [^.]*)?\. ", reason)
    who = holder[1] if holder else "another process"
    if OURS in reason:
        who = "this process, which has it open"
    return f"{path}: the database is locked by {who}; waited {lock_timeout:g} s"


def is_damage(error: duckdb.Error) -> bool:
    """Whether the bytes of a file are not those that DuckDB wrote."""
    return any(sign in str(error).lower() for sign in DAMAGED)


def _explain(path: str, read_only: bool, error: duckdb.Error) -> str:
    if not Path(path).exists() and (read_only or not Path(path).parent.is_dir()):
        return f"{path}: no such database"
    text = f"{path}: {str(error).strip().splitlines()[0]}"
    if is_damage(error):
        return f"{text}; the file is damaged: {mend(path)}"
    if NO_DATABASE in str(error).lower():
        return f"{text}; name another file, or, if it was a database, {mend(path)}"
    return text


def mend(path: str | Path) -> str:
    """What to do about a damaged file; its log would spoil a copy that is older."""
    log = Path(f"{os.path.realpath(path)}.wal")
    return f"put a copy of it in its place{f', and move {log} away' if log.exists() else ''}"
