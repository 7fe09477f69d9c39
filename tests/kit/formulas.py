"""Texts that a spreadsheet might compute, and texts that look so."""

from __future__ import annotations

HARMLESS = [
    "5 - 3",
    "a=b",
    "Taiwan",
    "it's",
    "'quoted'",
    "“=1” he said",
    "",
    "　全角",
    "1-5",
    "(-1)",
]


FORMULAS = [
    "=1+1", "+1", "-5", "@SUM(A1)", "\t=1", "\tx", "\rx", "\nx", " =1", "\u00a0=1", "\u200b=1",
    "\ufeff=1", "\u3000=1", '"=1"', "'=1", "''=1", ' "\t-1', "＝1+1", "＋1", "－1", "＠SUM(A1)",
    "=cmd|'/c calc'!A1", '=HYPERLINK("https://bad.example")', "-2+3+cmd|' /C calc'!A0",
]  # fmt: skip
