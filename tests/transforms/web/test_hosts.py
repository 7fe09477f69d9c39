"""Hosts that are left alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from transforms.feeds.polls import poll_record
from transforms.records import FeedState, FeedTask, HostRest, HttpFailure
from transforms.shapes import line_of, read_lines, record_of, write_lines
from transforms.web.hosts import HostBook, refused_rest
from transforms.workers.signals import Signals

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
SOON, LATER = NOW + timedelta(minutes=10), NOW + timedelta(hours=2)
REST = HostRest("news.example", NOW, SOON, 5, "Timeout: took longer than 60 s")


def test_a_host_rests_until_its_time_has_come():
    hosts = HostBook([REST])
    assert hosts.rest("news.example", NOW) == REST
    assert hosts.rest("news.example", SOON) is None
    assert hosts.rest("other.example", NOW) is None
    assert list(hosts.take()) == [], "what was known is no news"


def test_of_two_rests_the_longer_one_holds():
    longer = REST._replace(resting_until=LATER)
    for order in ((REST, longer), (longer, REST)):
        hosts = HostBook()
        for rest in order:
            hosts.keep(rest)
        assert hosts.rest("news.example", SOON) == longer
        assert list(hosts.take()) == list(order)
    assert list(hosts.take()) == []


def test_rests_go_through_files(tmp_path):
    assert record_of(line_of(REST), HostRest) == REST
    write_lines(tmp_path / "hosts.jsonl", [REST])
    assert list(read_lines(tmp_path / "hosts.jsonl", HostRest)) == [REST]


def test_workers_tell_each_other_of_rests(tmp_path):
    one, other = Signals(str(tmp_path)), Signals(str(tmp_path))
    one.rests("a")
    one.rests("b")
    other.rests("c")
    assert sorted(other.told_rests()) == ["a", "b", "c"]
    with open(next(tmp_path.glob("*.rests")), "a") as file:
        file.write("half a li")
    assert sorted(one.told_rests()) == ["a", "b", "c"]


def test_a_rest_that_fits_no_shard_is_none():
    refused = refused_rest(REST, "too much")
    assert (refused.resting_until, refused.last_error) == (NOW, "too much")


def test_a_feed_whose_host_rests_has_not_failed():
    since = NOW - timedelta(days=1)
    task = FeedTask(
        "https://news.example/rss", "Gazette", "GB", "en", 3, 900,
        FeedState(etag='"old"', failures=2, failing_since=since,
                  address="https://news.example/moved"),
    )  # fmt: skip
    answer = HttpFailure("HostResting", "left alone", NOW, 0, None, True, 480.0, asked=False)
    poll = poll_record(task, answer, None, lambda _: False, lambda _: None)
    assert (poll.status, poll.stage, poll.error_type) == ("failed", "poll", "HostResting")
    assert (poll.after.failures, poll.after.failing_since, poll.after.etag) == (2, since, '"old"')
    assert poll.after.address == "https://news.example/moved"
    assert poll.after.next_poll_at == NOW + timedelta(seconds=480)
    assert json.loads(poll.schedule or "") == {"rule": "host-resting", "retry_after": 480.0}
