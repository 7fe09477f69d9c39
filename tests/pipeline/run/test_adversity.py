"""Whole runs on disks that are full, files that are damaged, drives without locks, wrong clocks.

Each ends with a clear message and loses nothing: once mended, the next run has all rows.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from sinks.connector.errors import DatabaseError
from sinks.keep.check import check_database
from sinks.load.run_commit import commit_run, recover
from sinks.staging.folder import Staging
from tests.kit.newsrooms import Newsroom, StartNewsroom, run_over
from tests.kit.program import KIND_TO_LOOPBACK, PROGRAM, UNMEASURED, newsbeam
from tests.kit.rows import content, rows
from tests.kit.samples import FEED, LATER, commit, listed, new_run, page, poll, shard, sound

BLOCK = 262_144
ROOT = os.geteuid() == 0
WITHOUT_PRIVILEGES = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"] if ROOT else []
"""Root may write everywhere; without its capabilities it is bound by rights as others are."""
bound_by_rights = pytest.mark.skipif(
    ROOT and not shutil.which("setpriv"), reason="needs setpriv to be bound by rights"
)
needs_mount = pytest.mark.skipif(not ROOT, reason="only root may mount")


@pytest.fixture(scope="module")
def room(start_newsroom: StartNewsroom) -> Newsroom:
    return start_newsroom("--articles", "40", "--outlets", "5", "--kind")


def try_run(
    room: Newsroom,
    database: Path,
    *,
    before: tuple[str, ...] = (),
    more: tuple[str, ...] = (),
    limit: int | None = None,
    status: int = 1,
    **environment: str,
) -> str:
    """A run that must fail; what it says, which must be for people and short."""

    def bound() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    result = subprocess.run(
        [*before, *PROGRAM, "run", "--feeds", room.feeds, "--database", database,
         "--lock-timeout", "1", *KIND_TO_LOOPBACK, *more],
        capture_output=True, text=True, timeout=300, preexec_fn=bound,
        env={**UNMEASURED, **environment},
    )  # fmt: skip
    assert result.returncode == status, result.stderr
    assert "Traceback" not in result.stderr
    assert len(result.stderr.splitlines()) <= 5
    return result.stderr


def mended(room: Newsroom, database: Path, undisturbed: dict[str, list[str]]) -> None:
    run_over(room, database, "--now")
    assert content(database)["articles"] == undisturbed["articles"]
    assert content(database)["topic_evidence"] == undisturbed["topic_evidence"]
    assert check_database(database, 0) == []


# Full disks


def test_files_that_may_not_grow(
    room: Newsroom, undisturbed: dict[str, list[str]], tmp_path: Path
) -> None:
    """The limit on the size of files stands in for a quota or a full disk."""
    database = tmp_path / "news.duckdb"
    text = try_run(room, database, limit=1_000)
    assert str(database) in text
    assert "too large" in text.lower()
    mended(room, database, undisturbed)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """A disk of so many bytes; asked again, it gets another size."""
    folder = tmp_path / "disk"

    def mount(size: str) -> Path:
        options = f"size={size}" + (",remount" if folder.exists() else "")
        folder.mkdir(exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        if subprocess.run(command, capture_output=True).returncode:
            pytest.skip("this machine does not let root mount")
        return folder

    yield mount
    subprocess.run(["umount", str(folder)], capture_output=True)


@needs_mount
def test_a_full_disk_under_the_database(
    room: Newsroom,
    undisturbed: dict[str, list[str]],
    tmp_path: Path,
    small_disk: Callable[[str], Path],
) -> None:
    database = small_disk("200k") / "news.duckdb"
    staging = tmp_path / "elsewhere"
    staging.mkdir()
    Path(f"{database}.staging").symlink_to(staging)
    text = try_run(room, database)
    assert "could not commit run" in text
    assert "which stays staged in" in text
    assert "No space left on device" in text
    small_disk("50m")
    room.post("reset-log")
    assert "Took over" in newsbeam("commit", "--database", database).stdout
    assert not [row for row in room.log() if "/2026/" in row["path"]]
    assert content(database)["articles"] == undisturbed["articles"]
    mended(room, database, undisturbed)


@needs_mount
def test_a_disk_that_is_full_once_the_rows_are_in_the_log(
    room: Newsroom,
    undisturbed: dict[str, list[str]],
    tmp_path: Path,
    small_disk: Callable[[str], Path],
) -> None:
    """They are committed, and reach the file when there is room."""
    database = small_disk("500k") / "news.duckdb"
    staging = tmp_path / "elsewhere"
    staging.mkdir()
    Path(f"{database}.staging").symlink_to(staging)
    run_over(room, database)
    assert Path(f"{database}.wal").exists()
    small_disk("50m")
    mended(room, database, undisturbed)


@needs_mount
def test_a_full_disk_under_the_staging_folder(
    room: Newsroom,
    undisturbed: dict[str, list[str]],
    tmp_path: Path,
    small_disk: Callable[[str], Path],
) -> None:
    database = tmp_path / "news.duckdb"
    staging = small_disk("120k")
    Path(f"{database}.staging").symlink_to(staging)
    text = try_run(room, database)
    assert "No space left on device" in text
    assert f"{database}.staging" in text
    small_disk("50m")
    mended(room, database, undisturbed)


# Rights


@bound_by_rights
@pytest.mark.parametrize("what", ["folder", "database", "staging"])
def test_what_may_not_be_written(
    room: Newsroom, undisturbed: dict[str, list[str]], tmp_path: Path, what: str
) -> None:
    database = tmp_path / "mine" / "news.duckdb"
    database.parent.mkdir()
    run_over(room, database)
    place = {"folder": database.parent, "database": database,
             "staging": Path(f"{database}.staging")}[what]  # fmt: skip
    if what == "folder":
        Path(f"{database}.lock").unlink()
    place.chmod(0o444 if what == "database" else 0o555)
    text = try_run(room, database, before=(*WITHOUT_PRIVILEGES,))
    assert str(place) in text
    assert "Permission denied" in text
    place.chmod(0o644 if what == "database" else 0o755)
    mended(room, database, undisturbed)


@bound_by_rights
def test_a_read_only_folder_can_be_read(room: Newsroom, tmp_path: Path) -> None:
    database = tmp_path / "mine" / "news.duckdb"
    database.parent.mkdir()
    run_over(room, database)
    database.chmod(0o444)
    database.parent.chmod(0o555)
    for arguments in (["sql", "SELECT count(*) FROM articles"], ["db", "check"], ["db", "info"]):
        result = subprocess.run(
            [*WITHOUT_PRIVILEGES, *PROGRAM, *arguments, "--database", database],
            capture_output=True, text=True,
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
    database.parent.chmod(0o755)


@bound_by_rights
def test_a_database_that_may_not_be_read(room: Newsroom, tmp_path: Path) -> None:
    database = tmp_path / "news.duckdb"
    run_over(room, database)
    database.chmod(0o000)
    text = try_run(room, database, before=(*WITHOUT_PRIVILEGES,), status=2)
    assert f"File '{database}' is not readable" in text


# Damage


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (0.0, "name another file, or, if it was a database, put a copy of it in its place"),
        (0.01, "the file is damaged: put a copy of it in its place"),
        (0.5, "the file is damaged"),
    ],
    ids=["from the beginning", "behind the header", "from the middle"],
)
def test_a_damaged_database_is_named_and_nothing_is_lost(
    room: Newsroom, undisturbed: dict[str, list[str]], tmp_path: Path, start: float, words: str
) -> None:
    database = tmp_path / "news.duckdb"
    run_over(room, database)
    whole = database.read_bytes()
    at = int(len(whole) * start)
    damaged = whole[:at] + b"\xa5" * (len(whole) - at)
    database.write_bytes(damaged)
    result = newsbeam("db", "check", "--database", database, expect=1)
    assert f"newsbeam: {database}: " in result.stderr
    text = try_run(room, database, more=("--now",))
    assert f"newsbeam: {database}: " in text
    assert words in text
    if start < 0.1:  # it could not even be opened
        assert database.read_bytes() == damaged
    database.write_bytes(whole)
    Path(f"{database}.wal").unlink(missing_ok=True)
    mended(room, database, undisturbed)


def test_whichever_block_is_damaged_a_commit_says_so_or_has_no_need_of_it(tmp_path: Path) -> None:
    database = tmp_path / "news.duckdb"
    long = "Taiwan held talks.\n" + "word " * 800
    commit(
        database, [poll(FEED, 0, [listed(FEED, n) for n in range(60)])],
        [page(n, sound(n, long)) for n in range(60)],
    )  # fmt: skip
    whole, said = database.read_bytes(), Counter[str]()
    for at in range(BLOCK // 2, len(whole), BLOCK):
        database.write_bytes(whole[:at] + b"garbled!" + whole[at + 8 :])
        folder = new_run(database, LATER)
        shard(folder, poll(FEED, 60, [listed(FEED, n) for n in range(50, 70)]))
        shard(folder, *[page(n, sound(n)) for n in range(60, 70)])
        log, text = Path(f"{database}.wal"), ""
        try:
            commit_run(database, folder, 0)
        except DatabaseError as error:
            text = str(error)
        assert (f"are safe in the log {log}" in text) == log.exists()
        assert (f"move {log} away" in text) == log.exists()
        said["in the log" if log.exists() else "staged" if text else "done"] += 1
        if text:
            assert "the file is damaged: " in text
            assert "put a copy of it in its place" in text
            database.write_bytes(whole)
            log.unlink(missing_ok=True)
            recover(database, Staging(database), 0)
        assert rows(database, "SELECT count(*) FROM entries") == [(70,)]
    assert set(said) >= {"in the log", "staged"}


def test_a_log_beside_a_copy_that_is_put_in_place_is_not_forgotten(tmp_path: Path) -> None:
    """It would be applied to the copy, which is older."""
    database = tmp_path / "news.duckdb"
    commit(database, [poll(FEED, 0, [listed(FEED, 1)])], [page(1)])
    log = Path(f"{database}.wal")
    log.write_bytes(b"")
    whole = database.read_bytes()
    database.write_bytes(whole[:12_288])
    with pytest.raises(DatabaseError, match=f"damaged: .* and move {log} away"):
        commit_run(database, new_run(database, LATER), 0)


def test_a_staging_folder_of_another_version_is_refused_and_kept(
    room: Newsroom, tmp_path: Path
) -> None:
    database = tmp_path / "news.duckdb"
    staging = Path(f"{database}.staging")
    (staging / "20260301T120000000000Z-aaaaaa").mkdir(parents=True)
    (staging / "VERSION").write_text("99")
    shard = staging / "20260301T120000000000Z-aaaaaa" / "pages-0.parquet"
    shard.write_bytes(b"of a later program")
    text = try_run(room, database)
    assert f"{staging}: staging layout '99', but this program knows" in text
    assert "commit it with the version that wrote it" in text
    assert shard.read_bytes() == b"of a later program"
    assert not database.exists()


# Drives without locks

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
static int answer(const char *name, int fd, int command, void *argument) {
    if (command == F_SETLK || command == F_SETLKW) { errno = EOPNOTSUPP; return -1; }
    int (*real)(int, int, void *) = dlsym(RTLD_NEXT, name);
    return real(fd, command, argument);
}
#define TAKE(name) int name(int fd, int command, ...) { \
    va_list rest; va_start(rest, command); void *argument = va_arg(rest, void *); va_end(rest); \
    return answer(#name, fd, command, argument); }
TAKE(fcntl)
TAKE(fcntl64)
"""
NO_FLOCK = r"""
#include <errno.h>
int flock(int fd, int operation) { errno = EOPNOTSUPP; return -1; }
"""


@pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")
@pytest.mark.parametrize("locks", ["none", "flock only"])
def test_a_drive_without_locks_is_no_busy_database(
    room: Newsroom, tmp_path: Path, locks: str
) -> None:
    """A library before the C library's stands in for a network drive that refuses locks."""
    source, library = tmp_path / "shim.c", tmp_path / "shim.so"
    source.write_text(SHIM + (NO_FLOCK if locks == "none" else ""))
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    database = tmp_path / "news.duckdb"
    run_over(room, database)
    text = try_run(room, database, LD_PRELOAD=str(library))
    if locks == "none":
        assert f"{database}.lock: cannot be locked: Operation not supported" in text
        assert "on a drive that knows locks" in text
    else:
        assert str(database) in text
        assert "File locks are not supported" in text
    assert "locked by" not in text


NO_LINKS = r"""
#include <errno.h>
int link(const char *from, const char *to) { errno = EPERM; return -1; }
int linkat(int a, const char *from, int b, const char *to, int f) { errno = EPERM; return -1; }
"""


@pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")
@pytest.mark.parametrize("code", ["EPERM", "EDQUOT"])
def test_a_drive_without_links_holds_a_database_and_one_that_is_full_does_not(
    room: Newsroom, undisturbed: dict[str, list[str]], tmp_path: Path, code: str
) -> None:
    source, library = tmp_path / "shim.c", tmp_path / "shim.so"
    source.write_text(NO_LINKS.replace("EPERM", code))
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    database = tmp_path / "news.duckdb"
    if code == "EDQUOT":
        text = try_run(room, database, LD_PRELOAD=str(library))
        assert f"newsbeam: {database}: cannot be made: Disk quota exceeded" in text
        assert not database.exists()
    else:
        arguments = ["run", "--feeds", room.feeds, "--database", database, *KIND_TO_LOOPBACK]
        newsbeam(*arguments, LD_PRELOAD=str(library))
    assert not list(tmp_path.glob("*.new"))
    mended(room, database, undisturbed)


# Clocks

SHIFT = "UPDATE {table} SET {column} = {column} + INTERVAL ({days}) DAY"


def shift(database: Path, days: int) -> None:
    """As if all that is in the database had been written by a clock that was wrong."""
    columns = rows(
        database, "SELECT table_name, column_name FROM duckdb_columns() SEMI JOIN duckdb_tables() "
        "USING (table_name) WHERE data_type = 'TIMESTAMP WITH TIME ZONE'"
    )  # fmt: skip
    with duckdb.connect(str(database)) as connection:
        for table, column in columns:
            connection.execute(SHIFT.format(table=table, column=column, days=days))


@pytest.mark.parametrize("days", [400, -20_000], ids=["ahead", "behind"])
def test_a_clock_that_was_wrong_keeps_no_feed_from_being_polled(
    start_newsroom: StartNewsroom, tmp_path: Path, days: int
) -> None:
    room = start_newsroom("--articles", "40", "--outlets", "10")
    database = tmp_path / "news.duckdb"
    first = run_over(room, database)["run"]
    retired = rows(database, "SELECT count(*) FROM feeds WHERE state = 'retired'")[0][0]
    shift(database, days)
    second = run_over(room, database)["run"]
    assert second["feeds_polled"] == first["feeds_due"] - retired
    assert second["pages"] >= first["pages_pending"] > 0
    assert second["articles_new"] == 0
    third = run_over(room, database)["run"]
    assert third["feeds_due"] == 0
    assert [run_id for (run_id,) in rows(database, "SELECT run_id FROM runs ORDER BY run_id")] == [
        first["run_id"], second["run_id"], third["run_id"],
    ]  # fmt: skip
    found = check_database(database, 0)
    assert all(item.warning for item in found)
    assert bool(found) == (days > 0)
