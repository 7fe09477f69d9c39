"""Records through Parquet and into the tables, with every field they have."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sinks.connector.values import fit
from sinks.staging.shards import TABLES
from tests.kit.rows import rows
from tests.kit.samples import (
    FEED,
    RUN,
    address,
    article,
    at,
    commit,
    content,
    failed_page,
    failed_poll,
    listed,
    page,
    poll,
)
from transforms.records import Evidence, Page, Poll, TopicMatch

RECORDS = {"polls": Poll, "pages": Page}
TEXTS = {
    "en": "Sanctions – “tight” ones\nSecond line",
    "de": "Größe, Maß und Überkapazität",
    "fr": "L’élysée dément ; ça coûte 5 €",
    "ru": "Санкции против флота",
    "ar": "مضيق تايوان\u200f والعقوبات",
    "ja": "台湾海峡を通過した",
    "zh-Hant": "臺灣海峽 𠮷野家",
    "zh-Hans": "台湾海峡 半导体",
    "combining": "e\u0301 👩\u200d💻 a\u0000b",
    "nothing": "",
}


def read(kind: str, shard: bytes) -> list[dict[str, Any]]:
    return pq.read_table(io.BytesIO(shard)).to_pylist()


def names(hint: Any, kind: pa.DataType | pa.Schema) -> None:
    """Hold the fields of a record, and of the records in it, to a type of Arrow."""
    assert list(hint._fields) == [field.name for field in kind], hint
    for name, inner in get_type_hints(hint).items():
        for option in (inner, *get_args(inner)):
            if hasattr(option, "_fields"):
                target = kind.field(name).type
                listing = get_origin(inner) is tuple
                names(option, target.value_type if listing else target)


@pytest.mark.parametrize("kind", RECORDS)
def test_schemas_have_the_fields_of_the_records(kind: str) -> None:
    names(RECORDS[kind], TABLES[kind].arrow)


FULL = {
    "polls": [
        poll(FEED, 0, [listed(FEED, 1), listed(FEED, 2, url=None, url_id=None, state="skipped")],
             error="odd date", last_modified="Sun, 01 Mar 2026 10:00:00 GMT"),
        failed_poll(FEED, 1, state="retired", next_poll_at=None, http_status=None),
        poll(FEED, 2),
    ],
    "pages": [
        page(1, topics=(TopicMatch("iran", 0.5, (Evidence("title", 0, 4, "Iran", "iran*"),) * 2),
                        TopicMatch("cyber", 1 / 3, ()))),
        page(2, article(2, redirects=("https://a.example/1", "https://a.example/2"), byline="B",
                        country=None, title=None, published_at=None, language=None)),
        failed_page(3, "pending"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("kind", RECORDS)
def test_every_field_survives_the_file(kind: str) -> None:
    row = fit(pa.struct(TABLES[kind].arrow))
    assert read(kind, content(kind, FULL[kind])) == [row(record) for record in FULL[kind]]


def test_same_records_same_bytes() -> None:
    assert content("pages", FULL["pages"]) == content("pages", FULL["pages"])
    assert content("pages", FULL["pages"]) != content("pages", FULL["pages"][::-1])


@pytest.mark.parametrize("language", TEXTS)
def test_text_comes_back_letter_by_letter(language: str) -> None:
    record = page(1, article(1, text=TEXTS[language], title=TEXTS[language]))
    (row,) = read("pages", content("pages", [record]))
    assert row["article"]["text"] == row["article"]["title"] == TEXTS[language]


def test_lone_surrogates_are_replaced_wherever_they_stand() -> None:
    lone = "a\ud800b"
    record = page(
        1,
        article(1, text=lone, redirects=(lone,)),
        topics=(TopicMatch("iran", 1.0, (Evidence("text", 0, 1, lone, lone),)),),
    )
    (row,) = read("pages", content("pages", [record]))
    assert row["article"]["text"] == "a?b"
    assert row["article"]["redirects"] == ["a?b"]
    assert row["topics"][0]["evidence"][0]["matched"] == "a?b"


def test_an_article_reaches_its_tables_with_every_field(tmp_path: Path) -> None:
    database = tmp_path / "news.duckdb"
    found = article(
        1, byline="Ilse Varga", title=TEXTS["ar"], text=TEXTS["zh-Hant"], published_at=None,
        published_source=None, country=None, language="zh-Hant",
        redirects=(address(1), address(99)),
    )  # fmt: skip
    places = (Evidence("text", 0, 2, "臺灣", "臺灣"), Evidence("title", 4, 10, "تايوان", "تايوان"))
    commit(database, [page(1, found, topics=(TopicMatch("taiwan", 4 / 7, places),))])
    columns = ", ".join(found._fields)
    (row,) = rows(database, f"SELECT {columns} FROM articles")
    assert list(row) == [list(v) if isinstance(v, tuple) else v for v in found]
    topics = rows(database, "SELECT topic, score, taxonomy_version FROM article_topics")
    assert topics == [("taiwan", 4 / 7, "v1")]
    evidence = rows(
        database,
        'SELECT field, start, "end", matched, phrase, weight, part, child '
        "FROM topic_evidence ORDER BY field",
    )
    assert evidence == [tuple(place) for place in places]


def test_a_poll_reaches_its_tables_with_every_field(tmp_path: Path) -> None:
    database = tmp_path / "news.duckdb"
    entry = listed(FEED, 1, title=TEXTS["ja"], byline="I. V.", published_at=None, guid=None)
    record = poll(
        FEED, 3, [entry], error="odd date", last_modified="Sun, 01 Mar 2026",
        redirected_to="https://dawn.example/there", schedule='{"rule": "ttl", "ttl": 1800}',
        address="https://dawn.example/moved", moving_to="https://dawn.example/there",
        moves_seen=2, moving_since=at(1), gap_seconds=700, newest_entry_at=at(-9),
        hints='{"ttl": 1800}', false_304=True, last_body_at=at(3),
    )  # fmt: skip
    commit(database, [record])
    columns = ", ".join(name for name in entry._fields)
    assert rows(database, f"SELECT {columns} FROM entries") == [tuple(entry)]
    assert rows(database, "SELECT * FROM feed_polls") == [
        (RUN, FEED, at(3), "ok", 200, 1, 1, 0, False, 4000, 12, record.redirected_to, at(33),
         record.schedule, None, "odd date")
    ]  # fmt: skip
    kept = ("state", "etag", "last_modified", "body_hash", "failures", "next_poll_at",
            "failing_since", "address", "moving_to", "moves_seen", "moving_since", "gap_seconds",
            "newest_entry_at", "hints", "false_304", "last_body_at")  # fmt: skip
    columns = ", ".join(kept)
    assert rows(database, f"SELECT {columns} FROM feeds WHERE feed_url = '{FEED}'") == [
        tuple(getattr(record.after, name) for name in kept)
    ]
    state = "SELECT last_polled_at, last_ok_at, last_error FROM feeds WHERE feed_url = "
    assert rows(database, f"{state}'{FEED}'") == [(at(3), at(3), None)]


def test_a_failed_poll_is_a_failure_with_its_reason(tmp_path: Path) -> None:
    database = tmp_path / "news.duckdb"
    commit(database, [failed_poll(FEED, 3, failures=4)])
    failures = rows(database, "SELECT * EXCLUDE failure_id FROM failures")
    assert failures == [(RUN, "poll", FEED, FEED, "Http500", "the server failed", at(3), 4)]
    last = rows(database, f"SELECT failures, last_error FROM feeds WHERE feed_url = '{FEED}'")
    assert last == [(4, "Http500: the server failed")]
