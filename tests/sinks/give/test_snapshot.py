"""A snapshot can be cited, checked, and opened without newsbeam."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
import yaml

from config.errors import ConfigError, ExportError
from config.load import load_topics, shipped
from config.models import VERSION
from config.written import written
from sinks.ask.selection import Selection
from sinks.give.snapshot import Difference, Snapshot, verify, write_snapshot
from sinks.tables.tables import TABLES
from tests.kit.program import UNMEASURED
from tests.kit.rows import rows
from tests.kit.samples import (
    FEED,
    LATER,
    OTHER,
    RUN,
    article,
    commit,
    failed_poll,
    listed,
    page,
    poll,
)

TAXONOMY = load_topics(shipped("topics.yaml"))
DEFINED = [
    {"topic": topic.id, "name": topic.name, "taxonomy_version": TAXONOMY.version,
     "definition": list(topic.labels), "rules": json.dumps(written(topic))}
    for topic in TAXONOMY.topics
]  # fmt: skip
WHOLE = Selection()


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("snapshot") / "news.duckdb"
    plan = {"topics": DEFINED, "taxonomy_version": TAXONOMY.version}
    german = article(2, language="de")
    commit(path, [poll(FEED, 0, [listed(FEED, 1), listed(FEED, 2)]), failed_poll(OTHER, 0)],
           [page(1), page(2, german, topics=())], **plan)  # fmt: skip
    commit(path, [poll(FEED, 60)], run_id=LATER, **plan)
    return path


@pytest.fixture
def snapshot(database: Path, tmp_path: Path) -> Path:
    write_snapshot(database, tmp_path / "snap", WHOLE, lock_timeout=0)
    return tmp_path / "snap"


def manifest(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "manifest.json").read_text("utf-8"))


def test_all_rows_of_all_tables_are_in_it(database: Path, snapshot: Path) -> None:
    for table in TABLES:
        path = snapshot / "tables" / f"{table.name}.parquet"
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            stored = connection.execute(f"FROM '{path}'").fetchall()
        assert stored == rows(database, f"FROM {table.name}")
        assert manifest(snapshot)["rows"][table.name] == pq.read_table(path).num_rows == len(stored)


def test_the_manifest_says_what_it_is(database: Path, snapshot: Path) -> None:
    told = manifest(snapshot)
    ((database_id,),) = rows(database, "SELECT database_id FROM newsbeam_schema")
    assert told["name"] == "snap"
    assert told["database_id"] == database_id
    assert told["newsbeam_version"] == VERSION
    assert told["duckdb_version"] == duckdb.__version__
    assert told["runs"] == {"count": 2, "first": RUN, "last": LATER}
    assert told["filters"] == {}
    assert told["bundle_id"] in told["citation"]
    assert "2 articles of 1 outlets, published 2026-03-01 to 2026-03-01" in told["citation"]


def test_the_same_database_has_the_same_id_whenever_it_is_taken(
    database: Path, snapshot: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.duckdb"
    shutil.copy(database, copy)
    again = write_snapshot(copy, tmp_path / "another name", WHOLE)
    assert again.bundle_id == manifest(snapshot)["bundle_id"]
    commit(copy, [poll(FEED, 120)], run_id="20260301T150000000000Z-dddddd")
    later = write_snapshot(copy, tmp_path / "later", WHOLE)
    assert later.bundle_id != again.bundle_id


@pytest.mark.parametrize("version", ["../../outside", "/tmp/outside", "..", "a/b", "", "a\nb"])
def test_nothing_is_written_outside_whatever_a_database_says(
    database: Path, tmp_path: Path, version: str
) -> None:
    folder = tmp_path / "strange"
    folder.mkdir()
    strange = Path(shutil.copy(database, folder / "news.duckdb"))
    with duckdb.connect(str(strange)) as connection:
        connection.execute("UPDATE topics SET taxonomy_version = ?", [version])
    with pytest.raises(ExportError, match="can name no file"):
        write_snapshot(strange, folder / "snap", WHOLE)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["news.duckdb", "strange"]


def test_what_a_database_says_is_no_markdown(database: Path, tmp_path: Path) -> None:
    strange = Path(shutil.copy(database, tmp_path / "news.duckdb"))
    with duckdb.connect(str(strange)) as connection:
        connection.execute("UPDATE newsbeam_schema SET database_id = '<b>[x](y)</b>'")
    write_snapshot(strange, tmp_path / "snap", WHOLE)
    readme = (tmp_path / "snap" / "README.md").read_text("utf-8")
    assert r"database \<b\>\[x\](y)\</b\>;" in readme


def test_topics_are_a_topics_file_of_their_version(snapshot: Path) -> None:
    (path,) = (snapshot / "topics").iterdir()
    assert path.stem == TAXONOMY.version
    loaded = load_topics(path)
    assert loaded.version == TAXONOMY.version
    assert {topic.id: topic for topic in loaded.topics} == {
        topic.id: topic for topic in TAXONOMY.topics
    }


def test_a_selection_narrows_articles_and_what_belongs_to_them(
    database: Path, tmp_path: Path
) -> None:
    selection = Selection(topics=("taiwan",))
    write_snapshot(database, tmp_path / "snap", selection)
    told = manifest(tmp_path / "snap")
    assert told["filters"] == {"topics": ["taiwan"]}
    assert (told["rows"]["articles"], told["rows"]["article_topics"]) == (1, 1)
    assert told["rows"]["feeds"] == 3
    assert "1 articles of 1 outlets" in told["citation"]
    assert '{"topics": ["taiwan"]}' in (tmp_path / "snap" / "README.md").read_text("utf-8")
    with pytest.raises(ConfigError, match="did you mean 'taiwan'"):
        write_snapshot(database, tmp_path / "other", Selection(topics=("taiwn",)))
    assert not (tmp_path / "other").exists()


def test_an_empty_database_can_be_taken(tmp_path: Path) -> None:
    commit(tmp_path / "news.duckdb", state=None)
    done = write_snapshot(tmp_path / "news.duckdb", tmp_path / "snap", WHOLE)
    assert ": 0 articles of 0 outlets, runs " in done.citation
    assert verify(tmp_path / "snap") == (done.bundle_id, [])


# What people and programs do with it


def test_the_readme_tells_true(snapshot: Path) -> None:
    text = (snapshot / "README.md").read_text("utf-8")
    (queries,) = re.findall("```sql\n(.*?)```", text, re.DOTALL)
    for query in queries.strip().split(";\n"):
        inside = query.replace("'tables/", f"'{snapshot}/tables/")
        assert duckdb.execute(inside).fetchall()
    assert manifest(snapshot)["citation"] in text


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="a command of GNU")
def test_the_id_can_be_computed_without_newsbeam(snapshot: Path) -> None:
    command = re.findall("```\n(sha256sum .*?)\n```", (snapshot / "README.md").read_text("utf-8"))
    result = subprocess.run(command[0], shell=True, cwd=snapshot, capture_output=True, text=True)
    assert result.stdout.strip() == manifest(snapshot)["bundle_id"]


def test_the_citation_for_programs_has_what_the_format_demands(snapshot: Path) -> None:
    citation = yaml.safe_load((snapshot / "CITATION.cff").read_text("utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == manifest(snapshot)["bundle_id"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", citation["date-released"])
    assert all(author["name"] for author in citation["authors"])


def test_a_keeper_may_name_authors(snapshot: Path) -> None:
    (snapshot / "CITATION.cff").write_text("authors: [{name: Somebody}]")
    assert verify(snapshot)[1] == []


# Verification


def test_an_untouched_snapshot_is_as_it_says(snapshot: Path) -> None:
    assert verify(snapshot) == (manifest(snapshot)["bundle_id"], [])


def test_each_file_that_is_not_as_it_was_is_named(snapshot: Path) -> None:
    articles = snapshot / "tables" / "articles.parquet"
    content = bytearray(articles.read_bytes())
    content[len(content) // 2] ^= 1
    articles.write_bytes(content)
    (snapshot / "tables" / "feeds.parquet").unlink()
    (snapshot / "README.md").write_text("something else")
    (snapshot / "tables" / "more.parquet").write_bytes(b"")
    assert verify(snapshot)[1] == [
        Difference("differs", "README.md"),
        Difference("differs", "tables/articles.parquet"),
        Difference("missing", "tables/feeds.parquet"),
        Difference("extra", "tables/more.parquet"),
    ]


@pytest.mark.parametrize(
    "content",
    ["", "{}", "[]", '{"files": [1]}', "\x00", '{"files": [{"path": 1}]}',
     '{"files": [{"path": 1, "bytes": 1, "sha256": "x"}], "bundle_id": "x"}'],
)  # fmt: skip
def test_what_is_no_manifest_is_said(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(ExportError, match="no manifest of a snapshot"):
        verify(tmp_path)


def test_what_is_no_snapshot_is_said(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"no snapshot, manifest\.json is not there"):
        verify(tmp_path)
    with pytest.raises(ExportError, match="absent: no such folder"):
        verify(tmp_path / "absent")


def test_a_manifest_that_was_made_to_fit_has_another_id(snapshot: Path) -> None:
    told = manifest(snapshot)
    (item,) = [item for item in told["files"] if item["path"] == "tables/runs.parquet"]
    item["sha256"] = "0" * 64
    (snapshot / "manifest.json").write_text(json.dumps(told))
    with pytest.raises(ExportError, match="the bundle id is not that of its files"):
        verify(snapshot)


# Places


def test_an_earlier_snapshot_is_replaced_only_on_request(database: Path, snapshot: Path) -> None:
    (snapshot / "note.txt").write_text("extra")
    with pytest.raises(ExportError, match="there is one of this name; --overwrite"):
        write_snapshot(database, snapshot, WHOLE)
    assert (snapshot / "note.txt").exists()
    done = write_snapshot(database, snapshot, WHOLE, overwrite=True)
    assert isinstance(done, Snapshot)
    assert verify(snapshot)[1] == []
    assert [path.name for path in snapshot.parent.iterdir()] == ["snap"]


def test_a_disk_that_fills_up_leaves_the_earlier_snapshot(database: Path, snapshot: Path) -> None:
    """The limit on the size of files stands in for a full disk."""
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from sinks.ask.selection import Selection\n"
        "from sinks.give.snapshot import write_snapshot\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
        "write_snapshot(sys.argv[1], Path(sys.argv[2]), Selection(), overwrite=True)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, database, snapshot],
        capture_output=True, text=True, env=UNMEASURED,
    )  # fmt: skip
    assert "config.errors.ExportError" in result.stderr.splitlines()[-1]
    assert verify(snapshot)[1] == []
    assert [path.name for path in snapshot.parent.iterdir()] == ["snap"]
