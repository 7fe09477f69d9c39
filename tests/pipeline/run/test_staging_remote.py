"""Staging elsewhere: a folder that machines share, or a bucket; the same rows, and none lost."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pytest

from sinks.connector.remote import is_installed
from sinks.database.opening import database_id
from sinks.staging.shards import LAYOUT
from tests.kit.kills import wait_until
from tests.kit.newsrooms import Newsroom, run_over, start
from tests.kit.program import Program, newsbeam
from tests.kit.rows import content, rows
from tests.kit.samples import held

PROCESSES = ["--", "--direct_running_mode=multi_processing", "--direct_num_workers=2"]
BUCKET = "news"
Rows = dict[str, list[str]]


class Store(NamedTuple):
    """Where files are staged, and how a test looks at them."""

    address: str
    names: Callable[[], list[str]]
    """Paths of all that is there, below the address."""
    read: Callable[[str], bytes]
    write: Callable[[str, bytes], None]

    def program(self, *arguments: object, expect: int = 0) -> subprocess.CompletedProcess[str]:
        return newsbeam(*arguments, "--staging", self.address, expect=expect)


@pytest.fixture(scope="session")
def s3() -> Iterator[Any]:
    """A client of a server of its own; the environment leads to it."""
    with (
        pytest.MonkeyPatch.context() as patch,
        subprocess.Popen(
            [sys.executable, "-m", "tests.kit.s3"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        ) as server,
    ):  # fmt: skip
        assert server.stdin is not None
        assert server.stdout is not None
        patch.setenv("AWS_ENDPOINT_URL_S3", server.stdout.readline().strip())
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "of-no-one")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        yield client
        server.stdin.close()


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return made_store(request.param, request, tmp_path)


@pytest.fixture
def bucket(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return made_store("bucket", request, tmp_path)


def made_store(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if kind == "folder":
        folder = tmp_path / "shared"

        def found() -> list[str]:
            paths = (path for path in folder.rglob("*") if path.is_file())
            return sorted(str(path.relative_to(folder)) for path in paths)

        def write(name: str, body: bytes) -> None:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(body)

        return Store(str(folder), found, lambda name: (folder / name).read_bytes(), write)
    client, prefix = request.getfixturevalue("s3"), tmp_path.name

    def listed() -> list[str]:
        there = client.list_objects_v2(Bucket=BUCKET, Prefix=f"{prefix}/").get("Contents", [])
        return [item["Key"].removeprefix(f"{prefix}/") for item in there]

    def got(name: str) -> bytes:
        body: bytes = client.get_object(Bucket=BUCKET, Key=f"{prefix}/{name}")["Body"].read()
        return body

    def put(name: str, body: bytes) -> None:
        client.put_object(Bucket=BUCKET, Key=f"{prefix}/{name}", Body=body)

    return Store(f"s3://{BUCKET}/{prefix}", listed, got, put)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "news.duckdb"


def own(database: Path, name: str) -> str:
    """The path of a database's file below the address."""
    return f"{database_id(database, 0)}/{name}"


def staged(store: Store, pattern: str) -> bool:
    return any(fnmatch(name.rpartition("/")[2], pattern) for name in store.names())


@pytest.mark.parametrize("workers", [[], PROCESSES], ids=["threads", "processes"])
def test_the_rows_are_those_of_a_run_that_staged_beside_its_database(
    room: Newsroom, undisturbed_database: Path, database: Path, store: Store, workers: list[str]
) -> None:
    run_over(room, database, "--staging", store.address, *workers)
    assert content(database) == content(undisturbed_database)
    assert store.names() == [own(database, "VERSION")]
    assert not Path(f"{database}.staging").exists()


def killed(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=20)
    assert process.returncode == -signal.SIGKILL


@pytest.fixture
def waiting(room: Newsroom, database: Path, store: Store) -> Path:
    """A database whose run staged all, and was killed before its commit."""
    process = start(room, database, "--staging", store.address)
    wait_until(process, lambda: staged(store, "run.json"))
    with held(database):
        wait_until(process, lambda: staged(store, "finished.json"))
        killed(process)
    assert staged(store, "pages-*.parquet")
    return database


def test_two_commits_at_once_bring_what_a_dead_run_left_once(
    waiting: Path, undisturbed_database: Path, store: Store
) -> None:
    told = json.loads(store.program("db", "info", "--database", waiting, "--json").stdout)
    assert [run["files"] > 2 for run in told["staged"]] == [True]
    commits = [
        Program("commit", "--database", waiting, "--staging", store.address) for _ in range(2)
    ]
    assert sorted(commit.wait(timeout=120) for commit in commits) in ([0, 0], [0, 75])
    assert content(waiting) == content(undisturbed_database)
    assert rows(waiting, "SELECT state FROM runs") == [("done",)]
    assert store.names() == [own(waiting, "VERSION")]
    again = store.program("commit", "--database", waiting)
    assert again.stdout.startswith(f"Nothing is staged for {waiting} in {store.address}/")


def test_a_run_that_was_killed_on_the_way_is_taken_over_by_the_next(
    room: Newsroom, undisturbed_database: Path, database: Path, store: Store
) -> None:
    process = start(room, database, "--staging", store.address)
    wait_until(process, lambda: staged(store, "polls-*.parquet"))
    killed(process)
    told = run_over(room, database, "--staging", store.address)
    assert len(told["recovered"]) == 1
    assert content(database) == content(undisturbed_database)
    assert store.names() == [own(database, "VERSION")]


def test_databases_share_an_address_and_nothing_else(
    waiting: Path, undisturbed_database: Path, store: Store, tmp_path: Path
) -> None:
    other = Path(shutil.copy(undisturbed_database, tmp_path / "other.duckdb"))
    assert "Nothing is staged" in store.program("commit", "--database", other).stdout
    assert store.program("commit", "--database", waiting).stdout.startswith("Took over ")
    assert content(other) == content(waiting)
    assert rows(other, "SELECT count(*) FROM runs") == [(1,)]


def test_a_locked_database_is_75_and_all_waits_at_the_address(waiting: Path, store: Store) -> None:
    before = store.names()
    with held(waiting):
        text = store.program(
            "commit", "--database", waiting, "--lock-timeout", "0.1", expect=75
        ).stderr
    assert "the database is locked by" in text
    assert store.names() == before


def test_a_plan_that_is_damaged_is_named(waiting: Path, store: Store) -> None:
    (name,) = (name for name in store.names() if name.endswith("run.json"))
    store.write(name, b'{"feeds": [')
    text = store.program("commit", "--database", waiting, expect=1).stderr
    assert f"newsbeam: {store.address}/{name}: damaged: " in text
    assert "Traceback" not in text
    assert staged(store, "pages-*.parquet")


@pytest.mark.parametrize("what", ["VERSION", "thesis.txt"])
def test_a_folder_of_another_version_or_of_somebody_else_is_refused_and_kept(
    undisturbed_database: Path, store: Store, what: str
) -> None:
    store.write(own(undisturbed_database, what), b"99")
    layout = "99" if what == "VERSION" else "none"
    text = store.program("commit", "--database", undisturbed_database, expect=1).stderr
    folder = f"{store.address}/{database_id(undisturbed_database, 0)}"
    assert f"{folder}: staging layout '{layout}', but this program knows '{LAYOUT}'" in text
    assert store.names() == [own(undisturbed_database, what)]
    assert store.read(own(undisturbed_database, what)) == b"99"


def test_what_others_keep_at_the_address_stays(undisturbed_database: Path, store: Store) -> None:
    store.write("thesis.txt", b"all of it")
    store.program("commit", "--database", undisturbed_database)
    assert store.read("thesis.txt") == b"all of it"


def test_an_unknown_scheme_is_2_and_nothing_is_made(
    room: Newsroom, database: Path, tmp_path: Path
) -> None:
    text = newsbeam("run", "--feeds", room.feeds, "--database", database,
                    "--staging", "ftp://host/folder", expect=2).stderr  # fmt: skip
    assert "newsbeam: ftp://host/folder: no file system of Beam knows ftp://; valid: a path" in text
    assert "s3://" in text
    assert "gs:// with apache-beam[gcp]" in text
    assert not database.exists()


@pytest.mark.skipif(is_installed("google.cloud.storage"), reason="it is installed")
def test_a_file_system_that_is_not_installed_is_2_and_says_what_to_install(
    room: Newsroom, database: Path
) -> None:
    text = newsbeam("run", "--feeds", room.feeds, "--database", database,
                    "--staging", "gs://news/folder", expect=2).stderr  # fmt: skip
    assert "newsbeam: gs://news/folder: gs:// needs apache-beam[gcp], which is not inst" in text
    assert not database.exists()


def test_a_bucket_that_is_not_there_is_1_and_named(
    room: Newsroom, database: Path, bucket: Store
) -> None:
    text = newsbeam("run", "--feeds", room.feeds, "--database", database,
                    "--staging", "s3://absent/folder", expect=1).stderr  # fmt: skip
    assert "newsbeam: s3://absent/folder/" in text
    assert "NoSuchBucket" in text
    assert "Traceback" not in text


def test_options_of_beam_lead_to_the_file_system(
    undisturbed_database: Path, bucket: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And those that it does not know, or that would say nothing, are refused."""
    endpoint = f"--s3_endpoint_url={os.environ['AWS_ENDPOINT_URL_S3']}"
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3")
    arguments = ("commit", "--database", undisturbed_database, "--staging", bucket.address, "--")
    assert "Nothing is staged" in newsbeam(*arguments, endpoint).stdout
    assert "Beam does not know --nonsense" in newsbeam(*arguments, "--nonsense", expect=2).stderr
    text = newsbeam("commit", "--database", undisturbed_database, "--", endpoint, expect=2).stderr
    assert "options of Beam say how the file system of --staging is reached" in text


def test_an_address_that_is_none_is_2(database: Path) -> None:
    text = newsbeam("commit", "--database", database, "--staging", "s3://", expect=2).stderr
    assert "'s3://'; valid: a folder, or such as s3://bucket/folder" in text


def test_files_of_this_machine_are_read_from_a_folder_alone(
    room: Newsroom, database: Path, tmp_path: Path
) -> None:
    warc = tmp_path / "pages.warc.gz"
    warc.touch()
    text = newsbeam("run", "--feeds", room.feeds, "--database", database,
                    "--from-warc", warc, "--staging", "s3://news/x", expect=2).stderr  # fmt: skip
    assert "--from-warc takes files of this machine: --staging is a path" in text


def test_no_database_is_an_error_and_none_is_made(database: Path, store: Store) -> None:
    text = store.program("commit", "--database", database, expect=1).stderr
    assert text == f"newsbeam: {database}: no such database, and nothing is staged for it\n"
    assert not database.exists()
