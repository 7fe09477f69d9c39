"""Serving a database file over quack, DuckDB's own client-server protocol, for reading only.

Quack as it comes lets a client do what the server's process may do. So the file is open for
reading only, there is no file system and no network behind it, the configuration is locked, and
each query must be a SELECT that calls no table function but those listed here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from sinks.connector.errors import DatabaseError
from sinks.database.extensions import load_extension
from sinks.database.opening import open_database
from sinks.tables.ddl import quoted

EXTENSIONS = ("httpfs", "quack")
"""Quack takes its random numbers from httpfs."""
TABLE_FUNCTIONS = (
    "duckdb_columns", "duckdb_constraints", "duckdb_databases", "duckdb_functions",
    "duckdb_indexes", "duckdb_schemas", "duckdb_sequences", "duckdb_tables", "duckdb_types",
    "duckdb_views", "generate_series", "json_each", "json_tree", "pragma_show",
    "pragma_table_info", "pragma_version", "range", "repeat", "summary", "unnest",
)  # fmt: skip
"""What a client may call in FROM; others read files, run text as a query, or steer the server."""
READS_ONLY = f"""coalesce((
    SELECT NOT (tree ->> 'error')::BOOLEAN
       AND list_has_all({list(TABLE_FUNCTIONS)},
                        json_extract_string(tree, '$..function.function_name'))
    FROM (SELECT json_serialize_sql({{query}}::VARCHAR) AS tree)
), false)"""
"""Whether a query is a SELECT that calls none but these."""
GUARD = f"CREATE MACRO reads_only(client, query) AS {READS_ONLY.format(query='query')}"
SETTINGS = (
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET python_enable_replacements = false",
    "SET GLOBAL quack_authorization_function = 'newsbeam_guard.main.reads_only'",
    "SET enable_external_access = false",
    "SET disabled_filesystems = 'LocalFileSystem'",
)
RUNNING = "SELECT count(*) FROM quack_active_connections() WHERE state = 'active'"


class Server:
    """A file that is being served."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, uri: str) -> None:
        self._connection, self.uri = connection, uri

    def is_busy(self) -> bool:
        """Whether a query is running."""
        ((running,),) = self._connection.execute(RUNNING).fetchall()
        return bool(running)


@contextmanager
def serving(path: Path, port: int, token: str) -> Iterator[Server]:
    """Serve a file on loopback to clients that have the token, until the context ends.

    Raises:
        DatabaseError: it cannot be opened, the extension is not to be had, or the port is taken.
    """
    uri = f"quack:127.0.0.1:{port}"
    with (
        TemporaryDirectory(prefix="newsbeam-serve-") as folder,
        open_database(path, read_only=True, lock_timeout=0, any_version=True) as opened,
    ):
        connection = opened.connection
        for name in EXTENSIONS:
            load_extension(connection, name)
        _attach_guard(connection, Path(folder, "guard.duckdb"))
        for setting in SETTINGS:
            connection.execute(setting)
        try:
            connection.execute(f"CALL quack_serve({quoted(uri)}, token = {quoted(token)})")
        except duckdb.Error as error:
            raise DatabaseError(f"{path}: cannot be served at {uri}: {error}") from error
        connection.execute("SET lock_configuration = true")
        try:
            yield Server(connection, uri)
        finally:
            connection.execute(f"CALL quack_stop({quoted(uri)})")


def _attach_guard(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Quack looks the guard up by name in each new session; the served file cannot take it."""
    with duckdb.connect(str(path)) as guard:
        guard.execute(GUARD)
    connection.execute(f"ATTACH {quoted(str(path))} AS newsbeam_guard (READ_ONLY)")
