"""What a spreadsheet may take for a formula in a CSV, and how that is prevented."""

from __future__ import annotations

import regex

from sinks.tables.ddl import quoted

FORMULA = r"""^[\s\p{Z}\p{C}"']*[=+\-@＝＋－＠]|^[\t\r\n]"""
"""Also after blanks, invisible signs and quotes; for Python's regex and for DuckDB alike."""
_formula = regex.compile(FORMULA)


def defused(text: str) -> str:
    """A text with an apostrophe before it, if it may be taken for a formula."""
    return f"'{text}" if _formula.match(text) else text


def defused_sql(column: str) -> str:
    """The same in SQL, for a column of texts."""
    return f"if(regexp_matches({column}, {quoted(FORMULA)}), '''' || {column}, {column})"
