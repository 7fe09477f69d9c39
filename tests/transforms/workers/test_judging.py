"""A taxonomy goes to the pool once; pages and articles are judged there, by the right one."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier

import pytest

from config.models import KeepSettings, Taxonomy, Topic
from transforms.records import LISTING, Look, PageTask, Response
from transforms.web.kept import PageKeeper
from transforms.workers import pool
from transforms.workers.judging import hand_over, judge_page, retag

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
URL = "https://news.example/a"
TASK = PageTask("0" * 32, URL, "https://news.example/rss", 0, "Gazette", None, None, "Cranes",
                None, None, NOW)  # fmt: skip
TEXT = "The harbour of Taiwan waits for its cranes, said the minister of Iran. " * 9
PAGE = f"<html><body><article><p>{TEXT}</p></article></body></html>".encode()
TAXONOMIES = [Taxonomy((Topic(name.lower(), name, (name,)),)) for name in ("Taiwan", "Iran")]


@pytest.fixture(autouse=True, scope="module")
def pools() -> Iterator[None]:
    yield
    pool.close_pools()


def in_pool(function, *arguments):
    return pool.outcome(pool.submit(1, 30, function, *arguments), 30)


def test_a_page_is_judged_from_its_bytes_in_one_call_by_two_taxonomies_in_turn():
    answer = Response(URL, 200, {}, PAGE, (), NOW, 0, 0)
    for topic, taxonomy in (("taiwan", TAXONOMIES[0]), ("iran", TAXONOMIES[1])) * 2:
        page = in_pool(judge_page, TASK, answer, hand_over(taxonomy))
        assert page.article.text.startswith("The harbour of Taiwan")
        assert [match.topic for match in page.topics] == [topic]


def test_threads_that_hand_over_at_once_find_it_whole():
    phrases = tuple(f"phrase {number}" for number in range(20_000))
    threads = 4
    at_once = Barrier(threads)

    def read(turn: int) -> Taxonomy:
        at_once.wait()
        taxonomy = Taxonomy((Topic(f"topic-{turn}", "Topic", phrases),))
        return pickle.loads(Path(hand_over(taxonomy)).read_bytes())

    for turn in range(10):
        with ThreadPoolExecutor(threads) as executor:
            found = list(executor.map(read, [turn] * threads))
        assert {taxonomy.topics[0].id for taxonomy in found} == {f"topic-{turn}"}


def test_a_folder_that_the_system_has_cleaned_away_is_made_anew():
    shutil.rmtree(Path(hand_over(TAXONOMIES[0])).parent)
    assert pickle.loads(Path(hand_over(TAXONOMIES[0])).read_bytes()) == TAXONOMIES[0]


def test_a_page_without_text_is_a_failure():
    path = hand_over(TAXONOMIES[0])
    page = in_pool(judge_page, TASK, Response(URL, 200, {}, b"<html>", (), NOW, 0, 0), path)
    assert (page.state, page.error_type, page.article) == ("failed", "NoText", None)


def test_articles_of_the_database_are_judged_by_the_same_rules():
    articles = [{"article_id": "1", "title": "Iran", "text": TEXT, "language": "en"},
                {"article_id": "2", "title": None, "text": "Cranes", "language": None}]  # fmt: skip
    first, second = in_pool(retag, articles, hand_over(TAXONOMIES[1]))
    assert (first.article_id, [match.topic for match in first.topics]) == ("1", ["iran"])
    assert second == ("2", ())


def test_a_kept_page_whose_text_repeats_the_listed_headline_is_no_edit(tmp_path):
    """The headline of the listing stands on the page as a line alone, and nowhere in its head."""
    headline = "Will the cranes for the harbour come late?"
    body = PAGE.replace(b"<article>", f"<article><p>{headline}</p>".encode())
    answer = Response(URL, 200, {}, body, (), NOW, 0, 0)
    listed, topics = TASK._replace(title=headline), hand_over(TAXONOMIES[0])
    keeper = PageKeeper(KeepSettings(str(tmp_path), 3_600))
    first = keeper.keep(judge_page(listed, answer, topics), answer)
    keeper.close()
    assert first.kept
    look = Look("a", LISTING, "older 1.0", "of another text", "of other bytes", None, None,
                str(tmp_path / first.kept.file), first.kept.at_byte)  # fmt: skip
    again = judge_page(listed._replace(look=look), answer, topics)
    assert headline not in again.article.text
    assert again.text_before == again.article.text_hash
