"""The published copy: whole, of today, and never in the way of those who read the one before."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from config.errors import ConfigError, PublishError
from sinks.database.replacing import replacing
from sinks.keep.publish import check_target, publish
from tests.kit.rows import rows
from tests.kit.samples import FEED, LATER, article, commit, held, listed, page, poll

READER = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1], read_only=True)
for _ in sys.stdin:
    print(connection.execute("SELECT count(*), max(title) FROM articles").fetchone(), flush=True)
"""
COUNT = "SELECT count(*), max(title) FROM articles"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "news.duckdb"
    commit(path, [poll(FEED, 0, [listed(FEED, 1)])], [page(1)])
    return path


def add(database: Path) -> None:
    commit(database, [poll(FEED, 60, [listed(FEED, 2)])], [page(2)], run_id=LATER)


def test_a_copy_has_all_rows_and_cannot_be_written(database: Path, tmp_path: Path) -> None:
    target = tmp_path / "dash.duckdb"
    published = publish(database, target, 0)
    assert (published.path, published.written) == (target, True)
    assert published.bytes == target.stat().st_size
    assert rows(target, COUNT) == rows(database, COUNT)
    assert target.stat().st_mode & 0o222 == 0
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == [
        "dash.duckdb", "news.duckdb",
    ]  # fmt: skip


def test_rows_that_wait_in_the_log_are_in_the_copy(database: Path, tmp_path: Path) -> None:
    """A process that wrote and died leaves a log; a copy of the file alone would lack its rows."""
    code = (
        "import duckdb, os, sys\n"
        "connection = duckdb.connect(sys.argv[1])\n"
        "connection.execute(\"UPDATE articles SET title = 'Zebra'\")\n"
        "os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", code, database], check=True)
    assert Path(f"{database}.wal").exists()
    publish(database, tmp_path / "dash.duckdb", 0)
    assert rows(tmp_path / "dash.duckdb", COUNT) == [(1, "Zebra")]


def test_a_reader_keeps_what_it_has_and_the_next_sees_the_new(
    database: Path, tmp_path: Path
) -> None:
    target = tmp_path / "dash.duckdb"
    publish(database, target, 0)
    with subprocess.Popen(
        [sys.executable, "-c", READER, target],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
    ) as reader:  # fmt: skip
        assert reader.stdin is not None
        assert reader.stdout is not None
        reader.stdin.write("ask\n")
        assert reader.stdout.readline() == "(1, 'Headline 1')\n"
        add(database)
        assert publish(database, target, 0).written
        assert rows(target, COUNT) == [(2, "Headline 2")]
        reader.stdin.write("ask\n")
        assert reader.stdout.readline() == "(1, 'Headline 1')\n"
        reader.stdin.close()
        assert reader.wait(timeout=60) == 0


def test_a_copy_of_today_is_not_written_again(database: Path, tmp_path: Path) -> None:
    target = tmp_path / "dash.duckdb"
    publish(database, target, 0)
    inode = target.stat().st_ino
    assert not publish(database, target, 0).written
    assert target.stat().st_ino == inode
    add(database)
    assert publish(database, target, 0).written
    assert target.stat().st_ino != inode


def test_readers_of_the_database_do_not_keep_it_from_being_published(
    database: Path, tmp_path: Path
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", READER, database],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
    ) as reader:  # fmt: skip
        assert reader.stdin is not None
        assert reader.stdout is not None
        reader.stdin.write("ask\n")
        assert reader.stdout.readline()
        assert publish(database, tmp_path / "dash.duckdb", 0).written
        reader.stdin.close()


def test_a_writer_does(database: Path, tmp_path: Path) -> None:
    target = tmp_path / "dash.duckdb"
    with held(database), pytest.raises(PublishError, match=r"dash\.duckdb: .* locked by"):
        publish(database, target, 0.1)
    assert not target.exists()


def test_what_a_killed_attempt_left_goes_with_the_next(database: Path, tmp_path: Path) -> None:
    left = tmp_path / ".dash.duckdb.4711.tmp"
    left.mkdir()
    (left / "dash.duckdb").write_bytes(b"half a copy")
    publish(database, tmp_path / "dash.duckdb", 0)
    assert not left.exists()


def test_the_log_of_someone_who_wrote_to_the_copy_does_not_reach_the_next(
    database: Path, tmp_path: Path
) -> None:
    target = tmp_path / "dash.duckdb"
    publish(database, target, 0)
    target.chmod(0o644)
    code = (
        "import duckdb, os, sys\n"
        "connection = duckdb.connect(sys.argv[1])\n"
        'connection.execute("DELETE FROM articles")\n'
        "os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", code, target], check=True)
    assert Path(f"{target}.wal").exists()
    add(database)
    publish(database, target, 0)
    assert rows(target, COUNT) == [(2, "Headline 2")]


@pytest.mark.skipif(os.name != "posix", reason="limits of a process are POSIX")
def test_a_full_disk_keeps_the_copy_that_is_there(database: Path, tmp_path: Path) -> None:
    """The limit on the size of files stands in for a full disk."""
    target = tmp_path / "dash.duckdb"
    publish(database, target, 0)
    before = target.read_bytes()
    add(database)
    code = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from sinks.keep.publish import publish\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "publish(Path(sys.argv[1]), Path(sys.argv[2]), 0)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, database, target], capture_output=True, text=True
    )
    assert f"PublishError: {target}: the copy could not be written: File too large" in result.stderr
    assert target.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".tmp"] == []


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("news.duckdb", "the database itself"),
        ("linked.duckdb", "the database itself"),
        ("hard.duckdb", "the database itself"),
        ("./x/../news.duckdb", "the database itself"),
        ("news.duckdb.wal", "that name belongs to the database"),
        ("news.duckdb.lock", "that name belongs to the database"),
        ("news.duckdb.staging/copy.duckdb", "that name belongs to the database"),
        ("other.duckdb", "a database which runs write to"),
        ("folder", "not a file"),
        ("absent/dash.duckdb", "no such folder"),
    ],
)
def test_a_place_that_is_none_is_refused(
    database: Path, tmp_path: Path, place: str, words: str
) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "folder").mkdir()
    (tmp_path / "linked.duckdb").symlink_to(database)
    os.link(database, tmp_path / "hard.duckdb")
    commit(tmp_path / "other.duckdb", [poll(FEED, 0, [listed(FEED, 3)])], [page(3, article(3))])
    with pytest.raises(ConfigError, match=words):
        check_target(database, tmp_path / place, 0)


def test_a_file_that_is_no_copy_is_refused_and_kept(database: Path, tmp_path: Path) -> None:
    feeds, shop, other = (tmp_path / name for name in ("feeds.yaml", "shop.duckdb", "o.duckdb"))
    feeds.write_text("feeds: []\n")
    with duckdb.connect(str(shop)) as connection:
        connection.execute("CREATE TABLE prices AS SELECT 1 AS price")
    commit(other, [poll(FEED, 0, [listed(FEED, 3)])], [page(3, article(3))])
    shutil.rmtree(f"{other}.staging")
    for path in (feeds, shop, other):
        before = path.read_bytes()
        with pytest.raises(ConfigError, match=rf"{path}: that is no copy of {database}.*stays as"):
            check_target(database, path, 0)
        assert path.read_bytes() == before


def test_an_earlier_copy_and_an_empty_file_give_way(database: Path, tmp_path: Path) -> None:
    target, empty = tmp_path / "dash.duckdb", tmp_path / "empty.duckdb"
    publish(database, target, 0)
    add(database)
    check_target(database, target, 0)
    empty.touch()
    check_target(database, empty, 0)


def test_a_database_that_is_not_there_yet_has_no_copy(database: Path, tmp_path: Path) -> None:
    target = tmp_path / "dash.duckdb"
    publish(database, target, 0)
    with pytest.raises(ConfigError, match="that is no copy of"):
        check_target(tmp_path / "absent.duckdb", target, 0)


def test_no_one_else_may_look_into_a_file_that_is_being_written(tmp_path: Path) -> None:
    target = tmp_path / "dash.duckdb"
    with replacing(target) as temporary:
        temporary.write_bytes(b"secret")
        assert temporary.parent != tmp_path
        assert temporary.parent.stat().st_mode & 0o077 == 0
    assert target.read_bytes() == b"secret"
    assert list(tmp_path.iterdir()) == [target]


def test_a_copy_may_be_reached_by_a_link(database: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link, real = tmp_path / "dash.duckdb", tmp_path / "elsewhere" / "dash.duckdb"
    link.symlink_to(real)
    check_target(database, link, 0)
    publish(database, link, 0)
    assert link.is_symlink()
    with duckdb.connect(str(real), read_only=True) as connection:
        assert connection.execute(COUNT).fetchall() == [(1, "Headline 1")]
