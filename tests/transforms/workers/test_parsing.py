"""A document that hangs costs itself, and a host of many such documents no more than a few."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from config.models import ExtractSettings
from transforms.workers import pool
from transforms.workers.parsing import AHEAD, LEFT, TIMEOUTS, Parsing

SETTINGS = ExtractSettings(processes=2, timeout=1.0)
HANGS, FINE = (eval, ("[0 for _ in iter(int, 1)]",)), (str, ("fine",))
ENDED = "not done after 1 s of CPU; its process was ended"


@pytest.fixture(autouse=True, scope="module")
def pools() -> Iterator[None]:
    yield
    pool.close_pools()


def parsed(*documents: tuple[str, str, object]) -> list[tuple[str, str]]:
    """What came of documents (key, host, job), in the order in which it came."""
    parsing = Parsing(SETTINGS)
    found = [done for document in documents for done in parsing.hand_in(*document)]
    found += parsing.rest()
    # A machine that is very busy ends it by the clock.
    return [(key, getattr(outcome, "message", outcome).replace("10 s;", "1 s of CPU;"))
            if outcome else (key, outcome) for key, outcome in found]  # fmt: skip


def test_a_document_that_hangs_costs_itself_alone_and_all_keep_their_order():
    documents = [(f"{n}", f"host{n}", HANGS if n == 2 else FINE) for n in range(12)]
    assert parsed(*documents) == [(f"{n}", ENDED if n == 2 else "fine") for n in range(12)]


def test_a_host_whose_documents_hang_again_and_again_is_left():
    """Not by its whole number of documents, each to the end of its time; others are read."""
    slow = [(f"slow{n}", "slow.example", HANGS) for n in range(9)]
    well = [(f"well{n}", "well.example", FINE) for n in range(2)]
    said = [outcome for _, outcome in parsed(*slow, *well)]
    ended = said.count(ENDED)
    # What ran beside the last that counted may come to its own end first.
    assert TIMEOUTS <= ended < TIMEOUTS + SETTINGS.processes
    assert said == [ENDED] * ended + [LEFT.message] * (9 - ended) + ["fine"] * 2


def test_what_has_no_job_waits_for_its_turn_only():
    assert parsed(("a", "host", None), ("b", "host", FINE), ("c", "host", None)) == [
        ("a", None), ("b", "fine"), ("c", None)
    ]  # fmt: skip


def test_no_more_than_a_few_documents_wait():
    parsing = Parsing(SETTINGS)
    told = [len(list(parsing.hand_in(n, "host", FINE))) for n in range(40)]
    assert sum(told) >= 40 - AHEAD * SETTINGS.processes
    assert len(list(parsing.rest())) == 40 - sum(told)


def test_what_a_failed_bundle_left_is_forgotten():
    parsing = Parsing(SETTINGS)
    list(parsing.hand_in("old", "host", HANGS))
    parsing.forget()
    assert [*parsing.hand_in("new", "host", FINE), *parsing.rest()] == [("new", "fine")]
