"""`make real-feeds`: every feed of an evaluation folder is read, or refused with a reason.

Each is read in the pool of processes, under its limits of time and memory, as a run does. One that
broke its process or its parser ends this with 1.
"""

from __future__ import annotations

import gzip
import os
import sys
from collections import Counter
from pathlib import Path

from config.models import ExtractSettings
from transforms.feeds.documents import parse_feed
from transforms.records import FeedDocument, Unreadable
from transforms.workers import pool

ROOT = Path(__file__).resolve().parents[1]
EVAL = Path(os.environ.get("NEWSBEAM_EVAL", ROOT.parent / "shared" / "eval")) / "feeds"
REASONS = ("NotAFeed", "MalformedFeed")
"""To refuse a feed; every other ending is a fault of ours."""
URL = "https://feeds.example/feed"
TOLD = 12


def main() -> None:
    """Read them all, and say what came of it."""
    paths = sorted(path for path in EVAL.rglob("*") if path.is_file() and path.suffix != ".md")
    if not paths:
        sys.exit(f"{EVAL}: no feeds there; NEWSBEAM_EVAL names another folder")
    settings = ExtractSettings(processes=os.cpu_count() or 1)
    futures = [
        (
            path,
            pool.submit(settings.processes, settings.timeout, parse_feed, body_of(path), {}, URL),
        )
        for path in paths
    ]
    outcomes = [(path, pool.outcome(future, settings.timeout)) for path, future in futures]
    pool.close_pools()
    report(outcomes)
    lost = [(path, outcome) for path, outcome in outcomes if is_lost(outcome)]
    for path, outcome in lost:
        print(f"lost: {path.relative_to(EVAL)}: {outcome}")
    sys.exit(1 if lost else 0)


def is_lost(outcome: FeedDocument | Unreadable) -> bool:
    """Whether a feed was neither read nor refused."""
    return isinstance(outcome, Unreadable) and outcome.error_type not in REASONS


def body_of(path: Path) -> bytes:
    """The feed's bytes; packed files are unpacked."""
    body = path.read_bytes()
    return gzip.decompress(body) if path.suffix == ".gz" else body


def named(outcome: FeedDocument | Unreadable) -> str:
    """How a feed ended, in one word."""
    if is_lost(outcome):
        return "lost"
    return "read" if isinstance(outcome, FeedDocument) else "refused"


def report(outcomes: list[tuple[Path, FeedDocument | Unreadable]]) -> None:
    """Print counts by folder, formats, and refusals by reason."""
    folders: Counter[tuple[str, str]] = Counter()
    formats: Counter[str] = Counter()
    refused: dict[str, list[str]] = {}
    gaps: Counter[str] = Counter()
    for path, outcome in outcomes:
        folder = str(path.relative_to(EVAL).parts[0])
        folders[folder, named(outcome)] += 1
        if isinstance(outcome, Unreadable):
            kind = f"{outcome.error_type}: {outcome.message[:70]}"
            refused.setdefault(kind, []).append(str(path.relative_to(EVAL)))
            continue
        formats[outcome.format] += 1
        gaps["entries"] += len(outcome.entries)
        for name in ("url", "title", "published_at", "content"):
            gaps[name] += sum(getattr(entry, name) is not None for entry in outcome.entries)
    counts = Counter(named(outcome) for _, outcome in outcomes)
    told = ", ".join(f"{counts[name]} {name}" for name in ("read", "refused", "lost"))
    print(
        f"{len(outcomes)} feeds under {EVAL}: {told}\n\n| folder | outcome | feeds |\n|---|---|---|"
    )
    for (folder, outcome_name), count in sorted(folders.items()):
        print(f"| {folder} | {outcome_name} | {count} |")
    print("\nformats: " + ", ".join(f"{name} {count}" for name, count in formats.most_common()))
    print("entries: " + ", ".join(f"{name} {count}" for name, count in gaps.items()))
    print("\nrefused, by reason, with examples:")
    for kind, names in sorted(refused.items(), key=lambda item: -len(item[1]))[:TOLD]:
        print(f"  {len(names):4}  {kind}\n        {', '.join(names[:3])}")


if __name__ == "__main__":
    main()
