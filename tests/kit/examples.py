"""How many examples a model or property is held against, and whether they are drawn anew.

A gate draws none: what fails there has to fail again. `make test-long` draws new ones, at length.
"""

from __future__ import annotations

import os

from hypothesis import settings

GATE, LONG = "gate", "long"
TIMES = 20
"""As many examples at length."""


def load_profile() -> None:
    """By NEWSBEAM_EXAMPLES: gate, which is the default, or long."""
    settings.register_profile(GATE, derandomize=True, deadline=None)
    settings.register_profile(LONG, max_examples=100 * TIMES, deadline=None, print_blob=True)
    settings.load_profile(os.environ.get("NEWSBEAM_EXAMPLES", GATE))


def examples(number: int) -> int:
    """So many examples in a gate, more at length."""
    return number * TIMES if settings.get_current_profile_name() == LONG else number
