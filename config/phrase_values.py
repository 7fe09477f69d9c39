"""The values of rules in a topics file, each as its own kind of word or number."""

from __future__ import annotations

from typing import cast

import langcodes
import yaml

from config.checked import Document
from config.queries import looks_like_query
from config.rules import PREFIXES

SHORTEST_STEM = 3
LONGEST_PHRASE = 200
MOST_PREFIXES = 100
TATWEEL = "\u0640"
"""It stretches Arabic words, counts as a letter, and is ignored when texts are compared."""


def language(text: str) -> str:
    """The primary tag of a language: zh for zh-Hant.

    Raises:
        ValueError: it is no BCP 47 tag.
    """
    if not langcodes.tag_is_valid(text):
        raise ValueError(f"{text!r} is no BCP 47 tag; valid: such as en, pt or zh")
    return langcodes.standardize_tag(text).split("-")[0]


def number(
    document: Document, node: yaml.Node | None, what: str, least: float, most: float
) -> float | None:
    """A number within bounds."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not least <= value <= most:
            raise ValueError(f"{text!r}; valid: a number from {least:g} to {most:g}")
        return value

    return cast("float | None", document.parsed(node, what, read))


def keys_of(node: yaml.Node) -> set[str]:
    """The keys of a mapping; none of anything else."""
    if not isinstance(node, yaml.MappingNode):
        return set()
    return {str(key.value) for key, _ in node.value}


def prefixes(document: Document, node: yaml.Node | None) -> tuple[str, ...] | None:
    """What may stand before a phrase: a list, or the name of one."""
    if node is None:
        return None
    if isinstance(node, yaml.ScalarNode):
        return cast("tuple[str, ...] | None", document.parsed(node, "'prefix'", _named_prefix))
    found = tuple(
        prefix
        for item in document.sequence(node, "'prefix'")
        if (prefix := document.text(item, "a prefix"))
    )
    if len(found) > MOST_PREFIXES or any(len(prefix) > 20 for prefix in found):
        document.complain(node, f"'prefix' takes {MOST_PREFIXES} of 20 characters, no more")
    return found


def _named_prefix(text: str) -> tuple[str, ...]:
    if text == "none":
        return ()
    if text not in PREFIXES:
        names = ", ".join(PREFIXES)
        raise ValueError(f"{text!r}; valid: {names}, none, or a list such as [anti, pro]")
    return PREFIXES[text]


def _one_of(text: str, words: tuple[str, ...]) -> str:
    if text not in words:
        raise ValueError(f"{text!r}; valid: {' or '.join(words)}")
    return text


def accents_word(text: str) -> str:
    """exact or fold."""
    return _one_of(text, ("exact", "fold"))


def variants_word(text: str) -> str:
    """none or han."""
    return _one_of(text, ("none", "han"))


def case_word(text: str) -> str:
    """exact or fold."""
    return _one_of(text, ("exact", "fold"))


def truth(text: str) -> bool:
    """true or false."""
    return _one_of(text, ("true", "false")) == "true"


def plain_phrase(text: str) -> str:
    """A phrase with no query in it, and a star at its end at most."""
    if (problem := looks_like_query(text)) is not None:
        raise ValueError(problem)
    stem = text.removesuffix("*")
    if "*" in stem:
        beginning = stem.startswith("*") and "*" not in stem[1:]
        hint = "; {phrase: …, prefix: any} for any beginning" if beginning else ""
        raise ValueError(f"{text!r}; valid: one * at the end, for any word ending{hint}")
    if text != stem and len(stem) < SHORTEST_STEM:
        raise ValueError(f"{text!r}; valid: * after {SHORTEST_STEM} characters or more")
    return literal_phrase(text)


def is_plain_phrase(text: str) -> bool:
    """Whether a phrase stands for itself, without `literal`."""
    try:
        return bool(plain_phrase(text))
    except ValueError:
        return False


def literal_phrase(text: str) -> str:
    """A phrase as it is."""
    stem = text.removesuffix("*")
    if not any(c.isalnum() and c != TATWEEL for c in stem):
        raise ValueError(f"{text!r} has no letter or digit")
    if len(text) > LONGEST_PHRASE:
        raise ValueError(f"{text[:40]}… has more than {LONGEST_PHRASE} characters")
    return text
