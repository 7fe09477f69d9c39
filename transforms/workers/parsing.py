"""Documents on their way through the pool: in their order, and not for ever."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Any, Generic, NamedTuple, TypeVar

from pebble import ProcessFuture

from config.failures import Kind
from config.models import ExtractSettings
from transforms.records import Unreadable
from transforms.workers import pool

K = TypeVar("K")
AHEAD = 4
"""Documents handed to the pool before their turn, for each of its processes."""
TIMEOUTS = 3
"""Documents of one host that may take all the time there is; its further ones are left."""
LEFT = Unreadable(Kind.PARSER_TIMEOUT, f"not read: {TIMEOUTS} others of its host took too long")

Job = tuple[Callable[..., Any], tuple[Any, ...]]
"""A function and its arguments."""


class _Waiting(NamedTuple, Generic[K]):
    key: K
    host: str
    future: ProcessFuture[Any] | Unreadable | None
    """None: there is nothing to do."""


class Parsing(Generic[K]):
    """Hands documents to the pool, and what came of them back, while further ones are under way.

    A host whose documents hang the parser again and again costs the run no more of its time.
    """

    def __init__(self, settings: ExtractSettings) -> None:
        self._settings = settings
        self._timeouts: Counter[str] = Counter()
        self._waiting: deque[_Waiting[K]] = deque()

    def hand_in(self, key: K, host: str, job: Job | None) -> Iterator[tuple[K, Any]]:
        """Take in a document, by its key; the outcomes that are there by now, the first first.

        An outcome is what the function returned, or an `Unreadable`; None without a job.
        """
        future: ProcessFuture[Any] | Unreadable | None = None
        if job is not None and self._timeouts[host] >= TIMEOUTS:
            future = LEFT
        elif job is not None:
            function, arguments = job
            settings = self._settings
            future = pool.submit(settings.processes, settings.timeout, function, *arguments)
        self._waiting.append(_Waiting(key, host, future))
        while len(self._waiting) > AHEAD * self._settings.processes or self._is_ready():
            yield self._take()

    def forget(self) -> None:
        """Drop what a bundle that failed left behind."""
        self._waiting.clear()

    def rest(self) -> Iterator[tuple[K, Any]]:
        """The outcomes of all that was handed in, waiting for them."""
        while self._waiting:
            yield self._take()

    def _is_ready(self) -> bool:
        if not self._waiting:
            return False
        future = self._waiting[0].future
        return not isinstance(future, ProcessFuture) or future.done()

    def _take(self) -> tuple[K, Any]:
        key, host, future = self._waiting.popleft()
        if not isinstance(future, ProcessFuture):
            return key, future
        if self._timeouts[host] >= TIMEOUTS and not future.done():
            future.cancel()  # type: ignore[no-untyped-call]
            return key, LEFT
        document = pool.outcome(future, self._settings.timeout)
        if isinstance(document, Unreadable) and document.error_type == LEFT.error_type:
            self._timeouts[host] += 1
        return key, document
