"""Kept pages: where they are, and that those go which no row names any more."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from sinks.connector.connection import Opened
from sinks.database.opening import change, open_database
from sinks.database.where import Where, is_there, local
from transforms.web.warc import finish_leftovers, length_of_first

NAMED = "SELECT file, at_byte, length FROM kept_pages ORDER BY file, at_byte"
EXPIRED = "DELETE FROM kept_pages WHERE until < now()"
REWRITTEN = ".again"
"""What a file that was written anew has in its name."""


class Tidied(NamedTuple):
    """What was removed of the files of kept pages."""

    files: int = 0
    bytes: int = 0


def pages_folder(database: Where) -> Path:
    """The folder of the pages that are kept of a database's articles."""
    return Path(f"{local(database)}.pages")


def tidy_pages(database: Where, lock_timeout: float) -> Tidied:
    """Remove the files of which no row names a page; no run may be active.

    Raises:
        DatabaseLocked: another process held the database.
        ArchiveError: the folder cannot be written.
    """
    folder = pages_folder(database)
    if not is_there(database) or not folder.is_dir():
        return Tidied()
    finish_leftovers(folder)
    named = _named(database, lock_timeout)
    gone = [path for path in folder.glob("*.warc.gz") if path.name not in named]
    size = sum(path.stat().st_size for path in gone)
    for path in gone:
        path.unlink()
    return Tidied(len(gone), size)


def wipe_pages(database: Where, lock_timeout: float) -> Tidied:
    """Remove from the files all that no row names, not only whole files; no run may be active.

    A file is written anew beside the old one, then the rows name it, then the old one goes: killed
    at any time, nothing that is named is lost, and the next call goes on.
    """
    done = tidy_pages(database, lock_timeout)
    folder = pages_folder(database)
    if not folder.is_dir():
        return done
    files, freed = done
    for name, places in _named(database, lock_timeout).items():
        path = folder / name
        if not path.exists():
            continue
        head, size = length_of_first(path), path.stat().st_size
        if head + sum(length for _, length in places) >= size:
            continue
        anew, moved = _rewritten(path, head, places)
        _rename(database, lock_timeout, name, anew.name, moved)
        freed += size - anew.stat().st_size
        files += 1
        path.unlink()
    return Tidied(files, freed)


def _named(database: Where, lock_timeout: float) -> dict[str, list[tuple[int, int]]]:
    """The pages that rows name, by file: where each begins, and its length."""
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    with open_database(database, read_only=True, lock_timeout=lock_timeout) as opened:
        for file, at_byte, length in opened.connection.execute(NAMED).fetchall():
            found[file].append((at_byte, length))
    return found


def _rewritten(
    path: Path, head: int, places: Sequence[tuple[int, int]]
) -> tuple[Path, list[tuple[int, int]]]:
    """A file with these records alone, each a gzip member; and (old, new) places of them."""
    stem = path.name.removesuffix(".warc.gz").removesuffix(REWRITTEN)
    anew = path.with_name(f"{stem}{REWRITTEN}.warc.gz")
    if anew == path:
        anew = path.with_name(f"{stem}.warc.gz")
    part, moved = anew.with_suffix(".part"), []
    with open(path, "rb") as old, open(part, "wb") as new:
        new.write(old.read(head))
        for at_byte, length in places:
            old.seek(at_byte)
            moved.append((at_byte, new.tell()))
            new.write(old.read(length))
        new.flush()
        os.fsync(new.fileno())
    os.replace(part, anew)
    return anew, moved


def _rename(
    database: Where, lock_timeout: float, old: str, new: str, moved: Sequence[tuple[int, int]]
) -> None:
    before, after = ([pair[side] for pair in moved] for side in (0, 1))
    asked = {"old": old, "new": new, "before": before, "after": after}

    def work(opened: Opened) -> None:
        opened.connection.execute(
            "UPDATE kept_pages SET file = $new, at_byte = m.after "
            "FROM (SELECT unnest($before) AS before, unnest($after) AS after) m "
            "WHERE file = $old AND at_byte = m.before",
            asked,
        )

    with open_database(database, read_only=False, lock_timeout=lock_timeout) as opened:
        change(opened, database, lock_timeout, work)
