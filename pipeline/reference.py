"""The reference of the command line, from the help texts themselves: `make docs` writes it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from pipeline.cli import main

PAGES = {
    "cli-run": ("Commands that fetch", ("run", "stream", "commit", "retag", "reextract")),
    "cli-ask": ("Commands that ask and give", ("sql", "search", "export", "serve")),
    "cli-feeds": ("Commands about feeds and configuration", ("check", "feeds", "newsroom", "demo")),
    "cli-topics": ("Commands about topics", ("topics",)),
    "cli-care": ("Commands that look after it", ("status", "doctor", "db", "prune")),
}
"""The pages in docs/operator: their titles, and the commands that they tell of."""


def pages() -> dict[str, str]:
    """The pages, by their names."""
    others = ", ".join(f"[{title.lower()}]({page}.md)" for page, (title, _) in PAGES.items())
    return {
        page: "\n".join(
            [f"# {title}", "", f"Made from `newsbeam --help` by `make docs`. All: {others}.", *(
                line for name in names for line in _told(f"newsbeam {name}", main.commands[name])
            )]
        ) + "\n"
        for page, (title, names) in PAGES.items()
    }  # fmt: skip


def _told(path: str, command: click.Command) -> Iterator[str]:
    """A command and those below it: what `--help` prints of each."""
    context = click.Context(command, info_name=path, terminal_width=98, max_content_width=98)
    yield from ("", f"## {path}", "", "```text", command.get_help(context), "```")
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from _told(f"{path} {name}", below)


if __name__ == "__main__":
    for page, text in pages().items():
        Path(sys.argv[1], f"{page}.md").write_text(text, encoding="utf-8")
