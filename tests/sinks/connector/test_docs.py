"""The examples of docs/engineer/connector.md run as they stand there, one after another."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.kit.rows import rows

PAGE = Path(__file__).parents[3] / "docs" / "engineer" / "connector.md"


def test_the_examples_run_and_do_what_they_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    examples = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)
    for example in examples:
        exec(compile(example, str(PAGE), "exec"), names)
    database = tmp_path / "shop.duckdb"
    assert rows(database, "FROM stock") == [("tea", 3, ["green"])]
    assert rows(database, "FROM orders JOIN lines USING (order_id)") == [(1, None, 1)]
    printed = capfd.readouterr().out
    assert "CommittedRows(table='stock', shards=1, rows=1, added=1)" in printed
    assert "ValueError: 1.5 is not whole" in printed
    assert "{'article': 'tea'}" in printed
