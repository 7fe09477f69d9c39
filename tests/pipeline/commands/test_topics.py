"""`newsbeam topics`: an analyst begins a file, checks it, and sees what it finds and why not."""

from __future__ import annotations

import json
from pathlib import Path

import fastjsonschema
import pytest

from tests.kit.newsrooms import Newsroom, run_over
from tests.kit.program import newsbeam
from tests.kit.rows import rows

TOPICS = """
lists:
  chips: [microchip*, semiconductor*]
topics:
  - id: chips       # of silicon
    name: Chips
    any: [{list: chips}, {phrase: Nvidia, weight: 2}]
    mask: [microchip cats]

  # Not shown with the one before.
  - id: chip-exports
    name: Export of chips
    parent: chips
    any: [{near: [export*, {list: chips}], words: 2}]
"""
TEXT = "Exports of microchips grow\n\nThey microchip cats. Now and then, too, exports rose, and later fell, with microchips.\n"


@pytest.fixture
def topics(tmp_path: Path) -> Path:
    path = tmp_path / "topics.yaml"
    path.write_text(TOPICS, encoding="utf-8")
    return path


def test_a_file_is_begun_and_has_nothing_odd(tmp_path: Path) -> None:
    assert "topics check" in newsbeam("topics", "init", "my.yaml", cwd=tmp_path).stdout
    checked = newsbeam("topics", "check", "--topics", "my.yaml", cwd=tmp_path).stdout
    assert checked == "1 topics, 4 examples: 0 errors, 0 warnings\n"
    fastjsonschema.compile(json.loads((tmp_path / "topics.schema.json").read_text("utf-8")))
    again = newsbeam("topics", "init", "my.yaml", cwd=tmp_path, expect=2)
    assert "stays as it is" in again.stderr


def test_what_is_odd_is_said_with_its_line(topics: Path) -> None:
    topics.write_text(TOPICS + "    none: [export*]\n    examples: {yes: [cake]}\n", "utf-8")
    done = newsbeam("topics", "check", "--topics", topics, expect=1)
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"{topics}:14: error: 'export*' contradicts 'export*' of 'none'")
    assert lines[1].startswith(f"{topics}:16: error: 'cake' is no example of 'chip-exports'")
    assert lines[-1] == "2 topics, 1 examples: 2 errors, 0 warnings"
    as_json = json.loads(newsbeam("topics", "check", "--topics", topics, "--json", expect=1).stdout)
    assert [one["line"] for one in as_json] == [14, 16]


def test_topics_are_listed_and_shown_to_copy_from(topics: Path) -> None:
    (chips, _) = json.loads(newsbeam("topics", "list", "--topics", topics, "--json").stdout)
    assert (chips["topic"], chips["phrases"]) == ("chips", 3)
    shown = newsbeam("topics", "show", "chips", "--topics", topics).stdout
    assert "# of silicon" in shown
    assert "Not shown" not in shown
    resolved = newsbeam("topics", "show", "chips", "--resolved", "--topics", topics).stdout
    assert "- microchip*" in resolved
    assert len(newsbeam("topics", "list").stdout.splitlines()) > 26
    wrong = newsbeam("topics", "show", "taiwn", expect=2).stderr
    assert "no topic 'taiwn'; did you mean 'taiwan'?" in wrong


def test_a_text_is_marked_and_its_scores_explained(topics: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text(TEXT, encoding="utf-8")
    shown = newsbeam("topics", "test", text, "--topics", topics).stdout
    assert "[Exports of microchips]{chip-exports}{chips} grow" in shown
    assert "chip-exports  0.5 = 3 / (3 + 3)" in shown
    assert "1 × 3  near: export*, microchip*|semiconductor* of chip-exports, title" in shown
    text.write_text(TEXT.split("\n\n")[1], encoding="utf-8")
    shown = newsbeam("topics", "test", text, "--topics", topics).stdout
    assert (
        "not chip-exports: 'near: export*, microchip*|semiconductor*' needs 2 words, found 5"
        in shown
    )
    found = json.loads(newsbeam("topics", "test", text, "--topics", topics, "--json").stdout)
    assert [(one["topic"], one["applies"]) for one in found] == [
        ("chips", True),
        ("chip-exports", False),
    ]
    one = newsbeam("topics", "test", text, "--topics", topics, "--topic", "chip-exports").stdout
    assert "chips  0.25" not in one
    assert "no such" in newsbeam("topics", "test", "absent.txt", expect=2).stderr.lower()


def test_a_saved_page_is_tested_as_its_article(topics: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    words = "The ministry said that the makers of semiconductors had asked for more time. " * 5
    page.write_text(
        f"<html><body><article><h1>News</h1><p>{words}</p></article></body></html>", "utf-8"
    )
    assert "[semiconductors]{chips}" in newsbeam("topics", "test", page, "--topics", topics).stdout


FILE = """
defaults: {min_score: 0.2}
topics:
  - {id: trade, name: Trade, any: [tariff*], weights: {lead: 2, last: 0.5}}
  - id: chips
    name: Chips
    parent: trade
    any: [semiconductor*, {near: [export*, chip*], sentence: true, weight: 2}]
  - {id: taiwan, name: Taiwan, any: [Taiwan*, {phrase: 台湾, variants: han}], none: [horoscope]}
"""


def test_every_score_of_a_run_is_the_sum_of_its_evidence_in_sql(
    newsroom: Newsroom, tmp_path: Path
) -> None:
    topics, database = tmp_path / "topics.yaml", tmp_path / "news.duckdb"
    topics.write_text(FILE, encoding="utf-8")
    run_over(newsroom, database, "--topics", topics)
    sums = rows(database, """
        SELECT count(*), count(*) FILTER (
            score IS DISTINCT FROM (SELECT round(sum(weight) / (sum(weight) + 3), 4)
                                    FROM topic_evidence e
                                    WHERE (e.article_id, e.topic) = (t.article_id, t.topic)))
        FROM article_topics t""")  # fmt: skip
    assert sums[0][0] > 5
    assert sums[0][1] == 0
    assert rows(database, "SELECT DISTINCT topic, child FROM topic_evidence WHERE child <> ''") == [
        ("trade", "chips")
    ]
    assert "nothing wrong" in newsbeam("db", "check", "--database", database).stdout
    newsbeam("export", "--snapshot", tmp_path / "out", "--database", database)
    (kept,) = (tmp_path / "out" / "topics").iterdir()
    shown = json.loads(newsbeam("check", "--topics", kept, "--json").stdout)
    assert shown["taxonomy_version"] == kept.stem
