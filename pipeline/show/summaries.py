"""What a run or a commit brought, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline.run.batch import RunResult
from pipeline.run.reextract import Reextracted
from pipeline.show.words import dumps, duration, folded, safe, shortfall, shown, size
from sinks.keep.publish import Published
from sinks.load.report import Committed


def summary_json(result: RunResult) -> str:
    """A run's summary for programs."""
    return dumps(result_json(result))


def result_json(result: RunResult) -> dict[str, Any]:
    """A run's summary as a document."""
    return {
        **committed_json(result.committed),
        "recovered": [committed_json(item) for item in result.recovered],
        "published": published_json(result.published),
    }


def published_json(published: Published | None) -> dict[str, Any] | None:
    """What became of the copy for readers; None where none was asked for, or it failed."""
    return published and {**published._asdict(), "path": str(published.path)}


def committed_json(committed: Committed) -> dict[str, Any]:
    """What a commit brought, for programs."""
    failures = [
        {"stage": stage, "error_type": kind, "count": count}
        for stage, kind, count in committed.failures
    ]
    below = [
        {"outlet": outlet, "entries": entries, "expected": expected, "seconds": seconds}
        for outlet, entries, expected, seconds in committed.below
    ]
    return {
        "run": committed.run,
        "topics": dict(committed.topics),
        "failures": failures,
        "set_aside": [{"file": name, "reason": reason} for name, reason in committed.set_aside],
        "ill_feeds": dict(committed.ill),
        "below_expectation": below,
    }


def reextracted_json(found: Reextracted) -> dict[str, Any]:
    """What extracting anew changed, or would, for programs."""
    compared = found.compared._asdict() | {"failed": dict(found.compared.failed)}
    return {"changed": found.committed is not None, **compared,
            "run": found.committed and found.committed.run}  # fmt: skip


def summary(result: RunResult) -> str:
    """A run's summary for people."""
    lines = [taken_over(earlier) for earlier in result.recovered]
    lines += _lines(result.committed)
    if result.published:
        lines.append(published_line(result.published))
    return "\n".join(lines)


def taken_over(earlier: Committed) -> str:
    """A line on a run that was left staged."""
    run = earlier.run
    name = f"run {run['run_id']} ({run['state']})"
    if not earlier.shards and not earlier.set_aside:
        return f"Nothing was left staged by {name}."
    told = f"Took over {earlier.shards} staged files of {name}: {run['articles_new']} articles."
    return "\n".join([told, *_set_aside(earlier)])


def _set_aside(committed: Committed) -> Iterator[str]:
    for name, reason in committed.set_aside:
        yield f"Set aside {name}, which cannot be loaded: {safe(reason)}"


def published_line(published: Published) -> str:
    """A line on the copy for readers."""
    path = safe(str(published.path))
    if not published.written:
        return f"{path} is up to date."
    return f"Published {size(published.bytes)} to {path} in {published.seconds:.1f} s."


def _lines(committed: Committed) -> Iterator[str]:
    run = committed.run
    took = (run["finished_at"] - run["started_at"]).total_seconds() + run["commit_seconds"]
    yield f"Run {run['run_id']} {run['state']} in {took:.1f} s."
    yield f"  feeds     {_feeds(committed)}"
    if run["entries_new"] or run["feeds_polled"]:
        yield f"  entries   {run['entries_new']} new"
    if run["pages"]:
        yield f"  articles  {_articles(run)}"
        yield from folded("topics", [f"{topic} {count}" for topic, count in committed.topics])
    if run["looks"]:
        yield f"  again     {_looks(run)}"
    if committed.left:
        yield f"  left      {committed.left} page{'s'[: committed.left != 1]} for the next run"
    stages = dict.fromkeys(stage for stage, _, _ in committed.failures)
    for number, stage in enumerate(stages):
        kinds = [f"{kind} {n}" for of, kind, n in committed.failures if of == stage]
        yield from folded("" if number else "failures", [f"{stage}: {kinds[0]}", *kinds[1:]])
    if committed.ill:
        ill = ", ".join(f"{count} {health}" for health, count in committed.ill)
        yield f"  health    {ill}; `newsbeam feeds` names them"
    if committed.below:
        yield from folded("below", [shortfall(*item) for item in committed.below])
    if run["listed_lag_seconds"] is not None:
        yield f"  lag       {_lags(run)}"
    phases = (("plan", "plan"), ("poll", "poll"), ("pages", "page"), ("commit", "commit"))
    yield "  time      " + ", ".join(
        f"{name} {run[f'{key}_seconds'] or 0:.1f} s" for name, key in phases
    )
    yield from _set_aside(committed)
    if run["feeds_polled"] and run["feeds_polled"] == run["feeds_failed"]:
        yield f"No feed could be read; the first: {safe(committed.first_failure or '')}"


def _lags(run: dict[str, Any]) -> str:
    listed, published = run["listed_lag_seconds"], run["published_lag_seconds"]
    since = "" if published is None else f", {duration(published)} from publication"
    return f"{duration(listed)} from listing{since} to row (medians)"


def _feeds(committed: Committed) -> str:
    run = committed.run
    if not run["feeds_due"]:
        when = f"; the next is at {shown(committed.next_due)} UTC" if committed.next_due else ""
        return f"none is due{when} (--now polls all)"
    ok = run["feeds_polled"] - run["feeds_unchanged"] - run["feeds_failed"]
    left = run["feeds_due"] - run["feeds_polled"]
    return (
        f"{run['feeds_polled']} polled: {ok} with news, {run['feeds_unchanged']} unchanged, "
        f"{run['feeds_failed']} failed" + (f"; {left} left for the next run" if left else "")
    )


def _articles(run: dict[str, Any]) -> str:
    told = ("articles_new", "articles_changed", "pages_failed", "pages_pending")
    known = run["pages"] + run["looks_changed"] - sum(run[name] for name in told)
    parts = (
        (run["articles_changed"], "changed"),
        (known, "known already"),
        (run["pages_failed"], "failed"),
        (run["pages_pending"], "to be tried again"),
    )
    others = ", ".join(f"{number} {what}" for number, what in parts if number)
    new = f"{run['articles_new']} new from {run['pages']} pages"
    return f"{new}: {others}" if others else new


def _looks(run: dict[str, Any]) -> str:
    looks, changed, failed = run["looks"], run["looks_changed"], run["looks_failed"]
    parts = ((changed, "changed"), (failed, "failed"), (looks - changed - failed, "unchanged"))
    told = ", ".join(f"{number} {what}" for number, what in parts if number)
    return f"{looks} looked at: {told}; {size(run['look_bytes'])}"


def run_line(committed: Committed) -> str:
    """A run of a stream as one line for people."""
    run = committed.run
    parts = [f"{shown(run['finished_at'])}  {_feeds(committed)}"]
    if run["pages"]:
        parts.append(f"articles {_articles(run)}")
    if run["looks"]:
        parts.append(f"again {_looks(run)}")
    if committed.left:
        parts.append(f"{committed.left} pages owed")
    return "; ".join(parts)
