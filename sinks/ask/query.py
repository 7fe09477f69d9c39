"""Asking a database: without being able to change anything, unless that is wanted."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any, NamedTuple, TypeVar

import duckdb

from config.errors import QueryError
from sinks.ask.serve import READS_ONLY
from sinks.connector.connection import Opened
from sinks.database.lake import data_path_of, is_lake, open_at
from sinks.database.opening import must_exist, open_database, schema_version
from sinks.database.where import Where
from sinks.tables.ddl import quoted

T = TypeVar("T")
BATCH = 1_000
READING = {
    duckdb.StatementType.SELECT,
    duckdb.StatementType.EXPLAIN,
    duckdb.StatementType.CALL,
    duckdb.StatementType.CREATE,
    duckdb.StatementType.MULTI,
}
"""Statements that may be asked; of CREATE, DuckDB lets only temporary things be made; MULTI is
what duckdb 2 calls PIVOT."""
BROKEN = (
    duckdb.IOException,
    duckdb.FatalException,
    duckdb.InternalException,
    duckdb.OutOfMemoryException,
)
"""What is wrong with the file or the machine, and not with the query."""
HINT = "(--unsafe lifts that)"


class Rows(NamedTuple):
    """A result: names and SQL types of its columns, and its rows as they come."""

    columns: list[str]
    types: list[str]
    rows: Iterator[tuple[Any, ...]]


@contextmanager
def query(
    path: Where,
    sql: str,
    lock_timeout: float = 10.0,
    *,
    parameters: Mapping[str, Any] | None = None,
    unsafe: bool = False,
) -> Iterator[Rows]:
    """Run one query, read-only: no writing, no attaching, no files, no extensions.

    With `unsafe` the database is opened for writing, and DuckDB does whatever it can, statement
    after statement; the rows are those of the last one. The parameters are DuckDB's `$name`.

    Raises:
        QueryError: DuckDB refuses the query, or its result has a value that Python cannot hold.
        DatabaseError: the database cannot be opened or read, or there is none.
        KeyboardInterrupt: SIGINT came while the query ran.
    """
    try:
        sql.encode()
    except UnicodeEncodeError as error:
        raise QueryError(f"the query is not UTF-8: {error}") from None
    try:
        with _opened(path, lock_timeout, unsafe) as opened, _Worker(opened.connection) as worker:
            try:
                yield _answer(opened.connection, worker, sql, parameters, unsafe)
            except BROKEN:
                raise  # the connection knows the file's name
            except duckdb.Error as error:
                lifted = isinstance(error, duckdb.PermissionException) and not unsafe
                raise QueryError(str(error).strip() + f"\n{HINT}" * lifted) from error
    except RuntimeError as error:  # DuckDB heard the signal itself
        if str(error) == "Query interrupted":
            raise KeyboardInterrupt from error
        raise


def _answer(
    connection: duckdb.DuckDBPyConnection,
    worker: _Worker,
    sql: str,
    parameters: Mapping[str, Any] | None,
    unsafe: bool,
) -> Rows:
    if not unsafe:  # before it is parsed: parsing IMPORT DATABASE reads files
        if is_lake(connection):
            # Its Parquet files are to be read, though nothing else may be.
            data = quoted(data_path_of(connection))
            connection.execute(f"SET allowed_directories = [{data}]")
        connection.execute("SET enable_external_access = false")
    _check(connection, sql, unsafe)
    result = worker.do(lambda: connection.execute(sql, parameters or None))
    head = result.description or []
    columns, types = [item[0] for item in head], [str(item[1]) for item in head]
    return Rows(columns, types, _rows(result, worker))


@contextmanager
def _opened(path: Where, lock_timeout: float, unsafe: bool) -> Iterator[Opened]:
    how: AbstractContextManager[Opened]
    if not unsafe:
        how = open_database(path, read_only=True, lock_timeout=lock_timeout, any_version=True)
    else:
        must_exist(path)
        how = open_at(path, read_only=False, lock_timeout=lock_timeout)
    with how as opened:
        if unsafe:
            schema_version(opened.connection, str(path))
        opened.connection.execute("SET python_enable_replacements = false")  # our own variables
        yield opened


def _check(connection: duckdb.DuckDBPyConnection, sql: str, unsafe: bool) -> None:
    """Refuse all but one query, and leave the file system only to a single SELECT.

    Without external access DuckDB still lets the database's own files be named, and COPY writes
    over them. A SELECT keeps the file system, because large results spill there; PIVOT is a
    CREATE and a SELECT to DuckDB. What reads a DuckLake needs the file system, and could reach its
    catalogue by functions of extensions, so there it must be a SELECT without them.
    """
    kinds = [_kind(statement) for statement in connection.extract_statements(sql)]
    if not kinds:
        raise QueryError("the query is empty")
    if unsafe:
        return
    if len([kind for kind in kinds if kind != duckdb.StatementType.CREATE]) > 1:
        raise QueryError("this is more than one query; ask one at a time")
    for kind in kinds:
        if kind not in READING:
            raise QueryError(f"{kind.name}: the database is open read-only {HINT}")
    if is_lake(connection):
        ((reads,),) = connection.execute(
            f"SELECT {READS_ONLY.format(query='$sql')}", {"sql": sql}
        ).fetchall()
        if not reads:
            raise QueryError(f"a DuckLake may be asked by a SELECT of its tables and views {HINT}")
    elif kinds != [duckdb.StatementType.SELECT]:
        connection.execute("SET disabled_filesystems = 'LocalFileSystem'")
    connection.execute("SET lock_configuration = true")


def _kind(statement: duckdb.Statement) -> duckdb.StatementType:
    try:
        return statement.type
    except ValueError:  # one of duckdb 2 that its Python package has no name for
        return duckdb.StatementType.INVALID


def _rows(result: duckdb.DuckDBPyConnection, worker: _Worker) -> Iterator[tuple[Any, ...]]:
    while batch := worker.do(lambda: _fetch(result)):
        yield from batch


def _fetch(result: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    try:
        return result.fetchmany(BATCH)
    except (OverflowError, TypeError, ValueError) as error:
        raise QueryError(
            f"a value of the result is beyond what can be shown ({error}); "
            "make it a text: column::VARCHAR"
        ) from error


class _Worker:
    """A thread for what DuckDB takes long over: while it works, its own thread hears no signal."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._thread = ThreadPoolExecutor(1)

    def __enter__(self) -> _Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()

    def do(self, work: Callable[[], T]) -> T:
        """Wait for the result; KeyboardInterrupt stops the query too."""
        future: Future[T] | None = None
        try:
            with _sigint_later():  # else it could come between the query's start and our knowing
                future = self._thread.submit(work)
            return future.result()
        except KeyboardInterrupt:
            while future and not future.done():  # whoever hurries may ask again
                with suppress(KeyboardInterrupt):
                    self._connection.interrupt()
                    wait([future], timeout=0.05)
            raise


@contextmanager
def _sigint_later() -> Iterator[None]:
    """What SIGINT does, it does at the end of the block."""
    if threading.current_thread() is not threading.main_thread():  # which hears no signals
        yield
        return
    heard: list[int] = []
    previous = signal.signal(signal.SIGINT, lambda number, _frame: heard.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
        if heard and callable(previous):
            previous(signal.SIGINT, None)
