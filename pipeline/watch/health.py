"""Is it healthy? A pure judgement over what `sinks.keep.status` found."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from config.moments import span_text
from pipeline.show.words import duration, folded, safe, shortfall, shown, size

FEW = 20
"""Of fewer polls, pages or feeds than this no share is judged."""
NAMED = 5
"""So many feeds or hosts are named; the rest are counted."""


class Limits(NamedTuple):
    """Beyond what a database is not healthy; times in seconds."""

    overdue: int
    """For which a feed may be due, and a staged run wait."""
    owed: int
    """For which a page may be due."""
    lag: int
    """Median of a day, from listing to row."""
    failures: float
    """Share of polls and pages of a day, and of feeds, 0 to 1."""
    free: int
    """Bytes that must be left on the disk."""


class Reason(NamedTuple):
    """Why it is not healthy."""

    what: str
    """One word for programs: run, overdue, silent, owed, lag, failures, staged or disk."""
    message: str


def reasons(found: dict[str, Any], limits: Limits) -> list[Reason]:
    """Why a database is not healthy; none where it is."""
    judges = (_run, _overdue, _silent, _owed, _lag, _failures, _staged, _disk)
    return [
        Reason(judge.__name__.removeprefix("_"), message)
        for judge in judges
        for message in judge(found, limits)
    ]


def _run(found: dict[str, Any], _limits: Limits) -> Iterator[str]:
    last = found["last_run"]
    if last is None:
        yield "no run has been committed yet"
    elif last["state"] in ("failed", "died"):
        why = f": {safe(last['message'])}" if last["message"] else ""
        yield f"the last run, {last['run_id']}, {last['state']}{why}"


def _overdue(found: dict[str, Any], limits: Limits) -> Iterator[str]:
    feeds = found["feeds"]
    if feeds["overdue"]:
        advice = "is it too slow?" if found["active"] else "does anything run?"
        yield (
            f"{_count(feeds['overdue'], 'feed')} overdue by more than {span_text(limits.overdue)}, "
            f"{safe(feeds['longest_due'] or '')} by {duration(feeds['longest_due_seconds'])}: "
            f"{advice}"
        )


def _silent(found: dict[str, Any], _limits: Limits) -> Iterator[str]:
    below = found["feeds"]["below_expectation"]
    if below:
        yield "less than expected: " + _few([_shortfall(row) for row in below])


def _owed(found: dict[str, Any], limits: Limits) -> Iterator[str]:
    waits = found["pages"]["longest_due_seconds"]
    if waits is not None and waits > limits.owed:
        yield (
            f"{_count(found['pages']['due'], 'page')} due, one for {duration(waits)}; "
            f"the limit is {span_text(limits.owed)}"
        )


def _lag(found: dict[str, Any], limits: Limits) -> Iterator[str]:
    lag = found["last_day"]["lag"]
    if lag and lag["listed_seconds"] > limits.lag:
        yield (
            f"from listing to row it took {duration(lag['listed_seconds'])} "
            f"(median of the last day); the limit is {span_text(limits.lag)}"
        )


def _failures(found: dict[str, Any], limits: Limits) -> Iterator[str]:
    day, feeds = found["last_day"], found["feeds"]
    ill = feeds["failing"] + feeds["broken"]
    for failed, of, what in ((day["polls_failed"], day["polls"], "polls of the last day failed"),
                             (day["pages_failed"], day["pages"], "pages of the last day failed"),
                             (ill, feeds["listed"], "feeds fail or are broken")):  # fmt: skip
        if of >= FEW and failed > limits.failures * of:
            yield f"{failed} of {of} {what}; the limit is {limits.failures:.0%}"


def _staged(found: dict[str, Any], limits: Limits) -> Iterator[str]:
    if found["staging_is_of_another_version"]:
        yield "what is staged is of another version: `newsbeam commit` of that version brings it in"
    waiting = found["staged"][:-1] if found["active"] else found["staged"]
    since = found["now"] - timedelta(seconds=limits.overdue)
    old = [run_id for run_id in waiting if _started(run_id) < since]
    if old:
        yield f"{_count(len(old), 'run')} waiting staged: `newsbeam commit` brings them in"
    for folder in found["set_aside"]:
        yield f"rows that could not be loaded are set aside; {folder}/reasons.json says why"


def _disk(found: dict[str, Any], limits: Limits) -> Iterator[str]:
    if found["disk_free_bytes"] < limits.free:
        yield (
            f"{size(found['disk_free_bytes'])} free on the disk; the limit is {size(limits.free)}"
        )


def status_lines(found: dict[str, Any], because: list[Reason]) -> str:
    """How a database fares, for people."""
    lines = [f"{safe(found['path'])}: {'not healthy' if because else 'healthy'}"]
    for reason in because:
        lines += folded(reason.what, [reason.message])
    if because:
        lines.append("")
    for name, items in _facts(found):
        lines += folded(name, items)
    return "\n".join(lines)


def _facts(found: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    last, day = found["last_run"], found["last_day"]
    if last:
        yield "last run", [f"{last['run_id']} {last['state']}, {_ago(found, last['committed_at'])}"]
    yield "at work", ["a program is" if found["active"] else "no program is"]
    yield "feeds", _feeds(found["feeds"])
    yield "pages", _pages(found["pages"])
    if found["resting_hosts"]:
        yield "resting", [f"{safe(host['host'])} until {shown(host['resting_until'])} UTC"
                          for host in found["resting_hosts"][:NAMED]]  # fmt: skip
    yield (
        "last day",
        [
            _count(day["runs"], "run", ""),
            f"{_count(day['polls'], 'poll', '')} ({day['polls_failed']} failed)",
            f"{_count(day['pages'], 'page', '')} ({day['pages_failed']} failed)",
        ],
    )
    if day["lag"]:
        yield "lag", _lags(day["lag"])
        yield "by hour", [f"{row['hour']:%H}h {duration(row['listed_seconds'])}"
                          for row in day["lag_by_hour"]]  # fmt: skip
    yield "staged", found["staged"][:NAMED] or ["nothing"]
    yield "disk", [size(found["bytes"]), f"{size(found['disk_free_bytes'])} free"]


def _feeds(feeds: dict[str, Any]) -> list[str]:
    states = ("ok", "failing", "broken", "retired", "never_polled")
    known = [f"{feeds[name]} {name.replace('_', ' ')}" for name in states if feeds[name]]
    late = f", one for {duration(feeds['longest_due_seconds'])}" if feeds["due"] else ""
    return [f"{feeds['listed']} listed", *known, f"{feeds['due']} due now{late}"]


def _pages(pages: dict[str, Any]) -> list[str]:
    if not pages["owed"]:
        return ["none owed"]
    oldest = duration(pages["oldest_seconds"])
    return [f"{pages['owed']} owed", f"{pages['due']} due now", f"the oldest listed {oldest} ago"]


def _lags(lag: dict[str, Any]) -> list[str]:
    listed, published = lag["listed_seconds"], lag["published_seconds"]
    within = f"95% within {duration(lag['listed_seconds_p95'])}"
    parts = [f"{duration(listed)} from listing to row ({within})"]
    if published is not None:
        parts.append(f"{duration(published)} from publication to row")
    return [*parts, f"medians of {lag['articles']} new articles"]


def _shortfall(row: dict[str, Any]) -> str:
    return shortfall(row["outlet"], row["entries"], row["expect_entries"], row["expect_seconds"])


def _started(run_id: str) -> datetime:
    at = datetime.strptime(run_id.partition("-")[0], "%Y%m%dT%H%M%S%fZ")
    return at.replace(tzinfo=UTC)


def _few(items: list[str]) -> str:
    """The first of some items, and how many more there are."""
    more = f" and {len(items) - NAMED} more" if len(items) > NAMED else ""
    return ", ".join(items[:NAMED]) + more


def _count(number: int, what: str, verb: str | None = None) -> str:
    """How many there are of something."""
    text = f"{number} {what}{'s'[: number != 1]}"
    if verb is None:
        verb = "is" if number == 1 else "are"
    return f"{text} {verb}".rstrip()


def _ago(found: dict[str, Any], at: Any) -> str:
    if at is None:
        return "nobody knows when"
    return f"{duration((found['now'] - at).total_seconds())} ago"
