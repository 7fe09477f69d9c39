"""`newsbeam topics`: look at topics files, and at what their rules find in a text."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from pipeline.commands.options import json_option, option, topics_option


@click.group(short_help="Check, list, show, test and begin topics files.")
def topics() -> None:
    """Look at topics files, and at what their rules find; docs/analyst/topics.md teaches them."""


@topics.command("check", short_help="Say what is odd about a topics file; run its examples.")
@topics_option
@json_option
@click.pass_context
def check_topics(context: click.Context, topics: Path | None, as_json: bool) -> None:
    """Say what is odd about a topics file, with line; run its examples.

    Exit status 2 where it cannot be read, 1 where a rule can do nothing or undoes another, or an
    example fails; a warning alone is 0.
    """
    from config.load import shipped
    from config.topics import read_topics
    from pipeline.show.words import dumps, safe
    from transforms.topics.remarks import remarks

    file = read_topics(topics or shipped("topics.yaml"))
    found = remarks(file)
    if as_json:
        click.echo(dumps([{"file": file.path} | one._asdict() for one in found]))
    else:
        for one in found:
            click.echo(safe(f"{file.path}:{one.line}: {one.level}: {one.text}"))
        examples = sum(len(one.examples_yes) + len(one.examples_no) for one in file.taxonomy.topics)
        errors = sum(one.level == "error" for one in found)
        click.echo(
            f"{len(file.taxonomy.topics)} topics, {examples} examples: {errors} errors, "
            f"{len(found) - errors} warnings"
        )
    if any(one.level == "error" for one in found):
        context.exit(1)


@topics.command("list", short_help="The topics of a file.")
@topics_option
@json_option
def list_topics(topics: Path | None, as_json: bool) -> None:
    """List the topics of a file, the shipped one by default: id, name, parent, phrases, version."""
    from config.load import load_topics, shipped
    from pipeline.show.tables import write_table
    from pipeline.show.words import dumps

    taxonomy = load_topics(topics or shipped("topics.yaml"))
    versions = taxonomy.topic_versions
    rows = [
        {
            "topic": one.id,
            "name": one.name,
            "parent": one.parent,
            "phrases": len(one.labels),
            "version": versions[one.id],
        }
        for one in taxonomy.topics
    ]
    if as_json:
        click.echo(dumps(rows))
        return
    write_table(tuple(rows[0]), (list(row.values()) for row in rows), sys.stdout)


@topics.command("show", short_help="The rules of a topic, to copy from.")
@click.argument("topic")
@topics_option
@option("--resolved", is_flag=True, help="With lists and defaults put in their places.")
def show_topic(topic: str, topics: Path | None, resolved: bool) -> None:
    """Print the rules of a topic as its file has them, comments kept."""
    import yaml

    from config.load import shipped
    from config.topics import excerpt, read_topics
    from config.written import written

    file = read_topics(topics or shipped("topics.yaml"))
    known = {one.id: one for one in file.taxonomy.topics}
    if topic not in known:
        from sinks.ask.selection import unknown

        raise unknown("topic", topic, list(known))
    if resolved:
        value = {"topics": [written(known[topic])]}
        click.echo(yaml.safe_dump(value, allow_unicode=True, sort_keys=False), nl=False)
    else:
        click.echo(excerpt(file, topic))


@topics.command("test", short_help="What the rules find in a text, and what they nearly found.")
@click.argument("source")
@topics_option
@option("--title", help="The headline; otherwise the first line, where an empty one follows it.")
@option("--language", help="Language of the text, such as en; otherwise it is found out.")
@option("--topic", "only", multiple=True, metavar="TOPIC", help="Only this topic; may be repeated.")
@json_option
def test_topics(
    source: str,
    topics: Path | None,
    title: str | None,
    language: str | None,
    only: tuple[str, ...],
    as_json: bool,
) -> None:
    """Mark what the rules find in a text, explain each score, and say what nearly counted.

    SOURCE is a text file, an HTML file (by its name), or - for standard input.
    """
    from config.load import load_topics, shipped
    from pipeline.show.topics import explained, read_source, show
    from pipeline.show.words import dumps

    taxonomy = load_topics(topics or shipped("topics.yaml"))
    text = read_source(source, title, language)
    verdicts = explained(taxonomy, text, only)
    if as_json:
        rows = [
            one._asdict() | {"evidence": [place._asdict() for place in one.evidence]}
            for one in verdicts
        ]
        click.echo(dumps(rows))
    else:
        show(text, verdicts)


@topics.command("init", short_help="Write a commented file to begin with.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def init_topics(file: Path) -> None:
    """Write a commented topics file, and beside it the JSON Schema that editors complete from."""
    import shutil

    from config.errors import ConfigError
    from config.load import shipped

    schema = file.parent / "topics.schema.json"
    if file.exists():
        raise ConfigError(f"{file}: is there already, and stays as it is")
    shutil.copyfile(shipped("starter.yaml"), file)
    shutil.copyfile(shipped("topics.schema.json"), schema)
    click.echo(f"{file}: a topic to begin with; {schema.name}: what editors complete from")
    click.echo(f"next: newsbeam topics check --topics {file}")
