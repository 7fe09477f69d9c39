"""`make real-feeds`: every feed of an evaluation folder is read, or refused with a reason.

Each is read in the pool of processes, under its limits of time and memory, as a run does.
"""

from __future__ import annotations

import gzip
import os
import sys
from collections import Counter
from pathlib import Path

from config.models import ExtractSettings
from transforms import pool
from transforms.feeds import parse_feed
from transforms.records import FeedDocument, Unreadable

EVAL = Path(os.environ.get("NEWSBEAM_EVAL", "../shared/eval")) / "feeds"
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
    report(outcomes)
    pool.close_pools()


def body_of(path: Path) -> bytes:
    """The feed's bytes; packed files are unpacked."""
    body = path.read_bytes()
    return gzip.decompress(body) if path.suffix == ".gz" else body


def report(outcomes: list[tuple[Path, FeedDocument | Unreadable]]) -> None:
    """Print counts by folder, formats, and refusals by reason."""
    folders: Counter[tuple[str, str]] = Counter()
    formats: Counter[str] = Counter()
    refused: dict[str, list[str]] = {}
    gaps: Counter[str] = Counter()
    for path, outcome in outcomes:
        folder = str(path.relative_to(EVAL).parts[0])
        folders[folder, "read" if isinstance(outcome, FeedDocument) else "refused"] += 1
        if isinstance(outcome, Unreadable):
            kind = f"{outcome.error_type}: {outcome.message[:70]}"
            refused.setdefault(kind, []).append(str(path.relative_to(EVAL)))
            continue
        formats[outcome.format] += 1
        gaps["entries"] += len(outcome.entries)
        for name in ("url", "title", "published_at", "content"):
            gaps[name] += sum(getattr(entry, name) is not None for entry in outcome.entries)
    print(f"{len(outcomes)} feeds under {EVAL}\n\n| folder | outcome | feeds |\n|---|---|---|")
    for (folder, outcome_name), count in sorted(folders.items()):
        print(f"| {folder} | {outcome_name} | {count} |")
    print("\nformats: " + ", ".join(f"{name} {count}" for name, count in formats.most_common()))
    print("entries: " + ", ".join(f"{name} {count}" for name, count in gaps.items()))
    print("\nrefused, by reason, with examples:")
    for kind, names in sorted(refused.items(), key=lambda item: -len(item[1]))[:TOLD]:
        print(f"  {len(names):4}  {kind}\n        {', '.join(names[:3])}")


if __name__ == "__main__":
    main()
