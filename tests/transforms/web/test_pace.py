"""How fast a host may be asked."""

from __future__ import annotations

import pytest

from transforms.web.pace import FAILURES_TO_REST, LONGEST_SLOWED, REST, Pace


@pytest.mark.parametrize(("took", "delay"), [(0.05, 1.0), (0.5, 1.0), (2.0, 4.0), (60.0, 10.0)])
def test_a_slow_host_gets_more_time(took, delay):
    pace = Pace(1.0)
    for _ in range(3):
        pace.answered(took, 200)
    assert pace.delay == pytest.approx(delay)


def test_one_slow_answer_is_soon_forgotten():
    pace = Pace(1.0)
    pace.answered(5.0, 200)
    assert pace.delay == 10.0
    for _ in range(20):
        pace.answered(0.01, 200)
    assert pace.delay == 1.0


def test_a_busy_host_is_slowed_and_recovers():
    pace = Pace(1.0)
    delays = []
    for status in (429, 503, 429, 200, 404, 200, 200):
        pace.answered(0.1, status)
        delays.append(pace.delay)
    assert delays == [2, 4, 8, 4, 2, 1, 1]
    for _ in range(20):
        pace.answered(0.1, 429)
    assert pace.delay == LONGEST_SLOWED


def test_without_a_least_pause_only_robots_txt_counts():
    pace = Pace(0)
    pace.answered(5.0, 429)
    assert pace.delay == 0
    pace.ask_for(3)
    pace.ask_for(2)
    assert pace.delay == 3


def test_a_host_that_fails_again_and_again_is_left_alone():
    pace = Pace(1.0)
    for _ in range(FAILURES_TO_REST - 1):
        pace.ended(False, 100.0)
    assert pace.rests(100.0) == 0
    pace.ended(True, 100.0)
    pace.ended(False, 100.0)
    assert pace.rests(100.0) == 0, "one good answer counts"
    for _ in range(FAILURES_TO_REST):
        pace.ended(False, 100.0)
    assert pace.rests(101.0) == REST - 1
    assert pace.rests(100.0 + REST) == 0
