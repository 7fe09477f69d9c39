"""One run: take over what is staged, plan, run the graph, commit."""

from __future__ import annotations

import json
import logging
import os
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

from config.errors import NewsbeamError, PublishError, first_line
from config.models import VERSION, ExtractSettings, Feed, FetchSettings, KeepSettings, Taxonomy
from config.written import written
from pipeline.run import logs
from pipeline.run.interrupt import Abandoned, Asked, finish, listening
from pipeline.run.lock import only_one
from pipeline.run.plan import Plan, make_plan, outlet_of
from sinks.database.opening import bring_up_to_date
from sinks.database.where import Where
from sinks.keep.pages import pages_folder, tidy_pages
from sinks.keep.publish import Published, check_target
from sinks.load.follow import follow
from sinks.load.report import Committed
from sinks.load.run_commit import commit_run, recover
from sinks.staging.folder import RunFolder, Staging, open_staging
from transforms.records import ConfiguredFeed, DefinedTopic, FeedTask
from transforms.shapes import read_lines
from transforms.web.archive import write_index
from transforms.web.warc import finish_leftovers
from transforms.workers.signals import ask_to_stop, counts

PROGRESS_EVERY = 0.3


@dataclass(frozen=True)
class RunOptions:
    """What a run works on, and how."""

    database: Where
    feeds: Sequence[Feed]
    taxonomy: Taxonomy
    poll_all: bool = False
    lock_timeout: float = 60.0
    """Seconds to wait for another process that holds the database."""
    runner: str = "DirectRunner"
    beam_options: Sequence[str] = field(default=())
    fetching: FetchSettings = field(default_factory=FetchSettings)
    publish: Path | None = None
    """Where to put a copy for readers."""
    from_warc: Sequence[Path] = ()
    """WARC files that answer in the place of the web."""
    time_limit: float | None = None
    """Seconds after which no more is asked: the rest is left to the next run."""
    keep_pages: int | None = None
    """Seconds for which the pages of articles are kept beside the database; None: not at all."""
    staging: str | None = None
    """Where the staging folder lies, if not beside the database: a path, or an address that a
    file system of Beam knows."""


class RunResult(NamedTuple):
    """What a run brought, and what it took over from earlier ones."""

    committed: Committed
    recovered: list[Committed]
    abandoned: bool
    """A runner did not come to its end after a signal: leave by `os._exit`."""
    published: Published | None = None
    unpublished: PublishError | None = None
    """Why the copy for readers could not be written; what was fetched is committed."""


class End(NamedTuple):
    """How a graph came to its end."""

    failure: Exception | None
    abandoned: bool


class RunFailed(NewsbeamError):
    """The graph failed; what it had staged is committed, the rest is still owed."""


class Watcher:
    """What a run tells while it works; the base class keeps quiet."""

    def phase(self, name: str) -> None:
        """A phase begins: recover, plan, run, commit, index."""

    def progress(self, done: Counter[str]) -> None:
        """How many feeds and pages were found and done so far."""

    def stopping(self) -> None:
        """A signal asked the run to finish."""

    def warning(self, text: str) -> None:
        """Something beside the run went wrong; the run goes on."""


def run_batch(options: RunOptions, watcher: Watcher | None = None) -> RunResult:
    """Poll what is due, fetch what is owed, commit once.

    Raises:
        RunActive: another run works on this database.
        DatabaseLocked: the database stayed locked; what was fetched waits staged.
        RunFailed: the graph failed; nothing is lost.
        StagingError: the staging folder cannot be used; nothing is lost.
        ArchiveError: a WARC file cannot be read, or the folder for them not written.
    """
    from pipeline.run.runners import engine  # Beam takes a second to load: not for a wrong option
    from transforms.workers.pool import close_pools

    watcher = watcher or Watcher()
    chosen = engine(options.runner, options.beam_options)
    if options.publish:
        check_target(options.database, options.publish, options.lock_timeout)
    if options.fetching.archive:
        finish_leftovers(Path(options.fetching.archive))
    with only_one(options.database), opened_staging(options) as staging:
        watcher.phase("recover")
        bring_up_to_date(options.database, options.lock_timeout)
        recovered = recover(options.database, staging, options.lock_timeout)
        if options.keep_pages:
            tidy_pages(options.database, options.lock_timeout)
        watcher.phase("plan")
        folder = staging.new_run(new_run_id())
        plan = _plan(options, folder, chosen.name, watcher)

        def stop() -> None:
            ask_to_stop(folder.signals)
            watcher.stopping()

        with listening(stop, options.time_limit) as asked:
            watcher.phase("run")
            try:
                end = run_graph(options, plan, folder, chosen, watcher, asked)
            finally:
                close_pools()
            watcher.phase("commit")
            committed = commit_run(options.database, folder, options.lock_timeout)
        result = followed(options, RunResult(committed, recovered, end.abandoned), watcher)
    if end.failure is not None:
        if result.unpublished:
            watcher.warning(str(result.unpublished))
        raise RunFailed(failed_because(end.failure)) from end.failure
    return result


def keeping(database: Where, seconds: int | None) -> KeepSettings | None:
    """How pages are kept beside a database, if they are."""
    return KeepSettings(str(pages_folder(database)), seconds) if seconds else None


def opened_staging(options: RunOptions) -> AbstractContextManager[Staging]:
    """The staging folder of a run."""
    return open_staging(
        options.database,
        options.staging,
        beam_options=options.beam_options,
        lock_timeout=options.lock_timeout,
    )


def failed_because(failure: Exception) -> str:
    """What to say of a graph that failed."""
    return f"the run failed, nothing is lost: {first_line(failure)}"


def followed(options: RunOptions, result: RunResult, watcher: Watcher) -> RunResult:
    """A result with what followed the commit."""
    done = follow(
        options.database, options.lock_timeout, options.publish, lambda: watcher.phase("index")
    )
    if done.warning:
        watcher.warning(done.warning)
    return result._replace(published=done.published, unpublished=done.unpublished)


def new_run_id() -> str:
    """Sorts by time, and differs between runs of one second."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}-{secrets.token_hex(3)}"


def _plan(options: RunOptions, folder: RunFolder, runner: str, watcher: Watcher) -> Plan:
    now, started = datetime.now(UTC), monotonic()
    archive = folder.plan / "archive.sqlite" if options.from_warc else None
    if archive:
        addresses = [feed.url for feed in options.feeds]
        for damage in write_index(options.from_warc, addresses, archive):
            watcher.warning(f"the rest of a WARC file cannot be read: {damage}")
    plan = make_plan(
        options.database,
        options.feeds,
        folder.plan,
        now=now,
        poll_all=options.poll_all,
        lock_timeout=options.lock_timeout,
        archive=archive,
    )
    note_plan(options, folder, plan, runner, now, monotonic() - started)
    return plan


def note_plan(
    options: RunOptions,
    folder: RunFolder,
    plan: Plan,
    runner: str,
    started_at: datetime,
    seconds: float,
) -> None:
    """Write down what a run is: from then on it will be committed, whatever becomes of it."""
    folder.share_plan()
    logs.about(folder.run_id)
    folder.write_json(
        "run.json",
        {
            "started_at": started_at.isoformat(),
            "newsbeam_version": VERSION,
            "runner": runner,
            "feeds_due": plan.feeds_due,
            "plan_seconds": round(seconds, 3),
            "feeds": [
                *(
                    _configured(position, feed)._asdict()
                    for position, feed in enumerate(options.feeds)
                ),
                *(_archived(task)._asdict() for task in _archived_tasks(plan)),
            ],
            **defined(options.taxonomy),
        },
    )


def _configured(position: int, feed: Feed) -> ConfiguredFeed:
    return ConfiguredFeed(
        feed_url=feed.url,
        outlet=outlet_of(feed),
        country=feed.country,
        language=feed.language,
        tags=feed.tags,
        interval_seconds=feed.interval,
        position=position,
        kind=feed.kind,
        robots=feed.robots,
        expect_entries=feed.expect.at_least if feed.expect else None,
        expect_seconds=feed.expect.per if feed.expect else None,
        revisit_seconds=feed.revisits,
    )


def _archived_tasks(plan: Plan) -> Iterator[FeedTask]:
    return read_lines(plan.feeds, FeedTask) if plan.archive else iter(())


def _archived(task: FeedTask) -> ConfiguredFeed:
    """What a WARC file lists of a site stands among the feeds, though in no feeds file."""
    feed = Feed(task.url, task.outlet, task.country, task.language, kind=task.kind)
    return _configured(task.position, feed)


def defined(taxonomy: Taxonomy) -> dict[str, Any]:
    """Topics, and what names them all, as a run's plan notes them."""
    version, labels = taxonomy.version, taxonomy.labels
    return {
        "taxonomy_version": version,
        "topics": [
            DefinedTopic(
                topic.id,
                topic.name,
                version,
                labels[topic.id],
                json.dumps(written(topic), ensure_ascii=False),
            )._asdict()
            for topic in taxonomy.topics
        ],
    }


def run_graph(
    options: RunOptions,
    plan: Plan,
    folder: RunFolder,
    chosen: Any,
    watcher: Watcher,
    asked: Asked,
) -> End:
    """Run the graph to its end; a failure comes back as a value, because a commit follows."""
    times: dict[str, float] = {}
    failure: Exception | None = None
    abandoned = False

    def work() -> None:
        times.update(_execute(options, plan, folder, chosen, watcher))

    if plan.feeds_due or plan.pages_owed:
        try:
            finish(work, asked)
        except Abandoned:
            abandoned = True
        except Exception as error:  # of any runner, about anything
            failure = None if asked.at else error
            logging.getLogger(__name__).info("the graph failed", exc_info=error)
    folder.write_json(
        "finished.json",
        {
            "finished_at": datetime.now(UTC).isoformat(),
            "state": "failed" if failure else "stopped" if asked.at else "done",
            "message": first_line(failure) if failure else asked.why,
            **times,
        },
    )
    return End(failure, abandoned)


def _execute(
    options: RunOptions, plan: Plan, folder: RunFolder, chosen: Any, watcher: Watcher
) -> dict[str, float]:
    import apache_beam as beam

    from pipeline.run.graph import ingest

    with _progress(folder, watcher.progress):
        pipeline = beam.Pipeline(runner=chosen.runner, options=chosen.options)
        ingest(
            pipeline,
            plan,
            folder,
            options.taxonomy,
            options.fetching,
            ExtractSettings(processes=chosen.processes),
            chosen.workers,
            keeping(options.database, options.keep_pages),
        )
        result = pipeline.run()
        result.wait_until_finish()
    try:
        return {**_phase_seconds(result), "cpu_seconds": cpu_seconds(result)}
    except Exception as error:  # of an engine that measures nothing: the rows are staged
        logging.getLogger(__name__).info("no figures of the run", exc_info=error)
        return {}


_told_cpu = 0.0


def cpu_seconds(result: Any) -> float:
    """CPU time since the last run of this process, if any, and that of its parsers.

    Of workers only those count that the process has seen end.
    """
    global _told_cpu
    spent = os.times()
    ours = spent.user + spent.system + spent.children_user + spent.children_system
    since, _told_cpu = ours - _told_cpu, ours
    parsers: int = sum(
        found.result
        for found in result.metrics().query()["counters"]
        if found.key.metric.name == "parser_cpu_ms"
    )
    return float(round(since + parsers / 1000, 2))


def _phase_seconds(result: Any) -> dict[str, float]:
    """Time from first start to last end of polling and of pages, over all workers."""
    times = {}
    for what, name in (("feeds", "poll_seconds"), ("pages", "page_seconds")):
        spans = [
            found.result
            for found in result.metrics().query()["distributions"]
            if found.key.metric.name == f"{what}_epoch_ms" and found.result.count
        ]
        if spans:
            longest = max(span.max for span in spans) - min(span.min for span in spans)
            times[name] = longest / 1000
    return times


@contextmanager
def _progress(folder: RunFolder, report: Callable[[Counter[str]], None]) -> Iterator[None]:
    import threading

    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(PROGRESS_EVERY):
            report(counts(folder.signals))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        report(counts(folder.signals))
