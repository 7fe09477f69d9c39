"""docs/analyst: every question is asked of the newsroom's data, and answered as the page says.

`python -m tests.test_sql_docs` writes the answers anew.
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from pipeline.newsroom import NewsroomServer, NewsroomSettings
from pipeline.show.tables import write_table
from sinks.ask.query import query
from tests.kit.newsrooms import Newsroom, run_over

PAGES = sorted((Path(__file__).parents[1] / "docs" / "analyst").glob("questions-*.md"))
EXAMPLE = re.compile(
    r"^## (?P<question>.+?)\n.+?^```sql\n(?P<sql>.+?)^```\n\n```text\n(?P<answer>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
EXAMPLES = [found.groups() for page in PAGES for found in EXAMPLE.finditer(page.read_text("utf-8"))]


def newsroom_database(folder: Path) -> Path:
    """What the page supposes: a run, edits, a run that hears of them, and one that reads them."""
    database = folder / "news.duckdb"
    with NewsroomServer(NewsroomSettings()) as server:
        room = Newsroom(server.base_url, folder / "feeds.yaml")
        room.feeds.write_text(server.feeds_yaml(), encoding="utf-8")
        run_over(room, database)
        room.post("edit")
        run_over(room, database, "--now")
        run_over(room, database)
    return database


def answer(database: Path, sql: str) -> str:
    """What `newsbeam sql` prints."""
    out = io.StringIO()
    with query(database, sql) as result:
        write_table(result.columns, result.rows, out)
    return out.getvalue()


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return newsroom_database(tmp_path_factory.mktemp("sql"))


def test_every_question_has_its_query_and_answer() -> None:
    texts = [page.read_text(encoding="utf-8") for page in PAGES]
    questions = [one for text in texts for one in re.findall(r"^## (.+)$", text, re.MULTILINE)]
    assert [question for question, _, _ in EXAMPLES] == questions
    assert len(questions) >= 20
    index = PAGES[0].with_name("questions.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^- (.+)$", index, re.MULTILINE)) == sorted(questions)


@pytest.mark.parametrize(("question", "sql", "shown"), EXAMPLES, ids=[e[0] for e in EXAMPLES])
def test_the_answer_is_that_of_the_newsroom(
    database: Path, question: str, sql: str, shown: str
) -> None:
    assert answer(database, sql) == shown, "python -m tests.test_sql_docs writes answers anew"


def renew() -> None:
    """Write the answers of today into the pages."""
    with TemporaryDirectory() as folder:
        database = newsroom_database(Path(folder))

        def renewed(found: re.Match[str]) -> str:
            text, start = found[0], found.start("answer") - found.start()
            end = found.end("answer") - found.start()
            return text[:start] + answer(database, found["sql"]) + text[end:]

        for page in PAGES:
            text = page.read_text(encoding="utf-8")
            page.write_text(EXAMPLE.sub(renewed, text), encoding="utf-8")


if __name__ == "__main__":
    renew()
