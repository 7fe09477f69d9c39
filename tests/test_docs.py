"""README and docs cannot drift: their commands run, their output and tables are true."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
import yaml

from config.load import load_feeds, load_topics, shipped
from pipeline.cli import main
from sinks.tables.dictionary import markdown
from tests.kit.newsrooms import Newsroom, run_over
from tests.kit.program import newsbeam

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
# What makes politeness and the newsroom's addresses fit a test; the documented lines stay as they
# are, because every option can be set by the environment.
LOOPBACK = {
    "NEWSBEAM_ALLOW_PRIVATE_HOSTS": "1",
    "NEWSBEAM_HOST_DELAY": "0",
    "NEWSBEAM_HOST_CONCURRENCY": "8",
}


def blocks(page: Path, language: str) -> list[str]:
    """Fenced blocks of one language."""
    pattern = rf"^```{language}\n(.*?)^```"
    return re.findall(pattern, page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def commands() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        for block in blocks(page, "sh"):
            for line in block.splitlines():
                if line.startswith("newsbeam "):
                    found.append((page.name, line))
    return found


@pytest.fixture(scope="module")
def folder(newsroom: Newsroom, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the docs suppose it: feeds, topics, a database, and an archive."""
    folder = tmp_path_factory.mktemp("docs")
    shutil.copy(newsroom.feeds, folder / "feeds.yaml")
    shutil.copy(shipped("topics.yaml"), folder / "topics.yaml")
    run_over(newsroom, folder / "news.duckdb", "--archive", folder / "kept")
    return folder


def expanded(word: str, folder: Path) -> list[str]:
    """As a shell does with file names."""
    return (
        sorted(map(str, folder.glob(word)))
        if re.fullmatch(r"[\w/.*-]*\*[\w/.*-]*", word)
        else [word]
    )


def test_there_are_commands() -> None:
    assert len(commands()) > 6


@pytest.mark.parametrize(
    ("page", "line"), commands(), ids=[f"{p}-{c[9:40]}" for p, c in commands()]
)
def test_documented_commands_work(folder: Path, page: str, line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    arguments = [part for word in words for part in expanded(word, folder)]
    result = newsbeam(*arguments, cwd=folder, **LOOPBACK)
    assert result.stdout.strip()


def test_readme_is_short() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 120


def comparable(text: str) -> list[str]:
    """Output without what differs between two runs: run ids and seconds."""
    text = re.sub(r"\b\d{8}T\d+Z-[0-9a-f]{6}\b", "RUN", text)
    text = re.sub(r"\b\d+\.\d s\b", "N s", text)
    return [line.rstrip() for line in text.splitlines()]


def test_readme_shows_what_the_demo_prints(tmp_path: Path) -> None:
    printed = comparable(newsbeam("demo", cwd=tmp_path).stdout)
    (shown,) = blocks(ROOT / "README.md", "text")
    pieces = [comparable(piece) for piece in re.split(r"^…\n", shown, flags=re.MULTILINE)]
    assert len(pieces) > 1
    at = 0
    for piece in pieces:
        while at + len(piece) <= len(printed) and printed[at : at + len(piece)] != piece:
            at += 1
        assert printed[at : at + len(piece)] == piece, "\n".join(piece)
        at += len(piece)
    assert (tmp_path / "newsbeam-demo" / "news.duckdb").exists()


def test_data_dictionary_is_that_of_the_schema() -> None:
    page = ROOT / "docs" / "data-dictionary.md"
    assert page.read_text(encoding="utf-8") == markdown(), "run `make docs`"


def test_examples_of_configuration_are_valid(tmp_path: Path) -> None:
    examples = blocks(ROOT / "docs" / "configuration.md", "yaml")
    loaders = {"feeds": load_feeds, "topics": load_topics}
    for example in examples:
        (kind,) = yaml.safe_load(example)
        path = tmp_path / f"{kind}.yaml"
        path.write_text(example, encoding="utf-8")
        assert loaders.pop(kind)(path)
    assert not loaders


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), target


def test_every_command_is_documented() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert [name for name in main.commands if f"newsbeam {name}" not in text] == []


def test_counts_of_the_catalogues_are_true() -> None:
    feeds, topics = load_feeds(shipped("feeds.yaml")), load_topics(shipped("topics.yaml"))
    counts = f"{len(feeds)} public feeds and {len(topics.topics)} topics"
    assert counts in " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert f"{len(feeds)} feeds, {len(topics.topics)} topics" in (ROOT / "CHANGELOG.md").read_text()
