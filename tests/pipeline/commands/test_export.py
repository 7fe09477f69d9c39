"""`newsbeam export` as its user meets it."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest

from pipeline.commands.options import moment
from tests.kit.program import PROGRAM, newsbeam
from tests.kit.samples import FEED, article, commit, held, listed, page, poll


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "news.duckdb"
    recent = datetime.now(UTC) - timedelta(days=2)
    second = article(2, title="=1+1", outlet="The Dusk", published_at=recent)
    commit(path, [poll(FEED, 0, [listed(FEED, 1), listed(FEED, 2)])], [page(1), page(2, second)])
    return path


def refused(*arguments: object, status: int = 2) -> str:
    """What the program says to what it will not do."""
    result = newsbeam("export", *arguments, expect=status)
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    return result.stderr


# Articles and tables


@pytest.mark.parametrize(
    "name", ["out", "out.parquet", "out.csv", "out.CSV", "out.jsonl", "out.gkg"]
)
def test_the_ending_of_the_output_is_its_format(database: Path, tmp_path: Path, name: str) -> None:
    done = newsbeam("export", "--database", database, "--output", tmp_path / name, "--json")
    told = json.loads(done.stdout)
    form = name.partition(".")[2].lower() or "parquet"
    assert (told["output"], told["format"], told["rows"]) == (str(tmp_path / name), form, 2)
    assert (tmp_path / name).is_dir() == (form == "parquet")
    assert done.stderr == ""


def test_one_line_says_what_was_done(database: Path, tmp_path: Path) -> None:
    done = newsbeam("export", "--database", database, "--output", "news.csv", cwd=tmp_path)
    size = (tmp_path / "news.csv").stat().st_size
    assert done.stdout == f"news.csv: 2 articles as csv, 1 file, {size} bytes\n"


def test_articles_can_be_piped(database: Path) -> None:
    done = newsbeam("export", "--database", database, "--format", "csv", "--output", "-")
    found = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["title"] for row in found] == ["Headline 1", "'=1+1"]
    assert done.stderr.startswith("-: 2 articles as csv")


def test_a_pipe_that_closes_early_is_no_failure(database: Path) -> None:
    command = [*PROGRAM, "export", "--database", database, "--format", "jsonl", "--output", "-"]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert "Traceback" not in done.stderr
    assert done.returncode == 0


def test_filters_are_taken_from_options_and_variables(database: Path) -> None:
    base = ("export", "--database", database, "--format", "jsonl", "--output", "-")

    def titles(*more: str, **environment: str) -> list[str]:
        lines = newsbeam(*base, *more, **environment).stdout.splitlines()
        return [json.loads(line)["title"] for line in lines]

    assert titles("--since", "3d") == ["=1+1"]
    assert titles("--until", "2026-03-02") == ["Headline 1"]
    assert titles("--outlet", "The Dusk", "--topic", "taiwan", "--language", "en") == ["=1+1"]
    assert titles("--outlet", "The Dusk", "--outlet", "The Dawn") == ["Headline 1", "=1+1"]
    assert titles(NEWSBEAM_OUTLET="The Dusk;The Dawn") == ["Headline 1", "=1+1"]
    assert titles(NEWSBEAM_SINCE="3d") == ["=1+1"]


def test_a_table_can_be_piped(database: Path) -> None:
    done = newsbeam("export", "--database", database, "--table", "runs", "--format", "jsonl",
                    "--output", "-")  # fmt: skip
    assert json.loads(done.stdout)["articles_new"] == 2
    assert "1 row as jsonl" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "one of --output, --snapshot, --verify is needed, nothing was given"),
        (["--output", "a", "--snapshot", "b"], "--output and --snapshot were given"),
        (["--output", "a.xlsx"], "a.xlsx: .xlsx is the ending of no format; there are .parquet,"),
        (["--output", "a.json"], "JSON Lines end with .jsonl"),
        (["--verify", "a", "--overwrite"], "--verify writes nothing: leave out --overwrite"),
        (["--output", "a", "--format", "xml"], "'xml' is not one of"),
        (["--output", "-"], "parquet goes to disk only"),
        (["--output", "a.csv", "--table", "runs", "--since", "7d"], "a table is written as it is"),
        (["--output", "a.gkg", "--table", "runs"], "gkg has a row for each article"),
        (["--output", "a.csv", "--table", "run"], "no table 'run'; did you mean 'runs'?"),
        (["--output", "a.csv", "--topic", "taiwn"], "no topic 'taiwn'; did you mean 'taiwan'?"),
        (["--output", "a.csv", "--since", "soon"], "'soon' is no moment"),
        (["--snapshot", "a", "--table", "runs"], "a snapshot holds all tables"),
        (["--snapshot", "a", "--format", "csv"], "a snapshot holds all tables"),
    ],
)
def test_wrong_usage_is_said(
    database: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    result = newsbeam("export", "--database", database, *arguments, expect=2, cwd=tmp_path)
    assert message in " ".join(result.stderr.split())
    assert list(tmp_path.iterdir()) == []


def test_the_database_is_not_written_over(database: Path) -> None:
    before = database.read_bytes()
    asked = ("--database", database, "--format", "csv", "--overwrite")
    assert "is the database itself" in refused(*asked, "--output", database)
    assert database.read_bytes() == before


def test_failures_have_their_exit_status(database: Path, tmp_path: Path) -> None:
    (tmp_path / "there.csv").write_text("mine")
    said = refused("--database", database, "--output", tmp_path / "there.csv", status=1)
    assert "--overwrite replaces it" in said
    absent = refused("--database", tmp_path / "no.duckdb", "--output", tmp_path / "a", status=1)
    assert "no such database" in absent
    with held(database):
        asked = ("--database", database, "--lock-timeout", "0", "--output", tmp_path / "a")
        assert "is locked by" in refused(*asked, status=75)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_place_without_rights_is_named(database: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    said = refused("--database", database, "--output", tmp_path / "a.csv", status=1)
    assert f"{tmp_path / 'a.csv'}: could not be written: Permission denied" in said


# Moments


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-11-20", "2026-11-20T00:00:00+00:00"),
        ("2026-11-20T06:30", "2026-11-20T06:30:00+00:00"),
        ("2026-11-20 06:30:15Z", "2026-11-20T06:30:15+00:00"),
        ("2026-11-20T06:30+02:00", "2026-11-20T04:30:00+00:00"),
    ],
)
def test_a_moment_is_in_utc(text: str, at: str) -> None:
    assert moment(text).isoformat() == at


@pytest.mark.parametrize(
    ("text", "span"),
    [("90m", timedelta(minutes=90)), ("12h", timedelta(hours=12)), ("7d", timedelta(days=7)),
     ("4w", timedelta(weeks=4))],
)  # fmt: skip
def test_a_moment_may_be_a_span_before_now(text: str, span: timedelta) -> None:
    before = datetime.now(UTC)
    assert before <= moment(text) + span <= datetime.now(UTC)


@pytest.mark.parametrize("text", ["", "7", "d", "-7d", "7y", "2026-13-01", "999999999999d"])
def test_what_is_no_moment_is_said(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is no moment; write 2026-11-20"):
        moment(text)


# Snapshots


def test_a_snapshot_is_taken_and_verified(database: Path, tmp_path: Path) -> None:
    taken = newsbeam("export", "--database", database, "--snapshot", "study", cwd=tmp_path)
    assert re.match(r"study: \d+ rows in \d+ files, \S+ kB\. Cite it as:\n  newsbeam", taken.stdout)
    good = newsbeam("export", "--verify", "study", cwd=tmp_path)
    assert good.stdout.startswith("study: all files are as its manifest says; bundle id ")
    bundle_id = good.stdout.split()[-1]
    assert bundle_id in taken.stdout
    (tmp_path / "study" / "tables" / "runs.parquet").write_bytes(b"")
    (tmp_path / "study" / "extra\x1b[2J").write_bytes(b"")
    bad = newsbeam("export", "--verify", "study", cwd=tmp_path, expect=1)
    assert bad.stdout.splitlines() == [
        "extra    extra\ufffd[2J",
        "differs  tables/runs.parquet",
        f"study: 2 files are not as its manifest says; bundle id {bundle_id}",
    ]
    (tmp_path / "study" / "extra\x1b[2J").unlink()
    one = newsbeam("export", "--verify", "study", cwd=tmp_path, expect=1)
    assert "study: 1 file is not as its manifest says" in one.stdout
    told = json.loads(
        newsbeam("export", "--verify", "study", "--json", cwd=tmp_path, expect=1).stdout
    )
    assert [item["what"] for item in told["differences"]] == ["differs"]


def test_what_is_no_snapshot_cannot_be_verified(tmp_path: Path) -> None:
    assert "no snapshot, manifest.json is not there" in refused("--verify", tmp_path, status=1)
    assert "absent: no such folder" in refused("--verify", tmp_path / "absent", status=1)


def test_a_snapshot_for_programs(database: Path, tmp_path: Path) -> None:
    asked = ("--database", database, "--snapshot", tmp_path / "study", "--json")
    told = json.loads(newsbeam("export", *asked).stdout)
    written = json.loads((tmp_path / "study" / "manifest.json").read_text("utf-8"))
    assert told["bundle_id"] == written["bundle_id"]
    assert told["rows"] == sum(written["rows"].values())
