"""What staged pages would change of the articles that are there."""

from __future__ import annotations

from typing import Any, NamedTuple

from sinks.database.opening import all_rows, open_database
from sinks.database.where import Where
from sinks.staging.folder import RunFolder
from sinks.staging.shards import read_shards

EXAMPLES = 10
COMPARED = """
CREATE OR REPLACE TEMP TABLE compared AS
SELECT a.article_id, a.url, a.outlet, p.error_type, p.article IS NOT NULL AS read,
       p.article.text_hash <> a.text_hash AS text_changed,
       p.article.title IS DISTINCT FROM a.title AS title_changed,
       a.word_count AS words_before, p.article.word_count AS words,
       a.title AS title_before, p.article.title AS title,
       a.extractor AS extractor_before, p.article.extractor AS extractor,
       list_sort(list_transform(p.topics, lambda t: t.topic)) AS topics,
       coalesce(t.topics, []) AS topics_before
FROM staged p JOIN articles a ON a.article_id = p.look.article_id
LEFT JOIN (
    SELECT article_id, list_sort(list(topic)) AS topics FROM article_topics GROUP BY ALL
) t ON t.article_id = a.article_id
"""
COUNTS = """
SELECT count(*) AS pages, count(*) FILTER (read) AS read,
       count(*) FILTER (read AND text_changed) AS texts_changed,
       count(*) FILTER (read AND title_changed) AS titles_changed,
       count(*) FILTER (read AND topics <> topics_before) AS topics_changed,
       count(*) FILTER (read AND text_changed AND words < words_before) AS shorter,
       count(*) FILTER (read AND text_changed AND words > words_before) AS longer,
       coalesce(sum(words_before) FILTER (read), 0)::BIGINT AS words_before,
       coalesce(sum(words) FILTER (read), 0)::BIGINT AS words
FROM compared
"""
FAILED = """
SELECT error_type, count(*) AS n FROM compared WHERE NOT read GROUP BY ALL ORDER BY n DESC, 1
"""
LARGEST = f"""
SELECT url, words_before, words, title_before, title FROM compared
WHERE read AND (text_changed OR title_changed)
ORDER BY abs(words - words_before) DESC, url LIMIT {EXAMPLES}
"""


class Compared(NamedTuple):
    """What pages that were read anew say, beside what their articles say."""

    articles: int
    """Articles that were to be read anew."""
    pages: int
    """Of these the ones whose pages can be had."""
    read: int
    texts_changed: int
    titles_changed: int
    topics_changed: int
    shorter: int
    longer: int
    words_before: int
    words: int
    failed: list[tuple[str, int]]
    """(kind, pages) of those that could not be read: their articles stay as they are."""
    examples: list[dict[str, Any]]
    """The texts that changed most: url, words_before, words, title_before, title."""


def compare(database: Where, folder: RunFolder, articles: int, lock_timeout: float) -> Compared:
    """Hold the pages that a run has staged against the articles that they are of.

    Raises:
        DatabaseLocked: another process held the database.
    """
    with (
        folder.fetched() as files,
        open_database(database, read_only=True, lock_timeout=lock_timeout) as opened,
    ):
        connection = opened.connection
        paths = [path for shard, path in files.items() if shard.table == "pages"]
        connection.register("staged", read_shards(connection, "pages", paths))
        connection.execute(COMPARED)
        (counts,) = all_rows(connection, COUNTS)
        failed = connection.execute(FAILED).fetchall()
        return Compared(articles, **counts, failed=failed, examples=all_rows(connection, LARGEST))
