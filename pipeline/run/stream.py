"""The stream on one machine: bounded runs of the one graph, one after the other, in a warm process.

All state is in the database, so that the process may die at any moment. What outlives a run is the
way to the hosts: requests that take longer than a run go on while others are committed. See
docs/engineer/decisions/0009-a-stream-is-a-loop-of-runs.md.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import NamedTuple, TypeVar

from config.errors import ConfigError, NewsbeamError
from config.load import load_feeds, load_topics
from config.models import Feed, FetchSettings, Taxonomy
from pipeline.run import logs
from pipeline.run.batch import (
    RunFailed,
    RunOptions,
    RunResult,
    Watcher,
    failed_because,
    followed,
    keeping,
    new_run_id,
    note_plan,
    run_graph,
)
from pipeline.run.interrupt import Asked, listening
from pipeline.run.lock import only_one
from pipeline.run.plan import (
    Bound,
    look_up,
    read_known,
    read_known_since,
    write_plan,
)
from sinks.connector.errors import ConnectorError, DatabaseLocked
from sinks.database.errors import REPORTED
from sinks.database.opening import bring_up_to_date
from sinks.database.where import Where
from sinks.keep.pages import tidy_pages
from sinks.keep.publish import check_target
from sinks.load.report import Committed
from sinks.load.run_commit import commit_run, recover
from sinks.staging.folder import RunFolder, Staging, open_staging
from transforms.web.kept import PageKeeper
from transforms.web.service import FetchService
from transforms.web.warc import finish_leftovers
from transforms.workers.known_ids import NOTHING, KnownIds
from transforms.workers.pool import close_pools
from transforms.workers.signals import ask_to_stop
from transforms.workers.streaming import Lasting, kept

T = TypeVar("T")
MOST_FEEDS, MOST_PAGES = 5_000, 2_000
"""What one run may take on: more is left to the next, in turn for each host and each feed."""
LOCK_LOOK = 5.0
"""Seconds in one go that the database is waited for; then it is seen whether to stop."""
PATIENCE = 15.0
"""Seconds after a signal in which the last rows may be committed, where the database is locked."""
FIRST_REST, LONGEST_REST = 1.0, 60.0
"""After a run that failed; doubles with each."""
LONGEST_REQUEST = timedelta(minutes=30)
"""No poll that a run commits was made longer before it; known ids are read back so far."""
MOST_ADDED = 300_000
"""Ids that are kept one by one; then all are read anew, into a tenth of the room."""
MOST_FAILURES = 8
"""Runs that fail in a row, after which the stream gives up: its keeper may know better."""


@dataclass(frozen=True)
class StreamOptions:
    """What a stream works on, and how."""

    database: Where
    feeds: Path
    """The files are read again when they change."""
    topics: Path
    commit_every: float = 10.0
    """Seconds between the starts of two runs, and for which one gathers what arrives."""
    fetching: FetchSettings = field(default_factory=FetchSettings)
    publish: Path | None = None
    """Where to put a copy for readers."""
    publish_every: float = 900.0
    keep_pages: int | None = None
    """Seconds for which the pages of articles are kept beside the database; None: not at all."""


class StreamWatcher(Watcher):
    """What a stream tells; the base class keeps quiet."""

    def ran(self, result: RunResult) -> None:
        """A run was committed."""

    def failed(self, error: Exception) -> None:
        """A run ended with an error; another is tried, or the stream ends with it."""


class _Version(NamedTuple):
    """What tells a changed file."""

    modified: int
    size: int
    inode: int

    @classmethod
    def of(cls, path: Path) -> _Version | None:
        try:
            status = path.stat()
        except OSError:  # that it is not there is told by whoever reads it
            return None
        return cls(status.st_mtime_ns, status.st_size, status.st_ino)


class Configuration:
    """The feeds and topics in force: those of the files, as they last were without a fault."""

    def __init__(self, feeds: Path, topics: Path) -> None:
        """Raises ConfigError where one of them is wrong from the start."""
        self._paths = feeds, topics
        self._seen = self._versions()
        self.feeds, self.taxonomy = self._read()

    def _versions(self) -> list[_Version | None]:
        return [_Version.of(path) for path in self._paths]

    def _read(self) -> tuple[Sequence[Feed], Taxonomy]:
        feeds, topics = self._paths
        return load_feeds(feeds), load_topics(topics)

    def reload(self) -> bool:
        """Read the files again where one has changed; whether that changed anything.

        Raises:
            ConfigError: one of them is wrong. What was in force stays so, until they change again.
        """
        versions = self._versions()
        if versions == self._seen:
            return False
        self._seen = versions
        before = self.feeds, self.taxonomy
        self.feeds, self.taxonomy = self._read()
        return before != (self.feeds, self.taxonomy)


def run_stream(options: StreamOptions, watcher: StreamWatcher | None = None) -> bool:
    """Poll each feed at its pace, and commit what is new every few seconds, until a signal.

    Whether a runner did not come to its end after the signal: then leave by `os._exit`.

    Raises:
        ConfigError: a file is wrong at the start.
        RunActive: another run works on this database.
        DatabaseLocked: the database stayed locked after the signal; what was fetched waits staged.
        NewsbeamError: the first run failed, or so many in a row that it gives up; nothing is lost.
    """
    watcher = watcher or StreamWatcher()
    configuration = Configuration(options.feeds, options.topics)
    if options.publish:
        check_target(options.database, options.publish, LOCK_LOOK)
    if options.fetching.archive:
        finish_leftovers(Path(options.fetching.archive))
    with (
        only_one(options.database),
        open_staging(options.database) as staging,
        FetchService(options.fetching) as service,
    ):
        share = options.commit_every / 2
        lasting = Lasting(service, KnownIds.of(NOTHING), {"feeds": share, "pages": share})
        keep = keeping(options.database, options.keep_pages)
        lasting.keeper = PageKeeper(keep) if keep else None
        try:
            with kept(lasting):
                return _Stream(options, configuration, staging, lasting, watcher).run()
        finally:
            close_pools()
            if lasting.keeper:
                lasting.keeper.close()


class _Stream:
    def __init__(
        self,
        options: StreamOptions,
        configuration: Configuration,
        staging: Staging,
        lasting: Lasting,
        watcher: StreamWatcher,
    ) -> None:
        from pipeline.run.runners import engine  # Beam takes a second to load: not for a wrong file

        self.options, self.configuration = options, configuration
        self.staging, self.lasting, self.watcher = staging, lasting, watcher
        self.service = lasting.service
        self.in_step = False
        """Whether nothing is left staged, and all is known that the database knows."""
        self.chosen = engine("DirectRunner", [])
        self.folder: RunFolder | None = None
        self.asked = Asked()
        self.stopped = threading.Event()
        self.published_at = float("-inf")
        self.begun = False
        self.failures = 0

    def run(self) -> bool:
        """Run after run until a signal; whether a runner did not come to its end."""
        with listening(self._stop) as self.asked:
            try:
                return self._rounds()
            except DatabaseLocked:
                if self.folder is None:  # nothing is staged
                    return False
                raise

    def _rounds(self) -> bool:
        while not self.stopped.is_set():
            started = monotonic()
            try:
                result = self._round()
            except (*REPORTED, OSError) as error:
                self._failed(error)
                continue
            self.begun, self.failures = True, 0
            if result and result.abandoned:
                return True
            if result is None or not self._is_behind(result.committed):
                self.stopped.wait(started + self.options.commit_every - monotonic())
        return False

    def _stop(self) -> None:
        self.stopped.set()
        if self.folder:
            ask_to_stop(self.folder.signals)
        self.watcher.stopping()

    def _failed(self, error: NewsbeamError | ConnectorError | OSError) -> None:
        """Note a run that failed, and rest; what it staged is taken over by the next.

        Raises:
            NewsbeamError, OSError: from the start, or again and again; or it was to end anyway.
        """
        self.failures += 1
        self.watcher.failed(error)
        if self.stopped.is_set() or not self.begun or self.failures >= MOST_FAILURES:
            raise error
        self.watcher.warning(f"{error}; trying again")
        self.stopped.wait(min(FIRST_REST * 2 ** (self.failures - 1), LONGEST_REST))

    def _is_behind(self, committed: Committed) -> bool:
        """Whether more is due already than what is under way."""
        run, under_way = committed.run, Counter(kind for kind, _ in self.service.under_way())
        feeds_left = run["feeds_due"] - run["feeds_polled"]
        return feeds_left > under_way["feed"] or committed.left > under_way["page"]

    def _round(self) -> RunResult | None:
        """One run over what is due; None where nothing is."""
        logs.about(None)
        options = self._options()
        database = options.database
        taken_over = [] if self.in_step else self._catch_up()
        now, started = datetime.now(UTC), monotonic()
        bound = Bound(MOST_FEEDS, MOST_PAGES, self.service.arrived(), self.service.under_way())
        due = self._patiently(
            lambda wait: look_up(database, options.feeds, now=now, lock_timeout=wait, bound=bound)
        )
        self.service.forget(due.names())
        if not due.feeds and not due.owed:
            return None
        folder = self.folder = self.staging.new_run(new_run_id())
        if self.stopped.is_set():  # a signal that came before it had a folder to leave a sign in
            ask_to_stop(folder.signals)
        plan = write_plan(due, NOTHING, folder.plan)  # the steps know it already
        note_plan(options, folder, plan, self.chosen.name, now, monotonic() - started)
        self.watcher.phase("run")
        end = run_graph(options, plan, folder, self.chosen, self.watcher, self.asked)
        self.watcher.phase("commit")
        asked_at = monotonic()
        committed = self._patiently(lambda wait: commit_run(database, folder, wait, asked_at))
        self.folder = None
        since = now - LONGEST_REQUEST
        ids, marks = self._patiently(
            lambda wait: read_known_since(database, folder.run_id, since, wait)
        )
        self.in_step = self.lasting.known.add(ids, marks) < MOST_ADDED
        result = self._follow(options, RunResult(committed, taken_over, end.abandoned))
        self.watcher.ran(result)
        if end.failure is not None:
            raise RunFailed(failed_because(end.failure)) from end.failure
        return result

    def _catch_up(self) -> list[Committed]:
        """Take over what is staged, and read what is known: at the start, and after a failure."""
        database = self.options.database
        self._patiently(lambda wait: bring_up_to_date(database, wait))
        taken_over = self._patiently(lambda wait: recover(database, self.staging, wait))
        if self.options.keep_pages:
            self._patiently(lambda wait: tidy_pages(database, wait))
        known = self._patiently(lambda wait: read_known(database, wait))
        self.lasting.known = KnownIds.of(known)
        self.in_step = True
        return taken_over

    def _options(self) -> RunOptions:
        """What the next run works on: a broken edit leaves in force what was."""
        try:
            if self.configuration.reload():
                self.watcher.warning(
                    f"the configuration has changed: {len(self.configuration.feeds)} feeds, "
                    f"topics {self.configuration.taxonomy.version}"
                )
        except ConfigError as error:
            self.watcher.warning(f"the old configuration stays in force: {error}")
        return RunOptions(
            self.options.database,
            self.configuration.feeds,
            self.configuration.taxonomy,
            lock_timeout=LOCK_LOOK,
            fetching=self.options.fetching,
            publish=self.options.publish,
            keep_pages=self.options.keep_pages,
        )

    def _follow(self, options: RunOptions, result: RunResult) -> RunResult:
        if monotonic() < self.published_at + self.options.publish_every:
            options = replace(options, publish=None)
        elif options.publish:
            self.published_at = monotonic()
        result = followed(options, result, self.watcher)
        if result.unpublished:
            self.watcher.warning(str(result.unpublished))
        return result

    def _patiently(self, work: Callable[[float], T]) -> T:
        """Do what needs the database, however long another process holds it.

        Raises:
            DatabaseLocked: it is to stop, and was patient since.
        """
        told = False
        while True:
            try:
                return work(LOCK_LOOK)
            except DatabaseLocked as error:
                if self.asked.at is not None and monotonic() - self.asked.at > PATIENCE:
                    raise
                if not told:
                    self.watcher.warning(f"{error}; waiting")
                    told = True
