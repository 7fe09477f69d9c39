"""`make scale`: what so many feeds take, from what one of each thing costs here.

Measures CPU seconds and bytes for a poll, a page, a row and a plan (a few minutes), then prints
the model of docs/engineer/scale.md. With `--units docs/engineer/scale.md` it measures nothing, and
takes the table of units in that file.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import numpy as np
import yaml

from benchmarks.archive import make_archive
from benchmarks.pipeline import PROGRAM, bare_loop, pipeline_run
from benchmarks.polling import run as poll_all
from benchmarks.polling import serving
from benchmarks.sink import RUN_ARTICLES, commits
from config.models import Feed
from pipeline.run.plan import Due, look_up, read_known, write_plan
from sinks.database.opening import open_database
from transforms.records import FeedTask
from transforms.workers.known_ids import KnownIds

FEEDS, PAGES, ARTICLES, POLL_ROWS, PLANNED, COMMITS = 2_000, 400, 200_000, 500_000, 100_000, 6
NOW = datetime(2026, 3, 1, tzinfo=UTC)
SIZES = (1_000, 100_000, 2_000_000)
"""The last is about all news of the web."""


class Unit(NamedTuple):
    """What one of something costs."""

    name: str
    of: str
    measure: str


UNITS = (
    Unit("poll", "asking a feed that is unchanged, its row and its commit", "CPU ms"),
    Unit("feed", "asking a feed with 30 new entries, reading them, their rows", "CPU ms"),
    Unit("extract", "text of a page of 154 kB, bare trafilatura", "CPU ms"),
    Unit("page", "all else for a page: fetch, tag, stage, commit", "CPU ms"),
    Unit("commit", "of that: staging and committing, in the one process that writes", "CPU ms"),
    Unit("due", "a feed looked at by a plan", "CPU µs"),
    Unit("known", "an id known to a plan", "CPU µs"),
    Unit("ids", "of an entry that a plan must know", "ids"),
    Unit("article", "an article of 2 kB in the file, with its entry, topics, evidence", "bytes"),
    Unit("poll row", "a poll in the file", "bytes"),
)


class Assumed(NamedTuple):
    """What is not measured here. Change it: `python -m benchmarks.scale --help`."""

    polls: float = 14.0
    """Of a feed, a day; this and the next three are those of a simulated year."""
    entries: float = 6.5
    """Of a feed, a day."""
    read: float = 0.23
    """Share of polls that find something new."""
    bodies: float = 0.45
    """Share of polls that bring a body: what is new, and what answers no 304."""
    pages: float = 0.8
    """Share of entries whose page no other feed listed before."""
    feed_kb: float = 18.0
    """A feed on the wire; the median of 134 real ones, compressed."""
    page_kb: float = 55.0
    """A page on the wire; the mean of 216 real ones, compressed."""
    heavier: float = 1.5
    """A page of the web against the page measured: 216 real ones have 199 kB in the median."""
    text_kb: float = 5.9
    """Text of a page; the mean of 216 real ones. What is beyond the 2 kB measured is
    taken as it is, without compression."""
    days: int = 30
    """How long articles are kept."""
    age: int = 365
    """Days since the first run: ids stay when articles go."""
    run_every: float = 600.0
    """Seconds between two runs on a schedule."""
    look_every: float = 10.0
    """Seconds: `--commit-every` of a stream, which keeps the ids that it knows."""
    busy: float = 0.5
    """Share of a core that is planned for: the busiest hour has twice the mean."""
    core_hour: float = 0.03
    """Euro."""
    gb_month: float = 0.08
    """Euro, on a disk."""
    gb_in: float = 0.0
    """Euro; most providers charge for what leaves, not for what arrives."""


# -- what one costs --------------------------------------------------------------------------------


def measured(folder: Path) -> dict[str, float]:
    """All units, by name."""
    return {**_polls(folder), **_pages(folder), **_database(folder)}


def _polls(folder: Path) -> dict[str, float]:
    with serving() as port:
        urls = [f"http://127.1.{n % 200}.1:{port}/feed/{n}" for n in range(FEEDS)]
        path, database = folder / "feeds.yaml", folder / "polls.duckdb"
        path.write_text(yaml.safe_dump({"feeds": [{"url": url} for url in urls]}))
        first, _ = poll_all(path, database)
        again, _ = poll_all(path, database, "--now")
        path.write_text(yaml.safe_dump({"feeds": [{"url": urls[0]}]}))
        start, _ = poll_all(path, database, "--now")
    return {
        "poll": (again.cpu - start.cpu) / FEEDS * 1e3,
        "feed": (first.cpu - start.cpu) / FEEDS * 1e3,
    }


def _pages(folder: Path) -> dict[str, float]:
    newsroom = subprocess.Popen(
        [*PROGRAM, "newsroom", "--port", "0", "--json", "--kind", "--outlets", "24",
         "--articles", str(PAGES), "--page-kilobytes", "150"], stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert newsroom.stdout is not None
        base = json.loads(newsroom.stdout.readline())["base_url"]
        feeds = folder / "newsroom.yaml"
        feeds.write_text(httpx.get(f"{base}/_control/feeds.yaml").text, encoding="utf-8")
        truth = httpx.get(f"{base}/_control/truth", timeout=60).json()["articles"]
        urls = [item["canonical_url"] for item in truth if item["expect"] == "article"]
        with httpx.Client(timeout=60, follow_redirects=True) as client:
            bodies = [(url, client.get(url).content) for url in urls]
        bare = bare_loop(bodies, 1).cpu
        whole = pipeline_run(feeds, folder, len(urls)).cpu
        few = folder / "none.yaml"
        few.write_text("feeds:\n  - url: http://127.0.0.1:9/feed\n")
        start, _ = poll_all(few, folder / "none.duckdb")
    finally:
        newsroom.terminate()
        newsroom.wait()
    extract = bare / len(urls)
    return {"extract": extract * 1e3, "page": ((whole - start.cpu) / len(urls) - extract) * 1e3}


def _database(folder: Path) -> dict[str, float]:
    database = folder / "archive.duckdb"
    make_archive(database, ARTICLES)
    size = database.stat().st_size
    with open_database(database, read_only=False, lock_timeout=0) as opened:
        opened.connection.execute(POLLS, {"polls": POLL_ROWS})
        opened.connection.execute("CHECKPOINT")
    grown = database.stat().st_size - size
    commit = _cpu(lambda: commits(folder / "commits.duckdb", COMMITS)) / COMMITS / RUN_ARTICLES
    few = _cpu(lambda: look_up(database, [], now=NOW, lock_timeout=0))
    with open_database(database, read_only=False, lock_timeout=0) as opened:
        opened.connection.execute(MANY_FEEDS, {"feeds": PLANNED, "at": NOW})
    feeds = [Feed(f"https://planned.example/{n}") for n in range(PLANNED)]
    many = _cpu(lambda: look_up(database, feeds, now=NOW, lock_timeout=0))
    plan = folder / "plan"
    plan.mkdir()
    task = FeedTask("https://planned.example/0", "", None, None, 0, None)
    known = _cpu(lambda: write_plan(Due([task], []), read_known(database, 0), plan))
    ids = len(KnownIds.read(plan / "known.npy"))
    return {
        "commit": commit * 1e3,
        "due": (many - few) / PLANNED * 1e6,
        "known": known / ids * 1e6,
        "ids": ids / ARTICLES,
        "article": size / ARTICLES,
        "poll row": grown / POLL_ROWS,
    }


POLLS = """
INSERT INTO feed_polls BY NAME
SELECT '20260301T' || lpad((i // 5000)::VARCHAR, 12, '0') || 'Z-abcdef' AS run_id,
       'https://outlet' || i % 5000 || '.example/feed' AS feed_url,
       TIMESTAMPTZ '2026-03-01 00:00:00Z' + to_seconds(i // 100) AS polled_at,
       CASE WHEN hash(i) % 4 = 0 THEN 'ok' ELSE 'unchanged' END AS status,
       CASE WHEN hash(i) % 4 = 0 THEN 200 ELSE 304 END AS http_status,
       CASE WHEN hash(i) % 4 = 0 THEN 12 END AS entries, 0 AS new_entries, 0 AS changed_entries,
       false AS overflow, 300 + hash(i) % 20000 AS bytes, 40 + hash(i, 1) % 400 AS milliseconds,
       polled_at + to_seconds(300 + (hash(i, 2) % 86000)::BIGINT) AS next_poll_at,
       '{"rule": "rhythm", "gap": ' || 60 + hash(i, 3) % 80000 || ', "quiet": '
       || hash(i, 4) % 200000 || ', "jitter": 0.' || 100 + hash(i, 5) % 900 || '}' AS schedule
FROM range($polls) t(i)
"""
MANY_FEEDS = """
INSERT INTO feeds BY NAME
SELECT 'https://planned.example/' || i AS feed_url, 'Outlet ' || i AS outlet, true AS listed,
       'active' AS state, 0 AS failures, $at - INTERVAL 1 HOUR AS last_polled_at,
       $at + INTERVAL 1 HOUR AS next_poll_at, '"' || md5('etag' || i) || '"' AS etag,
       md5('body' || i) AS body_hash, 3600 AS gap_seconds, last_polled_at AS newest_entry_at,
       last_polled_at AS last_body_at, 0 AS moves_seen, false AS false_304
FROM range($feeds) t(i)
"""


def _cpu(work: Callable[[], Any]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


# -- what many cost --------------------------------------------------------------------------------


class Need(NamedTuple):
    """What so many feeds take, a day where nothing else is said."""

    feeds: int
    polls: float
    pages: float
    cpu_polls: float
    """Hours."""
    cpu_extract: float
    cpu_pages: float
    """Without their extraction."""
    plan: float
    """CPU seconds of the plan of a run on a schedule, at that age."""
    look: float
    """CPU seconds in which a stream looks up what is due."""
    writer: float
    """Share of the time for which the one process that writes is busy."""
    memory: float
    """GB of the ids of one plan."""
    gb_in: float
    """A month."""
    gb_kept: float

    @property
    def cpu(self) -> float:
        """Hours, without plans."""
        return self.cpu_polls + self.cpu_extract + self.cpu_pages


def need(feeds: int, units: dict[str, float], assumed: Assumed) -> Need:
    """The model: sums and products, no more."""
    polls, entries = feeds * assumed.polls, feeds * assumed.entries
    pages = entries * assumed.pages
    asked = (1 - assumed.read) * units["poll"] + assumed.read * units["feed"]
    ids = entries * assumed.age * units["ids"]
    plan = (feeds * units["due"] + ids * units["known"]) / 1e6
    text = max(0.0, assumed.text_kb - 2) * 1e3
    hours = 1e3 * 3600
    return Need(
        feeds, polls, pages,
        cpu_polls=polls * asked / hours,
        cpu_extract=pages * units["extract"] * assumed.heavier / hours,
        cpu_pages=pages * units["page"] / hours,
        plan=plan,
        look=feeds * units["due"] / 1e6,
        writer=pages * units["commit"] / 1e3 / 86400,
        memory=16 * ids / 1e9,
        gb_in=30 * (polls * (0.5 + assumed.bodies * assumed.feed_kb)
                    + pages * assumed.page_kb) / 1e6,
        gb_kept=assumed.days * (polls * units["poll row"]
                                + pages * (units["article"] + text)) / 1e9,
    )  # fmt: skip


def model(units: dict[str, float], assumed: Assumed) -> str:
    """The tables of docs/engineer/scale.md."""
    needs = [need(feeds, units, assumed) for feeds in SIZES]
    lines: dict[str, Callable[[Need], str]] = {
        "polls a day": lambda n: _short(n.polls),
        "entries a day": lambda n: _short(n.feeds * assumed.entries),
        "pages a day": lambda n: _short(n.pages),
        "GB received a month": lambda n: _short(n.gb_in),
        f"GB in the file, {assumed.days} days kept": lambda n: _short(n.gb_kept),
        "CPU hours a day: polls": lambda n: _short(n.cpu_polls),
        "… pages, extraction": lambda n: _short(n.cpu_extract),
        "… pages, all else": lambda n: _short(n.cpu_pages),
        f"cores for that, each {assumed.busy:.0%} busy": lambda n: _short(
            n.cpu / 24 / assumed.busy),
        f"GB of known ids, after {assumed.age} days": lambda n: _short(n.memory),
        "CPU s to read them, for each run on a schedule": lambda n: _short(n.plan),
        f"… share of {assumed.run_every / 60:.0f} min": lambda n: (
            f"{n.plan / assumed.run_every:.1%}"),
        "CPU s in which a stream looks up what is due": lambda n: _short(n.look),
        f"… share of {assumed.look_every:.0f} s": lambda n: f"{n.look / assumed.look_every:.1%}",
        "the one writer is busy": lambda n: f"{n.writer:.1%} of the time",
        "euro a month: those cores": lambda n: _short(
            30 * n.cpu / assumed.busy * assumed.core_hour),
        "… disk": lambda n: _short(n.gb_kept * assumed.gb_month),
        "… network": lambda n: _short(n.gb_in * assumed.gb_in),
    }  # fmt: skip
    heads = ("", *(f"{feeds:,} feeds" for feeds in SIZES))
    return table(heads, [(name, *map(tell, needs)) for name, tell in lines.items()])


def _short(value: float) -> str:
    """Two digits that count: the model is no better than that."""
    if value < 0.005:
        return "0" if not value else "< 0.01"
    digits = max(0, 1 - int(np.floor(np.log10(value))))
    return f"{round(value, 1 - int(np.floor(np.log10(value)))):,.{digits}f}"


def _three(value: float) -> str:
    """Three digits that count, without an exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def units_table(units: dict[str, float]) -> str:
    """The units, as `read_units` reads them."""
    rows = [(unit.name, unit.of, _three(units[unit.name]), unit.measure) for unit in UNITS]
    return table(("unit", "one of", "costs", "in"), rows)


def read_units(text: str) -> dict[str, float]:
    """The table of units of a document.

    Raises:
        SystemExit: one is missing.
    """
    found = {}
    for unit in UNITS:
        row = re.search(rf"^\| {unit.name} \|[^|]*\| ([\d.]+) \|", text, re.MULTILINE)
        if not row:
            raise SystemExit(f"no unit {unit.name!r} in the document")
        found[unit.name] = float(row[1])
    return found


def main() -> None:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--units", type=Path, help="document with a table of units")
    for name, value in Assumed()._asdict().items():
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=type(value), default=value, help="assumption")
    options = vars(parser.parse_args())
    document = options.pop("units")
    if document:
        units = read_units(document.read_text(encoding="utf-8"))
    else:
        with tempfile.TemporaryDirectory() as folder:
            units = measured(Path(folder))
        print(units_table(units))
        units = read_units(units_table(units))
    print(model(units, Assumed(**options)))


def table(heads: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    """As Markdown."""
    lines = [heads, ("---",) * len(heads), *rows]
    return "".join("| " + " | ".join(map(str, line)) + " |\n" for line in lines)


if __name__ == "__main__":
    main()
