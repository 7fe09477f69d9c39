"""The lock of a database: one program at a time changes it, from its first look to its last."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from config.errors import RunActive
from sinks.connector.errors import DatabaseError
from sinks.database.where import Where, local


def is_active(database: Where) -> bool:
    """Whether another process has the lock now; False where that cannot be told."""
    path = f"{local(database)}.lock"
    if not Path(path).exists():
        return False
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        return True
    except (OSError, NotImplementedError):
        return False
    lock.release()
    return False


@contextmanager
def only_one(database: Where) -> Iterator[None]:
    """Be the only one that works on a database, by a lock on NAME.lock beside it.

    Of a DuckLake, the only one in this folder: those of other folders may write it as well.

    Raises:
        RunActive: another one does.
        DatabaseError: there can be no such lock.
    """
    path = local(database)
    if not path.parent.is_dir():
        raise DatabaseError(f"{database}: no such folder {path.parent}")
    lock = FileLock(f"{path}.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise RunActive(f"{database}: another run is active; this one did nothing") from None
    except (OSError, NotImplementedError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DatabaseError(
            f"{path}.lock: cannot be locked: {reason}; the database must lie in a folder "
            "that may be written, on a drive that knows locks"
        ) from error
    try:
        yield
    finally:
        lock.release()
