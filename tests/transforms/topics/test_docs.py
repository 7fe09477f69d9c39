"""docs/analyst/topics.md teaches what is so: its files load, and their examples hold."""

from __future__ import annotations

import json
import re
from pathlib import Path

import fastjsonschema
import pytest
import yaml

from config.load import shipped
from config.topics import read_topics
from transforms.topics.remarks import remarks

PAGE = Path(__file__).parents[3] / "docs" / "analyst" / "topics.md"
FILES = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
SCHEMA = json.loads(shipped("topics.schema.json").read_text(encoding="utf-8"))


def test_there_are_files_to_learn_from() -> None:
    assert len(FILES) > 5


@pytest.mark.parametrize("text", FILES, ids=range(len(FILES)))
def test_a_documented_file_does_what_it_says(text: str, tmp_path: Path) -> None:
    path = tmp_path / "topics.yaml"
    path.write_text(text, encoding="utf-8")
    file = read_topics(path)
    assert remarks(file) == []
    assert any(topic.examples_yes for topic in file.taxonomy.topics)


def documents() -> list[str]:
    names = ("topics.yaml", "starter.yaml")
    return [*FILES, *(shipped(name).read_text(encoding="utf-8") for name in names)]


@pytest.mark.parametrize("text", documents(), ids=range(len(documents())))
def test_the_schema_takes_what_loads(text: str) -> None:
    # As editors read YAML 1.2: yes and no are words, keys are texts.
    value = json.loads(json.dumps(yaml.load(text, _Core)))
    fastjsonschema.compile(SCHEMA)(value)


class _Core(yaml.SafeLoader):
    """YAML 1.2's core: only true and false are truths."""


_Core.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":bool")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Core.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf"))
