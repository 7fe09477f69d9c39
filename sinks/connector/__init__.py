"""An exactly-once DuckDB connector for Apache Beam, of use without the rest of newsbeam.

    rows | WriteToDuckDB("shop.duckdb", "orders", key="order_id",
                         schema={"order_id": "BIGINT", "placed_at": "TIMESTAMPTZ"})
    pipeline | ReadFromDuckDB("shop.duckdb", "orders")

Beam loads at the first use of one of the two, so that what only stages or commits starts fast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .tables import Table

if TYPE_CHECKING:
    from .read import ReadFromDuckDB
    from .write import WriteToDuckDB

__all__ = ["ReadFromDuckDB", "Table", "WriteToDuckDB"]


def __getattr__(name: str) -> Any:
    if name == "WriteToDuckDB":
        from .write import WriteToDuckDB

        return WriteToDuckDB
    if name == "ReadFromDuckDB":
        from .read import ReadFromDuckDB

        return ReadFromDuckDB
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
