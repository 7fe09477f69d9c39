"""What follows a commit, whoever commits: a run, a stream, `commit`, `retag` or `prune`.

The rows are there, so none of it fails the command: what could not be done comes back as a value.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from config.errors import PublishError
from sinks.database.where import Where
from sinks.keep.publish import Published, publish


class Followed(NamedTuple):
    """What came of it."""

    published: Published | None = None
    unpublished: PublishError | None = None
    """Why the copy for readers could not be written."""
    warning: str | None = None
    """Why the search index is not up to date."""


def follow(
    database: Where,
    lock_timeout: float,
    copy: Path | None = None,
    begins: Callable[[], None] = lambda: None,
) -> Followed:
    """Publish a copy, where one is wanted, and bring the search index up to date, if there is one.

    `begins` is called before the index, which may take its time.
    """
    from sinks.ask.search import keep_index  # the index takes a moment to load

    try:
        followed = Followed(published=publish(database, copy, lock_timeout) if copy else None)
    except PublishError as error:
        followed = Followed(unpublished=error)
    return followed._replace(warning=keep_index(database, lock_timeout, begins))
