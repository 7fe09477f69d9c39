"""A small newsroom, which nobody changes, and what an undisturbed run brings of it.

Modules may have their own.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.newsrooms import Newsroom, StartNewsroom, run_over
from tests.kit.rows import content


@pytest.fixture(scope="session")
def room(start_newsroom: StartNewsroom) -> Newsroom:
    return start_newsroom("--articles", "24", "--kind")


@pytest.fixture(scope="module")
def undisturbed_database(room: Newsroom, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a run that nobody disturbed."""
    database = tmp_path_factory.mktemp("undisturbed") / "news.duckdb"
    run_over(room, database)
    return database


@pytest.fixture(scope="module")
def undisturbed(undisturbed_database: Path) -> dict[str, list[str]]:
    """Its rows."""
    return content(undisturbed_database)
