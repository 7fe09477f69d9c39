"""A stream under a seeded schedule of faults, held against what the newsroom knows.

Outlets fail and return, articles come and are edited, the stream is killed, a reader holds the
file. `python -m tests.kit.soak` is the long one; tests run a short one.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median, quantiles
from typing import Any, NamedTuple

import duckdb
import psutil

from tests.kit.newsrooms import serving
from tests.kit.program import PROGRAM
from tests.kit.rows import rows

HOLD = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1], read_only=True)
print("held", flush=True)
sys.stdin.readline()
"""
"""A reader that holds a file until it is told to let go."""


@dataclass(frozen=True)
class Schedule:
    """What befalls a stream; times in seconds."""

    seed: int
    faults: float
    """For how long articles come and things go wrong."""
    articles: int
    kills: int
    killing: float
    """Within which the kills fall: after that, one process lives on."""
    hold: float
    """For how long a reader holds the file."""
    illnesses: tuple[str, ...]
    ill: int
    """How many times an outlet falls ill …"""
    ill_for: float
    """… and for how long."""
    drain: float
    """For how long the stream may need, after the last fault, until it has everything."""
    interval: str = "5s"
    commit_every: str = "3s"


SHORT = Schedule(
    20261125, 60, 72, 5, 60, 8, ("feeds-http_503", "feeds-http_500", "hanging"), 6, 8, 240
)
LONG = Schedule(
    20261125, 1800, 1200, 5, 600, 60,
    ("feeds-http_503", "feeds-http_500", "feeds-truncated", "http_503", "hanging"), 30, 45, 3600,
    interval="10s", commit_every="10s",
)  # fmt: skip


class Event(NamedTuple):
    """Something that happens."""

    at: float
    what: str
    words: tuple[Any, ...] = ()


def events(schedule: Schedule, outlets: list[str]) -> list[Event]:
    """Everything that happens, in its order; the same seed, the same events."""
    chance = random.Random(schedule.seed)
    found = [
        Event(schedule.faults * number / schedule.articles, "publish")
        for number in range(schedule.articles)
    ]
    for _ in range(schedule.ill):
        outlet, how = chance.choice(outlets), chance.choice(schedule.illnesses)
        # A page that an outlet cannot give is asked for again after half an hour.
        latest = schedule.faults / 3 if how == "http_503" else schedule.faults
        at = chance.uniform(0, latest)
        found += [Event(at, "outlet", (outlet, how)),
                  Event(at + schedule.ill_for, "outlet", (outlet, "ok"))]  # fmt: skip
    found += [
        Event(chance.uniform(0.05, 0.95) * schedule.killing, "kill") for _ in range(schedule.kills)
    ]
    at = schedule.faults * chance.uniform(0.4, 0.6)
    found += [Event(at, "hold"), Event(at + schedule.hold, "let go")]
    found.append(Event(schedule.faults * 0.7, "edit"))
    return sorted(found)


class Sample(NamedTuple):
    """How much memory a stream took, at a time; bytes."""

    at: float
    life: int
    """How many times it had been started."""
    own: int
    """Of the process itself."""
    all: int
    """With the processes that parse."""


class Outcome(NamedTuple):
    """What came of it."""

    wrong: list[str]
    """Differences to the newsroom's truth."""
    exit_status: int
    ended_in: float
    """Seconds from SIGTERM to the end."""
    happened: Counter[str]
    samples: list[Sample]
    lags: list[float]
    """Seconds from an article's publication in the newsroom to its row."""
    seconds: float
    runs: int
    output: str


class Soak:
    """One newsroom, one database, one stream after the other."""

    def __init__(self, schedule: Schedule, folder: Path, say: Callable[[str], None]) -> None:
        self.schedule, self.folder, self.say = schedule, folder, say
        self.database, self.log = folder / "news.duckdb", folder / "stream.log"
        self.began = time.monotonic()
        self.stream: subprocess.Popen[str] | None = None
        self.reader: subprocess.Popen[str] | None = None
        self.lives = 0
        self.samples: list[Sample] = []
        self.happened: Counter[str] = Counter()

    def run(self) -> Outcome:
        """The whole schedule, then as long as it takes to have everything, then SIGTERM."""
        options = ["--kind", "--held", "--articles", str(self.schedule.articles),
                   "--interval", self.schedule.interval]  # fmt: skip
        with serving(self.folder, *options) as self.room:
            truth = self.room.truth()
            slugs = sorted({feed["url"].split("/")[3] for feed in truth["feeds"]})
            try:
                self.start()
                for event in events(self.schedule, slugs):
                    self.wait_until(event.at)
                    self.happen(event)
                self.room.post(f"publish/{self.schedule.articles}")
                wrong = self.drain(truth)
                asked = time.monotonic()
                self.stream.send_signal(signal.SIGTERM)
                self.stream.wait(60)
                ended_in = time.monotonic() - asked
                published = self.room.get("published").json()
                return Outcome(
                    wrong or differences(self.database, truth),
                    self.stream.returncode,
                    ended_in,
                    self.happened,
                    self.samples,
                    lags(self.database, published),
                    time.monotonic() - self.began,
                    rows(self.database, "SELECT count(*) FROM runs")[0][0],
                    self.log.read_text(encoding="utf-8"),
                )
            finally:
                for process in (self.stream, self.reader):
                    if process and process.poll() is None:
                        process.kill()
                        process.wait()

    def start(self) -> None:
        """Start a stream, or the next life of it."""
        self.lives += 1
        with open(self.log, "a", encoding="utf-8") as log:
            self.stream = subprocess.Popen(
                [*PROGRAM, "stream", "--feeds", str(self.room.feeds),
                 "--database", str(self.database), "--allow-private-hosts",
                 "--host-delay", "0.05", "--commit-every", self.schedule.commit_every],
                stdout=log, stderr=subprocess.STDOUT, text=True,
            )  # fmt: skip

    def wait_until(self, at: float) -> None:
        """Look at the memory now and then, until so many seconds after the start."""
        while (rest := self.began + at - time.monotonic()) > 0:
            self.look()
            time.sleep(min(rest, 1.0))

    def look(self) -> None:
        """Note what the stream takes; that it is there."""
        assert self.stream is not None
        assert self.stream.poll() is None, self.log.read_text(encoding="utf-8")[-2000:]
        try:
            process = psutil.Process(self.stream.pid)
            own = process.memory_info().rss
            others = sum(child.memory_info().rss for child in process.children(recursive=True))
        except psutil.Error:
            return
        self.samples.append(Sample(time.monotonic() - self.began, self.lives, own, own + others))

    def happen(self, event: Event) -> None:
        """Let something happen."""
        self.happened[event.what] += 1
        if event.what != "publish":
            self.say(f"{event.at:6.0f} s  {event.what} {' '.join(map(str, event.words))}")
        if event.what == "kill":
            assert self.stream is not None
            self.stream.kill()
            self.stream.wait()
            self.start()
        elif event.what == "hold":
            self.hold()
        elif event.what == "let go":
            assert self.reader is not None
            self.reader.communicate("\n", timeout=20)
        elif event.what == "publish":
            self.room.post("publish/1")
        elif event.what == "edit":
            self.room.post("edit")
        else:
            self.room.post("/".join(("outlet", *event.words)))

    def hold(self) -> None:
        """Let a reader hold the file, once it has its turn."""
        while self.reader is None or self.reader.poll() is not None:
            self.reader = subprocess.Popen(
                [sys.executable, "-c", HOLD, str(self.database)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            )  # fmt: skip
            assert self.reader.stdout is not None
            if not self.reader.stdout.readline():  # the stream writes just now
                self.reader.wait()

    def drain(self, truth: dict[str, Any]) -> list[str]:
        """Wait until the database says what the newsroom does; what it does not, in the end."""
        ends = time.monotonic() + self.schedule.drain
        wrong = ["nothing was looked at"]
        while wrong and time.monotonic() < ends:
            self.look()
            time.sleep(1.0)
            try:
                wrong = differences(self.database, truth)
            except duckdb.Error:  # the stream writes just now
                continue
        return wrong


def fold(text: str) -> str:
    """Words with single spaces."""
    return " ".join(text.split())


def own(text: str, told: dict[str, Any]) -> list[str]:
    """The paragraphs of a text, without the lines that only stand inside the article's body."""
    furniture = set(map(fold, told["furniture"]))
    return [line for line in map(fold, text.splitlines()) if line not in furniture]


def differences(database: Path, truth: dict[str, Any]) -> list[str]:
    """Where a database, after the edits, differs from what its newsroom knows; each once."""
    found = rows(database, "SELECT canonical_url, text, version FROM articles")
    expected = {item["canonical_url"]: item for item in truth["articles"]}
    wrong = [f"doubled: {url}" for url, n in Counter(url for url, *_ in found).items() if n > 1]
    wrong += [f"lost: {url}" for url in expected.keys() - {url for url, *_ in found}]
    for url, text, version in found:
        if url not in expected:
            wrong.append(f"not of the newsroom: {url}")
            continue
        told = expected[url]["edited"] or expected[url]
        if own(text, told) != list(map(fold, told["paragraphs"])):
            wrong.append(f"another text: {url}")
        if version > (2 if expected[url]["edited"] else 1):
            wrong.append(f"{version} versions: {url}")
    ((entries, distinct, owed),) = rows(
        database,
        """
        SELECT count(*), count(DISTINCT (feed_url, url_id)),
               count(*) FILTER (state <> 'fetched' OR recheck_at IS NOT NULL) FROM entries""",
    )
    listed = sum(feed["entries"] for feed in truth["feeds"])
    if (entries, distinct, owed) != (listed, listed, 0):
        wrong.append(f"{entries} entries of {listed}, {distinct} distinct, {owed} owed")
    return wrong


def lags(database: Path, published: dict[str, str]) -> list[float]:
    """Seconds from the publication of articles to the commit of their first version."""
    found = rows(
        database,
        """
        SELECT canonical_url, r.committed_at FROM articles a
        LEFT JOIN article_versions v ON v.article_id = a.article_id AND v.version = 1
        JOIN runs r ON r.run_id = coalesce(v.run_id, a.run_id)""",
    )
    return [
        (committed - datetime.fromisoformat(published[url])).total_seconds()
        for url, committed in found
        if url in published
    ]


def summary(outcome: Outcome) -> dict[str, Any]:
    """The figures."""
    last = [sample for sample in outcome.samples if sample.life == outcome.samples[-1].life]
    third = max(len(last) // 3, 1)
    return {
        "wrong": len(outcome.wrong),
        "exit_status": outcome.exit_status,
        "ended_in_seconds": round(outcome.ended_in, 1),
        "minutes": round(outcome.seconds / 60, 1),
        "runs": outcome.runs,
        "happened": dict(outcome.happened),
        "articles_with_lag": len(outcome.lags),
        "lag_median_seconds": round(median(outcome.lags), 1),
        "lag_p90_seconds": round(quantiles(outcome.lags, n=10)[-1], 1),
        "memory_last_life_second_third_mb": round(
            median(s.own for s in last[third : 2 * third]) / 1e6
        ),
        "memory_last_life_last_third_mb": round(median(s.own for s in last[-third:]) / 1e6),
        "memory_all_processes_mb": round(max(s.all for s in outcome.samples) / 1e6),
    }


def plot(outcome: Outcome, path: Path) -> None:
    """Draw the memory of the stream over its lives."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(9, 3.6), layout="constrained")
    minutes = [sample.at / 60 for sample in outcome.samples]
    axes.plot(minutes, [s.all / 1e6 for s in outcome.samples], label="with its parsers", lw=1)
    axes.plot(minutes, [s.own / 1e6 for s in outcome.samples], label="the stream itself", lw=1)
    starts = [b.at / 60 for a, b in zip(outcome.samples, outcome.samples[1:]) if a.life != b.life]  # noqa: B905
    for number, start in enumerate(starts):
        axes.axvline(start, color="grey", lw=0.8, ls=":", label=None if number else "killed")
    axes.set(xlabel="minutes", ylabel="MB in memory", ylim=(0, None))
    axes.set_title("newsbeam stream under faults: resident memory", loc="left")
    axes.legend(frameon=False, loc="lower right")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Run the long schedule, print its figures, and draw the memory."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path, help="an empty folder for the database and the log")
    parser.add_argument("--plot", type=Path, help="where to draw the memory")
    parser.add_argument("--short", action="store_true", help="the short schedule")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    schedule = SHORT if options.short else LONG
    outcome = Soak(schedule, options.folder, lambda line: print(line, flush=True)).run()
    if options.plot:
        plot(outcome, options.plot)
    print(json.dumps(summary(outcome), indent=1))
    for line in outcome.wrong[:20]:
        print(line)
    sys.exit(bool(outcome.wrong))


if __name__ == "__main__":
    main()
