"""A database with as many articles as one likes, made fast, for the benchmarks."""

from __future__ import annotations

import random
import string
from pathlib import Path

from sinks.database.opening import open_database

FEEDS = 300
PARAGRAPHS = 4_000
WORDS = 45
PARAGRAPHS_OF_AN_ARTICLE = 6
BATCH = 100_000
ARTICLES = """
INSERT INTO articles BY NAME
SELECT md5('article' || i) AS article_id, md5('page' || i) AS url_id,
       'https://outlet' || i % $feeds || '.example/story/' || i AS url, url AS canonical_url,
       'https://outlet' || i % $feeds || '.example/feed' AS feed_url,
       'Outlet ' || i % $feeds AS outlet, 'GB' AS country,
       array_to_string($words[1 + i % 900 : 9 + i % 900], ' ') AS title,
       TIMESTAMPTZ '2024-01-01 00:00:00Z' + to_minutes((i * 0.9)::BIGINT) AS published_at,
       'feed' AS published_source, published_at + INTERVAL 20 MINUTE AS listed_at,
       published_at + INTERVAL 21 MINUTE AS fetched_at, 'en' AS language,
       array_to_string(list_transform(range($each),
           lambda k: $paragraphs[1 + (hash(i, k) % len($paragraphs))::BIGINT]), chr(10)) AS text,
       $each * 45 AS word_count, sha256(text) AS text_hash, sha256(url) AS body_hash,
       80000 + i % 40000 AS bytes, []::VARCHAR[] AS redirects, 'trafilatura 2.3.1' AS extractor,
       'archive' AS run_id, 1 AS version, md5('story' || i) AS story_id, 1 AS sequence
FROM range($start, $end) t(i)
"""
REST = """
INSERT INTO entries BY NAME
SELECT md5('entry' || article_id) AS entry_id, feed_url, url_id, url, url AS guid, title,
       title AS summary, published_at, published_at::VARCHAR AS published_raw,
       md5('listing' || article_id) AS listing_id, listed_at, 'archive' AS run_id,
       'fetched' AS state, 1 AS attempts, 0 AS rechecks, article_id
FROM articles;
INSERT INTO article_topics
SELECT article_id, 'topic' || topic, 0.5, 'archive'
FROM (SELECT article_id, unnest([hash(article_id) % 26, 26 + hash(url_id) % 3]) AS topic
      FROM articles);
INSERT INTO topic_evidence
SELECT article_id, topic, 'text', place, place + 5, substring(text, place + 1, 5), 'phrase'
FROM (SELECT article_id, topic, unnest([0, 40, 80]) AS place FROM article_topics)
JOIN articles USING (article_id);
INSERT INTO feeds BY NAME
SELECT DISTINCT feed_url, outlet, country, false AS listed, 'active' AS state, 0 AS failures
FROM articles;
INSERT INTO runs BY NAME SELECT 'archive' AS run_id, 'done' AS state
"""


def make_archive(path: Path, articles: int) -> None:
    """Write a database with so many articles of about 2 kB, their entries, topics and evidence."""
    chance = random.Random(7)
    words = [
        "".join(chance.choices(string.ascii_lowercase, k=chance.randint(2, 11)))
        for _ in range(20_000)
    ]
    weights = [1 / rank for rank in range(1, len(words) + 1)]
    paragraphs = [" ".join(chance.choices(words, weights, k=WORDS)) for _ in range(PARAGRAPHS)]
    with open_database(path, read_only=False, lock_timeout=0) as opened:
        connection = opened.connection
        for start in range(0, articles, BATCH):
            connection.execute(
                ARTICLES,
                {"feeds": FEEDS, "words": words[:1000], "paragraphs": paragraphs,
                 "each": PARAGRAPHS_OF_AN_ARTICLE, "start": start,
                 "end": min(start + BATCH, articles)},
            )  # fmt: skip
        connection.execute(REST)
        connection.execute("CHECKPOINT")
