"""Rules of a topics file, read and checked: phrases, those near one another, lists of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, cast

import yaml

from config.checked import Document
from config.phrase_values import (
    accents_word,
    case_word,
    keys_of,
    language,
    literal_phrase,
    number,
    plain_phrase,
    prefixes,
    truth,
    variants_word,
)
from config.rules import MOST_WORDS_NEAR, WORDS_NEAR, Company, Near, Phrase, Rule

PHRASE_KEYS = (
    "phrase", "case", "accents", "variants", "prefix", "weight", "languages", "with", "not_near",
    "literal",
)  # fmt: skip
NEAR_KEYS = ("near", "words", "sentence", "weight", "languages")
LIST_KEYS = ("list",)
COMPANY_KEYS = ("phrases", "words", "sentence")
MOST_GROUPS = 6
MOST_PHRASES = 250_000
"""Of a file, those of lists wherever they are used. 100,000 take 200 MB and two seconds."""


class Given(NamedTuple):
    """What a file or a topic says for all its phrases."""

    fold_accents: bool = False
    han: bool = False
    prefix: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()


def given(document: Document, values: dict[str, yaml.Node], before: Given) -> Given:
    """What stands in a mapping for its phrases, over what was said before."""
    accents = document.parsed(values.get("accents"), "'accents'", accents_word)
    han = document.parsed(values.get("variants"), "'variants'", variants_word)
    prefix = prefixes(document, values.get("prefix"))
    languages = tuple(
        cast(str, tag)
        for item in document.sequence(values.get("languages"), "'languages'")
        if (tag := document.parsed(item, "a language", language))
    )
    return Given(
        before.fold_accents if accents is None else accents == "fold",
        before.han if han is None else han == "han",
        before.prefix if prefix is None else prefix,
        languages or before.languages,
    )


class RuleReader:
    """Reads rules; a list may be used by several topics, as each of them says."""

    def __init__(self, document: Document, lists: yaml.Node | None) -> None:
        self.document = document
        self.count = 0
        self.lists: dict[str, yaml.Node] = {}
        self.used: set[str] = set()
        if lists is not None and not isinstance(lists, yaml.MappingNode):
            document.complain(lists, "'lists' must be a mapping of names to phrases")
        elif lists is not None:
            for key, value in lists.value:
                if str(key.value) in self.lists:
                    document.complain(key, f"list {key.value!r} stands twice")
                self.lists[str(key.value)] = value

    @property
    def full(self) -> bool:
        """Whether there are more phrases than a file may have."""
        return self.count > MOST_PHRASES

    @property
    def complained(self) -> bool:
        """Whether anything was wrong so far."""
        return bool(self.document.problems)

    @property
    def unused(self) -> tuple[tuple[int, str], ...]:
        """Lists that nothing names, each with its line."""
        return tuple(
            (node.start_mark.line + 1, name)
            for name, node in self.lists.items()
            if name not in self.used
        )

    def rules(self, node: yaml.Node, about: Given) -> Iterator[tuple[int, Rule]]:
        """The rules of an item, each with its line: one, or those of a list."""
        values = keys_of(node)
        if "list" in values:
            for item in self._listed(node):
                yield from self.rules(item, about)
        elif "near" in values:
            if (rule := self._near(node, about)) is not None:
                yield node.start_mark.line + 1, rule
        elif (phrase := self._read_phrase(node, about)) is not None:
            yield node.start_mark.line + 1, phrase

    def phrases(
        self, node: yaml.Node, about: Given, what: str = "a phrase here"
    ) -> Iterator[tuple[int, Phrase]]:
        """The phrases of an item where nothing else may stand."""
        for line, rule in self.rules(node, about):
            if isinstance(rule, Near) or rule.company or rule.not_near:
                self.document.complain_at(line, f"{what} is a phrase alone, without near or with")
            else:
                yield line, rule

    def company(self, node: yaml.Node | None, what: str, about: Given) -> Company | None:
        """A list of phrases, or a mapping that says how near they are."""
        if node is None:
            return None
        listed: yaml.Node | None = node
        words, sentence = float(WORDS_NEAR), False
        if isinstance(node, yaml.MappingNode) and "list" not in keys_of(node):
            values = self.document.mapping(node, what, COMPANY_KEYS, ("phrases",))
            listed = values.get("phrases")
            words, sentence = self._reach(values)
        items = [listed] if isinstance(listed, yaml.MappingNode) else \
            self.document.sequence(listed, what)  # fmt: skip
        phrases = tuple(
            phrase
            for item in items
            for _, phrase in self.phrases(item, about._replace(languages=()), f"an item of {what}")
        )
        return Company(phrases, int(words), sentence) if phrases else None

    def _listed(self, node: yaml.Node) -> Iterator[yaml.Node]:
        values = self.document.mapping(node, "a list", LIST_KEYS, LIST_KEYS)
        name = self.document.text(values.get("list"), "'list'")
        if name is None:
            return
        if name not in self.lists:
            hint = self.document.hint(name, list(self.lists))
            self.document.complain(node, f"there is no list {name!r}{hint}")
            return
        self.used.add(name)
        for item in self.document.sequence(self.lists[name], f"list {name!r}"):
            if "list" in keys_of(item):
                self.document.complain(item, "a list holds no other list")
            elif not self.full:
                yield item

    def _near(self, node: yaml.Node, about: Given) -> Near | None:
        document = self.document
        values = document.mapping(node, "a rule with near", NEAR_KEYS, ("near",))
        groups = []
        for item in document.sequence(values.get("near"), "'near'"):
            alternatives = item.value if isinstance(item, yaml.SequenceNode) else [item]
            group = tuple(
                phrase
                for one in alternatives
                for _, phrase in self.phrases(one, about._replace(languages=()), "an item of near")
            )
            if group:
                groups.append(group)
        if not 2 <= len(groups) <= MOST_GROUPS:
            document.complain(node, f"'near' needs two phrases or more, and {MOST_GROUPS} at most")
            return None
        words, sentence = self._reach(values)
        weight = self._weight(values)
        about = given(document, {k: v for k, v in values.items() if k == "languages"}, about)
        return Near(tuple(groups), int(words), sentence, weight, about.languages)

    def _reach(self, values: dict[str, yaml.Node]) -> tuple[float, bool]:
        words = number(self.document, values.get("words"), "'words'", 0, MOST_WORDS_NEAR)
        sentence = bool(self.document.parsed(values.get("sentence"), "'sentence'", truth))
        if words is not None and sentence:
            self.document.complain(values["words"], "either 'words' or 'sentence', not both")
        return WORDS_NEAR if words is None else words, sentence

    def _weight(self, values: dict[str, yaml.Node]) -> float:
        weight = number(self.document, values.get("weight"), "'weight'", 0.01, 100)
        return 1.0 if weight is None else weight

    def _read_phrase(self, node: yaml.Node, about: Given) -> Phrase | None:
        document = self.document
        if not isinstance(node, yaml.MappingNode):
            text = document.parsed(node, "a phrase", plain_phrase)
            self.count += 1
            if text is None:
                return None
            return Phrase(cast(str, text), False, *about[:3], languages=about.languages)
        values = document.mapping(node, "a phrase", PHRASE_KEYS, ("phrase",))
        literal = bool(document.parsed(values.get("literal"), "'literal'", truth))
        text = document.parsed(
            values.get("phrase"), "a phrase", literal_phrase if literal else plain_phrase
        )
        case = document.parsed(values.get("case"), "'case'", case_word) == "exact"
        weight = self._weight(values)
        told = given(document, values, about)
        company = self.company(values.get("with"), "'with'", about) if "with" in values else None
        if company is not None and isinstance(values["with"], yaml.MappingNode) \
                and "list" not in keys_of(values["with"]):  # fmt: skip
            document.complain(values["with"], "'with' lists phrases that stand anywhere; "
                              "{near: [one, other]} says how near")  # fmt: skip
        not_near = self.company(values.get("not_near"), "'not_near'", about)
        self.count += 1
        if text is None:
            return None
        return Phrase(
            cast(str, text), case, told.fold_accents, told.han, told.prefix, weight,
            told.languages, company.phrases if company else (), not_near,
        )  # fmt: skip
