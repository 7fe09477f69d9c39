"""Real parts for the tests: newsrooms in processes of their own, sites, DuckLakes."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from sinks.database.where import DuckLake
from tests.kit.examples import load_profile
from tests.kit.lakes import EmptyLakes, Postgres, programs
from tests.kit.newsrooms import Newsroom, StartNewsroom, serving
from tests.kit.sites import Site

load_profile()
# What a shell runs in the background ignores SIGINT (POSIX), and so would all that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
APART = {"test_duckdb_versions.py", "test_lake.py", "test_ducklake.py", "test_staging_remote.py"}
"""Long files whose tests share nothing that is dear: any worker may take any of them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long goes first, lest it end alone."""
    long = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in long and item.path.name not in APART)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file goes to one worker, but for those whose tests share nothing."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::")[0]
            return nodeid if Path(file).name in APART else file

    return ByFile(config, log)


@pytest.fixture(scope="session")
def start_newsroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartNewsroom]:
    """Start newsrooms with options of `newsbeam newsroom`; all end with the session."""
    with ExitStack() as stack:
        yield lambda *options: stack.enter_context(
            serving(tmp_path_factory.mktemp("newsroom"), *options)
        )


@pytest.fixture(scope="session")
def newsroom(start_newsroom: StartNewsroom) -> Newsroom:
    """The default newsroom, shared; tests that change it start their own."""
    return start_newsroom()


@pytest.fixture
def sites() -> Iterator[Callable[..., Site]]:
    """Makes further sites, at other addresses or with TLS."""
    made: list[Site] = []

    def make(*arguments: object) -> Site:
        made.append(Site(*arguments))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for site in made:
        site.close()


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    place = programs()
    if place is None:
        pytest.skip("no Postgres here: `apt-get install postgresql` brings one")
    server = Postgres(place)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def empty_lakes(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> EmptyLakes:
    return EmptyLakes(tmp_path_factory.mktemp("lakes"), request)


@pytest.fixture(params=["sqlite", "postgres"])  # what several may write
def lake(
    empty_lakes: EmptyLakes,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> DuckLake:
    """An empty database in a DuckLake; the test works in its own folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PGPASSWORD", "none of ours")  # and afterwards as it was
    return empty_lakes.copy(request.param, tmp_path)
