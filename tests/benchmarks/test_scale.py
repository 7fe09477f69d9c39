"""docs/engineer/scale.md says what the model says of the units that stand in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.scale import SIZES, UNITS, Assumed, model, need, read_units, units_table

DOCUMENT = (Path(__file__).parents[2] / "docs" / "engineer" / "scale.md").read_text(
    encoding="utf-8"
)


def test_the_document_has_the_tables_of_its_units():
    units = read_units(DOCUMENT)
    assert units_table(units) in DOCUMENT, "run `make scale`"
    assert model(units, Assumed()) in DOCUMENT, "run `make scale`"


def test_a_document_without_a_unit_is_refused():
    with pytest.raises(SystemExit, match="poll row"):
        read_units(DOCUMENT.replace("| poll row |", "| row |"))


def test_needs_grow_with_feeds_and_prices_with_them():
    units = {unit.name: 1.0 for unit in UNITS}
    few, some, many = (need(feeds, units, Assumed()) for feeds in SIZES)
    assert few.cpu < some.cpu < many.cpu
    assert some.gb_in == pytest.approx(100 * few.gb_in)
    dear = need(SIZES[0], {**units, "extract": 100.0}, Assumed())
    assert dear.cpu_extract == pytest.approx(100 * few.cpu_extract)
    assert dear.cpu_polls == few.cpu_polls
    longer = need(SIZES[0], units, Assumed(days=60))
    assert longer.gb_kept == pytest.approx(2 * few.gb_kept)
    assert longer.plan == few.plan, "ids stay when articles go"
    assert need(SIZES[0], units, Assumed(age=730)).plan > 1.9 * few.plan
