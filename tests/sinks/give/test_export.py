"""Articles and tables in other tools' formats, read back by those tools."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from config.errors import ConfigError, ExportError
from sinks.ask.selection import PORTION, Selection, condition, portions
from sinks.connector.errors import DatabaseError, DatabaseLocked
from sinks.give.export import MARKER, WRITERS, Exported, export_articles, export_table
from sinks.tables.tables import TABLES
from sinks.tables.views import VIEWS
from tests.kit.formulas import FORMULAS, HARMLESS
from tests.kit.program import UNMEASURED
from tests.kit.rows import rows
from tests.kit.samples import (
    FEED,
    OTHER,
    TAIWAN,
    TOPICS,
    article,
    at,
    commit,
    held,
    listed,
    page,
    poll,
)
from transforms.records import Evidence, TopicMatch

FORMATS = ("parquet", *WRITERS)
DUAL_USE = TopicMatch(
    "dual-use", 0.5, (Evidence("title", 0, 8, "Headline", "Headline*"),
                      Evidence("text", 7, 11, "held", "held")))  # fmt: skip
ARTICLES = (
    article(1, byline="A. Writer", language="zh-Hans", title="Headline 台湾 \u2028 é"),
    article(2, published_at=at(-60 * 24 * 3), language="de", outlet="Gazette", feed_url=OTHER),
    article(3, published_at=None, published_source=None, title=None, language=None),
    article(4, published_at=at(-90), text='Line, "quoted"\r\nand\tmore', outlet="Gazette"),
)
TAGS = ((TAIWAN, DUAL_USE), (TAIWAN,), (), (DUAL_USE,))
DEFINED = [*TOPICS, {**TOPICS[0], "topic": "dual-use"}, {**TOPICS[0], "topic": "cyber"}]
UNSAID = {"weight": None, "part": None, "child": None}
"""What the samples leave unsaid of evidence."""
IDS = [item.article_id for item in ARTICLES]
IN_TIME = [IDS[1], IDS[3], IDS[0], IDS[2]]
EVERYTHING = Selection()


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "news.duckdb"
    found = [page(n, item, topics=tags)
             for n, (item, tags) in enumerate(zip(ARTICLES, TAGS, strict=True), 1)]  # fmt: skip
    polls = [poll(FEED, 0, [listed(FEED, n) for n in range(1, 5)]), poll(OTHER, 0)]
    commit(path, polls, found, topics=DEFINED)
    return path


def exported(database: Path, form: str, output: Path, **selected: Any) -> Exported:
    return export_articles(database, form, output, Selection(**selected), lock_timeout=0)


def objects(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n")[:-1]]


def cells(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


# Parquet


def test_parquet_is_a_dataset_by_day_for_duckdb(database: Path, tmp_path: Path) -> None:
    done = exported(database, "parquet", tmp_path / "out")
    assert (done.rows, done.files) == (4, 3)
    assert done.bytes == sum(path.stat().st_size for path in tmp_path.rglob("*.parquet"))
    found = duckdb.execute(
        "SELECT article_id, day FROM read_parquet(?, hive_partitioning = true) "
        "ORDER BY day, published_at", [f"{tmp_path}/out/**/*.parquet"]).fetchall()  # fmt: skip
    assert found == [
        (IDS[1], date(2026, 2, 26)), (IDS[3], date(2026, 3, 1)), (IDS[0], date(2026, 3, 1)),
        (IDS[2], None),
    ]  # fmt: skip


def test_parquet_is_a_dataset_by_day_for_pyarrow(database: Path, tmp_path: Path) -> None:
    exported(database, "parquet", tmp_path / "out")
    hive = ds.partitioning(pa.schema([("day", pa.date32())]), flavor="hive")
    dataset = ds.dataset(tmp_path / "out", partitioning=hive)
    of_day = dataset.to_table(filter=ds.field("day") == date(2026, 3, 1)).to_pylist()
    assert [row["article_id"] for row in of_day] == [IDS[3], IDS[0]]
    assert of_day[1]["published_at"] == at(-60)
    assert of_day[1]["topics"] == [
        {"topic": "dual-use", "score": 0.5, "taxonomy_version": "v1", "matches": 2, "evidence": [
            {"field": "title", "start": 0, "end": 8, "matched": "Headline", "phrase": "Headline*",
             **UNSAID},
            {"field": "text", "start": 7, "end": 11, "matched": "held", "phrase": "held",
             **UNSAID}]},
        {"topic": "taiwan", "score": 0.25, "taxonomy_version": "v1", "matches": 1, "evidence": [
            {"field": "text", "start": 0, "end": 6, "matched": "Taiwan", "phrase": "Taiwan",
             **UNSAID}]},
    ]  # fmt: skip
    (undated,) = dataset.to_table(filter=ds.field("day").is_null()).to_pylist()
    assert undated["article_id"] == IDS[2]
    assert undated["topics"] == []


def test_a_dataset_has_all_columns_of_the_table(database: Path, tmp_path: Path) -> None:
    exported(database, "parquet", tmp_path / "out")
    dataset = ds.dataset(tmp_path / "out", partitioning="hive")
    (table,) = [table for table in TABLES if table.name == "articles"]
    assert dataset.schema.names == [column.name for column in table.columns] + ["topics", "day"]
    assert dataset.schema.field("published_at").type == pa.timestamp("us", tz="UTC")


@pytest.mark.parametrize(
    ("selected", "count"),
    [({"until": at(-1_000_000)}, 0), ({"since": at(0), "outlets": ("The Dawn",)}, 1)],
    ids=["no article", "no article with a date"],
)
def test_a_dataset_without_days_can_be_read_and_has_its_columns(
    database: Path, tmp_path: Path, selected: dict[str, Any], count: int
) -> None:
    exported(database, "parquet", tmp_path / "full")
    assert exported(database, "parquet", tmp_path / "some", **selected).rows == count
    read = "FROM read_parquet(?, hive_partitioning = true)"
    assert len(duckdb.execute(read, [f"{tmp_path}/some/**/*.parquet"]).fetchall()) == count
    full, some = (ds.dataset(tmp_path / name, partitioning="hive") for name in ("full", "some"))
    assert some.schema.names == full.schema.names
    assert some.count_rows() == count


def test_a_new_export_takes_the_place_of_an_earlier_one(database: Path, tmp_path: Path) -> None:
    exported(database, "parquet", tmp_path / "out")
    exported(database, "parquet", tmp_path / "out", languages=("de",))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [MARKER, "day=2026-02-26"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_the_marker_says_what_was_exported(database: Path, tmp_path: Path) -> None:
    exported(database, "parquet", tmp_path / "out", topics=("taiwan",), since=at(-100))
    note = json.loads((tmp_path / "out" / MARKER).read_text("utf-8"))
    assert note["articles"] == 1
    assert note["filters"] == {"topics": ["taiwan"], "since": at(-100).isoformat()}


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_of_something_else_is_never_replaced(
    database: Path, tmp_path: Path, overwrite: bool
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("years of work")
    with pytest.raises(ExportError, match="out: not empty, and no earlier export"):
        export_articles(database, "parquet", tmp_path / "out", EVERYTHING, overwrite=overwrite)
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "thesis.txt"]


@pytest.mark.parametrize("form", FORMATS)
def test_what_appears_meanwhile_is_not_lost(database: Path, tmp_path: Path, form: str) -> None:
    target = tmp_path / "out"

    def put(done: int, total: int) -> None:
        if form == "parquet":
            target.mkdir()
            (target / "thesis.txt").write_text("years of work")
        else:
            target.write_text("years of work")

    with pytest.raises(ExportError, match="out: "):
        export_articles(database, form, target, Selection(languages=("de",)), progress=put)
    (kept,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert kept.read_text() == "years of work"


def test_an_empty_folder_is_taken(database: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert exported(database, "parquet", tmp_path / "out").rows == 4


# CSV


def test_csv_has_a_row_for_each_article_in_order_of_publication(
    database: Path, tmp_path: Path
) -> None:
    done = exported(database, "csv", tmp_path / "out.csv")
    found = cells(tmp_path / "out.csv")
    assert (done.rows, done.bytes) == (4, (tmp_path / "out.csv").stat().st_size)
    assert [row["article_id"] for row in found] == IN_TIME
    assert found[2] == {
        "article_id": IDS[0], "outlet": "The Dawn", "country": "NZ",
        "published_at": "2026-03-01T11:00:00Z", "language": "zh-Hans",
        "title": "Headline 台湾 \u2028 é", "byline": "A. Writer",
        "url": "https://dawn.example/story/1", "topics": "dual-use;taiwan", "scores": "0.5;0.25",
        "evidence": "2;1", "word_count": "6", "text": ARTICLES[0].text,
    }  # fmt: skip
    assert found[1]["text"] == ARTICLES[3].text
    assert found[3] | {"article_id": "", "text": ""} == {
        "article_id": "", "outlet": "The Dawn", "country": "NZ", "published_at": "",
        "language": "", "title": "", "byline": "", "url": "https://dawn.example/story/3",
        "topics": "", "scores": "", "evidence": "", "word_count": "6", "text": "",
    }  # fmt: skip


def test_csv_ends_lines_as_rfc_4180_demands(database: Path, tmp_path: Path) -> None:
    exported(database, "csv", tmp_path / "out.csv", languages=("de",))
    header, row, *more = (tmp_path / "out.csv").read_bytes().split(b"\r\n")
    assert header.startswith(b"article_id,outlet,")
    assert row.startswith(IDS[1].encode())
    assert more == [b""]


def test_duckdb_reads_the_csv(database: Path, tmp_path: Path) -> None:
    exported(database, "csv", tmp_path / "out.csv")
    found = duckdb.execute(
        "SELECT article_id, published_at, word_count, text FROM read_csv(?)",
        [str(tmp_path / "out.csv")]).fetchall()  # fmt: skip
    assert [row[0] for row in found] == IN_TIME
    assert found[0][1] == datetime(2026, 2, 26, 12, tzinfo=UTC)
    assert found[0][2] == 6


@pytest.fixture(scope="module")
def titled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database whose titles, bylines and texts a spreadsheet might compute."""
    path = tmp_path_factory.mktemp("titled") / "news.duckdb"
    texts = HARMLESS + FORMULAS
    commit(path, [poll(FEED, 0, [listed(FEED, n) for n in range(len(texts))])],
           [page(n, article(n, title=text, byline=text, text=text, outlet=text, published_at=at(n)))
            for n, text in enumerate(texts)])  # fmt: skip
    return path


def test_no_cell_of_a_csv_is_a_formula_and_nothing_is_lost(titled: Path, tmp_path: Path) -> None:
    exported(titled, "csv", tmp_path / "out.csv")
    found = cells(tmp_path / "out.csv")
    for column in ("title", "byline", "outlet", "text"):
        written = [row[column] for row in found]
        assert written[: len(HARMLESS)] == HARMLESS
        assert written[len(HARMLESS) :] == [f"'{text}" for text in FORMULAS]


def test_cells_of_tables_are_no_formulas_either_but_numbers_are_numbers(
    titled: Path, tmp_path: Path
) -> None:
    with duckdb.connect(str(tmp_path / "news.duckdb")) as copy:
        copy.execute(f"ATTACH '{titled}' AS old (READ_ONLY)")
        copy.execute("COPY FROM DATABASE old TO news")
        copy.execute("UPDATE articles SET word_count = -5")
    export_table(tmp_path / "news.duckdb", "csv", tmp_path / "out.csv", "articles")
    found = cells(tmp_path / "out.csv")
    assert {row["word_count"] for row in found} == {"-5"}
    assert "'=1+1" in {row["title"] for row in found}


# JSON Lines


def test_json_lines_hold_articles_whole(database: Path, tmp_path: Path) -> None:
    done = exported(database, "jsonl", tmp_path / "out.jsonl")
    found = objects(tmp_path / "out.jsonl")
    assert done.rows == 4
    assert [row["article_id"] for row in found] == IN_TIME
    assert "台湾 \u2028 é" in (tmp_path / "out.jsonl").read_text("utf-8")
    assert found[2]["published_at"] == "2026-03-01T11:00:00.000000Z"
    assert found[2]["topics"][1] == {
        "topic": "taiwan", "score": 0.25, "taxonomy_version": "v1", "matches": 1, "evidence": [
            {"field": "text", "start": 0, "end": 6, "matched": "Taiwan", "phrase": "Taiwan",
             **UNSAID}],
    }  # fmt: skip
    assert found[3]["published_at"] is None
    assert found[3]["topics"] == []
    (table,) = [table for table in TABLES if table.name == "articles"]
    assert list(found[0]) == [column.name for column in table.columns] + ["topics"]


def test_what_json_lines_and_parquet_say_is_the_same(database: Path, tmp_path: Path) -> None:
    exported(database, "jsonl", tmp_path / "out.jsonl")
    exported(database, "parquet", tmp_path / "out")
    stored = {row["article_id"]: row for row in ds.dataset(tmp_path / "out").to_table().to_pylist()}
    for told in objects(tmp_path / "out.jsonl"):
        for name, value in stored[told["article_id"]].items():
            if isinstance(value, datetime):
                assert datetime.fromisoformat(told[name].replace("Z", "+00:00")) == value
            else:
                assert told[name] == value


# What is selected


@pytest.mark.parametrize(
    ("selected", "numbers"),
    [
        ({}, [2, 4, 1, 3]),
        ({"topics": ("taiwan",)}, [2, 1]),
        ({"topics": ("taiwan", "dual-use")}, [2, 4, 1]),
        ({"topics": ("cyber",)}, []),
        ({"outlets": ("Gazette",)}, [2, 4]),
        ({"outlets": ("Outlet 2",)}, []),
        ({"languages": ("zh",)}, [1]),
        ({"languages": ("ZH-hans", "de")}, [2, 1]),
        ({"since": at(-60)}, [1, 3]),
        ({"since": at(-90), "until": at(-60)}, [4]),
        ({"until": at(0)}, [2, 4, 1]),
        ({"topics": ("dual-use",), "outlets": ("Gazette",), "since": at(-100)}, [4]),
    ],
)
def test_articles_fit_all_that_is_given(
    database: Path, tmp_path: Path, selected: dict[str, Any], numbers: list[int]
) -> None:
    done = exported(database, "jsonl", tmp_path / "out.jsonl", **selected)
    assert [row["article_id"] for row in objects(tmp_path / "out.jsonl")] == [
        IDS[number - 1] for number in numbers
    ]
    assert done.rows == len(numbers)


def test_a_selected_article_keeps_its_other_topics(database: Path, tmp_path: Path) -> None:
    exported(database, "csv", tmp_path / "out.csv", topics=("taiwan",))
    assert [row["topics"] for row in cells(tmp_path / "out.csv")] == ["taiwan", "dual-use;taiwan"]


@pytest.mark.parametrize(
    ("selected", "message"),
    [
        ({"topics": ("tawian",)}, "no topic 'tawian'; did you mean 'taiwan'?"),
        ({"outlets": ("gazete",)}, "no outlet 'gazete'; did you mean 'Gazette'?"),
        ({"languages": ("xx",)}, "no language 'xx'; there is de, en, zh-Hans"),
        ({"topics": ("x' OR true --",)}, 'no topic "x\' OR true --"'),
    ],
)
def test_what_the_database_does_not_know_is_said(
    database: Path, tmp_path: Path, selected: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError) as error:
        exported(database, "csv", tmp_path / "out.csv", **selected)
    assert message in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_name_with_quotes_is_a_name(titled: Path, tmp_path: Path) -> None:
    exported(titled, "jsonl", tmp_path / "out.jsonl", outlets=("'=1", "it's"))
    assert [row["outlet"] for row in objects(tmp_path / "out.jsonl")] == ["it's", "'=1"]


# Portions


@pytest.fixture
def many(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """So many articles that they are read in several portions: 25 days, then the undated."""
    with duckdb.connect(str(tmp_path / "many.duckdb")) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            "CREATE TABLE articles AS SELECT i AS article_id, if(i % 26 = 25, NULL, "
            "TIMESTAMPTZ '2026-01-01' + to_days((i % 26)::INT) + to_seconds(i % 86400)) "
            f"AS published_at FROM range({PORTION * 3}) r(i)"
        )
        yield connection


def test_portions_are_whole_days_and_together_all_articles(
    many: duckdb.DuckDBPyConnection,
) -> None:
    found = portions(many, "true")
    seen: list[int] = []
    last = None
    for portion in found:
        ids = many.execute(
            f"SELECT article_id, published_at::DATE FROM articles WHERE {portion.condition} "
            "ORDER BY ALL"
        ).fetchall()
        assert len(ids) == portion.articles
        seen += [number for number, _ in ids]
        days = {day for _, day in ids}
        assert last is None or days == {None} or min(days) > last
        last = max(days, key=lambda day: day or date.max)
    assert sorted(seen) == list(range(PORTION * 3))
    assert 3 <= len(found) <= 5


def test_portions_keep_to_the_condition(many: duckdb.DuckDBPyConnection) -> None:
    found = portions(many, "article_id < 100")
    assert sum(portion.articles for portion in found) == 100


def test_progress_is_told_and_ends_with_all(database: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    for form in FORMATS:
        export_articles(
            database, form, tmp_path / form, EVERYTHING,
            progress=lambda done, total: told.append((done, total)),
        )  # fmt: skip
        assert told[-1] == (4, 4)
        told.clear()


def test_a_selection_without_anything_selects_all(database: Path) -> None:
    with duckdb.connect(str(database), read_only=True) as connection:
        assert condition(connection, EVERYTHING) == "true"


# Tables as they are


@pytest.mark.parametrize("name", [item.name for item in (*TABLES, *VIEWS)])
@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
def test_every_table_and_view_can_be_exported(
    database: Path, tmp_path: Path, form: str, name: str
) -> None:
    done = export_table(database, form, tmp_path / "out", name, lock_timeout=0)
    ((count,),) = rows(database, f"SELECT count(*) FROM {name}")
    readers = {
        "parquet": lambda: len(ds.dataset(tmp_path / "out").to_table()),
        "csv": lambda: len(cells(tmp_path / "out")),
        "jsonl": lambda: len(objects(tmp_path / "out")),
    }
    assert done.rows == count == readers[form]()


def test_a_table_of_lists_times_and_flags_is_readable_as_csv(
    database: Path, tmp_path: Path
) -> None:
    export_table(database, "csv", tmp_path / "out.csv", "feeds")
    first = next(row for row in cells(tmp_path / "out.csv") if row["feed_url"] == FEED)
    assert first["tags"] == '["press"]'
    assert first["listed"] == "true"
    assert first["last_polled_at"] == "2026-03-01T12:00:00.000000Z"
    assert first["last_error"] == ""


def test_parquet_of_a_table_has_the_table_s_types(database: Path, tmp_path: Path) -> None:
    export_table(database, "parquet", tmp_path / "out.parquet", "feeds")
    described = duckdb.execute(f"DESCRIBE FROM '{tmp_path}/out.parquet'").fetchall()
    (table,) = [table for table in TABLES if table.name == "feeds"]
    kinds = {"TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE"}
    assert [(name, kind) for name, kind, *_ in described] == [
        (column.name, kinds.get(column.type, column.type)) for column in table.columns
    ]


def test_an_unknown_table_is_said(database: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no table 'feed_heath'; did you mean 'feed_health'"):
        export_table(database, "csv", tmp_path / "out.csv", "feed_heath")


# What goes wrong


@pytest.mark.parametrize("form", ["csv", "jsonl", "gkg"])
def test_a_file_is_replaced_only_on_request(database: Path, tmp_path: Path, form: str) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(ExportError, match="there is a file of this name; --overwrite"):
        exported(database, form, tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"
    export_articles(database, form, tmp_path / "out", EVERYTHING, overwrite=True)
    assert (tmp_path / "out").stat().st_size > 100
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("form", FORMATS)
def test_an_impossible_place_is_named(database: Path, tmp_path: Path, form: str) -> None:
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "folder").mkdir()
    for place in ("absent/out", "file/out", "folder" if form != "parquet" else "file"):
        with pytest.raises(ExportError) as error:
            export_articles(database, form, tmp_path / place, EVERYTHING, overwrite=True)
        assert str(tmp_path / place) in str(error.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


@pytest.mark.parametrize("form", FORMATS)
def test_a_disk_that_fills_up_leaves_what_was_there(
    database: Path, tmp_path: Path, form: str
) -> None:
    """The limit on the size of files stands in for a full disk."""
    target = tmp_path / "out"
    export_articles(database, form, target, Selection(languages=("de",)))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from sinks.give.export import export_articles\n"
        "from sinks.ask.selection import Selection\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))\n"
        "database, form, output = sys.argv[1:]\n"
        "export_articles(database, form, Path(output), Selection(), overwrite=True)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, database, form, target],
        capture_output=True, text=True, env=UNMEASURED,
    )  # fmt: skip
    assert "config.errors.ExportError" in result.stderr.splitlines()[-1]
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_an_absent_or_foreign_database_is_said_and_nothing_is_left(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.duckdb"
    duckdb.connect(str(foreign)).execute("CREATE TABLE t (a INT)").close()
    for path in (tmp_path / "absent.duckdb", foreign):
        for form in FORMATS:
            with pytest.raises(DatabaseError, match=path.name):
                exported(path, form, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["foreign.duckdb"]


def test_a_held_database_is_said_and_nothing_is_left(database: Path, tmp_path: Path) -> None:
    with held(database), pytest.raises(DatabaseLocked):
        exported(database, "parquet", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
