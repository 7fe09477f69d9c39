"""`make bench-sink`: what the way into the database costs, and whether its size matters.

Everything is compared with something measured in the same run: DuckDB's own COPY of the same
rows; the same commits and the same runs into an empty database.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import httpx

from benchmarks.archive import make_archive
from benchmarks.pipeline import PROGRAM
from sinks.connector.commit import Shard, commit_shards
from sinks.connector.connection import STORAGE_VERSION
from sinks.connector.files import parquet, write_shard
from sinks.connector.tables import Table, batches
from sinks.database.opening import open_database
from sinks.staging.shards import TABLES
from tests.kit.samples import article, commit, listed, page, poll
from transforms.hashing import digest
from transforms.records import Evidence, Listed, Page, Poll, TopicMatch

SHARD_ROWS = 5_000
CHUNK = 200
RUN_ARTICLES = 500
AIM_LOAD, AIM_RUN, AIM_HELD, AIM_GROWTH = 2.0, 1.2, 2.0, 1.2


class Spent(NamedTuple):
    """Wall-clock and CPU seconds."""

    wall: float
    cpu: float


class _Clock:
    def __enter__(self) -> _Clock:
        self._started = time.monotonic(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        wall, cpu = self._started
        self.spent = Spent(time.monotonic() - wall, time.process_time() - cpu)


# -- 1. a large load -------------------------------------------------------------------------------


def load(source: Path, folder: Path, rounds: int) -> dict[str, list[Spent]]:
    """Articles as Python rows, staged and committed; and COPY FROM the same files."""
    kind = TABLES["pages"].arrow.field("article").type
    table = Table("articles", "article_id", _schema(kind))
    with duckdb.connect(str(source), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.execute(
            f"SELECT {', '.join(table.arrow.names)} FROM articles LIMIT 100_000"
        ).to_arrow_table()
    rows = found.to_pylist()
    spent: dict[str, list[Spent]] = {"stage": [], "commit": [], "copy": []}
    for number in range(rounds):
        staging = folder / f"load-{number}"
        staging.mkdir()
        with _Clock() as clock:
            shards = list(_staged(table, rows, staging))
        spent["stage"].append(clock.spent)
        with _Clock() as clock:
            (done,) = commit_shards(str(staging / "ours.duckdb"), [table], shards, 0)
        spent["commit"].append(clock.spent)
        if done.added != len(rows):
            raise SystemExit(f"{done.added} of {len(rows)} rows were added")
        with _Clock() as clock:
            _copy(staging)
        spent["copy"].append(clock.spent)
        shutil.rmtree(staging)
    return spent


def _schema(struct: Any) -> Any:
    import pyarrow as pa

    return pa.schema(list(struct))


def _staged(table: Table, rows: list[dict[str, Any]], staging: Path) -> Iterator[Shard]:
    for start in range(0, len(rows), SHARD_ROWS):
        part = rows[start : start + SHARD_ROWS]
        ready = [
            batch
            for first in range(0, len(part), CHUNK)
            for batch in batches(table, part[first : first + CHUNK])
        ]
        path = write_shard(staging, table.name, parquet(table.arrow, ready))
        yield Shard(table.name, "bench", str(path))


def _copy(staging: Path) -> None:
    path = str(staging / "copy.duckdb")
    with duckdb.connect(
        path, config={"storage_compatibility_version": STORAGE_VERSION}
    ) as connection:
        files = f"'{staging}/articles-*.parquet'"
        connection.execute(f"CREATE TABLE articles AS FROM {files} LIMIT 0")
        connection.execute(f"COPY articles FROM {files} (FORMAT parquet)")


# -- 2. many small commits -------------------------------------------------------------------------


def commits(database: Path, runs: int) -> tuple[list[float], int]:
    """Seconds that each of several runs held the database; bytes by which they made it grow."""
    with open_database(database, read_only=False, lock_timeout=0):
        pass  # an empty one has its tables, as a large one does
    before = database.stat().st_size
    held = [_commit(database, number) for number in range(runs)]
    return held, database.stat().st_size - before


def _commit(database: Path, number: int) -> float:
    feeds = [f"https://outlet{n}.example/feed" for n in range(50)]
    articles = [f"{number}-{n}" for n in range(RUN_ARTICLES)]
    polls = [_poll(feed, articles[n :: len(feeds)]) for n, feed in enumerate(feeds)]
    pages = [_page(feeds[n % len(feeds)], name) for n, name in enumerate(articles)]
    run_id = f"20260301T{number:012}Z-{number:06x}"
    committed = commit(database, polls, pages, run_id=run_id, feeds=feeds)
    if committed.run["articles_new"] != RUN_ARTICLES:
        raise SystemExit(f"{committed.run}")
    return float(committed.run["commit_seconds"])


def _poll(feed: str, names: list[str]) -> Poll:
    return poll(
        feed, 0, [_listed(feed, name) for name in names],
        bytes=9000, etag=None, body_hash=digest(feed, *names),
    )  # fmt: skip


def _listed(feed: str, name: str) -> Listed:
    url = f"{feed}/{name}"
    entry_id = digest(feed, url)
    return listed(
        feed, 0, entry_id=entry_id, listing_id=digest(entry_id, name), url_id=digest(url),
        url=url, guid=url, title=f"Story {name}", summary="Of the day. " * 10,
    )  # fmt: skip


def _page(feed: str, name: str) -> Page:
    url = f"{feed}/{name}"
    text = "\n".join(
        " ".join(digest(name, str(p), str(word))[:7] for word in range(45)) for p in range(6)
    )
    places = tuple(Evidence("text", at, at + 5, text[at : at + 5], "x") for at in (0, 40, 80))
    found = article(
        0, article_id=digest(url), url_id=digest(url), url=url, canonical_url=url, feed_url=feed,
        outlet=feed, title=f"Story {name}", text=text, word_count=270, text_hash=digest(text),
        body_hash=digest(url), bytes=90_000,
    )  # fmt: skip
    return page(
        0, found, url_id=found.url_id, url=url, feed_url=feed,
        topics=(TopicMatch("trade", 0.5, places),),
    )  # fmt: skip


# -- 3. whole runs ---------------------------------------------------------------------------------


def whole_run(folder: Path, database: Path, seed: int) -> tuple[Spent, float]:
    """`newsbeam run` over so many new articles of a newsroom: wall and CPU; seconds held."""
    newsroom = subprocess.Popen(
        [*PROGRAM, "newsroom", "--port", "0", "--json", "--kind", "--outlets", "24", "--seed",
         str(seed), "--articles", str(RUN_ARTICLES), "--page-kilobytes", "150"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert newsroom.stdout is not None
        base_url = json.loads(newsroom.stdout.readline())["base_url"]
        feeds = folder / f"feeds-{seed}.yaml"
        feeds.write_text(httpx.get(f"{base_url}/_control/feeds.yaml").text, encoding="utf-8")
        started = time.monotonic()
        result = subprocess.run(
            [*PROGRAM, "run", "--feeds", str(feeds), "--database", str(database), "--json", "--now",
             "--allow-private-hosts", "--host-delay", "0", "--host-concurrency", "8"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True,
        )  # fmt: skip
        wall = time.monotonic() - started
    finally:
        newsroom.terminate()
        newsroom.wait()
    run = json.loads(result.stdout)["run"]
    if run["articles_new"] < RUN_ARTICLES * 0.9:
        raise SystemExit(f"{run['articles_new']} of {RUN_ARTICLES} articles: {run}")
    return Spent(wall, run["cpu_seconds"]), run["commit_seconds"]


# -- all -------------------------------------------------------------------------------------------


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--articles", type=int, default=1_000_000, help="in the large database")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--archive", type=Path, help="one made before, which is copied")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        archive = folder / "archive.duckdb"
        if arguments.archive:
            shutil.copyfile(arguments.archive, archive)
        else:
            make_archive(archive, arguments.articles)
        _print_load(load(archive, folder, arguments.rounds))
        _print_commits(archive, folder / "small.duckdb", arguments.runs)
        _print_runs(archive, folder, arguments.rounds)


def _median(spent: list[Spent], field: str) -> float:
    return float(statistics.median(getattr(item, field) for item in spent))


def _print_load(spent: dict[str, list[Spent]]) -> None:
    print("100,000 articles of 2 kB, against COPY FROM the same Parquet files\n")
    print("| | time, ratio | CPU, ratio |")
    print("|---|---|---|")
    base = {field: _median(spent["copy"], field) for field in Spent._fields}
    for name in ("copy", "stage", "commit"):
        ratios = [_median(spent[name], field) / base[field] for field in Spent._fields]
        print(f"| {name} | {ratios[0]:.2f} | {ratios[1]:.2f} |")
    both = [
        sum(_median(spent[name], field) for name in ("stage", "commit")) / base[field]
        for field in Spent._fields
    ]
    print(f"| stage and commit (aim {AIM_LOAD}) | {both[0]:.2f} | {both[1]:.2f} |\n")


def _print_commits(large: Path, small: Path, runs: int) -> None:
    before = large.stat().st_size
    held_small, grown_small = commits(small, runs)
    held_large, grown_large = commits(large, runs)
    print(f"{runs} commits of {RUN_ARTICLES} articles\n")
    print("| | into an empty database | into the large one | ratio |")
    print("|---|---|---|---|")
    medians = statistics.median(held_small), statistics.median(held_large)
    print(f"| database held, median s | {medians[0]:.2f} | {medians[1]:.2f} | |")
    print(f"| database held, longest s (aim {AIM_HELD}) | {max(held_small):.2f} "
          f"| {max(held_large):.2f} | |")  # fmt: skip
    print(f"| growth of the file, MB (aim {AIM_GROWTH}) | {grown_small / 1e6:.1f} "
          f"| {grown_large / 1e6:.1f} | {grown_large / grown_small:.2f} |")  # fmt: skip
    print(f"| size of the file before, MB | | {before / 1e6:.0f} | |\n")


def _print_runs(large: Path, folder: Path, rounds: int) -> None:
    small, big, held = [], [], []
    for number in range(rounds):
        small.append(whole_run(folder, folder / f"empty-{number}.duckdb", 100 + number)[0])
        spent, seconds = whole_run(folder, large, 100 + number)
        big.append(spent)
        held.append(seconds)
    print(f"`newsbeam run` with {RUN_ARTICLES} new articles, medians of {rounds}\n")
    print("| | into an empty database | into the large one | ratio |")
    print("|---|---|---|---|")
    for field, name in (("wall", f"time (aim {AIM_RUN})"), ("cpu", "CPU")):
        ratio = _median(big, field) / _median(small, field)
        print(f"| {name}, s | {_median(small, field):.1f} | {_median(big, field):.1f} "
              f"| {ratio:.2f} |")  # fmt: skip
    print(f"| database held, longest s (aim {AIM_HELD}) | | {max(held):.2f} | |")


if __name__ == "__main__":
    main()
