"""Archives of what servers answered: what is written, read by another program's eyes, and back."""

from __future__ import annotations

import gzip
import hashlib
import signal
import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from warcio import ArchiveIterator

from config.errors import ArchiveError
from tests.kit.fetching import fetch_many
from tests.kit.sites import Reply, Site
from tests.kit.warcs import HTML, MONDAY, PAGE, TUESDAY, exchange, warc
from transforms.records import FeedDocument, HttpFailure, Response
from transforms.web.archive import Archive, parse_listing, write_index
from transforms.web.archive import Site as ArchivedSite
from transforms.web.warc import ArchiveWriter, captures, finish_leftovers

LIMIT = 100_000


def records(path: Path) -> list[dict[str, Any]]:
    """Type, headers and payload of each record, its digests checked by warcio."""
    found = []
    with open(path, "rb") as file:
        for record in ArchiveIterator(file, check_digests="raise"):
            headers = dict(record.rec_headers.headers)
            http = record.http_headers
            found.append({
                "version": record.rec_headers.protocol, "type": record.rec_type,
                "url": headers.get("WARC-Target-URI"), "headers": headers,
                "line": http and http.statusline, "http": dict(http.headers) if http else {},
                "payload": record.raw_stream.read(),
            })  # fmt: skip
    return found


def opened(tmp_path: Path, *files: Path, feeds: tuple[str, ...] = ()) -> Archive:
    assert write_index(files, feeds, tmp_path / "index") == []
    return Archive(tmp_path / "index")


# Written


def test_every_answer_is_kept_as_a_record_that_others_can_read(site: Site, tmp_path: Path) -> None:
    site.at("/moved", Reply(301, b"", {"Location": "/page"}))
    site.at("/page", Reply(200, gzip.compress(PAGE), {"Content-Encoding": "gzip", "X-Of": "quay"}))
    site.at("/same", Reply(304))
    urls = [site.base + path for path in ("/moved", "/same", "/none")]
    list(fetch_many(urls, archive=str(tmp_path), host_concurrency=1))
    (path,) = tmp_path.iterdir()
    assert path.name.startswith("newsbeam-")
    assert path.name.endswith(".warc.gz")
    info, *rest = records(path)
    assert (info["type"], info["version"]) == ("warcinfo", "WARC/1.1")
    assert b"software: newsbeam/" in info["payload"]
    answers = {r["url"].removeprefix(site.base): r for r in rest if r["type"] != "request"}
    requests = {r["url"].removeprefix(site.base): r for r in rest if r["type"] == "request"}
    assert answers.keys() == requests.keys() == {"/moved", "/page", "/same", "/none"}
    page = answers["/page"]
    assert (page["line"], page["payload"]) == ("200 OK", PAGE)
    assert page["http"]["X-Of"] == "quay"
    assert page["http"]["X-Crawler-Content-Encoding"] == "gzip"
    assert page["headers"]["WARC-Payload-Digest"] == f"sha256:{hashlib.sha256(PAGE).hexdigest()}"
    assert page["headers"]["WARC-IP-Address"] == "127.0.0.1"
    assert answers["/moved"]["http"]["Location"] == "/page"
    assert answers["/same"]["type"] == "revisit"
    assert answers["/same"]["headers"]["WARC-Profile"].endswith("revisit/server-not-modified")
    assert answers["/none"]["line"].startswith("404")
    assert answers["/none"]["headers"]["WARC-Truncated"] == "unspecified"
    sent = requests["/page"]
    assert sent["line"] == "/page HTTP/1.1"
    assert sent["http"]["User-Agent"].startswith("newsbeam/")
    assert sent["headers"]["WARC-Concurrent-To"] == page["headers"]["WARC-Record-ID"]


def test_a_new_file_is_begun_when_one_is_full(tmp_path: Path) -> None:
    with ArchiveWriter(str(tmp_path), largest=1_500) as writer:
        for number in range(6):
            writer.write(exchange(f"/{number}"))
    files = sorted(tmp_path.iterdir())
    assert 2 <= len(files) < 6
    urls = [r["url"] for f in files for r in records(f) if r["type"] == "response"]
    assert sorted(urls) == [f"http://quay.example/{number}" for number in range(6)]


def test_nothing_to_keep_leaves_no_file(tmp_path: Path) -> None:
    ArchiveWriter(str(tmp_path)).close()
    assert not list(tmp_path.iterdir())


KILLED = """
import sys
from tests.kit.warcs import exchange
from transforms.web.warc import ArchiveWriter
writer = ArchiveWriter(sys.argv[1])
for number in range(3):
    writer.write(exchange(f"/{number}"))
print("written", flush=True)
sys.stdin.read()
"""


def test_what_a_killed_process_wrote_is_finished_and_what_is_being_written_is_left(
    tmp_path: Path,
) -> None:
    with ArchiveWriter(str(tmp_path)) as alive:
        alive.write(exchange("/alive"))
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        process.send_signal(signal.SIGKILL)
        process.communicate()
        theirs = max(tmp_path.glob("*.open"), key=lambda path: path.stat().st_size)
        with open(theirs, "ab") as file:  # what it died at
            file.write(gzip.compress(b"WARC/1.1\r\nWARC-Type: response\r\n" * 20)[:60])
        (finished,) = finish_leftovers(tmp_path)
    urls = [r["url"] for r in records(finished) if r["type"] == "response"]
    assert urls == [f"http://quay.example/{number}" for number in range(3)]
    assert len(list(tmp_path.iterdir())) == 2, "the other has its name by now, and no lock is left"


def test_an_archive_that_cannot_be_written_is_no_failure_of_the_page(
    site: Site, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    answers = fetch_many([site.at("/", Reply(200, PAGE))], archive=str(tmp_path / "file"))
    with pytest.raises(ArchiveError, match="the archive cannot be written"):
        list(answers)


# Read


def test_pages_are_listed_by_site_and_answer_as_they_did(tmp_path: Path) -> None:
    file = warc(
        tmp_path / "CC-NEWS-1.warc.gz",
        ("https://www.example.org/a", TUESDAY, "200 OK",
         [*HTML, ("X-Crawler-Content-Encoding", "gzip")], PAGE),
        ("https://example.org/b", MONDAY, "200 OK", HTML, PAGE),
        ("https://example.org/feed", MONDAY, "200 OK", [("Content-Type", "text/xml")], b"<rss/>"),
        ("https://example.org/gone", MONDAY, "404 Not Found", HTML, b"no"),
        ("https://example.org/news", MONDAY, "200 OK", HTML, b"<html>no feed any more</html>"),
        ("https://example.net/c", MONDAY, "200 OK", [], PAGE),
    )  # fmt: skip
    archive = opened(tmp_path, file, feeds=("https://example.org/news",))
    known = ArchivedSite("CC-NEWS-1.warc.gz", "example.org")
    assert archive.sites() == [ArchivedSite("CC-NEWS-1.warc.gz", "example.net"), known]
    assert known.feed_url == "warc:CC-NEWS-1.warc.gz/example.org"
    listing = archive.listing(known.feed_url)
    assert listing.fetched_at == datetime(2026, 1, 5, 6, tzinfo=UTC)
    document = parse_listing(listing.body, listing.headers, listing.url)
    assert isinstance(document, FeedDocument)
    assert [entry.url for entry in document.entries] == [
        "https://example.org/b", "https://www.example.org/a",
    ]  # fmt: skip
    answer = archive.answer("https://www.example.org/a", LIMIT)
    assert isinstance(answer, Response)
    assert (answer.status, answer.body, answer.url) == (200, PAGE, "https://www.example.org/a")
    assert answer.headers["content-type"] == HTML[0][1]
    assert answer.fetched_at == datetime(2026, 1, 6, 6, 0, 0, 250_000, tzinfo=UTC)


@pytest.mark.parametrize("packed", [True, False], ids=["gz", "plain"])
def test_of_two_captures_the_newer_one_counts(tmp_path: Path, packed: bool) -> None:
    url = "https://quay.example/a"
    name = "two.warc.gz" if packed else "two.warc"
    file = warc(
        tmp_path / name,
        (url, TUESDAY, "200 OK", HTML, b"later"),
        (url + "#top", MONDAY, "200 OK", HTML, b"before"),
    )
    archive = opened(tmp_path, file)
    answer = archive.answer(url, LIMIT)
    assert isinstance(answer, Response)
    assert answer.body == b"later"


def test_pages_of_the_archive_that_only_send_on_are_followed(tmp_path: Path) -> None:
    base = "https://quay.example"

    def way(target: str) -> bytes:
        return f"<meta http-equiv=refresh content=0;url={target}>".encode()

    file = warc(
        tmp_path / "ways.warc.gz",
        (f"{base}/a", MONDAY, "301 Moved", [("Location", "/b")], b""),
        (f"{base}/b", MONDAY, "200 OK", HTML, way("/c")),
        (f"{base}/c", MONDAY, "203 Non-Authoritative", [*HTML, *HTML], PAGE),
        (f"{base}/lost", MONDAY, "200 OK", HTML, way("/elsewhere")),
        (f"{base}/x", MONDAY, "200 OK", HTML, way("/y")),
        (f"{base}/y", MONDAY, "200 OK", HTML, way("/x")),
    )
    archive = opened(tmp_path, file)
    answer = archive.answer(f"{base}/a", LIMIT)
    assert isinstance(answer, Response)
    assert (answer.url, answer.redirects) == (f"{base}/c", (f"{base}/a", f"{base}/b"))
    assert (answer.body, answer.status) == (PAGE, 203)
    for path, end in [("lost", "lost"), ("x", "y")]:
        answer = archive.answer(f"{base}/{path}", LIMIT)
        assert isinstance(answer, Response)
        assert answer.url == f"{base}/{end}"


def test_redirects_of_the_archive_are_followed(tmp_path: Path) -> None:
    base = "https://quay.example"
    file = warc(
        tmp_path / "moved.warc.gz",
        (f"{base}/a", MONDAY, "301 Moved", [("Location", "/b")], b""),
        (f"{base}/b", MONDAY, "302 Found", [("Location", f"{base}/c")], b""),
        (f"{base}/c", MONDAY, "200 OK", HTML, PAGE),
        (f"{base}/lost", MONDAY, "302 Found", [("Location", f"{base}/elsewhere")], b""),
        (f"{base}/x", MONDAY, "302 Found", [("Location", f"{base}/y")], b""),
        (f"{base}/y", MONDAY, "302 Found", [("Location", f"{base}/x")], b""),
    )
    archive = opened(tmp_path, file)
    answer = archive.answer(f"{base}/a", LIMIT)
    assert isinstance(answer, Response)
    assert (answer.url, answer.redirects) == (f"{base}/c", (f"{base}/a", f"{base}/b"))
    assert [archive.has(f"{base}/{p}") for p in ("a", "c", "lost", "x", "none")] == [
        True, True, False, False, False,
    ]  # fmt: skip


def chunked(body: bytes) -> bytes:
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


@pytest.mark.parametrize(
    ("headers", "body", "outcome"),
    [
        ([("Content-Encoding", "gzip")], gzip.compress(PAGE), PAGE),
        ([("Transfer-Encoding", "chunked")], chunked(PAGE), PAGE),
        ([("Content-Encoding", "gzip"), ("Transfer-Encoding", "chunked")],
         chunked(gzip.compress(PAGE)), PAGE),
        ([("Content-Encoding", "gzip")], gzip.compress(b"x" * 3_000_000), "TooLarge"),
        ([], b"x" * (LIMIT + 1), "TooLarge"),
        ([("Content-Encoding", "gzip")], b"not gzip", "BadEncoding"),
        ([("Content-Encoding", "lzw")], b"?", "BadEncoding"),
    ],
    ids=["gzip", "chunked", "both", "swells", "large", "spoilt", "unknown"],
)  # fmt: skip
def test_bodies_that_were_kept_as_they_came_are_unpacked_within_bounds(
    tmp_path: Path, headers: list[tuple[str, str]], body: bytes, outcome: bytes | str
) -> None:
    url = "https://quay.example/a"
    file = warc(tmp_path / "a.warc.gz", (url, MONDAY, "200 OK", [*HTML, *headers], body))
    answer = opened(tmp_path, file).answer(url, LIMIT)
    got = answer.body if isinstance(answer, Response) else answer.error_type
    assert got == outcome


def test_a_body_that_its_archive_cut_off_is_told(tmp_path: Path) -> None:
    with ArchiveWriter(str(tmp_path)) as writer:
        writer.write(exchange("/a", body=None))
    (file,) = tmp_path.glob("*.gz")
    answer = opened(tmp_path, file).answer("http://quay.example/a", LIMIT)
    assert isinstance(answer, HttpFailure)
    assert answer.message == "the archived body is cut off (unspecified)"


def test_what_comes_before_the_damage_counts(tmp_path: Path) -> None:
    whole = warc(
        tmp_path / "whole.warc.gz",
        *((f"https://quay.example/{n}", MONDAY, "200 OK", HTML, PAGE * 50) for n in range(3)),
    )
    cut = tmp_path / "cut.warc.gz"
    cut.write_bytes(whole.read_bytes()[:-40])
    damage: list[str] = []
    assert [c.url[-1] for c in captures(cut, damage)] == ["0", "1"]
    (told,) = damage
    assert str(cut) in told
    assert "ends within a record" in told


ODD_DATES = ["yesterday", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+01:00", "1" * 5_000, ""]


@pytest.mark.parametrize("suffix", ["warc", "warc.gz"])
@pytest.mark.parametrize("date", ODD_DATES, ids=[date[:9] for date in ODD_DATES])
def test_a_record_that_cannot_be_believed_is_passed_over(
    tmp_path: Path, date: str, suffix: str
) -> None:
    answers = [(f"https://quay.example/{n}", date if n == 1 else MONDAY, "200 OK", HTML, PAGE)
               for n in range(3)]  # fmt: skip
    damage: list[str] = []
    found = captures(warc(tmp_path / f"odd.{suffix}", *answers), damage)
    assert [capture.url[-1] for capture in found] == ["0", "2"]
    (told,) = damage
    assert f"a record of {date[:50]!r}"[:-1] in told
    assert len(told) < 500 + len(str(tmp_path))


@pytest.mark.parametrize("length", ["1" + "0" * 29, "9" * 5_000, "-1", "many", None])
def test_a_record_of_an_odd_length_costs_itself(tmp_path: Path, length: str | None) -> None:
    """Each record is packed by itself, so that the others are found."""
    whole = warc(
        tmp_path / "whole.warc.gz",
        *((f"https://quay.example/{n}", MONDAY, "200 OK", HTML, PAGE) for n in range(3)),
    )
    members = list(members_of(whole.read_bytes()))
    said = f"Content-Length: {length}".encode() if length else b"X-Length: 5"
    head, _, body = gzip.decompress(members[2]).partition(b"\r\n\r\n")
    lines = [said if line.startswith(b"Content-Length") else line for line in head.split(b"\r\n")]
    members[2] = gzip.compress(b"\r\n".join(lines) + b"\r\n\r\n" + body)
    odd = tmp_path / "odd.warc.gz"
    odd.write_bytes(b"".join(members))
    damage: list[str] = []
    found = [capture.url[-1] for capture in captures(odd, damage)]
    assert found[0] == "0"
    assert "1" not in found
    assert str(odd) in "".join(damage)


def members_of(packed: bytes) -> Iterator[bytes]:
    while packed:
        unpacker = zlib.decompressobj(31)
        unpacker.decompress(packed)
        whole = packed[: len(packed) - len(unpacker.unused_data)]
        yield whole
        packed = unpacker.unused_data


BURDENS = {
    "zeros": b"\0" * 200_000_000,
    "headers": b"WARC/1.0\r\n" + b"a: b\r\n" * 20_000_000,
    "blanks": b"\r\n" * 100_000_000,
}


@pytest.mark.parametrize("name", BURDENS)
def test_a_member_that_is_packed_to_be_a_burden_is_read_in_pieces(
    tmp_path: Path, name: str
) -> None:
    url = "https://quay.example/a"
    file = warc(tmp_path / "a.warc.gz", (url, MONDAY, "200 OK", HTML, PAGE))
    file.write_bytes(file.read_bytes() + gzip.compress(BURDENS[name], 1))
    damage: list[str] = []
    tracemalloc.start()
    found = [capture.url for capture in captures(file, damage)]
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (found, len(damage)) == ([url], 1)
    assert most < 20_000_000


def test_a_chunk_that_is_packed_to_be_a_burden_is_too_large(tmp_path: Path) -> None:
    url = "https://quay.example/a"
    headers = [*HTML, ("Transfer-Encoding", "chunked")]
    answer = (url, MONDAY, "200 OK", headers, chunked(b"x" * 50_000_000))
    archive = opened(tmp_path, warc(tmp_path / "a.warc.gz", answer))
    tracemalloc.start()
    failure = archive.answer(url, LIMIT)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(failure, HttpFailure)
    assert failure.error_type == "TooLarge"
    assert most < 20_000_000


@pytest.mark.parametrize("body", [b"", b"feeds:\n- x\n", b"\x1f\x8b\x08nothing", b"PK\x03\x04"])
def test_what_is_no_warc_file_is_refused(tmp_path: Path, body: bytes) -> None:
    file = tmp_path / "no.warc.gz"
    file.write_bytes(body)
    with pytest.raises(ArchiveError, match=r"no\.warc\.gz"):
        write_index([file], (), tmp_path / "index")


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    files = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        files.append(
            warc(folder / "x.warc", ("http://quay.example/", MONDAY, "200 OK", HTML, PAGE))
        )
    with pytest.raises(ArchiveError, match=r"two files are named x\.warc"):
        write_index(files, (), tmp_path / "index")
