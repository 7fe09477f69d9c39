"""`python -m benchmarks.search`: what search costs, in the sidecar and in DuckDB's fts extension.

Articles of random words, drawn from a seed by Zipf's law, a tenth of them of Chinese characters,
go straight into the tables. Then both are measured in one run on one machine: the sidecar over
`--articles` and over `--fts-articles`, the extension over the latter.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pyarrow as pa

from sinks.ask.search import Filters, search, update_index
from sinks.ask.search.index import folder_of
from sinks.database.opening import open_database

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 365
WORDS, CHARACTERS, TOPICS, OUTLETS = 60_000, 3_000, 26, 200
SHORTEST, LONGEST = 300, 400
CHINESE = 10
"""One article in so many is Chinese."""
RARE = 1_000
"""One article in so many holds the rare phrase of its language."""
PHRASES = {"en": "dual-use exports", "zh-Hans": "台湾海峡"}
BATCH = 5_000
UPDATE, UPDATES = 500, 9
MEMORY_LIMIT = "4GB"
AIM = 1.0
"""Seconds that a query takes at most."""
BEST = """
SELECT article_id, title, text FROM articles WHERE rowid IN (
    SELECT id FROM (
        SELECT rowid AS id, fts_main_articles.match_bm25(article_id, ?, conjunctive := 1) AS score
        FROM articles
    ) WHERE score IS NOT NULL ORDER BY score DESC LIMIT 10
)
"""
"""What the extension is asked; only the texts of the ten best are read."""
COMMAND = [sys.executable, "-m", "newsbeam", "search"]


class Timed(NamedTuple):
    """What repetitions took in seconds: clock times and CPU times of all threads and children."""

    clock: list[float]
    cpu: list[float]

    def __str__(self) -> str:
        clock, cpu = statistics.median(self.clock), statistics.median(self.cpu)
        longest = f", longest {max(self.clock):.2f} s" if len(self.clock) > 1 else ""
        return f"{clock:.2f} s{longest}, CPU {cpu:.2f} s"


class Words:
    """Random texts of two languages."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
        self.latin = np.array(
            ["".join(self.rng.choice(letters, size)) for size in self.rng.integers(4, 11, WORDS)],
            dtype=object,
        )
        codes = self.rng.permutation(np.arange(0x4E00, 0x4E00 + CHARACTERS))
        self.chinese = np.array([chr(code) for code in codes], dtype=object)

    def text(self, language: str, length: int) -> str:
        words = self.chinese if language == "zh-Hans" else self.latin
        cut = np.searchsorted(_zipf(len(words)), self.rng.random(length))
        return ("" if language == "zh-Hans" else " ").join(words[cut].tolist())


def _zipf(size: int, known: dict[int, Any] = {}) -> Any:  # noqa: B006, it is a cache
    if size not in known:
        weights = 1 / np.arange(1, size + 1)
        known[size] = np.cumsum(weights / weights.sum())
    return known[size]


def rows(words: Words, first: int, count: int) -> dict[str, list[Any]]:
    """Columns of so many articles, the first of which has this number."""
    table: dict[str, list[Any]] = {name: [] for name in (
        "article_id", "url", "outlet", "country", "title", "published_at", "language", "text",
        "topics")}  # fmt: skip
    for number in range(first, first + count):
        language = "en" if number % CHINESE else "zh-Hans"
        text = words.text(language, int(words.rng.integers(SHORTEST, LONGEST)))
        if number // CHINESE % (RARE // CHINESE) == 0:
            half, gap = len(text) // 2, "" if language == "zh-Hans" else " "
            text = gap.join((text[:half], PHRASES[language], text[half:]))
        outlet, topics = words.rng.integers(OUTLETS), words.rng.integers(TOPICS, size=3)
        values = (
            _id(number), f"https://outlet-{outlet}.example/{number}", f"Outlet {outlet}",
            "NZ", words.text(language, 8), NOW - timedelta(days=words.rng.random() * DAYS),
            language, text, sorted({f"topic-{topic}" for topic in topics}),
        )  # fmt: skip
        for column, value in zip(table.values(), values, strict=True):
            column.append(value)
    return table


def _id(number: int) -> str:
    """As scattered as real ids."""
    return hashlib.sha256(str(number).encode()).hexdigest()[:32]


def fill(database: Path, words: Words, first: int, count: int, sequence: int) -> None:
    """Write so many articles into the database, by one commit's number."""
    with open_database(database, read_only=False, lock_timeout=0) as opened:
        connection = opened.connection
        connection.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
        for start in range(first, first + count, BATCH):
            batch = pa.table(rows(words, start, min(BATCH, first + count - start)))
            connection.register("batch", batch)
            connection.execute(
                f"INSERT INTO articles BY NAME SELECT * EXCLUDE topics, published_at AS listed_at,"
                f" 1 AS version, {sequence} AS sequence FROM batch"
            )
            connection.execute(
                "INSERT INTO article_topics BY NAME "
                "SELECT article_id, unnest(topics) AS topic, 0.5 AS score FROM batch"
            )
        connection.execute(  # a filter by a topic that is not there is refused
            "INSERT INTO topics BY NAME SELECT DISTINCT topic, topic AS name, 'bench' AS "
            "taxonomy_version FROM article_topics ANTI JOIN topics USING (topic)"
        )
        connection.execute("CHECKPOINT")


def queries(words: Words) -> dict[str, tuple[str, Filters]]:
    """What is asked, by what is hard about it."""
    w, c = words.latin, words.chinese
    week = Filters(("topic-3",), since=NOW - timedelta(days=7))
    return {
        "rare word": (w[20_000], Filters()),
        "common word": (w[0], Filters()),
        "three words": (f"{w[300]} {w[1000]} {w[2000]}", Filters()),
        "three common words": (f"{w[1]} {w[2]} {w[3]}", Filters()),
        "either of two": (f"{w[200]} OR {w[400]}", Filters()),
        "without": (f"{w[200]} -{w[1]}", Filters()),
        "rare phrase": (f'"{PHRASES["en"]}"', Filters()),
        "common phrase": (f'"{w[0]} {w[1]}"', Filters()),
        "rare phrase, topic, 7 days": (f'"{PHRASES["en"]}"', week),
        "common word, topic, 7 days": (w[0], week),
        "Chinese phrase": (PHRASES["zh-Hans"], Filters()),
        "common Chinese phrase": (f"{c[0]}{c[1]}", Filters()),
    }


def timed(work: Callable[[], Any], repetitions: int = 1) -> Timed:
    """Repeat it and look at the clock."""
    clock, cpu = [], []
    for _ in range(repetitions):
        started, spent = time.monotonic(), _cpu()
        work()
        clock.append(time.monotonic() - started)
        cpu.append(_cpu() - spent)
    return Timed(clock, cpu)


def _cpu() -> float:
    return sum(os.times()[:4])


def size(path: Path) -> float:
    """MB of a file or folder."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files) / 1e6


def sidecar(database: Path, words: Words, count: int, repetitions: int) -> Iterator[str]:
    """Measure the sidecar, over a database that was just filled with so many articles."""
    yield f"build: {timed(lambda: update_index(database, 0))}"
    yield f"index {size(folder_of(database)):,.0f} MB, database {size(database):,.0f} MB"
    updates = Timed([], [])
    for number in range(UPDATES):
        fill(database, words, count + number * UPDATE, UPDATE, number + 2)
        for kind, spent in zip(updates, timed(partial(update_index, database, 0)), strict=True):
            kind += spent
    yield f"update with {UPDATE}, median of {UPDATES}: {updates}"
    medians: dict[str, float] = {}
    for name, (query, filters) in queries(words).items():
        total = search(database, query, filters).total
        taken = timed(partial(search, database, query, filters), repetitions)
        medians[name] = statistics.median(taken.clock)
        yield f"query, {name}: {total:,} match: {taken}"
    slowest = max(medians, key=medians.__getitem__)
    missed = sum(median > AIM for median in medians.values())
    yield (f"slowest query, {slowest}: median {medians[slowest]:.2f} s (aim {AIM}); "
           f"{missed} of {len(medians)} miss the aim")  # fmt: skip
    for name in ("rare phrase", "common word"):
        command = [*COMMAND, "--database", str(database), queries(words)[name][0]]
        taken = timed(partial(subprocess.run, command, check=True, capture_output=True), 5)
        yield f"command, {name}: {taken}"
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    yield f"largest memory so far {memory:.2f} GiB"


def extension(database: Path, words: Words, repetitions: int) -> Iterator[str]:
    """Measure DuckDB's fts over the same database; its index lies in the file."""
    spec = importlib.util.find_spec("duckdb_extension_fts")
    if spec is None or spec.origin is None:
        yield "not measured: pip install duckdb-extension-fts"
        return
    (file,) = Path(spec.origin).parent.rglob("fts.duckdb_extension")
    make = "PRAGMA create_fts_index('articles', 'article_id', 'title', 'text', overwrite = 1)"
    before = size(database)
    with duckdb.connect(str(database), config={"memory_limit": MEMORY_LIMIT}) as connection:
        connection.execute(f"LOAD '{file}'")
        build = timed(lambda: connection.execute(make))
        connection.execute("CHECKPOINT")
    yield f"build, and the same after each commit, for it must be made whole: {build}"
    yield f"the file grows from {before:,.0f} to {size(database):,.0f} MB"

    def ask(query: str) -> int:
        with duckdb.connect(str(database), read_only=True) as connection:
            connection.execute(f"LOAD '{file}'")
            return len(connection.execute(BEST, [query]).fetchall())

    for name in ("rare word", "common word", "three words", "three common words"):
        yield f"query, {name}: {timed(partial(ask, queries(words)[name][0]), repetitions)}"
    yield f"phrases: none; Chinese phrase: {ask(PHRASES['zh-Hans'])} found"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--articles", type=int, default=1_000_000)
    parser.add_argument("--fts-articles", type=int, default=100_000)
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="where the databases go; default: temporary")
    arguments = parser.parse_args()
    for count in dict.fromkeys((arguments.fts_articles, arguments.articles)):
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            database, words = Path(folder) / "news.duckdb", Words(7)
            fill(database, words, 0, count, 1)
            print(f"\n## {count:,} articles, sidecar\n", flush=True)
            for line in sidecar(database, words, count, arguments.repetitions):
                print(f"- {line}", flush=True)
            if count == arguments.fts_articles:
                print(f"\n## {count:,} articles, DuckDB fts\n", flush=True)
                for line in extension(database, words, arguments.repetitions):
                    print(f"- {line}", flush=True)


if __name__ == "__main__":
    main()
