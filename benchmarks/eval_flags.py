"""Hygiene and flags against the labels of an evaluation folder, by its own scorer.

The part of `make eval` for what was removed and what was flagged: `report` prints precision and
recall with their counts. The folder is ``../shared/eval``, or the one that NEWSBEAM_EVAL names.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from transforms.records import Flag, Removal

EVAL = Path(os.environ.get("NEWSBEAM_EVAL", "../shared/eval"))
SCORED = (
    "truncated", "live", "opinion", "sponsored", "press_release", "corrected", "index", "media",
)  # fmt: skip
"""Flags of which the scorer asks whether they are set; of others it compares values."""


class Judged(NamedTuple):
    """What a page came to."""

    text: str
    removals: Sequence[Removal]
    flags: Sequence[Flag]


def report(
    pages: Iterable[str],
    predictions: Mapping[str, Judged],
    show: bool = False,
    folder: Path = EVAL,
) -> bool:
    """Print how the predictions score for the pages, by id; False where there are no labels.

    A page without a prediction counts as one of which nothing was removed or flagged.
    """
    scorer = folder / "flags" / "score_flags.py"
    if not scorer.exists():
        print(f"hygiene and flags: skipped, there are no labels in {folder}/flags")
        return False
    known = [page for page in pages if page in predictions]
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "predictions.jsonl"
        path.write_text("".join(f"{_row(page, predictions[page])}\n" for page in known), "utf-8")
        command = [sys.executable, str(scorer), str(path), "--gold", str(scorer.parent)]
        result = subprocess.run(
            [*command, *(["--show"] if show else [])], capture_output=True, text=True, check=False
        )
    print(result.stdout.rstrip() if result.returncode == 0 else result.stderr.rstrip())
    return result.returncode == 0


def _row(page: str, judged: Judged) -> str:
    removed = [{"text": gone.text, "kind": gone.kind} for gone in judged.removals]
    row = {"id": page, "removed": removed, "kept_text": judged.text, "flags": named(judged.flags)}
    return json.dumps(row, ensure_ascii=False)


def named(flags: Iterable[Flag]) -> dict[str, Any]:
    """The flags by the names that the scorer has for them; the first of each counts."""
    found: dict[str, Any] = {}
    for flag in flags:
        if flag.flag == "disclosure":
            found.setdefault("ai", flag.value)
        elif flag.flag in ("wire", "dateline", "paywall"):
            found.setdefault(flag.flag, flag.value)
        elif flag.flag in SCORED:
            found[flag.flag] = True
    return found
