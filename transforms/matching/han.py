"""Chinese in its traditional and simplified forms, by the tables of OpenCC."""

from __future__ import annotations

import re
from functools import cache
from itertools import product

from opencc import OpenCC

TABLES = ("t2s", "s2t", "s2tw", "s2hk", "tw2s", "hk2s")
"""Simplified, and traditional as written by the book, in Taiwan and in Hong Kong."""
MOST_FORMS = 64
HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")


def forms(phrase: str) -> tuple[str, ...]:
    """A phrase in all forms, its own first: 台湾 gives 台灣 and 臺灣 too.

    Whole phrases go through the tables, because 发 is 發 in one word and 髮 in another; and each
    character by itself, because people mix (台灣), as far as that makes no more than `MOST_FORMS`.
    """
    if not HAN.search(phrase):
        return (phrase,)
    whole = {phrase, *(_converter(table).convert(phrase) for table in TABLES)}
    whole |= {_converter(table).convert(one) for one in tuple(whole) for table in TABLES}
    columns = [dict.fromkeys(column) for column in zip(*_same_length(phrase, whole), strict=True)]
    mixed = product(*columns) if _size(columns) <= MOST_FORMS else ()
    return tuple(dict.fromkeys((phrase, *sorted(whole), *("".join(one) for one in mixed))))


def _same_length(phrase: str, found: set[str]) -> list[str]:
    return [one for one in sorted(found) if len(one) == len(phrase)]


def _size(columns: list[dict[str, None]]) -> int:
    size = 1
    for column in columns:
        size *= len(column)
    return size


@cache
def _converter(table: str) -> OpenCC:
    return OpenCC(table)
