"""An exactly-once DuckDB connector for Apache Beam, of use without the rest of newsbeam.

    rows | WriteToDuckDB("shop.duckdb", "orders", key="order_id",
                         schema={"order_id": "BIGINT", "placed_at": "TIMESTAMPTZ"})
    pipeline | ReadFromDuckDB("shop.duckdb", "orders")

Each of them loads at its first use: Beam, and DuckDB and Arrow before it, take their time, and who
only wants to know an error is not to wait for them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .read import ReadFromDuckDB
    from .tables import Table
    from .write import WriteToDuckDB

__all__ = ["ReadFromDuckDB", "Table", "WriteToDuckDB"]
_MODULES = {"ReadFromDuckDB": "read", "Table": "tables", "WriteToDuckDB": "write"}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_MODULES[name]}", __name__), name)
