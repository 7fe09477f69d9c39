"""The steps in real pipelines, against a real server."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.metrics.metric import MetricsFilter
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to

from config.models import ExtractSettings, FetchSettings, Taxonomy, Topic
from tests.kit.sites import Reply
from transforms.hashing import body_hash, digest
from transforms.records import FeedState, FeedTask, PageTask, RobotsFile
from transforms.steps import NAMESPACE
from transforms.steps.feeds import FindNewEntries, OwePages, ReadFeeds
from transforms.steps.text import JudgePages
from transforms.steps.topics import TagAgain
from transforms.steps.web import HOSTS, ROBOTS, ByHost, FetchPages, PlanFiles, PollFeeds, once
from transforms.urls import canonical
from transforms.workers import pool
from transforms.workers.feed_texts import write_texts
from transforms.workers.known_ids import NOTHING, write_known
from transforms.workers.signals import ask_to_stop, counts

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
LATER = datetime(2100, 1, 5, 12, tzinfo=UTC)
FETCH = FetchSettings(host_delay=0, retry_wait=0, retries=1, allow_private_hosts=True)
PARSE = ExtractSettings()
TAXONOMY = Taxonomy((Topic("shipping", "Shipping", ("pier*", "harbour")),))
TEXT = (
    "The harbour board said on Tuesday that three ships would have to unload at the old pier. " * 4
)
HTML = {"Content-Type": "text/html"}
NOWHERE = "no-such-folder"


def page(title: str) -> Reply:
    body = f"<html><body><article><h1>{title}</h1><p>{TEXT}</p></article></body></html>"
    return Reply(200, body.encode(), HTML)


def feed(*links: str) -> Reply:
    items = "".join(
        f"<item><title>About {link}</title><link>{link}</link></item>" for link in links
    )
    body = f'<rss version="2.0"><channel><title>T</title>{items}</channel></rss>'
    return Reply(200, body.encode(), {"Content-Type": "application/rss+xml", "ETag": '"1"'})


def feed_task(url: str, position: int = 0, **before: str) -> FeedTask:
    state = FeedState(**before)
    return FeedTask(url, f"Outlet {position}", None, None, position, 900, state)


def page_task(url: str, position: int = 0, attempts: int = 0) -> PageTask:
    return PageTask(digest(canonical(url)), url, f"http://feed.example/{position}", position,
                    "Gazette", None, None, None, None, None, NOW, attempts)  # fmt: skip


@pytest.fixture
def known(tmp_path):
    """Write a file of known ids; its path."""

    def write(*ids: str) -> str:
        blobs = pa.chunked_array([[bytes.fromhex(id_) for id_ in ids]], pa.binary())
        write_known(path := tmp_path / "known.npy", NOTHING._replace(ids=blobs))
        return str(path)

    return write


def pipeline() -> beam.Pipeline:
    return beam.Pipeline(runner=FnApiRunner())


def polls(source: beam.Pipeline, tasks: list[FeedTask], known: str, signals: str = NOWHERE):
    polled = source | beam.Create(tasks) | ByHost(2) | PollFeeds(FETCH, signals)
    return polled["answers"] | ReadFeeds(PARSE) | FindNewEntries(known)


def pages(tasks: beam.PCollection, signals: str = NOWHERE, plan: PlanFiles | None = None):
    plan = plan or PlanFiles()
    fetched = tasks | "Pages by host" >> ByHost(2) | FetchPages(FETCH, signals, plan)
    return fetched["answers"] | JudgePages(PARSE, TAXONOMY)


def count(result, name: str) -> int:
    found = result.metrics().query(MetricsFilter().with_namespace(NAMESPACE).with_name(name))
    return sum(counter.committed for counter in found["counters"])


def test_the_text_of_a_feed_takes_the_place_of_a_page_without_a_request(site, tmp_path):
    """One text is an article, one is none, and neither is asked for."""
    text, empty = (page_task(site.base + path, attempts=1) for path in ("/text", "/empty"))
    with pipeline() as source:
        spans = write_texts(tmp_path / "texts", [f"<p>{TEXT}</p>", "<img src=x>"])
        tasks = [
            task._replace(text_span=span) for task, span in zip((text, empty), spans, strict=True)
        ]
        plan = PlanFiles(texts=str(tmp_path / "texts"))
        made = pages(source | beam.Create(tasks), str(tmp_path), plan)
        seen = made | beam.Map(
            lambda page: (
                page.url.rpartition("/")[2], page.state, page.attempts, page.error_type,
                page.article and (page.article.text_source, page.article.text),
            )
        )  # fmt: skip
        assert_that(seen, equal_to([
            ("text", "fetched", 2, None, ("feed", TEXT.strip())),
            ("empty", "failed", 2, "NoText", None),
        ]))  # fmt: skip
    assert site.seen() == {}
    assert counts(tmp_path) == {"pages found": 2, "pages": 2}


def test_from_feeds_to_tagged_pages(site, known, tmp_path):
    """Two feeds list one page; one page is broken, one missing, one known, one entry has none."""
    site.at("/shared", page("Shared"))
    site.at("/own", page("Own"))
    site.at("/broken", Reply(503))
    old = site.at("/old", page("Old"))
    first = site.at("/first.xml", feed("/shared", "/own", "/broken", "/old"))
    second = site.at("/second.xml", feed("/shared#top", "/missing", "mailto:x"))
    tasks = [feed_task(second, 1), feed_task(first, 0)]
    with pipeline() as source:
        brought = polls(source, tasks, path := known(digest(canonical(old))), str(tmp_path))
        made = pages(brought | OwePages(path), str(tmp_path))
        seen = made | beam.Map(
            lambda page: (
                page.url.rpartition("/")[2], page.feed_position, page.state, page.attempts,
                page.article and page.article.title.partition(" ")[0],
                [(match.topic, len(match.evidence)) for match in page.topics],
            )
        )  # fmt: skip
        assert_that(seen, equal_to([
            ("shared", 0, "fetched", 1, "About", [("shipping", 8)]),
            ("own", 0, "fetched", 1, "About", [("shipping", 8)]),
            ("broken", 0, "pending", 1, None, []),
            ("missing", 1, "failed", 1, None, []),
        ]))  # fmt: skip
    assert site.seen() == {
        "/first.xml": 1, "/second.xml": 1, "/shared": 1, "/own": 1, "/missing": 1, "/broken": 2,
        "/robots.txt": 1,
    }  # fmt: skip
    assert count(source.result, "articles") == 2
    assert count(source.result, "page_failures") == 2
    assert counts(tmp_path) == {"feeds found": 2, "feeds": 2, "pages found": 4, "pages": 4}


def test_every_poll_leaves_a_record(site, known):
    same, fresh = feed("/a"), feed("/b")
    tasks = [
        feed_task(site.at("/304", Reply(304)), etag='"1"'),
        feed_task(site.at("/same", same), body_hash=body_hash(same.body)),
        feed_task(site.at("/fresh", fresh), body_hash=body_hash(same.body)),
        feed_task(site.at("/html", Reply(200, b"<!doctype html><html></html>", HTML))),
        feed_task(site.at("/500", Reply(500))),
        feed_task(site.base + "/404"),
    ]
    with pipeline() as source:
        told = polls(source, tasks, known()) | beam.MapTuple(
            lambda task, poll: (task.url.rpartition("/")[2], poll.status, poll.stage,
                                poll.error_type, len(poll.listed))
        )  # fmt: skip
        assert_that(told, equal_to([
            ("304", "unchanged", None, None, 0),
            ("same", "unchanged", None, None, 0),
            ("fresh", "ok", None, None, 1),
            ("html", "failed", "read feed", "NotAFeed", 0),
            ("500", "failed", "poll", "Http500", 0),
            ("404", "failed", "poll", "Http404", 0),
        ]))  # fmt: skip


def test_odd_strangers_do_not_end_the_run(site, known):
    """Half characters, wild hosts, and waits past the end of time."""
    body = b'{"version":"https://jsonfeed.org/version/1.1","items":[' + b",".join([
        b'{"id":"1","title":"half \\ud800","url":"/half"}',
        b'{"id":"2","title":"wild","url":"http://xn--/"}',
        b'{"id":"3","title":"char","url":"/\\ud800"}',
        b'{"id":"4","title":"wait","url":"/wait"}',
    ]) + b"]}"  # fmt: skip
    site.at("/half", page("Half"))
    site.at("/wait", Reply(503, b"", {"Retry-After": "9" * 30}))
    tasks = [
        feed_task(site.at("/feed", Reply(200, body))),
        feed_task(site.at("/busy", Reply(429, b"", {"Retry-After": "9" * 400}))),
    ]
    with pipeline() as source:
        brought = polls(source, tasks, path := known())
        made = pages(brought | OwePages(path))
        assert_that(
            brought | "Polls" >> beam.MapTuple(lambda _, poll: (poll.status, len(poll.listed))),
            equal_to([("ok", 4), ("failed", 0)]),
        )
        assert_that(
            made | "Pages" >> beam.Map(lambda page: (page.url.rpartition("/")[2], page.state)),
            equal_to([("half", "fetched"), ("", "failed"), ("wait", "pending")]),
            label="pages",
        )


def robots(tmp_path, *files: RobotsFile) -> str:
    """A plan's file of what is known of sites."""
    path = tmp_path / "robots.jsonl"
    lines = (json.dumps(file, default=datetime.isoformat) for file in files)
    path.write_text("".join(f"{line}\n" for line in lines))
    return str(path)


def states(site, tmp_path, tasks: list[PageTask], *known: RobotsFile) -> dict[str, str | None]:
    """The kind of failure of each page (None: fetched), and the robots.txt that were read."""
    with pipeline() as source:
        hosts = source | beam.Create(tasks) | ByHost(1)
        plan = PlanFiles(robots=robots(tmp_path, *known))
        fetched = hosts | FetchPages(FETCH, str(tmp_path), plan)
        made = fetched["answers"] | JudgePages(PARSE, TAXONOMY)
        lines = made | beam.Map(lambda page: [page.url.rpartition("/")[2], page.error_type])
        told = fetched[ROBOTS] | beam.Map(lambda file: [file.origin, file.body, file.error])
        for name, found in (("pages", lines), ("told", told)):
            _ = (
                found
                | f"JSON of {name}" >> beam.Map(json.dumps)
                | f"Write {name}" >> beam.io.WriteToText(str(tmp_path / name), num_shards=1)
            )
    read = (tmp_path / "told-00000-of-00001").read_text().splitlines()
    site.told = [json.loads(line) for line in read]
    return dict(map(json.loads, (tmp_path / "pages-00000-of-00001").read_text().splitlines()))


def test_robots_txt_is_read_once_and_obeyed(site, tmp_path):
    rules = b"User-agent: *\nAllow: /\n\nUser-agent: newsbeam\nDisallow: /no\n"
    site.at("/robots.txt", Reply(200, rules))
    site.at("/moved", Reply(302, headers={"Location": "/no/there"}))
    for path in ("/yes", "/no", "/told", "/no/there"):
        site.at(path, page("A Crane"))
    tasks = [page_task(f"{site.base}/{path}") for path in ("yes", "no", "moved")]
    tasks.append(page_task(f"{site.base}/no/told")._replace(obeys_robots=False))
    site.at("/no/told", page("A Crane"))
    assert states(site, tmp_path, tasks) == {
        "yes": None, "no": "RobotsRefused", "moved": "RobotsRefused", "told": None,
    }  # fmt: skip
    assert site.seen() == {"/robots.txt": 1, "/yes": 1, "/moved": 1, "/no/told": 1}
    assert site.told == [[site.base, rules.decode(), None]]


@pytest.mark.parametrize(
    ("reply", "failure", "body"),
    [
        (Reply(404), None, ""),
        (Reply(403), None, ""),
        (Reply(200, b"\xff\xfe nonsense"), None, "\ufffd\ufffd nonsense"),
        (Reply(503), "RobotsLost", None),
        (Reply(429), "RobotsLost", None),
        (Reply(301, headers={"Location": "/robots.txt"}), None, ""),
    ],
)
def test_a_robots_txt_that_is_not_there_allows_all_and_one_that_is_lost_nothing(
    site, tmp_path, reply, failure, body
):
    site.at("/robots.txt", reply)
    site.at("/a", page("A Crane"))
    assert states(site, tmp_path, [page_task(site.base + "/a")]) == {"a": failure}
    assert site.told[0][:2] == [site.base, body]
    assert (site.told[0][2] is None) == (reply.status == 200)


def test_what_is_known_of_a_site_is_not_asked_for_again(site, tmp_path):
    site.at("/a", page("A Crane"))
    known = RobotsFile(site.base, NOW, 200, "User-agent: *\nDisallow: /a", None, LATER)
    tasks = [page_task(site.base + "/a")]
    assert states(site, tmp_path, tasks, known) == {"a": "RobotsRefused"}
    assert (site.seen(), site.told) == ({}, [])


def test_a_run_asked_to_stop_fetches_nothing_more(site, tmp_path):
    ask_to_stop(tmp_path)
    held = site.at("/", lambda handler: site.closing.wait() and None)
    with pipeline() as source:
        hosts = source | beam.Create([page_task(held)]) | ByHost(1)
        fetched = hosts | FetchPages(FETCH, str(tmp_path))
        assert_that(fetched["answers"], equal_to([]))


@pytest.mark.parametrize("groups", [1, 4])
def test_a_host_belongs_to_one_group_alone(groups):
    starts = [f"https://{sub}.news{n}.com" for n in range(9) for sub in ("www", "m")]
    urls = [f"{start}:{port}/a" for start in starts for port in (80, 81)]
    with pipeline() as source:
        hosts = (
            source
            | beam.Create([page_task(url) for url in urls])
            | ByHost(groups)
            | beam.FlatMapTuple(lambda group, tasks: {
                (group, task.url.split(".")[1]) for task in tasks
            })
        )  # fmt: skip
        assert_that(
            hosts | beam.MapTuple(lambda _, host: host), equal_to([f"news{n}" for n in range(9)])
        )
        assert_that(
            hosts | beam.Keys() | beam.Distinct() | beam.combiners.Count.Globally(),
            equal_to([groups]),
            label="spread",
        )


def test_each_page_once_for_the_first_feed_that_lists_it():
    a, other = "https://news.example/a", "https://news.example/b"
    tasks = [page_task(a, 2), page_task(other, 5), page_task(a, 1), page_task(a + "#x", 1)]
    assert once(tasks) == [page_task(a, 1), page_task(other, 5)]
    assert once(reversed(tasks))[0] == page_task(a, 1)


def test_an_attempt_that_was_counted_is_not_forgotten():
    a = "https://news.example/a"
    assert once([page_task(a, 0), page_task(a, 7, attempts=3)]) == [page_task(a, 7, attempts=3)]


def test_a_host_that_rests_is_known_to_the_steps_after(site, tmp_path):
    """What the polls found out, the pages heed, and both leave it for the next run."""
    site.at("/rss", Reply(429, b"", {"Retry-After": "600"}))
    site.at("/page", page("Page"))
    with pipeline() as source:
        polled = (
            source
            | "Feeds" >> beam.Create([feed_task(site.base + "/rss")])
            | "By host" >> ByHost(1)
            | PollFeeds(FETCH, str(tmp_path))
        )
        rests = polled[HOSTS] | beam.Map(lambda rest: (rest.host, rest.last_error))
        told = "the server answered 429, with Retry-After"
        assert_that(rests, equal_to([("127.0.0.1", told)]), label="rests")
    with pipeline() as source:
        made = pages(source | beam.Create([page_task(site.base + "/page")]), str(tmp_path))
        kinds = made | beam.Map(lambda page: (page.error_type, page.state, page.attempts))
        assert_that(kinds, equal_to([("HostResting", "pending", 0)]))
    assert site.seen() == {"/rss": 1}


@pytest.mark.parametrize(
    "step",
    [
        PollFeeds(FETCH, "s"), FetchPages(FETCH, "s", PlanFiles("h", "r")), ReadFeeds(PARSE),
        FindNewEntries("k"), OwePages("k"), JudgePages(PARSE, TAXONOMY), TagAgain(TAXONOMY),
        ByHost(2),
    ],
    ids=lambda step: type(step).__name__,
)  # fmt: skip
def test_steps_travel_to_workers(step):
    assert type(pickle.loads(pickle.dumps(step))) is type(step)


def teardown_module() -> None:
    pool.close_pools()
