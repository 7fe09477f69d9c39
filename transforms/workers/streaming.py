"""What the steps of one process keep from run to run, where it is a stream that runs them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from transforms.web.kept import PageKeeper
from transforms.web.service import FetchService
from transforms.workers.known_ids import KnownIds


@dataclass
class Lasting:
    """The way to the hosts, and what is known already."""

    service: FetchService
    known: KnownIds
    seconds: dict[str, float]
    """For how long one run waits, by what it fetches: feeds, pages."""
    keeper: PageKeeper | None = None
    """What keeps pages, if they are kept."""


_lasting: Lasting | None = None


@contextmanager
def kept(lasting: Lasting) -> Iterator[None]:
    """Let all steps of this process use it."""
    global _lasting
    _lasting = lasting
    try:
        yield
    finally:
        _lasting = None


def what_lasts() -> Lasting | None:
    """What the steps of this process use; None where each run is on its own."""
    return _lasting
