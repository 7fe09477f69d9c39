"""What an installation has, and what it lacks: each finding with its remedy. Nothing is changed."""

from __future__ import annotations

import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import duckdb
from filelock import FileLock
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from config.models import Feed
from pipeline.show.words import duration, safe, size
from sinks.connector.errors import DatabaseError, DatabaseLocked
from sinks.database.extensions import load_extension, package_of
from sinks.database.opening import one_row, open_database
from sinks.database.where import Where, is_there, local
from sinks.staging.folder import beside, layout_of
from sinks.staging.shards import LAYOUTS

NAME = "newsbeam"
PACKAGES = ("newsbeam", "config", "transforms", "sinks", "pipeline")
TOLD = ("duckdb", "apache-beam", "trafilatura", "httpx", "pyarrow")
EXTENSIONS = {
    "quack": "`newsbeam serve`",
    "httpfs": "`newsbeam serve`, and files of object stores",
    "ducklake": "databases in DuckLake",
    "sqlite_scanner": "DuckLakes with a catalogue in SQLite",
    "postgres_scanner": "DuckLakes with a catalogue in Postgres",
    "fts": "full-text search in SQL of your own; `newsbeam search` needs none",
}
PROGRAMS = {
    "java": "Flink and Spark",
    "go": "building Prism",
}
ENGINES = (
    ("prism*", "Prism, Beam's own local runner", "`make prism` in a checkout builds it"),
    ("beam-runners-flink-*-job-server-*.jar", "Flink", "`make flink` in a checkout brings it"),
)
LEAST_FREE = 1_000_000_000
MOST_OFF = 5.0
"""Seconds between two clocks that are nothing to speak of."""
MOST_HOSTS, PATIENCE = 20, 5.0
"""So many hosts of a feeds file are looked up, and for so many seconds."""


class Finding(NamedTuple):
    """One thing that was looked at."""

    check: str
    state: str
    """ok; note, which may be as it should; or wrong, which must be mended."""
    message: str
    remedy: str | None = None


def examine(database: Where, contact: str | None, feeds: Sequence[Feed] = ()) -> Iterator[Finding]:
    """Look at everything; at the network only for the hosts of `feeds`."""
    yield from python()
    yield from packages()
    yield from overlays()
    yield from extensions()
    yield from place(database)
    yield from contents(database)
    yield contact_address(contact)
    yield from engines()
    if feeds:
        yield from network(feeds)


def python() -> Iterator[Finding]:
    """Whether this Python is one that the program is for."""
    version = ".".join(map(str, sys.version_info[:3]))
    wanted = metadata.metadata(NAME)["Requires-Python"]
    if SpecifierSet(wanted).contains(version, prereleases=True):
        yield Finding("python", "ok", f"Python {version}")
    else:
        yield Finding("python", "wrong", f"Python {version}, but {wanted} is needed",
                      f"make an environment with Python {wanted}")  # fmt: skip


def packages() -> Iterator[Finding]:
    """Whether the packages that are needed are here, in versions that fit."""
    wanted = [Requirement(line) for line in metadata.requires(NAME) or ()]
    needed = [one for one in wanted if one.marker is None or one.marker.evaluate({"extra": ""})]
    found = {one.name: _version(one.name) for one in wanted}
    misfits = [
        f"{one.name} {found[one.name] or 'is absent'}, but {one.specifier or 'any'} is needed"
        for one in needed
        if not one.specifier.contains(found[one.name] or "", prereleases=True)
        or found[one.name] is None
    ]
    for misfit in misfits:
        yield Finding("packages", "wrong", misfit, "pip install --upgrade newsbeam")
    if not misfits:
        told = ", ".join(f"{name} {found[name]}" for name in TOLD)
        yield Finding("packages", "ok", f"{len(needed)} packages fit: {told}")
    metrics = [one.name for one in wanted
               if one.marker is not None and one.marker.evaluate({"extra": "metrics"})
               and not one.marker.evaluate({"extra": ""})]  # fmt: skip
    absent = [name for name in metrics if not found[name]]
    if absent:
        yield Finding("packages", "note", f"no metrics: {', '.join(absent)} not installed",
                      "for --metrics: pip install 'newsbeam[metrics]'")  # fmt: skip
    else:
        yield Finding("packages", "ok", "metrics can be served")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def overlays() -> Iterator[Finding]:
    """Whether another distribution brings packages that are called as ours are."""
    owners = metadata.packages_distributions()
    foreign = {package: sorted({*owners.get(package, ())} - {NAME}) for package in PACKAGES}
    for package, others in foreign.items():
        if others:
            yield Finding(
                "names", "wrong", f"{', '.join(others)} brings a package {package}, too: "
                f"one of the two lies over the other",
                f"install {NAME} in an environment of its own: `pipx install`, `uv tool install`",
            )  # fmt: skip
    if not any(foreign.values()):
        yield Finding("names", "ok", f"nothing lies over the packages of {NAME}")


def extensions() -> Iterator[Finding]:
    """Which extensions of DuckDB are here, and what they are for."""
    for name, purpose in EXTENSIONS.items():
        with duckdb.connect() as connection:
            try:
                load_extension(connection, name)
            except (DatabaseError, duckdb.Error):
                package = package_of(name)
                remedy = f"pip install {package}=={duckdb.__version__}"
                has = _version(package)
                other = f" ({package} {has} is for another DuckDB)" if has else ""
                yield Finding("extensions", "note",
                              f"no {name} for DuckDB {duckdb.__version__}{other}: {purpose}",
                              remedy)  # fmt: skip
            else:
                yield Finding("extensions", "ok", f"{name}: {purpose}")


def place(database: Where) -> Iterator[Finding]:
    """Rights, locks, room and clock of the folder where the database lies, or will lie."""
    folder = local(database).resolve().parent
    if not folder.is_dir():
        yield Finding("folder", "wrong", f"{folder}: no such folder", "make it")
        return
    try:
        with tempfile.TemporaryDirectory(prefix=".newsbeam-doctor-", dir=folder) as place:
            yield from _locks(Path(place))
            yield _clock_of_files(Path(place))
        staging = Path(f"{local(database)}.staging")
        if staging.is_dir():
            with tempfile.TemporaryDirectory(prefix=".newsbeam-doctor-", dir=staging):
                pass
        yield Finding("folder", "ok", f"{folder} may be written")
    except OSError as error:
        where = error.filename or folder
        yield Finding("folder", "wrong", f"{where}: {error.strerror or error}",
                      "give the user that runs newsbeam the right to write there")  # fmt: skip
    layout = layout_of(beside(database))
    if layout not in (None, *LAYOUTS):
        yield Finding("staging", "wrong", f"{local(database)}.staging is of another version",
                      "`newsbeam commit` of the version that wrote it")  # fmt: skip
    free = shutil.disk_usage(folder).free
    base = local(database)
    need = base.stat().st_size if base.is_file() else 0
    if free < LEAST_FREE:
        yield Finding("disk", "wrong", f"{size(free)} free", "make room")
    elif free < need:
        yield Finding("disk", "note", f"{size(free)} free, less than the {size(need)} of the "
                      "database: --publish and `db vacuum` need as much", "make room")  # fmt: skip
    else:
        yield Finding("disk", "ok", f"{size(free)} free")


def _locks(folder: Path) -> Iterator[Finding]:
    """Both kinds that are used: ours for runs, and DuckDB's."""
    remedy = "keep the database on a local disk; publish to the network drive, which needs no locks"
    try:
        FileLock(folder / "ours.lock", timeout=0).acquire().lock.release()
        duckdb.connect(str(folder / "its.duckdb")).close()
    except (OSError, NotImplementedError, duckdb.Error) as error:
        yield Finding("locks", "wrong", f"the drive knows no locks: {error}", remedy)
    else:
        yield Finding("locks", "ok", "the drive knows locks")


def _clock_of_files(folder: Path) -> Finding:
    file = folder / "now"
    file.touch()
    off = abs(file.stat().st_mtime - time.time())
    if off > MOST_OFF:
        return Finding("clock", "wrong", f"the clock of the drive is off by {duration(off)}",
                       "let NTP set the clocks of both machines")  # fmt: skip
    return Finding("clock", "ok", f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")


def contents(database: Where) -> Iterator[Finding]:
    """Whether the database can be read, and whether its newest row lies in the past."""
    if not is_there(database):
        yield Finding("database", "note", f"{database}: no such database yet",
                      "`newsbeam run` makes it")  # fmt: skip
        return
    try:
        with open_database(database, read_only=True, lock_timeout=PATIENCE) as opened:
            found = one_row(opened.connection, "SELECT max(committed_at) AS newest FROM runs")
    except DatabaseLocked:
        yield Finding("database", "note", f"{database}: in use; ask again")
        return
    except DatabaseError as error:
        yield Finding("database", "wrong", str(error), "see docs/operator/operations.md")
        return
    yield Finding("database", "ok", f"{database} can be read")
    newest = found["newest"]
    if newest and newest > datetime.now(UTC) + timedelta(seconds=MOST_OFF):
        off = (newest - datetime.now(UTC)).total_seconds()
        yield Finding("clock", "wrong", f"the newest run was committed {duration(off)} from now",
                      "let NTP set the clock; `newsbeam db check` names times in the future",
                      )  # fmt: skip


def contact_address(contact: str | None) -> Finding:
    """Whether the sites learn who asks."""
    if contact:
        return Finding("contact", "ok", f"the sites are told {contact}")
    return Finding("contact", "note", "the sites are not told who asks: some refuse such programs",
                   "set NEWSBEAM_CONTACT, or --contact, to a mail or web address")  # fmt: skip


def engines() -> Iterator[Finding]:
    """Which programs for other runners are here."""
    for name, purpose in PROGRAMS.items():
        found = shutil.which(name)
        if found:
            yield Finding("engines", "ok", f"{name}, for {purpose}: {found}")
        else:
            yield Finding("engines", "note", f"no {name}, which is for {purpose}",
                          f"where that is wanted, install {name}")  # fmt: skip
    folder = Path(__file__).parents[2] / ".engines"
    for pattern, what, remedy in ENGINES:
        paths: list[str | Path] = [*sorted(folder.glob(pattern))]
        found = str(paths[0]) if paths else shutil.which(pattern.rstrip("*"))
        if found:
            yield Finding("engines", "ok", f"{what}: {found}")
        else:
            yield Finding("engines", "note", f"nothing for {what}", remedy)


def network(feeds: Sequence[Feed]) -> Iterator[Finding]:
    """Whether names of hosts can be looked up, and whether one of them can be reached."""
    places: dict[str, int] = {}
    for feed in feeds:
        parts = urlsplit(feed.url)
        if parts.hostname and len(places) < MOST_HOSTS:
            places.setdefault(
                parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
            )
    pool = ThreadPoolExecutor(MOST_HOSTS)
    asked = {pool.submit(_addresses, *place): place for place in places.items()}
    wait(asked, PATIENCE)
    pool.shutdown(wait=False, cancel_futures=True)
    known = {place for task, place in asked.items() if task.done() and task.result()}
    lost = [host for host, port in places.items() if (host, port) not in known]
    if lost:
        yield Finding("network", "note" if known else "wrong",
                      f"no address found for {', '.join(map(safe, lost))}",
                      "look at the feeds file" if known else "look at the resolver (DNS)",
                      )  # fmt: skip
    if not known:
        return
    yield Finding("network", "ok", f"{len(known)} of {len(places)} names have addresses")
    host, port = next(place for place in places.items() if place in known)
    try:
        socket.create_connection((host, port), PATIENCE).close()
    except OSError as error:
        yield Finding("network", "wrong", f"{safe(host)}:{port}: {error.strerror or error}",
                      "look at firewall and routes; newsbeam uses no proxy")  # fmt: skip
    else:
        yield Finding("network", "ok", f"{safe(host)}:{port} can be reached")


def _addresses(host: str, port: int) -> bool:
    try:
        return bool(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except OSError:
        return False


MARKS = {"ok": "ok", "note": "note", "wrong": "WRONG"}


def finding_lines(findings: Sequence[Finding]) -> str:
    """All findings, for people."""
    lines = []
    for one in findings:
        lines.append(f"{MARKS[one.state]:6}{one.check:11}{safe(one.message)}")
        if one.remedy:
            lines.append(f"{'':17}→ {safe(one.remedy)}")
    wrong = sum(one.state == "wrong" for one in findings)
    lines.append(f"{wrong} to be mended" if wrong else "nothing to be mended")
    return "\n".join(lines)
