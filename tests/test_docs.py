"""README and docs cannot drift: their commands run, their output and tables are true."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml

from config.load import load_feeds, load_topics, shipped
from pipeline.cli import main
from pipeline.reference import PAGES as REFERENCE
from pipeline.reference import pages as reference
from sinks.tables.dictionary import pages
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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_are_short(page: Path) -> None:
    assert len(page.read_text(encoding="utf-8").splitlines()) <= 200


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
    for name, text in pages().items():
        page = ROOT / "docs" / "analyst" / f"{name}.md"
        assert page.read_text(encoding="utf-8") == text, "run `make docs`"


@pytest.mark.parametrize("name", ["README.md", "docs/operator/configuration.md"])
def test_examples_of_configuration_are_valid(name: str, tmp_path: Path) -> None:
    loaders = {"feeds": load_feeds, "topics": load_topics}
    for example in blocks(ROOT / name, "yaml"):
        (kind,) = yaml.safe_load(example)
        path = tmp_path / f"{kind}.yaml"
        path.write_text(example, encoding="utf-8")
        assert loaders.pop(kind)(path)
    assert not loaders


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), target


def test_the_reference_of_commands_is_that_of_their_help_texts() -> None:
    assert sorted(main.commands) == sorted(
        name for _, names in REFERENCE.values() for name in names
    )
    for name, text in reference().items():
        page = ROOT / "docs" / "operator" / f"{name}.md"
        assert page.read_text(encoding="utf-8") == text, "run `make docs`"


def every_command(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from every_command(below, f"{path} {name}")


@pytest.mark.parametrize(
    ("path", "command"), every_command(main, "newsbeam"), ids=lambda value: str(value)
)
def test_every_command_and_option_says_what_it_does(path: str, command: click.Command) -> None:
    assert command.help or command.short_help
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, f"{path} {option.opts}"


def test_counts_of_the_catalogues_are_true() -> None:
    feeds, topics = load_feeds(shipped("feeds.yaml")), load_topics(shipped("topics.yaml"))
    counts = f"{len(feeds)} public feeds and {len(topics.topics)} topics"
    assert counts in " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert f"{len(feeds)} feeds, {len(topics.topics)} topics" in (ROOT / "CHANGELOG.md").read_text()
