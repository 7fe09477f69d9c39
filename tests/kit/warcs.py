"""Exchanges, and archives as other programs write them."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from warcio import WARCWriter
from warcio.statusandheaders import StatusAndHeaders

from transforms.web.warc import Exchange

PAGE = b"<html><p>The ferry to Gull Island sails again from Monday.</p></html>"


NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def exchange(path: str = "/", body: bytes | None = PAGE, **changed: Any) -> Exchange:
    url = f"http://quay.example{path}"
    usual = Exchange(
        url, NOON, path, [("Host", "quay.example")], "192.0.2.7", "HTTP/1.1", "200 OK",
        [("Content-Type", "text/html")], body,
    )  # fmt: skip
    return usual._replace(**changed)


def warc(path: Path, *answers: tuple[str, str, str, list[tuple[str, str]], bytes]) -> Path:
    """A WARC 1.0 file as other programs write them: (url, date, status, headers, body)."""
    with open(path, "wb") as file:
        writer = WARCWriter(file, gzip=path.suffix == ".gz")
        writer.write_record(writer.create_warcinfo_record(path.name, {"software": "another"}))
        for url, date, status, headers, body in answers:
            writer.write_record(
                writer.create_warc_record(
                    url,
                    "response",
                    payload=io.BytesIO(body),
                    length=len(body),
                    warc_headers_dict={"WARC-Date": date},
                    http_headers=StatusAndHeaders(status, headers, "HTTP/1.1"),
                )
            )
    return path


HTML = [("Content-Type", "text/html; charset=utf-8")]


MONDAY, TUESDAY = "2026-01-05T06:00:00Z", "2026-01-06T06:00:00.250Z"
