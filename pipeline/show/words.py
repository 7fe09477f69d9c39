"""Values and texts as people and programs see them.

Text of strangers loses its control and direction characters before it reaches a terminal.
"""

from __future__ import annotations

import json
import logging
import math
import re
import sys
import textwrap
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import IO, Any

from rich.console import Console

from config.moments import span_text
from pipeline.run import logs

PIPED_WIDTH = 10_000
SUMMARY_WIDTH = 98
UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)


def safe(text: str) -> str:
    """Text without what could steer a terminal or turn the direction of writing."""
    return UNSAFE.sub("\N{REPLACEMENT CHARACTER}", text)


def warn(text: str | None) -> None:
    """Say on standard error what went wrong beside a command's own work, if anything did."""
    if text:
        logs.say(safe(text), logging.WARNING, "newsbeam: ")


def shown(value: Any) -> str:
    """A value as a person reads it: times in UTC to the second, NULL as nothing."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        at = value.astimezone(UTC) if value.tzinfo else value
        return f"{at:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, (list, tuple)):
        return ", ".join(shown(item) for item in value)
    if isinstance(value, bool):
        return str(value).lower()
    return safe(str(value))


def console(file: IO[str] | None = None) -> Console:
    """A console on standard output, or on `file`."""
    target = file or sys.stdout
    width = None if target.isatty() else PIPED_WIDTH
    return Console(file=target, width=width, highlight=False, soft_wrap=False)


def plain(value: Any) -> Any:
    """A value in what JSON knows: times in ISO 8601, names as texts, NaN and infinity as null.

    A decimal is a number where that is exact, and a text elsewhere.
    """
    if isinstance(value, dict):
        return {_name(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal):
        number = float(value)
        return number if Decimal(repr(number)) == value else format(value, "f")
    return value if isinstance(value, (str, int, type(None))) else str(value)


def _name(key: Any) -> str:
    found = plain(key)
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)


def dumps(document: Any) -> str:
    """A document for programs."""
    return json.dumps(plain(document), ensure_ascii=False, indent=1)


def size(count: int) -> str:
    """Bytes as a person reads them."""
    units = ("bytes", "kB", "MB", "GB", "TB")
    power = min(len(str(max(count, 1))) - 1, 14) // 3
    return f"{count / 1000**power:,.{1 if power else 0}f} {units[power]}"


def duration(seconds: float) -> str:
    """Seconds as a person reads them: 4.2 s, 12 min, 3.5 h, 2.0 d."""
    if abs(seconds) < 100:
        return f"{seconds:.1f} s"
    if abs(seconds) < 100 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if abs(seconds) < 48 * 3600 else f"{seconds / 86400:.1f} d"


def shortfall(outlet: str, entries: int, expected: int, seconds: int) -> str:
    """What a feed brought, and should have brought."""
    return f"{safe(outlet)} {entries} entries in {span_text(seconds)} instead of {expected}"


def folded(name: str, items: list[str]) -> Iterator[str]:
    """Items after a name, on as many lines as they need."""
    bound = [item.replace(" ", "\N{NO-BREAK SPACE}") for item in items] or ["none"]
    text = textwrap.fill(
        ", ".join(bound),
        min(SUMMARY_WIDTH, console().width),
        initial_indent=f"  {name:8}  ",
        subsequent_indent=" " * 12,
        break_on_hyphens=False,
    )
    yield text.replace("\N{NO-BREAK SPACE}", " ")
