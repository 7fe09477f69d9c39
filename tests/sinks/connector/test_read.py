"""Reading from DuckDB: each row once, whatever was deleted; files that change; what is refused."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import apache_beam as beam
import duckdb
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from sinks.connector import ReadFromDuckDB
from sinks.connector.errors import DatabaseError, DatabaseLocked
from sinks.connector.read import ROW_GROUP, Split, _Read, splits, state_of
from tests.kit.samples import held
from tests.kit.shop import THREADS, counters, lines, order, write_shop

ROWS = 300_000


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "shop.duckdb"


def make(database: Path, *statements: str) -> Path:
    with duckdb.connect(str(database)) as connection:
        for statement in statements:
            connection.execute(statement)
    return database


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of three row groups."""
    return make(
        tmp_path_factory.mktemp("numbers") / "numbers.duckdb",
        f"CREATE TABLE numbers AS SELECT range::INT AS n, n % 7 AS rest FROM range({ROWS})",
    )


@pytest.fixture(scope="module")
def gaps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same without every third row, and without what the second row group began with."""
    return make(
        tmp_path_factory.mktemp("gaps") / "gaps.duckdb",
        f"CREATE TABLE numbers AS SELECT range::INT AS n, n % 7 AS rest FROM range({ROWS})",
        "CHECKPOINT",
        "DELETE FROM numbers WHERE n % 3 = 0 OR n BETWEEN 110_000 AND 240_000",
        "INSERT INTO numbers VALUES (-1, 0), (-1, 0)",
    )


def read(transform: ReadFromDuckDB, tmp_path: Path, options: Any = ()) -> tuple[list[Any], int]:
    """All rows, by way of a file, and what the metric says of their number."""
    pipeline = beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions(list(options)))
    every = pipeline | transform | "All" >> beam.combiners.ToList()
    _ = every | beam.Map(lambda found, path: path.write_bytes(pickle.dumps(found)),
                         tmp_path / "found")  # fmt: skip
    counted = counters(pipeline).get(f"{transform.table}_read", 0)
    return pickle.loads((tmp_path / "found").read_bytes()), counted


def in_sql(database: Path, query: str) -> list[dict[str, Any]]:
    with duckdb.connect(str(database), read_only=True) as connection:
        found: list[dict[str, Any]] = connection.execute(query).to_arrow_table().to_pylist()
    return found


def test_every_row_of_several_row_groups_is_read_once(numbers: Path, tmp_path: Path) -> None:
    assert len(list(splits(str(numbers), "numbers", 1, 0))) == 3
    found, counted = read(ReadFromDuckDB(str(numbers), "numbers"), tmp_path, THREADS)
    assert sorted(row["n"] for row in found) == list(range(ROWS))
    assert found[0] == {"n": found[0]["n"], "rest": found[0]["n"] % 7}
    assert counted == ROWS


WHERES = [
    "rest = 3",
    "n < 10 OR n > 299_990",
    "n = 122_879 OR n = 122_880 -- both sides of an edge",
    "n = -1",
    "n > (SELECT max(n) - 5 FROM numbers)",
    "false",
]


@pytest.mark.parametrize("where", WHERES)
@pytest.mark.parametrize("table", ["numbers", "gaps"])
def test_columns_and_rows_may_be_chosen(
    request: pytest.FixtureRequest, tmp_path: Path, table: str, where: str
) -> None:
    database = request.getfixturevalue(table)
    transform = ReadFromDuckDB(str(database), "numbers", ["n"], where)
    found, counted = read(transform, tmp_path)
    meant = in_sql(database, f"SELECT n FROM numbers WHERE {where}\nORDER BY n")
    assert sorted(found, key=lambda row: row["n"]) == meant
    assert counted == len(meant)


@pytest.mark.parametrize("row_groups", [1, 2, 100])
def test_every_row_is_read_once_where_others_were_deleted(
    gaps: Path, tmp_path: Path, row_groups: int
) -> None:
    transform = ReadFromDuckDB(str(gaps), "numbers", ["n"], row_groups=row_groups)
    found, counted = read(transform, tmp_path)
    meant = in_sql(gaps, "SELECT n FROM numbers ORDER BY n")
    assert sorted(row["n"] for row in found) == [row["n"] for row in meant]
    assert counted == len(meant) < ROWS / 2


def test_splits_leave_no_row_between_them(numbers: Path) -> None:
    state = state_of(str(numbers))
    assert list(splits(str(numbers), "numbers", 2, 0)) == [
        Split(0, 2 * ROW_GROUP, state), Split(2 * ROW_GROUP, 4 * ROW_GROUP, state)
    ]  # fmt: skip


def test_rows_that_are_in_the_log_alone_are_read(database: Path, tmp_path: Path) -> None:
    make(
        database, "CREATE TABLE t (n INT)", "INSERT INTO t VALUES (1)", "CHECKPOINT",
        "PRAGMA disable_checkpoint_on_shutdown", "INSERT INTO t VALUES (2)",
    )  # fmt: skip
    assert Path(f"{database}.wal").stat().st_size > 0
    found, _ = read(ReadFromDuckDB(str(database), "t"), tmp_path)
    assert sorted(row["n"] for row in found) == [1, 2]


def test_an_empty_table_gives_nothing(database: Path, tmp_path: Path) -> None:
    make(database, "CREATE TABLE t (n INT)")
    assert read(ReadFromDuckDB(str(database), "t"), tmp_path) == ([], 0)
    make(database, "INSERT INTO t FROM range(5)", "DELETE FROM t")
    assert read(ReadFromDuckDB(str(database), "t"), tmp_path) == ([], 0)


def test_a_table_and_its_columns_may_have_any_name(database: Path, tmp_path: Path) -> None:
    make(database, 'CREATE TABLE "a ""b"" ü" AS SELECT 1 AS "select", 2 AS "x y"')
    found, counted = read(ReadFromDuckDB(str(database), 'a "b" ü', ["x y"]), tmp_path)
    assert (found, counted) == ([{"x y": 2}], 1)


def test_what_was_written_comes_back_equal(database: Path, tmp_path: Path) -> None:
    write_shop("two", str(database))
    orders, _ = read(ReadFromDuckDB(str(database), "orders"), tmp_path)
    assert sorted(orders, key=lambda row: row["order_id"]) == [
        order(number)._asdict() for number in range(3_000)
    ]
    found, _ = read(ReadFromDuckDB(str(database), "lines"), tmp_path)
    assert sorted(found, key=lambda row: (row["order_id"], row["line"])) == [
        line for number in range(3_000) for line in lines(order(number))
    ]


# A file that changes


CHANGES = {
    "checkpointed": ["INSERT INTO t VALUES (2)"],
    "in the log": ["PRAGMA disable_checkpoint_on_shutdown", "INSERT INTO t VALUES (2)"],
    "another table": ["CREATE TABLE other AS SELECT 1 AS n"],
}


@pytest.mark.parametrize("linked", [False, True], ids=["file", "link"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_was_written_to_since_it_was_split_fails_the_pipeline(
    database: Path, change: str, linked: bool
) -> None:
    if linked:
        database.symlink_to("elsewhere.duckdb")
    make(database.resolve(), "CREATE TABLE t (n INT)", "INSERT INTO t VALUES (1)")
    transform = ReadFromDuckDB(str(database), "t")
    before = list(splits(str(database), "t", 1, 0))
    make(database.resolve(), *CHANGES[change])
    pipeline = beam.Pipeline(runner=FnApiRunner())
    reader = _Read(str(database), "t", transform.query, 0)
    _ = pipeline | beam.Create(before) | beam.ParDo(reader)
    with pytest.raises(DatabaseError, match=f"{database}: it changed while it was read"):
        pipeline.run()


def test_the_state_of_a_file_is_that_of_its_content(database: Path, tmp_path: Path) -> None:
    make(database, "CREATE TABLE t (n INT)")
    state = state_of(str(database))
    read(ReadFromDuckDB(str(database), "t"), tmp_path)
    assert state_of(str(database)) == state
    copy = tmp_path / "copy"
    copy.write_bytes(database.read_bytes())
    copy.replace(database)
    assert state_of(str(database)) != state


def test_a_pipeline_may_be_built_before_the_file_was_written_to(
    database: Path, tmp_path: Path
) -> None:
    make(database, "CREATE TABLE t AS SELECT 1 AS n")
    transform = ReadFromDuckDB(str(database), "t")
    make(database, "INSERT INTO t VALUES (2)")
    found, _ = read(transform, tmp_path)
    assert sorted(row["n"] for row in found) == [1, 2]


# What is refused when the pipeline is built


REFUSED: dict[str, tuple[tuple[Any, ...], str]] = {
    "table": (("nowhere",), "Table with name nowhere does not exist"),
    "column": (("t", ["n", "colour"]), "colour"),
    "condition": (("t", [], "n = "), "syntax error"),
    "view": (("v",), "rowid"),
    "a column rowid": (("r",), "table r cannot be split: it has a column rowid"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_read_is_refused_when_the_pipeline_is_built(
    database: Path, what: str
) -> None:
    make(database, "CREATE TABLE t (n INT)", "CREATE VIEW v AS FROM t",
         "CREATE TABLE r AS SELECT 1 AS ROWID")  # fmt: skip
    arguments, reason = REFUSED[what]
    with pytest.raises(DatabaseError, match=f"(?s){database}.*{reason}"):
        ReadFromDuckDB(str(database), *arguments)


def test_an_absent_file_is_refused_and_not_made(database: Path) -> None:
    with pytest.raises(DatabaseError, match=f"{database}: no such database"):
        ReadFromDuckDB(str(database), "t")
    assert not database.exists()


def test_a_file_that_another_process_writes_is_refused(database: Path) -> None:
    make(database, "CREATE TABLE t (n INT)")
    with held(database), pytest.raises(DatabaseLocked, match="is locked by"):
        ReadFromDuckDB(str(database), "t", lock_timeout=0.1)


def test_a_split_of_no_row_group_is_refused(database: Path) -> None:
    make(database, "CREATE TABLE t (n INT)")
    with pytest.raises(ValueError, match="row_groups is 0, but a split needs one at least"):
        ReadFromDuckDB(str(database), "t", row_groups=0)
