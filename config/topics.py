"""Topics files, read and checked. docs/analyst/topics.md teaches the language.

What a file says for all of a topic's phrases, and its lists, are resolved into the rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, cast

import yaml

from config.checked import Document
from config.models import Taxonomy, Topic
from config.phrase_values import language, number
from config.phrases import (
    MOST_PHRASES,
    Given,
    RuleReader,
    given,
)
from config.rules import Example, Phrase, Rule, Weights

FILE_KEYS = ("topics", "lists", "defaults")
DEFAULT_KEYS = ("accents", "variants", "prefix", "languages", "weights", "min_score")
TOPIC_KEYS = (
    "id", "name", "description", "parent", "see", "any", "all", "none", "mask", "not_near",
    "accents", "variants", "prefix", "languages", "weights", "min_score", "examples",
)  # fmt: skip
TOPIC_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
EXAMPLE_KEYS = ("title", "text", "language")
LARGEST_FILE = 50_000_000
"""Characters of a topics file: 200,000 phrases of a line each are a fifth of it."""


class TopicsFile(NamedTuple):
    """What a topics file says, and where."""

    path: str
    taxonomy: Taxonomy
    lines: dict[tuple[str, str, int], int]
    """The line of a rule or example, by topic, section (any, …, yes, no) and place there."""
    unused: tuple[tuple[int, str], ...] = ()
    """Lists that no topic uses: line and name."""


def read_topics(path: str | Path, others: tuple[str, ...] = ("feeds",)) -> TopicsFile:
    """A topics file; `others` are the keys of other kinds of files.

    Raises:
        ConfigError: naming file and line of every problem.
    """
    document = Document(path, LARGEST_FILE)
    sections = document.sections("topics", others, FILE_KEYS)
    reader = _Topics(document, sections)
    topics = tuple(reader.topics())
    reader.check_references(topics)
    if not topics and not document.problems:
        document.complain(sections.get("topics"), "'topics' lists no topic")
    document.done()
    return TopicsFile(str(path), Taxonomy(topics), reader.lines, reader.rules.unused)


def excerpt(file: TopicsFile, topic: str) -> str:
    """The lines of a topic, comments kept, as a file of its own."""
    lines = Path(file.path).read_text(encoding="utf-8-sig").splitlines()
    starts = sorted({file.lines[one.id, "", 0] for one in file.taxonomy.topics})
    start = file.lines[topic, "", 0]
    end = next((one - 1 for one in starts if one > start), len(lines))
    kept = lines[start - 1 : end]
    while kept and (not kept[-1].strip() or kept[-1].lstrip().startswith("#")):
        kept.pop()
    return "\n".join(["topics:", *kept])


class _Topics:
    """Makes topics of nodes, and complains to the document."""

    def __init__(self, document: Document, sections: dict[str, yaml.Node]) -> None:
        self.document, self.sections = document, sections
        self.lines: dict[tuple[str, str, int], int] = {}
        self.rules = RuleReader(document, sections.get("lists"))
        defaults = document.mapping(sections["defaults"], "'defaults'", DEFAULT_KEYS, ()) \
            if "defaults" in sections else {}  # fmt: skip
        self.given = given(document, defaults, Given())
        self.weights = self._weights(defaults.get("weights"), Weights())
        self.min_score = self._min_score(defaults.get("min_score"))
        self.nodes: dict[str, dict[str, yaml.Node]] = {}

    def topics(self) -> Iterator[Topic]:
        """All topics, each id once."""
        seen: dict[str, int] = {}
        for node in self.document.sequence(self.sections.get("topics"), "'topics'"):
            topic = self._topic(node)
            if topic is None:
                continue
            if topic.id in seen:
                line = seen[topic.id]
                self.document.complain(node, f"topic {topic.id!r} stands already in line {line}")
            seen.setdefault(topic.id, node.start_mark.line + 1)
            yield topic
            if self.rules.full:
                self.document.complain(
                    node, f"more than {MOST_PHRASES:,} phrases, those of lists counted wherever "
                    "they are used; that is more than a machine holds well"
                )  # fmt: skip
                return

    def _topic(self, node: yaml.Node) -> Topic | None:
        document = self.document
        values = document.mapping(node, "a topic", TOPIC_KEYS, ("id", "name"))
        topic_id = cast("str | None", document.parsed(values.get("id"), "'id'", _topic_id))
        name = document.text(values.get("name"), "'name'")
        about = given(document, values, self.given)
        found = topic_id or ""
        any_of = tuple(self._rules(found, "any", values, about))
        all_of = tuple(self._groups(found, "all", values, about))
        none_of = tuple(self._rules(found, "none", values, about))
        mask = tuple(self._phrases(found, "mask", values, about))
        not_near = self.rules.company(values.get("not_near"), "'not_near'", about)
        weights = self._weights(values.get("weights"), self.weights)
        min_score = self._min_score(values.get("min_score")) or self.min_score
        yes, no = self._examples(found, values.get("examples"))
        see = tuple(
            text
            for item in document.sequence(values.get("see"), "'see'")
            if (text := document.text(item, "an item of 'see'"))
        )
        parent = document.text(values.get("parent"), "'parent'")
        description = document.text(values.get("description"), "'description'")
        if topic_id is None or name is None:
            return None
        self.nodes[topic_id] = values | {"": node}
        self.lines[topic_id, "", 0] = node.start_mark.line + 1
        return Topic(
            topic_id, name, tuple(map(_plain, any_of)), all_of, none_of, mask, not_near, weights,
            min_score, about.languages, parent, description, see, yes, no,
        )  # fmt: skip

    def _rules(
        self, topic: str, section: str, values: dict[str, yaml.Node], about: Given
    ) -> Iterator[Rule]:
        """The rules of a section, each once, with their lines."""
        seen: set[object] = set()
        count = 0
        for item in self.document.sequence(values.get(section), f"'{section}'"):
            for line, rule in self.rules.rules(item, about):
                key = (
                    rule._replace(phrase=rule.phrase.casefold())
                    if isinstance(rule, Phrase)
                    else rule
                )
                if key in seen:
                    self.document.complain_at(
                        line, f"phrase {rule.label!r} stands twice in topic {topic!r}"
                    )
                    continue
                seen.add(key)
                self.lines[topic, section, count] = line
                count += 1
                yield rule
        node = values.get(section)
        if isinstance(node, yaml.SequenceNode) and not node.value:
            self.document.complain(node, f"topic {topic!r} has no phrase in '{section}'")

    def _groups(
        self, topic: str, section: str, values: dict[str, yaml.Node], about: Given
    ) -> Iterator[tuple[Rule, ...]]:
        count = 0
        for item in self.document.sequence(values.get(section), f"'{section}'"):
            alternatives = item.value if isinstance(item, yaml.SequenceNode) else [item]
            group = tuple(rule for one in alternatives for _, rule in self.rules.rules(one, about))
            if group:
                self.lines[topic, section, count] = item.start_mark.line + 1
                count += 1
                yield group

    def _phrases(
        self, topic: str, section: str, values: dict[str, yaml.Node], about: Given
    ) -> Iterator[Phrase]:
        count = 0
        for item in self.document.sequence(values.get(section), f"'{section}'"):
            for line, phrase in self.rules.phrases(item, about, "a mask"):
                self.lines[topic, section, count] = line
                count += 1
                yield phrase

    def _weights(self, node: yaml.Node | None, before: Weights) -> Weights:
        if node is None:
            return before
        values = self.document.mapping(node, "'weights'", Weights._fields, ())
        read = {
            name: number(self.document, value, f"'{name}'", 0, 100)
            for name, value in values.items()
        }
        return before._replace(**{name: x for name, x in read.items() if x is not None})

    def _min_score(self, node: yaml.Node | None) -> tuple[tuple[int, float], ...]:
        """A number, or a mapping of words to numbers."""
        document = self.document
        if not isinstance(node, yaml.MappingNode):
            score = number(document, node, "'min_score'", 0, 0.99)
            return () if score is None else ((0, score),)
        steps: dict[int, float] = {}
        for key, value in node.value:
            words = number(document, key, "the number of words in 'min_score'", 0, 1_000_000)
            score = number(document, value, "'min_score'", 0, 0.99)
            if words is not None and score is not None:
                if int(words) in steps:
                    document.complain(key, f"'min_score' says {int(words)} words twice")
                steps[int(words)] = score
        return tuple(sorted(steps.items()))

    def _examples(
        self, topic: str, node: yaml.Node | None
    ) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
        if node is None:
            return (), ()
        values = self.document.mapping(node, "'examples'", ("yes", "no"), ())
        found: dict[str, list[Example]] = {"yes": [], "no": []}
        for key, examples in found.items():
            for item in self.document.sequence(values.get(key), f"'{key}'"):
                if (example := self._example(item)) is not None:
                    self.lines[topic, key, len(examples)] = item.start_mark.line + 1
                    examples.append(example)
        return tuple(found["yes"]), tuple(found["no"])

    def _example(self, node: yaml.Node) -> Example | None:
        document = self.document
        if not isinstance(node, yaml.MappingNode):
            text = document.prose(node, "an example")
            return None if text is None else Example(text)
        values = document.mapping(node, "an example", EXAMPLE_KEYS, ())
        title = document.prose(values.get("title"), "'title'")
        text = document.prose(values.get("text"), "'text'")
        tag = cast("str | None", document.parsed(values.get("language"), "'language'", language))
        if title is None and text is None:
            document.complain(node, "an example has a 'title', a 'text', or both")
            return None
        return Example(text or "", title, tag)

    def check_references(self, topics: tuple[Topic, ...]) -> None:
        """Parents and related topics exist, no topic is above itself, each has a rule."""
        ids = [topic.id for topic in topics]
        parents = {topic.id: topic.parent for topic in topics}
        above = {parent for parent in parents.values() if parent}
        for topic in topics:
            values = self.nodes[topic.id]
            if topic.parent is not None:
                self._known(values["parent"], topic.parent, ids, "'parent'")
                if _circle(topic.id, parents):
                    self.document.complain(
                        values["parent"], f"topic {topic.id!r} is above itself by its parents"
                    )
            for item, other in zip(
                self.document.sequence(values.get("see"), "'see'"), topic.see, strict=False
            ):
                if "://" not in other:
                    self._known(item, other, ids, "'see'")
            if not (topic.any or topic.all or topic.id in above) and not self.rules.complained:
                self.document.complain(
                    values[""], f"topic {topic.id!r} has no phrase: 'any' or 'all' is needed"
                )

    def _known(self, node: yaml.Node, topic: str, ids: list[str], what: str) -> None:
        if topic not in ids:
            hint = self.document.hint(topic, ids)
            self.document.complain(node, f"{what} names no topic of this file: {topic!r}{hint}")


def _circle(topic: str, parents: dict[str, str | None]) -> bool:
    above, steps = parents[topic], 0
    while above is not None and above != topic and steps <= len(parents):
        above, steps = parents.get(above), steps + 1
    return above == topic


def _plain(rule: Rule) -> str | Rule:
    """A phrase with nothing more to say as its text."""
    return rule.phrase if isinstance(rule, Phrase) and rule == Phrase(rule.phrase) else rule


def _topic_id(text: str) -> str:
    if not TOPIC_ID.fullmatch(text):
        raise ValueError(f"{text!r}; valid: lower-case letters, digits and single hyphens")
    return text
