"""Search: what is found, how it is shown, and that the index never says other than the database."""

from __future__ import annotations

import contextlib
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from config.errors import ConfigError, QueryError, SearchIndexBusy, SearchIndexError
from sinks.ask.search import Filters, Found, search, update_index
from sinks.ask.search.query import DEEPEST
from sinks.connector.errors import DatabaseError, DatabaseLocked
from sinks.database.sequence import next_sequence
from tests.kit.samples import (
    FEED,
    LATER,
    LATEST,
    NOON,
    RUN,
    TAIWAN,
    TOPICS,
    article,
    at,
    commit,
    held,
    listed,
    page,
    poll,
)
from transforms.records import Article, TopicMatch

FILLER = "Nothing of interest was said on the matter for the rest of the long afternoon. " * 8
ARTICLES = [
    article(0, title="EU tightens dual-use exports", language="en",
            text="Brussels put new sanctions on makers of drones.\n" + FILLER),
    article(1, title="Rust belt", language="en", outlet="Evening Mirror", country="US",
            text=FILLER + "The union was sanctioned for its strike. " + FILLER,
            published_at=at(-60 * 24 * 10)),
    article(2, title="Sanktionspaket beschlossen", language="de", country="DE",
            text="Die Übergabe der Häuser an der Straße verzögert sich.", published_at=None),
    article(3, title="L’Élysée réagit", language="fr", text="Les mesures ont été décidées hier."),
    article(4, title="Санкции против банков", language="ru", text="Ещё три банка под ударом."),
    article(5, title="عقوبات جديدة", language="ar", text="أعلنت الوزارة قيودا على تصدير الرقائق."),
    article(6, title="輸出管理を強化", language="ja",
            text="台湾の行政院は火曜日、半導体の輸出管理を発表した。北湾と台北でも説明会を開く。"),
    article(7, title="台湾海峡局势", language="zh-Hans", text="两岸关系仍然紧张。"),
    article(8, title="臺灣海峽局勢", language="zh-Hant", text="兩岸關係仍然緊張。"),
    article(9, title="E\u0301tude in drones", language="en",
            text="Drones, drones and more drones."),
]  # fmt: skip
CYBER = TopicMatch("cyber", 0.5, ())


def make(database: Path, articles: Sequence[Article], run_id: str = RUN, minute: int = 0) -> None:
    """A commit that brings these articles; the first is about cyber too."""
    numbers = [int(found.url.rpartition("/")[2]) for found in articles]
    pages = [
        page(number, found, topics=(TAIWAN, CYBER) if number == 0 else (TAIWAN,))
        for number, found in zip(numbers, articles, strict=True)
    ]
    commit(
        database,
        [poll(FEED, minute, [listed(FEED, number) for number in numbers])],
        pages,
        run_id=run_id,
        topics=[*TOPICS, TOPICS[0] | {"topic": "cyber"}],
    )


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("search") / "news.duckdb"
    make(path, ARTICLES)
    return path


@pytest.fixture
def news(tmp_path: Path) -> Path:
    """A database of two articles, with its index."""
    path = tmp_path / "news.duckdb"
    make(path, ARTICLES[:2])
    assert update_index(path, 0) == 2
    return path


def numbers(found: Found) -> list[int]:
    """Which of the articles were found, in the order of their rank."""
    return [int(hit.url.rpartition("/")[2]) for hit in found.hits]


def find(database: Path, query: str, **filters: Any) -> list[int]:
    return numbers(search(database, query, Filters(**filters), lock_timeout=0))


# What is found


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("drones", {0, 9}),
        ("DRONES brussels", {0}),
        ("sanction", {0, 1}),
        ("dual-use", {0}),
        ('"dual use exports"', {0}),
        ('"use dual"', set()),
        ("“new sanctions”", {0}),
        ("drones -brussels", {9}),
        ('drones -"makers of drones"', {9}),
        ("brussels OR strike", {0, 1}),
        ("sanctions brussels OR strike", {0, 1}),
        ("(brussels drones) OR (union strike)", {0, 1}),
        ("drones (brussels OR strike)", {0}),
        ("drones -(brussels OR strike)", {9}),
        ("brussels AND drones", {0}),
        ("drones & — Brussels!", {0}),
        ("brussels OR strike OR réagit", {0, 1, 3}),
        ("title:drones", set()),
        ("drones^2 [a TO b] *", set()),
        ("nowhere", set()),
    ],
)
def test_words_phrases_without_and_either(database: Path, query: str, expected: set[int]) -> None:
    assert set(find(database, query)) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("sanktionspakete", {2}),
        ("übergabe strasse", {2}),
        ("ubergabe STRASSE", {2}),
        ("Haus", {2}),
        ("elysee decidees", {3}),
        ("ÉLYSÉE mesure", {3}),
        ("étude", {9}),
        ("САНКЦИИ", {4}),
        ("санкциями банк", {4}),
        ("еще", {4}),
        ("عقوبات", {5}),
        ("الرقائق", {5}),
        ("台湾", {6, 7}),
        ("湾", {6, 7}),
        ("湾台", set()),
        ("半導体 台湾", {6}),
        ("海峡局势", {7}),
        ("臺灣", {8}),
        ("兩岸關係", {8}),
    ],
)
def test_languages(database: Path, query: str, expected: set[int]) -> None:
    assert set(find(database, query)) == expected


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"topics": ["cyber"]}, {0}),
        ({"topics": ["cyber", "taiwan"]}, {0, 1}),
        ({"outlets": ["evening mirror"]}, {1}),
        ({"countries": ["us"]}, {1}),
        ({"languages": ["en"]}, {0, 1}),
        ({"languages": ["de"]}, set()),
        ({"countries": ["US"], "languages": ["EN"]}, {1}),
        ({"since": NOON - timedelta(days=7)}, {0}),
        ({"until": NOON - timedelta(days=7)}, {1}),
        ({"since": at(-60), "until": at(-59)}, {0}),
        ({"until": at(-60)}, {1}),
        ({"topics": ["taiwan"], "outlets": ["Evening Mirror"], "since": at(0)}, set()),
    ],
)
def test_filters(database: Path, filters: dict[str, Any], expected: set[int]) -> None:
    assert set(find(database, "sanctions", **filters)) == expected


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        ({"topics": ["cybre", "cyber"]}, "no topic 'cybre'; did you mean 'cyber'?"),
        ({"outlets": ["Evening Miror"]}, "no outlet 'Evening Miror'; did you mean"),
        ({"countries": ["UK"]}, "no country 'UK'; there is "),
        ({"languages": ["xx"]}, "no language 'xx'; there is "),
    ],
)
def test_an_unknown_name_is_no_silence(database: Path, filters: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        find(database, "sanctions", **filters)
    assert words in str(caught.value)


def test_chinese_is_either_script_or_one(database: Path) -> None:
    assert set(find(database, "海峡 OR 海峽", languages=["zh"])) == {7, 8}
    assert find(database, "海峡 OR 海峽", languages=["ZH-hant"]) == [8]


def test_an_article_without_a_date_is_dated_by_its_listing(database: Path) -> None:
    assert find(database, "Übergabe", since=at(-1), until=at(1)) == [2]


def test_the_best_comes_first_and_the_headline_counts_more(database: Path) -> None:
    found = search(database, "drones", lock_timeout=0)
    assert numbers(found) == [9, 0]
    assert found.hits[0].score > found.hits[1].score > 0
    assert [hit.url for hit in search(database, "drones", limit=1, lock_timeout=0).hits] == [
        found.hits[0].url
    ]
    assert search(database, "drones", limit=1, lock_timeout=0).total == 2


def test_filters_do_not_change_the_rank(database: Path) -> None:
    plain = search(database, "drones", lock_timeout=0).hits[0]
    filtered = search(
        database, "drones", Filters(topics=["taiwan"], since=at(-999)), lock_timeout=0
    )
    assert filtered.hits[0] == plain


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", "nothing to be found"),
        ("-brussels", "nothing to be found"),
        ("... —", "nothing to be found"),
        ("drones (-brussels)", "nothing to be found"),
        ('"dual use', "quotation mark"),
        ("(drones", "not closed"),
        ("drones)", "not opened"),
        ("drones OR", "both sides"),
        ("OR drones", "both sides"),
        ("drones OR -brussels", "both sides"),
        ("drones OR OR brussels", "both sides"),
        ("drones NOT brussels", "write -"),
        ("drone* brussels", "leave out the \\*: word endings do not matter"),
        ('"new sanct*"', "leave out the \\*"),
        ("(" * 5000 + "drones", "parentheses"),
        ("drones \udcff", "UTF-8"),
    ],
)
def test_a_query_that_cannot_be_understood_is_refused(
    database: Path, query: str, words: str
) -> None:
    with pytest.raises(QueryError, match=words):
        find(database, query)


def test_groups_may_be_nested(database: Path) -> None:
    depth = DEEPEST
    assert set(find(database, "(" * depth + "drones" + ")" * depth)) == {0, 9}


def test_a_long_query_is_a_query(database: Path) -> None:
    assert find(database, FILLER * 3 + "sanctions strike") == [1]


# What is shown


def test_a_snippet_shows_the_match_and_marks_it(database: Path) -> None:
    (hit,) = search(database, "strike union", lock_timeout=0).hits
    shown = hit.snippet.marked()
    assert "The [union] was sanctioned for its [strike]." in shown
    assert shown.startswith("… ")
    assert shown.endswith(" …")
    assert len(shown) < 260


def test_a_phrase_is_marked_as_one_and_its_words_alone_are_not(database: Path) -> None:
    (hit,) = search(database, "台湾 半導体", lock_timeout=0).hits
    assert hit.snippet.marked() == (
        "[台湾]の行政院は火曜日、[半導体]の輸出管理を発表した。北湾と台北でも説明会を開く。"
    )


def test_marks_stand_where_the_words_do(database: Path) -> None:
    (hit,) = search(database, "elysee decidees -drones", lock_timeout=0).hits
    assert hit.title.marked() == "L’[Élysée] réagit"
    assert hit.snippet.marked() == "Les mesures ont été [décidées] hier."
    (etude,) = search(database, "étude", lock_timeout=0).hits
    assert etude.title.marked() == "[Étude] in drones"


def test_without_a_match_in_the_text_its_beginning_is_shown(database: Path) -> None:
    (hit,) = search(database, "exports", lock_timeout=0).hits
    assert hit.title.marked() == "EU tightens dual-use [exports]"
    assert hit.snippet.text.startswith("Brussels put new sanctions on makers of drones. Nothing")


def test_a_hit_says_what_it_is(database: Path) -> None:
    (hit,) = search(database, "brussels", lock_timeout=0).hits
    assert (hit.outlet, hit.country, hit.language) == ("The Dawn", "NZ", "en")
    assert hit.published_at == at(-60)
    assert hit.topics == ["cyber", "taiwan"]
    assert hit.article_id == ARTICLES[0].article_id


# Kept up to date


def test_only_what_is_new_is_indexed(news: Path) -> None:
    assert update_index(news, 0) == 0
    make(news, ARTICLES[2:5], LATER, 60)
    assert update_index(news, 0) == 3
    assert find(news, "санкции") == [4]
    assert set(find(news, "sanctions")) == {0, 1}


def test_a_search_finds_what_was_committed_a_moment_ago(news: Path) -> None:
    assert find(news, "réagit") == []
    make(news, ARTICLES[3:4], LATER, 60)
    assert find(news, "réagit") == [3]


def test_an_edited_article_is_found_by_its_new_words_only(news: Path) -> None:
    changed = listed(FEED, 0, listing_id="another", title="Shipyards idle")
    commit(news, [poll(FEED, 60, [changed])], run_id=LATER)
    edited = ARTICLES[0]._replace(
        title="Shipyards idle", text="Rivets are short.", text_hash="u" * 64, fetched_at=at(61)
    )
    commit(news, [page(0, edited, fetched_at=at(61))], run_id=LATEST)
    assert update_index(news, 0) == 1
    assert find(news, "rivets shipyards") == [0]
    assert find(news, "brussels") == []
    assert search(news, "rivets OR strike", lock_timeout=0).total == 2


def prune(database: Path, number: int) -> None:
    """What removes an article on request, in SQL."""
    with duckdb.connect(str(database)) as connection:
        values = [next_sequence(connection), ARTICLES[number].article_id]
        connection.execute(
            "INSERT INTO pruned_articles BY NAME SELECT article_id, url_id, now() AS pruned_at, "
            "? AS sequence FROM articles WHERE article_id = ?", values
        )  # fmt: skip
        connection.execute("DELETE FROM articles WHERE article_id = ?", values[1:])


def test_a_pruned_article_is_gone(news: Path) -> None:
    prune(news, 0)
    assert update_index(news, 0) == 0
    found = search(news, "sanctions", lock_timeout=0)
    assert (numbers(found), found.total) == ([1], 1)


def test_a_database_restored_from_an_older_copy_is_indexed_anew(news: Path, tmp_path: Path) -> None:
    copy = shutil.copy(news, tmp_path / "copy")
    make(news, ARTICLES[3:4], LATER, 60)
    assert find(news, "réagit") == [3]
    shutil.copy(copy, news)
    assert search(news, "réagit OR sanctions", lock_timeout=0).total == 2


def test_a_restored_database_that_went_another_way_is_indexed_anew(
    news: Path, tmp_path: Path
) -> None:
    copy = shutil.copy(news, tmp_path / "copy")
    make(news, ARTICLES[3:4], LATER, 60)
    assert find(news, "réagit") == [3]
    shutil.copy(copy, news)
    make(news, ARTICLES[4:5], LATEST, 120)
    assert set(find(news, "réagit OR sanctions OR банк")) == {0, 1, 4}


def test_the_index_of_another_database_is_not_used(news: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.duckdb"
    make(other, ARTICLES[3:5])
    shutil.copytree(f"{news}.search", f"{other}.search")
    assert find(other, "sanctions OR réagit") == [3]


def test_a_deleted_index_is_made_again(news: Path) -> None:
    shutil.rmtree(f"{news}.search")
    assert set(find(news, "sanctions")) == {0, 1}


@pytest.mark.parametrize("pattern", ["meta.json", "*.term", "*.pos", "*.store"])
@pytest.mark.parametrize("how", ["empty", "garbage", "gone"])
def test_a_damaged_index_is_made_again(news: Path, pattern: str, how: str) -> None:
    (victim,) = Path(f"{news}.search/index").glob(pattern)
    if how == "gone":
        victim.unlink()
    else:
        victim.write_bytes(b"" if how == "empty" else b"\x07" * victim.stat().st_size)
    make(news, ARTICLES[3:4], LATER, 60)
    assert set(find(news, '"new sanctions" OR strike OR réagit')) == {0, 1, 3}


def test_a_file_in_the_place_of_the_index_is_named_and_kept(news: Path) -> None:
    shutil.rmtree(f"{news}.search")
    place = Path(f"{news}.search")
    place.write_text("mine")
    with pytest.raises(SearchIndexError, match=r"news\.duckdb\.search: .* a file of this name"):
        find(news, "sanctions")
    assert place.read_text() == "mine"


SMALL_DISK = """
import resource, sys
from config.errors import SearchIndexError
from sinks.ask.search import search, update_index

database, what, size = sys.argv[1:]
resource.setrlimit(resource.RLIMIT_FSIZE, (int(size), int(size)))
try:
    if what == "anew":
        update_index(database, 0, anew=True)
    else:
        search(database, "sanctions", lock_timeout=0, tell=lambda done, total: print(total))
except SearchIndexError as error:
    print(error)
"""


def on_a_small_disk(database: Path, what: str, size: int) -> list[str]:
    """The limit on the size of files stands in for a full disk."""
    code = [sys.executable, "-c", SMALL_DISK, database, what, str(size)]
    return subprocess.run(code, capture_output=True, text=True, check=True).stdout.splitlines()


def test_a_rebuild_that_fails_leaves_no_half_an_index(news: Path) -> None:
    (said,) = on_a_small_disk(news, "anew", 3_000)
    assert "File too large" in said
    assert sorted(path.name for path in Path(f"{news}.search").iterdir()) == ["index", "lock"]
    assert set(find(news, "sanctions")) == {0, 1}


def test_a_full_disk_is_not_taken_for_a_damaged_index(news: Path) -> None:
    """One article is to be added; a rebuild would tell of three."""
    long = " ".join(f"word{number % 100}" for number in range(100_000))
    make(news, [article(2, text=long)], LATER, 60)
    *told, said = on_a_small_disk(news, "search", 60_000)
    assert "File too large" in said
    assert told == ["1"]


def test_a_run_does_not_make_an_index_anew(news: Path) -> None:
    Path(f"{news}.search/index/meta.json").unlink()
    with pytest.raises(SearchIndexError, match="made anew"):
        update_index(news, 0, build=False)


def test_an_empty_database_has_nothing_to_find(tmp_path: Path) -> None:
    commit(tmp_path / "news.duckdb", [poll(FEED, 0)])
    assert find(tmp_path / "news.duckdb", "anything") == []


def test_a_missing_database_is_named_and_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="no such database"):
        find(tmp_path / "news.duckdb", "anything")
    assert not list(tmp_path.iterdir())


def test_a_locked_database_is_said_to_be_locked(news: Path) -> None:
    with held(news), pytest.raises(DatabaseLocked):
        find(news, "sanctions")


# Others at the same time, and sudden ends


UPDATE_UNTIL = """
import sys
from sinks.ask.search import update_index

def wait(*_):
    print("here", flush=True)
    sys.stdin.read()

stop, seen = sys.argv[2], 0

def audit(event, arguments):
    global seen
    if event == "os.rename" and ".search" in str(arguments[0]):
        seen += 1
        if stop == f"rename {seen}":
            wait()

sys.addaudithook(audit)
update_index(sys.argv[1], 0, anew="rename" in stop, tell=wait if stop == "tell" else print)
"""


@contextmanager
def updating(database: Path, until: str) -> Iterator[subprocess.Popen[str]]:
    """A process that updates the index and stands still at a certain point."""
    with subprocess.Popen(
        [sys.executable, "-c", UPDATE_UNTIL, str(database), until],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert "here\n" in iter(process.stdout.readline, "")
        try:
            yield process
        finally:
            process.kill()


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


@pytest.mark.parametrize("until", ["tell", "rename 1", "rename 2"])
def test_killed_while_it_updates_the_index_is_right_in_the_end(news: Path, until: str) -> None:
    prune(news, 1)
    make(news, ARTICLES[2:5], LATER, 60)
    with updating(news, until) as process:
        kill(process)
    assert set(find(news, "sanctions OR réagit OR банк OR Übergabe OR strike")) == {0, 2, 3, 4}
    assert search(news, "sanctions", lock_timeout=0).total == 1
    assert update_index(news, 0) == 0


@pytest.mark.slow
def test_killed_at_any_moment_an_update_can_be_done_again(news: Path) -> None:
    chance, wanted = random.Random(11), {0, 1}
    for number in range(10, 30):
        new = article(number, title="Sanctions again", text=FILLER)
        make(news, [new], f"20260302T{number}0000000000Z-aaaaaa", number)
        wanted.add(number)
        with subprocess.Popen(
            [sys.executable, "-c", UPDATE_UNTIL, str(news), "never"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            assert process.stdout is not None
            assert process.stdout.readline(), "it has read the articles, now it commits"
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(chance.uniform(0, 0.1))
            process.kill()
            assert process.communicate()[1] == ""
    update_index(news, 0)  # the last one at least may be missing
    found = search(news, "sanctions", limit=100, lock_timeout=0)
    assert (set(numbers(found)), found.total) == (wanted, len(wanted))


def test_killed_while_it_makes_the_first_index_is_right_in_the_end(tmp_path: Path) -> None:
    path = tmp_path / "news.duckdb"
    make(path, ARTICLES)
    with updating(path, "tell") as process:
        kill(process)
    assert set(find(path, "sanctions")) == {0, 1}


def test_while_another_process_writes_the_index_what_it_held_before_is_found(news: Path) -> None:
    make(news, ARTICLES[3:4], LATER, 60)
    with updating(news, "tell"):
        found = search(news, "réagit OR sanctions", lock_timeout=0)
    assert set(numbers(found)) == {0, 1}
    assert "another process" in str(found.warning)
    again = search(news, "réagit OR sanctions", lock_timeout=0)
    assert set(numbers(again)) == {0, 1, 3}
    assert again.warning is None


def test_while_another_process_makes_the_first_index_there_is_nothing_to_ask(
    tmp_path: Path,
) -> None:
    path = tmp_path / "news.duckdb"
    make(path, ARTICLES)
    with updating(path, "tell"), pytest.raises(SearchIndexBusy, match="another process"):
        find(path, "sanctions")


def test_the_database_is_free_while_the_index_is_made(news: Path) -> None:
    with updating(news, "rename 1"):
        make(news, ARTICLES[3:4], LATER, 60)
    assert find(news, "réagit") == [3]
