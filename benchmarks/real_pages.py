"""`make real-pages`: the pipeline over real pages and feeds; `make eval` scores their texts.

Serves the pages and feeds of an evaluation folder (default ``../shared/eval``, or the one that
NEWSBEAM_EVAL names) over loopback, runs `newsbeam run` over them, and demands that every page
ends as a row or as a failure with its reason. Links of the feeds are turned to this server, which
answers 404: nothing beyond loopback is asked.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from xml.sax.saxutils import escape

import duckdb

from transforms.feeds.documents import parse_feed
from transforms.records import FeedDocument

EVAL = Path(os.environ.get("NEWSBEAM_EVAL", "../shared/eval"))
PROGRAM = [sys.executable, "-m", "newsbeam"]
# Where links of entries stand; name spaces stay as they are.
LINKS = re.compile(
    rb"""((?:href|url|rdf:about|rdf:resource|xml:base)\s*=\s*["']\s*|"(?:url|external_url|id)"\s*:\s*"|"""
    rb"""<(?:link|guid|id|feedburner:origLink)[^>]*>\s*(?:<!\[CDATA\[\s*)?)https?:(\\?/\\?/)""",
    re.IGNORECASE,
)  # fmt: skip


class Site:
    """What the server serves: paths to bodies."""

    def __init__(self) -> None:
        self.bodies: dict[str, tuple[str, bytes]] = {}
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                kind, body = site.bodies.get(self.path, ("", b""))
                self.send_response(200 if kind else 404)
                self.send_header("Content-Length", str(len(body)))
                if kind:
                    self.send_header("Content-Type", kind)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """Serve while the context is open."""
        thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.server.shutdown()
            thread.join()
            self.server.server_close()


def add_pages(site: Site) -> dict[str, str]:
    """Serve the pages, and one feed that lists them by address alone; ids by URL."""
    ids = {}
    for line in (EVAL / "pages.jsonl").open(encoding="utf-8"):
        page = json.loads(line)["id"]
        body = gzip.decompress((EVAL / "pages" / f"{page}.html.gz").read_bytes())
        site.bodies[f"/pages/{page}.html"] = ("text/html", body)
        ids[f"{site.url}/pages/{page}.html"] = page
    items = "".join(f"<item><link>{escape(url)}</link></item>" for url in ids)
    feed = f'<rss version="2.0"><channel><title>Pages</title>{items}</channel></rss>'
    site.bodies["/pages.xml"] = ("application/rss+xml", feed.encode())
    return ids


def add_feeds(site: Site) -> tuple[list[str], list[str]]:
    """Serve the real feeds; those served, and those left out because a link leads elsewhere."""
    served, left_out = [], []
    for path in sorted((EVAL / "feeds" / "real").glob("*.gz")):
        elsewhere = site.url.encode().replace(b"http://", b"") + b"/elsewhere/"
        body = LINKS.sub(rb"\1http:\g<2>" + elsewhere, gzip.decompress(path.read_bytes()))
        url = f"{site.url}/feeds/{path.stem}"
        found = parse_feed(body, {}, url)
        links = [e.url for e in found.entries if e.url] if isinstance(found, FeedDocument) else []
        if all(link.startswith(f"{site.url}/") for link in links):
            kind = "application/json" if ".json" in path.name else "application/xml"
            site.bodies[f"/feeds/{path.stem}"] = (kind, body)
            served.append(url)
        else:
            left_out.append(path.stem)
    return served, left_out


def main() -> int:
    """Run and print; 1 where a page was lost."""
    if not (EVAL / "pages.jsonl").exists():
        print(f"skipped: no evaluation data in {EVAL}")
        return 0
    site = Site()
    ids = add_pages(site)
    feeds, left_out = add_feeds(site)
    with tempfile.TemporaryDirectory() as temporary, site.serving():
        folder = Path(temporary)
        listing = folder / "feeds.yaml"
        urls = [f"{site.url}/pages.xml", *feeds]
        listing.write_text("feeds:\n" + "".join(f"  - url: {url}\n" for url in urls))
        database = folder / "news.duckdb"
        command = [
            *PROGRAM, "run", "--feeds", str(listing), "--database", str(database),
            "--allow-private-hosts", "--host-delay", "0", "--host-concurrency", "16",
        ]  # fmt: skip
        subprocess.run(command, check=True)
        with duckdb.connect(str(database), read_only=True) as connection:
            lost = report(connection, site, ids, len(feeds), left_out)
    return 1 if lost else 0


def report(
    connection: duckdb.DuckDBPyConnection,
    site: Site,
    ids: dict[str, str],
    feeds: int,
    left_out: list[str],
) -> set[str]:
    """Print how pages and feeds ended; the pages without an end."""
    ends = connection.execute(
        "SELECT url, state, reason FROM entries WHERE feed_url = ?", [f"{site.url}/pages.xml"]
    ).fetchall()
    ended = {url for url, state, reason in ends if state == "fetched" or reason}
    counts = Counter(state for _, state, _ in ends)
    print(f"pages: {dict(counts)} of {len(ids)}")
    for url, state, reason in ends:
        if state != "fetched":
            print(f"  {ids[url]}: {state}: {reason}")
    polls = connection.execute(
        "SELECT status, coalesce(error_type, ''), count(*), sum(entries) FROM feed_polls "
        "WHERE feed_url LIKE '%/feeds/%' GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    print(f"real feeds: {feeds} served, {len(left_out)} left out (links that lead elsewhere)")
    for status, error, count, entries in polls:
        print(f"  {status} {error}: {count} feeds, {entries or 0} entries")
    unexplained = connection.execute(
        "SELECT count(*) FROM entries WHERE state <> 'fetched' AND reason IS NULL"
    ).fetchone()
    print(f"entries without a reason: {unexplained and unexplained[0]}")
    return set(ids) - ended


if __name__ == "__main__":
    sys.exit(main())
