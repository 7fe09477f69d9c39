"""Extracting anew the texts of articles, from the pages that were kept or from an archive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from config.models import ExtractSettings
from pipeline.run.again import Again, in_one_commit
from pipeline.run.batch import cpu_seconds
from pipeline.run.looks import look_of
from sinks.database.opening import open_database
from sinks.keep.pages import pages_folder
from sinks.load.compare import Compared, compare
from sinks.load.report import Committed
from sinks.staging.folder import RunFolder
from transforms.records import REEXTRACT, PageTask, Reread
from transforms.shapes import read_lines, write_lines
from transforms.web.archive import write_index
from transforms.workers.plan_files import local_file

SHARD_ROWS = 1_000
# What the feed said of a page, as it was at the last reading: of a headline that it lists the
# article's own is that; authors and publication of the feed stand in where the page has none.
WANTED = """
WITH listed AS (
    SELECT *, count(*) OVER (PARTITION BY feed_url, url_id) AS of_page FROM entries
    WHERE state = 'fetched'
)
SELECT a.url_id, a.url, a.feed_url, coalesce(f.position, 0), a.outlet, a.country, f.language,
       CASE WHEN e.entry_id IS NULL OR (of_page = 1 AND e.title IS NOT NULL) THEN a.title END,
       CASE WHEN e.entry_id IS NULL THEN a.byline WHEN of_page = 1 THEN e.byline END,
       CASE WHEN a.published_source = 'feed' THEN a.published_at END, a.listed_at,
       a.article_id, a.extractor, a.text_hash, a.body_hash, a.redirects, k.file, k.at_byte
FROM (
    SELECT article_id, url_id, url, feed_url, outlet, country, title, byline, published_at,
           published_source, listed_at, fetched_at, extractor, text_hash, body_hash, redirects
    FROM articles WHERE text_source = 'page' AND fetched_at >= $since
) a
LEFT JOIN feeds f USING (feed_url)
LEFT JOIN kept_pages k ON k.article_id = a.article_id AND k.body_hash = a.body_hash
LEFT JOIN listed e ON e.url_id = a.url_id AND e.feed_url = a.feed_url
QUALIFY row_number() OVER (PARTITION BY a.article_id ORDER BY k.until DESC, e.run_id, e.url) = 1
ORDER BY k.file, k.at_byte, a.article_id
"""
EVER = datetime.fromisoformat("0001-01-02T00:00:00+00:00")


class Reextracted(NamedTuple):
    """What came of it."""

    compared: Compared
    committed: Committed | None
    """None where nothing was to be changed."""
    damage: list[str]
    """What could not be read of an archive."""


def reextract(
    what: Again,
    since: datetime | None = None,
    files: Sequence[Path] = (),
    dry_run: bool = False,
) -> Reextracted:
    """Make the texts of articles anew, and all that is made of texts, in one commit.

    Pages are those that `--keep-pages` kept, and those of WARC `files`, where they are to the byte
    what the article's text is from. Articles whose texts or headlines come out as others get
    another version, whose cause is the extractor.

    Raises:
        ArchiveError: a WARC file cannot be read.
        RunActive, DatabaseLocked, RunFailed: as of `in_one_commit`.
    """
    damage: list[str] = []

    def stage(folder: RunFolder, chosen: Any) -> tuple[Compared, float]:
        index = None
        if files:
            index = folder.plan / "archive.sqlite"
            damage.extend(write_index(files, (), index))
        articles, wanted = _wanted(what, since or EVER, str(index) if index else None)
        plan = folder.plan / "again.jsonl"
        write_lines(plan, wanted)
        folder.share_plan()
        cpu = _execute(what, folder, plan, chosen) if wanted else 0.0
        return compare(what.database, folder, articles, what.lock_timeout), cpu

    compared, committed = in_one_commit(what, "extracted anew", stage, commit=not dry_run)
    return Reextracted(compared, committed, damage)


def _wanted(what: Again, since: datetime, index: str | None) -> tuple[int, list[Reread]]:
    """How many articles there are, and the pages of those that can be had."""
    with open_database(what.database, read_only=True, lock_timeout=what.lock_timeout) as opened:
        rows = opened.connection.execute(WANTED, {"since": since}).fetchall()
    found = [_reread(row, pages_folder(what.database), index) for row in rows]
    return len(found), [one for one in found if index or (one.task.look and one.task.look.kept)]


def _reread(row: Sequence[Any], folder: Path, index: str | None) -> Reread:
    *told, article_id, extractor, text_hash, body_hash, redirects, file, at_byte = row
    known = article_id, REEXTRACT, extractor, text_hash, body_hash
    look = look_of(known, folder, file, at_byte)
    return Reread(PageTask(*told)._replace(look=look), tuple(redirects), index)


def _execute(what: Again, folder: RunFolder, plan: Path, chosen: Any) -> float:
    import apache_beam as beam

    from pipeline.run.graph import stage
    from transforms.steps.text import JudgeAgain
    from transforms.text.pages import refused_page
    from transforms.workers.pool import close_pools

    pipeline = beam.Pipeline(runner=chosen.runner, options=chosen.options)
    pages = (
        pipeline
        | "Plan" >> beam.Create([folder.shared(plan)])
        | "Kept pages" >> beam.FlatMap(_tasks)
        | "Spread" >> beam.Reshuffle()
        | "Judge" >> JudgeAgain(ExtractSettings(processes=chosen.processes), what.taxonomy)
    )
    stage(pages, "pages", folder, refused_page)
    try:
        result = pipeline.run()
        result.wait_until_finish()
        return cpu_seconds(result)
    finally:
        close_pools()


def _tasks(address: str) -> Iterator[Reread]:
    with local_file(address) as path:
        yield from read_lines(path, Reread)
