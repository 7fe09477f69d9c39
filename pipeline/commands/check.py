"""`newsbeam check`: say what is wrong in a configuration."""

from __future__ import annotations

from pathlib import Path

import click

from config.load import load_configuration
from pipeline.commands.options import (
    feeds_option,
    option,
    topics_option,
)


@click.command(short_help="Say what is wrong in a configuration.")
@feeds_option
@topics_option
@option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def check(feeds: Path | None, topics: Path | None, as_json: bool) -> None:
    """Say what is wrong in a configuration, with file and line; exit status 2 if anything is."""
    import json

    catalogue, taxonomy = load_configuration(feeds, topics)
    phrases = sum(len(topic.any) for topic in taxonomy.topics)
    counts = {
        "feeds": len(catalogue),
        "topics": len(taxonomy.topics),
        "phrases": phrases,
        "taxonomy_version": taxonomy.version,
    }
    if as_json:
        click.echo(json.dumps(counts))
        return
    click.echo(f"{feeds or 'shipped feeds'}: {len(catalogue)} feeds, nothing wrong")
    click.echo(
        f"{topics or 'shipped topics'}: {len(taxonomy.topics)} topics with {phrases} phrases, "
        f"version {taxonomy.version}, nothing wrong"
    )
