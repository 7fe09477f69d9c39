"""The unbounded graph, tried: one job that never ends, on Prism, with its worker killed.

State lives in the database. The launcher, where the database is, writes plans: bounded sets of due
feeds and owed pages, by host group. A slow tick of the job finds each new plan, and hands its
groups on, one host always by the same key; answers are staged as shards. The launcher commits
whatever is staged, and plans what is due and not under way. A task is under way for LEASE seconds
at most: what an engine lost is then planned again, so that rows depend on no checkpoint. A job that
failed, or from which nothing came for so long, is cancelled and submitted again.

    python -m benchmarks.unbounded 19 [workers.log]    # minutes; renews docs/runners.md
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from time import monotonic
from typing import Any

import apache_beam as beam
import psutil
from apache_beam.coders import StrUtf8Coder
from apache_beam.options.pipeline_options import StandardOptions
from apache_beam.transforms.periodicsequence import PeriodicImpulse
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec

from benchmarks.engines import record, versions, worker_pool
from config.load import load_feeds, load_topics, shipped
from config.models import ExtractSettings, FetchSettings
from pipeline.run.batch import RunOptions, new_run_id, note_plan
from pipeline.run.graph import stage
from pipeline.run.plan import (
    NOTHING,
    Bound,
    look_up,
    read_feed_tasks,
    read_known,
    read_page_tasks,
    write_plan,
)
from pipeline.run.runners import engine
from sinks.database.opening import bring_up_to_date, open_database
from sinks.load.run_commit import commit_run
from sinks.staging.folder import RunFolder, open_staging
from tests.kit.newsrooms import serving
from transforms.feeds.polls import poll_record, refused_poll
from transforms.records import Poll
from transforms.steps import (
    HOSTS,
    ROBOTS,
    ExtractText,
    FetchPages,
    PollFeeds,
    Read,
    ReadFeeds,
    TagTopics,
)
from transforms.text.pages import refused_page
from transforms.web.hosts import refused_rest
from transforms.web.robots import refused_robots
from transforms.workers.known_ids import KnownIds

TICK, ROUND, LEASE = 1.0, 2.0, 30.0
"""Seconds between ticks of the job, between commits, and for which a task is under way."""
GROUPS = 4
PUBLISH_EVERY, INTERVAL = 2, 10
SETTLED = 90.0
"""Seconds after the last article in which all must be in."""
READERS = {"feeds": read_feed_tasks, "owed": read_page_tasks}
FETCHING = FetchSettings(allow_private_hosts=True, host_delay=0.0, host_concurrency=8)


LAST_PLAN = beam.DoFn.StateParam(ReadModifyWriteStateSpec("last", StrUtf8Coder()))


class NewPlans(beam.DoFn):
    """Ticks to (group, folder of a plan), each plan once: the last one seen is the job's state."""

    def __init__(self, plans: str) -> None:
        self.plans = plans

    def process(self, tick: Any, last: Any = LAST_PLAN) -> Iterator[tuple[str, str]]:
        seen = last.read() or ""
        new = sorted(path for path in Path(self.plans).iterdir() if path.name > seen)
        for plan in new:
            yield from ((str(group), str(plan)) for group in range(GROUPS))
        if new:
            last.write(new[-1].name)


def tasks_of(kind: str, element: tuple[str, str]) -> Iterator[tuple[str, list[Any]]]:
    """The tasks of a kind that a plan has for a group; none where the plan is gone."""
    group, plan = element
    with contextlib.suppress(FileNotFoundError):
        tasks = [
            task
            for task in READERS[kind](str(Path(plan, f"{kind}.jsonl")))
            if _group(task.target) == group
        ]
        if tasks:
            yield group, tasks


def _group(url: str) -> str:
    from transforms.steps import _group as group

    return group(url, GROUPS)


class FindNew(beam.DoFn):
    """As the step of the bounded graph, but what is known is read again when it was renewed."""

    def __init__(self, known: str) -> None:
        self.path = known

    def start_bundle(self) -> None:
        self.known = KnownIds.read(self.path)

    def process(self, read: Read) -> Iterator[Poll]:
        yield poll_record(read.task, read.answer, read.document, self.known.__contains__)  # type: ignore[arg-type]


def unbounded(pipeline: beam.Pipeline, job: RunFolder, plans: Path, processes: int) -> None:
    """The graph: ticks, plans, polls and pages; what is new is fetched by a later plan."""
    extracting, signals = ExtractSettings(processes=processes), str(job.signals)
    hosts, robots = str(job.plan / "hosts.jsonl"), str(job.plan / "robots.jsonl")
    groups = (
        pipeline
        | "Tick" >> PeriodicImpulse(fire_interval=TICK)
        | "To one place" >> beam.Map(lambda tick: ("", tick))
        | "New plans" >> beam.ParDo(NewPlans(str(plans)))
        | "By group" >> beam.Reshuffle()
    )
    polled = (
        groups
        | "Feeds" >> beam.FlatMap(lambda element: tasks_of("feeds", element))
        | "Poll feeds" >> PollFeeds(FETCHING, signals, hosts)
    )
    polls = (
        polled["answers"]
        | "Read feeds" >> ReadFeeds(extracting)
        | "Find new entries" >> beam.ParDo(FindNew(str(job.plan / "known.npy")))
    )
    stage(polls, "polls", job, refused_poll)
    fetched = (
        groups
        | "Pages" >> beam.FlatMap(lambda element: tasks_of("owed", element))
        | "Fetch pages" >> FetchPages(FETCHING, signals, hosts, robots)
    )
    stage(fetched[ROBOTS], "robots", job, refused_robots)
    resting = (polled[HOSTS], fetched[HOSTS]) | "Resting hosts" >> beam.Flatten()
    stage(resting, "hosts", job, refused_rest)
    pages = (
        fetched["answers"]
        | "Extract text" >> ExtractText(extracting)
        | "Tag topics" >> TagTopics(load_topics(shipped("topics.yaml")))
    )
    stage(pages, "pages", job, refused_page)


class Trial:
    """A newsroom that publishes, a job that never ends, and the launcher's loop around it."""

    def __init__(self, folder: Path, minutes: float, log: Path | None) -> None:
        self.folder, self.minutes, self.log = folder, minutes, log
        self.database, self.plans = folder / "news.duckdb", folder / "plans"
        self.plans.mkdir()
        self.under_way: dict[tuple[str, str], float] = {}
        self.jobs = self.kills = self.commits = self.planned = self.expired = 0
        self.told_at = float("-inf")
        self.said: list[str] = []
        self.started = monotonic()

    def say(self, text: str) -> None:
        self.said.append(f"{monotonic() - self.started:7.1f} s  {text}")
        print(self.said[-1], flush=True)

    def run(self) -> None:
        articles = round(self.minutes * 60 / PUBLISH_EVERY)
        with (
            serving(
                self.folder, "--articles", str(articles), "--publish-every", f"{PUBLISH_EVERY}s",
                "--interval", f"{INTERVAL}s",
            ) as self.room,
            open_staging(self.database) as self.staging,
            contextlib.ExitStack() as self.workers,
        ):  # fmt: skip
            self.feeds = load_feeds(self.room.feeds)
            bring_up_to_date(self.database, 10)
            self._rounds()
            self._judge()
        record("unbounded", [f"{versions()}:", "", "```text", *self.said, "```"])

    def _rounds(self) -> None:
        job = self.staging.new_run(new_run_id())
        self.job = job
        kills = [self.minutes * 60 * part for part in (0.3, 0.6)]
        end = self.minutes * 60 + SETTLED
        result = self._submit()
        try:
            while (now := monotonic() - self.started) < end:
                time.sleep(ROUND)
                if kills and now > kills[0]:
                    kills.pop(0)
                    self._kill()
                self._commit()
                self._plan()
                if result.state != "RUNNING" or self.expired > self.expired_before:
                    self.say(f"the job is {result.state}: it is submitted again")
                    result.cancel()
                    result = self._submit()
                self._note_memory(now)
        finally:
            result.cancel()

    def _submit(self) -> Any:
        """Submit the job; what an earlier one had in hand is planned again."""
        self.jobs += 1
        self.expired_before = self.expired
        self.under_way.clear()
        for plan in self.plans.iterdir():
            shutil.rmtree(plan)
        self._plan()
        # All Prisms call their worker the same: a pool of each keeps one from stopping another's.
        self.workers.close()
        self.pool, options = self.workers.enter_context(worker_pool(self.log))
        chosen = engine("PrismRunner", options)
        chosen.options.view_as(StandardOptions).streaming = True
        pipeline = beam.Pipeline(runner=chosen.runner, options=chosen.options)
        unbounded(pipeline, self.job, self.plans, 1)
        return pipeline.run()

    def _kill(self) -> None:
        for worker in self.pool.children():
            worker.kill()
        self.kills += 1
        self.say("the worker is killed by SIGKILL")

    def _plan(self) -> None:
        """Write down what is due and not under way."""
        now = monotonic()
        late = [name for name, since in self.under_way.items() if now - since > LEASE]
        self.expired += len(late)
        for name in late:
            del self.under_way[name]
        due = look_up(
            self.database,
            self.feeds,
            now=datetime.now(UTC),
            lock_timeout=10,
            bound=Bound(5_000, 2_000, without=list(self.under_way)),
        )
        due = due._replace(feeds=[task for task in due.feeds if task.name not in self.under_way])
        files = self.folder / "next"
        files.mkdir(exist_ok=True)
        write_plan(due, read_known(self.database, 10), files)
        for path in files.iterdir():  # whole: workers have what is known mapped into memory
            path.replace(self.job.plan / path.name)
        if due.names():
            self.planned += 1
            plan = self.plans / f".{self.planned:06}"
            plan.mkdir()
            for kind in READERS:
                (plan / f"{kind}.jsonl").write_bytes((self.job.plan / f"{kind}.jsonl").read_bytes())
            plan.rename(self.plans / f"{self.planned:06}")
            self.under_way.update(dict.fromkeys(due.names(), now))

    def _commit(self) -> None:
        """Commit what is staged, under a run of its own; its tasks are under way no more."""
        shards = self.job.shards()
        if not shards:
            return
        folder = self.staging.new_run(new_run_id())
        for shard in shards:
            os.rename(shard.address, folder.path / Path(shard.address).name)
        topics = load_topics(shipped("topics.yaml"))
        options = RunOptions(self.database, self.feeds, topics)
        due = look_up(self.database, [], now=datetime.now(UTC), lock_timeout=10)
        plan = write_plan(due._replace(owed=[]), NOTHING, folder.plan)
        note_plan(options, folder, plan, "PrismRunner", datetime.now(UTC), 0)
        folder.write_json("finished.json", {"state": "done", "message": "unbounded"})
        for name in _answered(folder):
            self.under_way.pop(name, None)
        commit_run(self.database, folder, 10)
        self.commits += 1

    def _note_memory(self, now: float) -> None:
        prism = sum(
            child.memory_info().rss
            for child in psutil.Process().children()
            if child.name().startswith("prism")
        )
        worker = sum(child.memory_info().rss for child in self.pool.children())
        if now > self.told_at + 120:
            self.told_at = now
            self.say(
                f"Prism {prism >> 20} MB, worker {worker >> 20} MB, {self.commits} commits, "
                f"{self.planned} plans, {len(self.under_way)} tasks under way"
            )

    def _judge(self) -> None:
        truth = self.room.truth()["articles"]
        expected = {
            (item["canonical_url"], item["outlet"], item["title"], *item["topics"])
            for item in truth
            if item["expect"] == "article"
        }
        with open_database(self.database, read_only=True, lock_timeout=10) as opened:
            ask = opened.connection.execute
            rows = ask(
                "SELECT canonical_url, outlet, title, list(topic ORDER BY topic) "
                "FILTER (topic IS NOT NULL) FROM articles LEFT JOIN article_topics "
                "USING (article_id) GROUP BY article_id, canonical_url, outlet, title"
            ).fetchall()
            (waits,) = ask(
                "SELECT quantile_cont(epoch(fetched_at - listed_at), [0.5, 0.99]) FROM articles"
            ).fetchone() or ((),)
        found = {(*row, *(topics or ())) for *row, topics in rows}
        self.say(
            f"articles {len(rows)}, expected {len(expected)}; missing or with another outlet, "
            f"title or topics {len(expected - found)}, others {len(found - expected)}, doubled "
            f"{len(rows) - len({row[0] for row in rows})}"
        )
        self.say(
            f"{self.jobs} jobs, {self.kills} workers killed, {self.commits} commits, "
            f"{self.planned} plans, {self.expired} leases ended; from poll to page median "
            f"{waits[0]:.1f} s, 99 of 100 within {waits[1]:.1f} s"
        )
        same = found == expected and len(rows) == len(expected)
        self.say("the same articles" if same else "NOT the same")


def _answered(folder: RunFolder) -> Iterable[tuple[str, str]]:
    """The names of the tasks that a folder's shards have the outcomes of."""
    import pyarrow.parquet as pq

    key = {"polls": ("feed", "feed_url"), "pages": ("page", "url_id")}
    for table, shards in groupby(folder.shards(), key=lambda shard: shard.table):
        if table in key:
            kind, column = key[table]
            for shard in shards:
                yield from (
                    (kind, value.as_py())
                    for value in pq.read_table(shard.address, columns=[column])[column]
                )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        Trial(Path(scratch), float(sys.argv[1]), Path(sys.argv[2]) if sys.argv[2:] else None).run()
