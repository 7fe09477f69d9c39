"""Extensions of DuckDB: what it has, or what packages of Python brought; nothing from the web."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import duckdb

from sinks.connector.errors import DatabaseError
from sinks.tables.ddl import quoted


def load_extension(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Load an extension that DuckDB has, or that a package of Python brought; download nothing.

    Raises:
        DatabaseError: it is not to be had here.
    """
    connection.execute("SET autoinstall_known_extensions = false")  # LOAD would try to download
    try:
        connection.execute(f"LOAD {name}")
        return
    except duckdb.Error:
        pass  # not installed in DuckDB's own folder
    spec = importlib.util.find_spec(f"duckdb_extension_{name}")
    for folder in (spec and spec.submodule_search_locations) or ():
        file = f"extensions/v{duckdb.__version__}/{name}.duckdb_extension"
        if Path(folder, file).exists():
            connection.execute(f"LOAD {quoted(str(Path(folder, file)))}")
            return
    raise DatabaseError(
        f"DuckDB {duckdb.__version__} has no extension {name} here: "
        f"`pip install {package_of(name)}=={duckdb.__version__}`, "
        f"or `INSTALL {name}` in DuckDB"
    )


def package_of(name: str) -> str:
    """The package of Python that brings an extension."""
    return f"duckdb-extension-{name.replace('_', '-')}"
