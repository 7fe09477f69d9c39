"""Runs that stage, die, fail and are taken over, in any order: a model of the tables holds."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pytest
from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from sinks.connector.errors import DatabaseLocked
from sinks.database.opening import open_database
from sinks.load.run_commit import commit_run, recover
from sinks.staging.folder import RunFolder, Staging
from tests.kit.examples import examples
from tests.kit.samples import (
    FEED,
    OTHER,
    THIRD,
    address,
    article,
    at,
    failed_page,
    failed_poll,
    held,
    listed,
    new_run,
    page,
    poll,
    shard,
    url_id,
)
from transforms.hashing import digest
from transforms.records import Listed, Page, Poll

NUMBERS = (1, 2, 3)
PENDING = ("pending", 0)
TITLES = ("Iran", "Iran, later", "Iran, at last")

listings = st.dictionaries(st.sampled_from(NUMBERS), st.sampled_from(TITLES), min_size=1)
outcomes = st.sampled_from(["fetched", "fetched", "fetched", "pending", "failed"])


@dataclass
class Entry:
    """What is to be known of one page that one feed listed."""

    title: str
    listed_at: datetime
    changed_at: datetime | None = None
    recheck_at: datetime | None = None
    rechecks: int = 0

    @property
    def last_shown(self) -> datetime:
        """The poll that showed the headline first."""
        return self.changed_at or self.listed_at


@functools.cache
def empty_database() -> bytes:
    with TemporaryDirectory() as folder:
        with open_database(f"{folder}/news.duckdb", read_only=False, lock_timeout=0):
            pass
        return Path(folder, "news.duckdb").read_bytes()


class RunProtocol(RuleBasedStateMachine):
    """What is staged of the one run that is under way or dead, and what the tables must hold."""

    def __init__(self) -> None:
        super().__init__()
        self.home = TemporaryDirectory()
        self.database = Path(self.home.name, "news.duckdb")
        self.database.write_bytes(empty_database())
        self.minute = 0
        self.run: RunFolder | None = None
        self.bundles: list[list[Any]] = []
        """All that the run staged, in these shards; `fresh` is what no commit has brought in."""
        self.shards: set[str] = set()
        self.fresh: list[Poll | Page] = []
        self.entries: dict[tuple[str, int], Entry] = {}
        self.pages: dict[int, tuple[str, int]] = {}
        """State and attempts, the same for all entries of a page."""
        self.articles: dict[int, tuple[str, str, int, str]] = {}
        """Headline, text, version, and the run that read it."""
        self.versions: dict[tuple[int, int], tuple[str, str, str, str]] = {}
        self.polls: dict[tuple[str, str], tuple[str, int, int]] = {}
        self.failures: set[tuple[str, str]] = set()
        self.runs: dict[str, tuple[int, int, int, int]] = {}
        """Entries, pages, new articles, new versions."""
        self.feeds: dict[str, tuple[datetime, str | None]] = {}
        self.ledger: set[str] = set()

    def teardown(self) -> None:
        try:
            if self.run:
                self.take_over()
        finally:
            self.home.cleanup()

    def now(self) -> int:
        self.minute += 1
        return self.minute

    # A run

    @initialize(numbers=st.lists(st.sampled_from(NUMBERS), min_size=1, unique=True))
    def bring_the_first_news(self, numbers: list[int]) -> None:
        """And an edit of it, and a run that dies."""
        self.stage([self.shown(FEED, dict.fromkeys(numbers, TITLES[0]))])
        self.stage([self.read(number, "fetched", TITLES[0]) for number in numbers])
        self.stage([failed_poll(OTHER, self.now())])
        self.commit()
        self.edit(FEED, numbers[0], TITLES[1])
        self.stage([failed_poll(OTHER, self.now())])

    def under_way(self) -> RunFolder:
        """The run that is not over, dead or alive; another one where there is none."""
        if self.run is None:
            run_id = f"20260301T120000{self.now():06}Z-aaaaaa"
            self.run = new_run(self.database, run_id, state=None)
            self.bundles, self.shards, self.fresh = [], set(), []
        return self.run

    def stage(self, bundle: list[Any]) -> None:
        name = shard(self.under_way(), *bundle).name
        if name not in self.ledger:
            self.fresh += bundle
        self.bundles.append(bundle)
        self.shards.add(name)

    @precondition(lambda self: self.unpolled())
    @rule(data=st.data(), titles=st.one_of(listings, st.none()))
    def stage_a_poll(self, data: st.DataObject, titles: dict[int, str] | None) -> None:
        """One that shows these headlines, or one that failed."""
        feed = data.draw(st.sampled_from(self.unpolled()))
        self.stage([self.shown(feed, titles) if titles else failed_poll(feed, self.now())])

    def shown(self, feed: str, titles: dict[int, str]) -> Poll:
        found = [
            listed(feed, number, title=title, listing_id=digest(feed, url_id(number), title))
            for number, title in titles.items()
        ]
        return poll(feed, self.now(), found)

    @precondition(lambda self: self.editable())
    @rule(data=st.data(), title=st.sampled_from(TITLES))
    def see_an_edit(self, data: st.DataObject, title: str) -> None:
        self.edit(*data.draw(st.sampled_from(self.editable())), title)

    def edit(self, feed: str, number: int, title: str) -> None:
        """A known page is listed by another headline; the next run reads it, and dies."""
        self.stage([self.shown(feed, {number: title})])
        self.commit()
        self.stage([self.read(number, "fetched", title)])

    def editable(self) -> list[tuple[str, int]]:
        free = self.unpolled()
        return [key for key in self.entries if key[0] in free and key[1] in self.articles]

    @precondition(lambda self: self.owed())
    @rule(data=st.data())
    def stage_pages(self, data: st.DataObject) -> None:
        numbers = st.lists(st.sampled_from(self.owed()), min_size=1, unique=True)
        self.stage([
            self.read(number, data.draw(outcomes), data.draw(st.sampled_from(TITLES)))
            for number in data.draw(numbers)
        ])  # fmt: skip

    def records(self, kind: type) -> list[Any]:
        """All of a kind that this run has staged."""
        if self.run is None:
            return []
        return [one for bundle in self.bundles for one in bundle if isinstance(one, kind)]

    def unpolled(self) -> list[str]:
        return sorted({FEED, OTHER} - {record.feed_url for record in self.records(Poll)})

    def owed(self) -> list[int]:
        """Pages that some feed listed and this run has not tried, read before or not."""
        tried = {record.url for record in self.records(Page)}
        shown = {entry.url for record in self.records(Poll) for entry in record.listed}
        return [
            number for number in NUMBERS
            if (number in self.pages or address(number) in shown) and address(number) not in tried
            and self.pages.get(number, PENDING)[0] != "failed"
        ]  # fmt: skip

    def read(self, number: int, outcome: str, title: str) -> Page:
        minute = self.now()
        attempts = self.pages.get(number, PENDING)[1] + 1
        if outcome != "fetched":
            return failed_page(number, outcome, fetched_at=at(minute), attempts=attempts)
        text = f"{title} of minute {minute}."
        found = article(
            number, title=title, text=text, text_hash=digest(text), fetched_at=at(minute)
        )
        return page(number, found, fetched_at=at(minute), attempts=attempts)

    @precondition(lambda self: self.run and self.bundles)
    @rule(data=st.data(), how=st.sampled_from(["same", "with others", "asks again"]))
    def retry_a_bundle(self, data: st.DataObject, how: str) -> None:
        self.retry(data.draw(st.sampled_from(self.bundles)), how)

    def retry(self, bundle: list[Any], how: str) -> None:
        """The same rows in the same shard, or with more in another one, or later answers."""
        if how == "with others":
            others = self.records(type(bundle[0]))
            bundle = bundle + [record for record in others if record not in bundle]
        self.stage([self.again(record) for record in bundle] if how == "asks again" else bundle)

    def again(self, record: Poll | Page) -> Poll | Page:
        minute = self.now()
        if isinstance(record, Poll):
            after = record.after._replace(last_polled_at=at(minute))
            return record._replace(polled_at=at(minute), after=after)
        text = f"As it was in minute {minute}."
        found = record.article and record.article._replace(
            text=text, text_hash=digest(text), fetched_at=at(minute)
        )
        return record._replace(fetched_at=at(minute), article=found)

    # Its end

    @rule()
    def commit(self) -> None:
        folder = self.under_way()
        folder.write_json("finished.json", {"finished_at": at(5).isoformat(), "state": "done"})
        commit_run(self.database, folder, 0)
        self.note_commit(folder.run_id)
        self.run = None

    @rule()
    def take_over(self) -> None:
        folder = self.under_way()
        recover(self.database, Staging(self.database), 0)
        self.note_commit(folder.run_id)
        self.run = None

    @precondition(lambda self: self.run and self.bundles)
    @rule(data=st.data(), how=st.sampled_from(["same", "with others", "asks again"]))
    def die_before_the_folder_is_removed(self, data: st.DataObject, how: str) -> None:
        """What is committed is still staged then, and a worker that lives on stages more."""
        folder = self.under_way()
        aside = shutil.copytree(folder.path, Path(self.home.name, "aside"))
        commit_run(self.database, folder, 0)
        aside.rename(folder.path)
        self.note_commit(folder.run_id)
        self.retry(data.draw(st.sampled_from(self.bundles)), how)
        self.take_over()

    @rule()
    def set_aside(self) -> None:
        """A table refuses a row of one shard after all articles are in; the others come in."""
        folder = self.under_way()
        refused = shard(folder, poll(THIRD, self.now(), status="unheard of"))
        committed = commit_run(self.database, folder, 0)
        assert [name for name, _ in committed.set_aside] == [refused.name]
        self.failures.add((folder.run_id, refused.name))
        self.note_commit(folder.run_id)
        self.run = None

    @rule()
    def fail(self) -> None:
        """Another process holds the file."""
        self.under_way()
        with held(self.database), pytest.raises(DatabaseLocked):
            recover(self.database, Staging(self.database), 0)
        self.compare()

    # The model

    def note_commit(self, run_id: str) -> None:
        """Bring what is fresh into the model, and hold the database against it."""
        polls = earliest(self.fresh, Poll, "feed_url", "polled_at")
        pages = earliest(self.fresh, Page, "url", "fetched_at")
        shown = {feed: self.show(record) for feed, record in polls.items()}
        brought = [self.bring(run_id, record) for record in pages.values()]
        for feed, (_, changed) in shown.items():
            for number, title in changed.items():
                self.note_change(feed, number, title, polls[feed].polled_at)
        for feed, record in polls.items():
            counted = (record.status, *map(len, shown[feed]))
            self.polls.setdefault((run_id, feed), counted)
            if feed not in self.feeds or self.feeds[feed][0] < record.polled_at:
                self.feeds[feed] = (record.polled_at, record.after.etag)
        self.failures |= {(run_id, url) for url, record in (polls | pages).items() if record.error}
        counts = (sum(len(new) for new, _ in shown.values()), len(pages),
                  brought.count("new"), brought.count("revised"))  # fmt: skip
        before = self.runs.get(run_id, (0, 0, 0, 0))
        self.runs[run_id] = tuple(map(sum, zip(before, counts, strict=True)))
        self.ledger |= self.shards
        self.fresh = []
        self.compare()

    def show(self, record: Poll) -> tuple[dict[int, str], dict[int, str]]:
        """The entries that are new, noted at once, and those that changed, with their headlines."""
        new, changed = {}, {}
        for one in record.listed:
            number = number_of(one)
            known = self.entries.get((record.feed_url, number))
            if known is None:
                new[number] = one.title
                self.entries[record.feed_url, number] = Entry(one.title, record.polled_at)
                self.pages.setdefault(number, PENDING)
            elif known.title != one.title and known.last_shown < record.polled_at:
                changed[number] = one.title
        return new, changed

    def bring(self, run_id: str, record: Page) -> str | None:
        """What a page that was tried is for its article: new, revised or neither."""
        number, read = number_of(record), record.article
        state, _ = self.pages[number]
        if state == "fetched":
            return self.read_again(run_id, number, record)
        if state == "pending":
            self.pages[number] = (record.state, record.attempts)
        if read is None:
            return None
        self.articles[number] = (read.title, read.text, 1, run_id)
        return "new"

    def read_again(self, run_id: str, number: int, record: Page) -> str | None:
        due = [
            entry for (_, listed), entry in self.entries.items()
            if listed == number and entry.recheck_at and entry.last_shown <= record.fetched_at
        ]  # fmt: skip
        for entry in due:
            entry.recheck_at = record.next_attempt_at if record.state == "pending" else None
            entry.rechecks += 1
        title, text, version, by = self.articles[number]
        read = record.article
        if not due or read is None or (title, text) == (read.title, read.text):
            return None
        self.versions[number, version] = (title, text, by, run_id)
        self.articles[number] = (read.title, read.text, version + 1, run_id)
        event("an article was revised")
        return "revised"

    def note_change(self, feed: str, number: int, title: str, when: datetime) -> None:
        entry = self.entries[feed, number]
        entry.title, entry.changed_at = title, when
        if self.pages[number][0] == "fetched":
            wait = 2 ** (entry.rechecks - 1) if entry.rechecks else 0
            entry.recheck_at = when + timedelta(hours=wait)

    def compare(self) -> None:
        """Hold the tables against the model: all is there, and nothing twice."""
        with duckdb.connect(str(self.database), read_only=True) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            self.compare_in(connection)

    def compare_in(self, connection: duckdb.DuckDBPyConnection) -> None:
        def holds(query: str, expected: Iterable[tuple[Any, ...]]) -> None:
            found = connection.execute(query).fetchall()
            assert sorted(found, key=repr) == sorted(expected, key=repr)

        holds(
            "SELECT feed_url, url, title, listed_at, changed_at, recheck_at, rechecks, state, "
            "attempts, article_id FROM entries",
            [(feed, address(number), entry.title, entry.listed_at, entry.changed_at,
              entry.recheck_at, entry.rechecks, *self.pages[number],
              article(number).article_id if number in self.articles else None)
             for (feed, number), entry in self.entries.items()],
        )  # fmt: skip
        holds("SELECT url, title, text, version, run_id FROM articles",
              [(address(number), *said) for number, said in self.articles.items()])  # fmt: skip
        for table in ("article_topics", "topic_evidence"):
            holds(f"SELECT article_id, topic FROM {table}",
                  [(article(number).article_id, "taiwan") for number in self.articles])  # fmt: skip
        holds("SELECT article_id, version, title, text, run_id, replaced_run_id "
              "FROM article_versions",
              [(article(number).article_id, version, *said)
               for (number, version), said in self.versions.items()])  # fmt: skip
        holds("SELECT run_id, feed_url, status, new_entries, changed_entries FROM feed_polls",
              [(*key, *said) for key, said in self.polls.items()])  # fmt: skip
        holds("SELECT run_id, input FROM failures", self.failures)
        holds("SELECT feed_url, last_polled_at, etag FROM feeds WHERE last_polled_at IS NOT NULL",
              [(feed, *said) for feed, said in self.feeds.items()])  # fmt: skip
        holds("SELECT run_id, entries_new, pages, articles_new, articles_changed FROM runs",
              [(run_id, *counts) for run_id, counts in self.runs.items()])  # fmt: skip
        holds("SELECT shard FROM staged_shards", [(name,) for name in self.ledger])


def number_of(record: Listed | Page) -> int:
    return int(str(record.url).rpartition("/")[2])


def earliest(records: Iterable[Any], kind: type, key: str, when: str) -> dict[str, Any]:
    """Of the records of a kind the first one for each key."""
    found = sorted(
        (record for record in records if isinstance(record, kind)), key=attrgetter(when),
        reverse=True,
    )  # fmt: skip
    return {getattr(record, key): record for record in found}


class RunProtocolInShort(RunProtocol):
    """The same, for everyday."""


RunProtocolInShort.TestCase.settings = settings(
    max_examples=examples(5), stateful_step_count=8, deadline=None
)  # fmt: skip
test_the_tables_are_those_of_the_model_whatever_becomes_of_runs = RunProtocolInShort.TestCase

RunProtocol.TestCase.settings = settings(
    max_examples=examples(20), stateful_step_count=10, deadline=None
)
RunProtocol.TestCase.pytestmark = [pytest.mark.slow]
test_the_model_holds_at_length = RunProtocol.TestCase
