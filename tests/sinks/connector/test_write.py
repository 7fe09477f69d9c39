"""Writing to DuckDB from a pipeline: kinds of rows, types, keys, tables, metrics, locks."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from uuid import UUID

import apache_beam as beam
import duckdb
import pyarrow as pa
import pytest
from apache_beam.runners.direct.direct_runner import BundleBasedDirectRunner
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to

from sinks.connector import Table, WriteToDuckDB
from sinks.connector.commit import CommittedRows
from sinks.connector.errors import DatabaseError, DatabaseLocked, SchemaMismatch
from sinks.connector.remote import STALE
from sinks.connector.tables import Misfit, batches
from tests.kit.rows import rows
from tests.kit.samples import held
from tests.kit.shop import LINES, ORDERS, counters, lines, order, put

RUNNERS = {"FnApiRunner": FnApiRunner, "BundleBasedDirectRunner": BundleBasedDirectRunner}
STOCK = {"article": "VARCHAR", "pieces": "BIGINT"}


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "shop.duckdb"


@pytest.fixture(params=RUNNERS)
def runner(request: pytest.FixtureRequest) -> Any:
    return RUNNERS[request.param]()


class Seen(NamedTuple):
    """What a pipeline gave back."""

    counters: dict[str, int]
    committed: list[CommittedRows]
    dead: list[Misfit]


def write(records: Any, transform: WriteToDuckDB, runner: Any = None) -> Seen:
    """Write records, or a dictionary of them, and collect what comes back by way of files."""
    pipeline = beam.Pipeline(runner=runner or FnApiRunner())
    streams = (
        {name: pipeline | name >> beam.Create(some, reshuffle=False)
         for name, some in records.items()}
        if isinstance(records, dict)
        else pipeline | beam.Create(records, reshuffle=False)
    )  # fmt: skip
    written = streams | transform
    with TemporaryDirectory() as folder:
        for label, stream in written._asdict().items():
            assert_that(stream, _keep(f"{folder}/{label}"), label=label)
        counted = counters(pipeline)
        kept = [pickle.loads(Path(folder, label).read_bytes()) for label in written._fields]
    return Seen(counted, *kept)


def _keep(path: str) -> Callable[[list[Any]], None]:
    def keep(found: list[Any]) -> None:
        with open(path, "wb") as file:
            pickle.dump(found, file)

    return keep


# Rows of every kind


@dataclass
class Item:
    article: str
    pieces: int


class Pair(NamedTuple):
    article: str
    pieces: int


@pytest.mark.parametrize(
    "row",
    [{"article": "tea", "pieces": 3}, Item("tea", 3), Pair("tea", 3),
     beam.Row(article="tea", pieces=3)],
    ids=["mapping", "dataclass", "NamedTuple", "beam.Row"],
)  # fmt: skip
def test_rows_of_every_kind(database: Path, runner: Any, row: Any) -> None:
    seen = write([row], WriteToDuckDB(database, "stock", "article", STOCK), runner)
    assert rows(database, "FROM stock") == [("tea", 3)]
    assert seen.committed == [CommittedRows("stock", 1, 1, 1)]
    assert seen.dead == []


UNFIT = {
    "no value for article": {"pieces": 1},
    "no such column: colour": {"article": "a", "colour": "red"},
    "1.5 is not whole": {"article": "b", "pieces": 1.5},
    "Expected integer": {"article": "c", "pieces": True},
    "Expected bytes": {"article": 7},
    "too large": {"article": "d", "pieces": 2**64},
    "a str is no row": "e",
    "a int is no row": 9,
}


def test_rows_that_do_not_fit_are_dead_letters_with_a_reason(database: Path, runner: Any) -> None:
    good = [{"article": f"tea {number}", "pieces": number} for number in range(500)]
    mixed = [*good[:250], *UNFIT.values(), *good[250:]]
    seen = write(mixed, WriteToDuckDB(database, "stock", "article", STOCK), runner)
    assert rows(database, "SELECT count(*), sum(pieces) FROM stock") == [(500, sum(range(500)))]
    assert len(seen.dead) == len(UNFIT)
    for reason, row in UNFIT.items():
        (found,) = [misfit for misfit in seen.dead if misfit.row == row]
        assert reason in found.reason
        assert found.table == "stock"
    assert seen.counters["stock_rows"] == seen.counters["stock_added"] == 500
    assert seen.counters["stock_misfits"] == len(UNFIT)


def test_bytes_are_those_of_the_shards(database: Path) -> None:
    seen = write([{"article": "tea"}], WriteToDuckDB(database, "stock", "article", STOCK))
    ((size,),) = rows(database, "SELECT bytes FROM staged_shards")
    assert seen.counters["stock_bytes"] == size > 100


def test_no_rows_make_the_table_all_the_same(database: Path, runner: Any) -> None:
    seen = write([], WriteToDuckDB(database, "stock", "article", STOCK), runner)
    assert rows(database, "FROM stock") == []
    assert seen.committed == [CommittedRows("stock", 0, 0, 0)]


# Types

MOMENT = datetime(2026, 3, 1, 12, 30, 15, 250, tzinfo=UTC)
NAME = UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
VALUES: list[tuple[str, Any]] = [
    ("BOOLEAN", True),
    ("TINYINT", -128),
    ("UBIGINT", 2**64 - 1),
    ("HUGEINT", -(10**37)),
    ("FLOAT", 0.5),
    ("DOUBLE", 0.1),
    ("DECIMAL(18,3)", Decimal("-1.250")),
    ("VARCHAR", "Größe 臺灣\0"),
    ("BLOB", b"\xff\x00"),
    ("DATE", date(2026, 3, 1)),
    ("TIME", time(12, 30, 15, 250)),
    ("TIMESTAMP", MOMENT.replace(tzinfo=None)),
    ("TIMESTAMPTZ", MOMENT),
    ("TIMESTAMP_NS", MOMENT.replace(tzinfo=None)),
    ("UUID", NAME),
    ("JSON", '{"a": [1, null]}'),
    ("ENUM('red', 'it''s')", "it's"),
    ("VARCHAR[]", ["a", None, "b"]),
    ("INTEGER[2][]", [(1, 2), (3, 4)]),
    ("STRUCT(a INTEGER, b STRUCT(u UUID))", {"a": 1, "b": {"u": NAME}}),
    ("MAP(VARCHAR, INTEGER)", {"one": 1, "two": None}),
    ("STRUCT(e ENUM('x', 'y'), t TIMESTAMPTZ)[]", [{"e": "y", "t": MOMENT}]),
]


@pytest.mark.parametrize(("kind", "value"), VALUES, ids=[kind for kind, _ in VALUES])
def test_types_come_back_as_they_were(database: Path, kind: str, value: Any) -> None:
    table = Table("t", "id", {"id": "BIGINT", "value": kind})
    put(database, table, [{"id": 1, "value": value}, {"id": 2, "value": None}])
    assert rows(database, "FROM t ORDER BY id") == [(1, value), (2, None)]
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE t (id BIGINT, value {kind})")
        (_, meant) = connection.execute("DESCRIBE t").fetchall()
    assert rows(database, "SELECT column_type FROM (DESCRIBE t)")[1] == (meant[1],)


LOST = ["BIT", "TIMETZ", "INTERVAL", "UNION(a INTEGER)", "UHUGEINT", "TIMESTAMP_S", "TIMESTAMP_MS",
        "GEOMETRY", "NOTYPE", "BIGINT PRIMARY KEY", "INTERVAL[]"]  # fmt: skip


@pytest.mark.parametrize("kind", LOST)
def test_types_that_no_shard_can_hold_are_refused_when_the_pipeline_is_built(
    database: Path, kind: str
) -> None:
    with pytest.raises(ValueError, match="table t: "):
        WriteToDuckDB(database, "t", "id", {"id": "BIGINT", "value": kind})


BENT: list[tuple[str, Any]] = [
    ("INTEGER", 1.5),
    ("INTEGER", "1"),
    ("INTEGER", 2**31),
    ("DATE", MOMENT),
    ("TIMESTAMP", 5),
    ("TIMESTAMP", date(2026, 3, 1)),
    ("VARCHAR[]", "abc"),
    ("STRUCT(a INTEGER)", {"a": 1, "b": 2}),
    ("FLOAT", 1e300),
    ("DECIMAL(4,2)", Decimal("1.234")),
    ("DECIMAL(4,2)", Decimal("123.4")),
    ("HUGEINT", 10**38),
    ("UUID", "no uuid"),
    ("JSON", "{"),
    ("ENUM('red')", "green"),
    ("UUID[]", ["no uuid"]),
    ("INTEGER[2]", [1, 2, 3]),
    ("VARCHAR", b"\xff"),
    ("MAP(VARCHAR, INTEGER)", {None: 1}),
]


@pytest.mark.parametrize(("kind", "value"), BENT, ids=[f"{kind}-{value}" for kind, value in BENT])
def test_no_value_is_bent_to_fit(kind: str, value: Any) -> None:
    """What Arrow or DuckDB would cut, round or drop is a dead letter before it is staged."""
    table = Table("t", "id", {"id": "BIGINT", "value": kind})
    bad = {"id": 1, "value": value}
    found = list(batches(table, [bad, {"id": 2, "value": None}]))
    (misfit,) = [one for one in found if isinstance(one, Misfit)]
    assert misfit.row == bad
    assert sum(one.num_rows for one in found if isinstance(one, pa.RecordBatch)) == 1


def test_times_without_a_zone_are_utc_and_others_are_brought_there(database: Path) -> None:
    schema = {"id": "BIGINT", "zoned": "TIMESTAMPTZ", "plain": "TIMESTAMP"}
    east = MOMENT.astimezone(timezone(timedelta(hours=2)))
    naive = MOMENT.replace(tzinfo=None)
    given = [{"id": 1, "zoned": naive, "plain": east}, {"id": 2, "zoned": east, "plain": naive}]
    put(database, Table("t", "id", schema), given)
    assert rows(database, "SELECT zoned, plain FROM t") == [(MOMENT, naive)] * 2


def test_a_schema_of_arrow_may_forbid_null(database: Path) -> None:
    schema = pa.schema([pa.field("id", pa.int64()), pa.field("name", pa.string(), nullable=False)])
    given = [{"id": 1, "name": None}, {"id": 2, "name": "two"}]
    seen = write(given, WriteToDuckDB(database, "t", "id", schema))
    assert rows(database, "FROM t") == [(2, "two")]
    assert [misfit.reason for misfit in seen.dead] == ["ValueError: no value for name"]


# Keys


def test_of_rows_with_one_key_one_is_written(database: Path, runner: Any) -> None:
    given = [{"article": "tea", "pieces": 1}] * 3 + [{"article": "rice", "pieces": 2}]
    seen = write(given, WriteToDuckDB(database, "stock", "article", STOCK), runner)
    assert rows(database, "FROM stock ORDER BY ALL") == [("rice", 2), ("tea", 1)]
    assert seen.committed == [CommittedRows("stock", 1, 4, 2)]


def test_the_first_committed_row_of_a_key_stays(database: Path) -> None:
    table = Table("stock", "article", STOCK)
    for pieces in (1, 2):
        brought = put(database, table, [{"article": "tea", "pieces": pieces}])
    assert rows(database, "FROM stock") == [("tea", 1)]
    assert brought == [CommittedRows("stock", 1, 1, 0)]


def test_a_key_may_have_several_columns(database: Path) -> None:
    table = Table("t", ["a", "b"], {"a": "INT", "b": "INT"})
    given = [{"a": a, "b": b} for a in (1, 2) for b in (1, 2)]
    for _ in range(2):
        put(database, table, given + given)
    assert rows(database, "FROM t ORDER BY ALL") == [(1, 1), (1, 2), (2, 1), (2, 2)]
    (misfit,) = batches(table, [{"a": 3}])
    assert misfit.reason == "ValueError: no value for b"


def test_keys_are_compared_as_the_type_they_are_of(database: Path) -> None:
    given = [{"id": str(NAME)}, {"id": str(NAME).upper()}, {"id": NAME}]
    put(database, Table("t", "id", {"id": "UUID"}), given)
    assert rows(database, "FROM t") == [(NAME,)]


# Tables


def test_two_tables_are_written_in_one_transaction(database: Path, runner: Any) -> None:
    orders = [order(number) for number in range(300)]
    of_lines = [line for placed in orders for line in lines(placed)]
    write = WriteToDuckDB(database, [ORDERS, LINES])
    pipeline = beam.Pipeline(runner=runner)
    streams = {"orders": pipeline | "o" >> beam.Create(orders, reshuffle=False),
               "lines": pipeline | "l" >> beam.Create(of_lines, reshuffle=False)}  # fmt: skip
    written = streams | write
    assert_that(
        written.committed,
        equal_to([CommittedRows("orders", 1, 300, 300), CommittedRows("lines", 1, 300, 300)]),
    )
    counted = counters(pipeline)
    assert (counted["orders_added"], counted["lines_added"]) == (300, 300)
    assert rows(database, "SELECT count(DISTINCT committed_at) FROM staged_shards") == [(1,)]


def test_a_table_that_cannot_be_written_keeps_the_other_from_being_written(database: Path) -> None:
    with duckdb.connect(str(database)) as connection:
        connection.execute(
            "CREATE TABLE lines (order_id BIGINT, line INTEGER CHECK (line < 1), article VARCHAR, "
            "price DECIMAL(9,2))"
        )
    both = {"orders": [order(2)], "lines": lines(order(2))}
    with pytest.raises(DatabaseError, match=r"could not commit 2 shards, which stay staged.*CHECK"):
        write(both, WriteToDuckDB(database, [ORDERS, LINES]))
    assert rows(database, "FROM orders") == rows(database, "FROM staged_shards") == []
    assert len(list(Path(f"{database}.shards").rglob("*.parquet"))) == 2


def test_a_table_with_more_columns_is_filled(database: Path) -> None:
    with duckdb.connect(str(database)) as connection:
        connection.execute(
            "CREATE TABLE stock (more INTEGER NOT NULL DEFAULT 7, pieces BIGINT, article VARCHAR)"
        )
    write([{"article": "tea", "pieces": 3}], WriteToDuckDB(database, "stock", "article", STOCK))
    assert rows(database, "FROM stock") == [(7, 3, "tea")]


OTHERS = {
    "article VARCHAR": "pieces is absent, not BIGINT",
    "article VARCHAR, pieces INTEGER": "pieces is INTEGER, not BIGINT",
    "article VARCHAR, pieces BIGINT, shelf INTEGER NOT NULL": (
        "shelf is NOT NULL without a default, but none of the columns to write"
    ),
    "shelf INTEGER PRIMARY KEY, article VARCHAR, pieces BIGINT": "shelf is NOT NULL",
}


@pytest.mark.parametrize("columns", OTHERS)
def test_another_table_is_refused_when_the_pipeline_is_built(database: Path, columns: str) -> None:
    with duckdb.connect(str(database)) as connection:
        connection.execute(f"CREATE TABLE stock ({columns})")
    with pytest.raises(SchemaMismatch, match=OTHERS[columns]) as error:
        WriteToDuckDB(database, "stock", "article", STOCK)
    assert str(database) in str(error.value)
    WriteToDuckDB(database, "other", "article", STOCK)


def test_another_table_in_a_busy_database_is_refused_when_it_is_committed(database: Path) -> None:
    with duckdb.connect(str(database)) as connection:
        connection.execute("CREATE TABLE stock (article VARCHAR)")
    with held(database):
        transform = WriteToDuckDB(database, "stock", "article", STOCK)
    with pytest.raises(SchemaMismatch, match="pieces is absent"):
        write([{"article": "tea"}], transform)


def test_a_view_is_refused_when_the_pipeline_is_built_and_when_it_is_committed(
    database: Path,
) -> None:
    transform = WriteToDuckDB(database, "stock", "article", STOCK)
    with duckdb.connect(str(database)) as connection:
        connection.execute("CREATE VIEW Stock AS SELECT 'tea' AS article, 3::BIGINT AS pieces")
    for build in (lambda: WriteToDuckDB(database, "stock", "article", STOCK),
                  lambda: write([{"article": "tea"}], transform)):  # fmt: skip
        with pytest.raises(SchemaMismatch, match="stock is a view, which takes no rows"):
            build()


@pytest.mark.parametrize("name", ["new_rows", "Größe 2024/01", 'a"b', "select", "../up"])
def test_tables_and_columns_may_have_any_name(database: Path, tmp_path: Path, name: str) -> None:
    schema = {name: "BIGINT", "filename": "VARCHAR"}
    for _ in range(2):
        put(database, Table(name, name, schema), [{name: 1, "filename": "f"}])
    quoted = name.replace('"', '""')
    assert rows(database, f'FROM "{quoted}"') == [(1, "f")]
    assert {path.name for path in tmp_path.iterdir()} <= {
        "shop.duckdb", "shop.duckdb.wal", "shop.duckdb.shards"
    }  # fmt: skip


WRONG: list[tuple[tuple[Any, ...], str]] = [
    (("t", "id", {}), "table t: "),
    (("t", "id", {"name": "VARCHAR"}), "id of the key is none of its columns: name"),
    (("t", (), {"id": "BIGINT"}), "a key is needed"),
    (("t", "id", {"id": "BIGINT", "ID": "BIGINT"}), "two columns have one name"),
    (("t", "id", {"id": "BIGINT", "staged_file": "INT"}), "no column may be named staged_file"),
    (("", "id", {"id": "BIGINT"}), "a table needs a name"),
    (("staged_shards", "id", {"id": "BIGINT"}), "choose another name"),
    (([],), "none given"),
    (([Table("t", "a", {"a": "INT"}), Table("T", "a", {"a": "INT"})],), "names of their own: t, T"),
    (("t", "id", {"id": "BIGINT"}, "nowhere://x"), "nowhere://x"),
]


@pytest.mark.parametrize(("arguments", "reason"), WRONG, ids=[reason for _, reason in WRONG])
def test_what_is_wrong_is_said_when_the_pipeline_is_built(
    database: Path, arguments: tuple[Any, ...], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason.replace("(", r"\(")):
        WriteToDuckDB(database, *arguments)


def test_rows_must_be_given_for_every_table(database: Path) -> None:
    with pytest.raises(ValueError, match="tables orders, lines, but rows for orders"):
        write({"orders": []}, WriteToDuckDB(database, [ORDERS, LINES]))


# Staging, locks and what stays behind


def test_nothing_stays_staged_after_a_commit(database: Path) -> None:
    write([{"article": "tea"}], WriteToDuckDB(database, "stock", "article", STOCK))
    assert list(Path(f"{database}.shards").iterdir()) == []


def test_a_locked_database_fails_the_pipeline_and_a_rerun_adds_every_row_once(
    database: Path,
) -> None:
    given = [{"article": "tea", "pieces": 3}, {"article": "rice", "pieces": 2}]
    write(given[:1], WriteToDuckDB(database, "stock", "article", STOCK))
    with held(database):
        transform = WriteToDuckDB(database, "stock", "article", STOCK, lock_timeout=0.2)
        with pytest.raises(DatabaseLocked, match=r"is locked by .*waited 0\.2 s"):
            write(given, transform)
    assert len(list(Path(f"{database}.shards").rglob("*.parquet"))) == 1
    write(given, WriteToDuckDB(database, "stock", "article", STOCK))
    assert rows(database, "FROM stock ORDER BY ALL") == [("rice", 2), ("tea", 3)]


def test_what_dead_pipelines_left_is_swept_when_it_is_old(database: Path) -> None:
    staging = Path(f"{database}.shards")
    left = {}
    for name in ("duckdb-" + "a" * 32, "duckdb-" + "b" * 32, "of somebody else"):
        (staging / name).mkdir(parents=True)
        left[name] = staging / name / "stock-1.parquet"
        left[name].write_bytes(b"")
    for path in [*list(left.values())[::2], *(file.parent for file in list(left.values())[::2])]:
        os.utime(path, (0, path.stat().st_mtime - STALE - 60))
    write([{"article": "tea"}], WriteToDuckDB(database, "stock", "article", STOCK))
    assert {name: path.exists() for name, path in left.items()} == {
        "duckdb-" + "a" * 32: False, "duckdb-" + "b" * 32: True, "of somebody else": True,
    }  # fmt: skip


def test_staging_may_be_any_folder(database: Path, tmp_path: Path) -> None:
    odd = tmp_path / "a [b] *?"
    transform = WriteToDuckDB(database, "stock", "article", STOCK, staging=f"{odd}/")
    write([{"article": "tea"}], transform)
    assert rows(database, "SELECT article FROM stock") == [("tea",)]
    assert list(odd.iterdir()) == []


def test_a_file_that_is_no_database_fails_with_its_name(database: Path) -> None:
    database.write_text("no database, but long enough to be read as the header of one" * 300)
    with pytest.raises(DatabaseError, match=f"{database}.*not a valid DuckDB database"):
        write([{"article": "tea"}], WriteToDuckDB(database, "stock", "article", STOCK))
