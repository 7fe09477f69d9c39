"""The rules of a topic, as plain records: phrases, phrases near one another, weights, examples.

docs/analyst/topics.md tells what they mean. Lists, defaults and what a topic says for all its
phrases are resolved in them: a rule needs nothing beside itself.
"""

from __future__ import annotations

from typing import NamedTuple

WORDS_NEAR = 8
"""Words that may stand between phrases that are near one another, where a file does not say."""
MOST_WORDS_NEAR = 100
ANY_PREFIX = "*"
PREFIXES = {
    "any": (ANY_PREFIX,),
    # Conjunctions and prepositions that are written with their word, and the article.
    "arabic": tuple("""
        ال و ف ب ك ل وال فال بال كال لل ولل فلل وب فب ول فل وك وبال فبال وكال س
        """.split()),
    "hebrew": tuple("ה ו ב כ ל מ ש וה וב ול ומ וש שה מה בה כה לה שב של".split()),
}  # fmt: skip
"""Sets of beginnings that a file may name."""


class Company(NamedTuple):
    """Phrases, and how near they have to be."""

    phrases: tuple[Phrase, ...]
    words: int = WORDS_NEAR
    """Words that stand between, at most."""
    sentence: bool = False
    """Anywhere in the same sentence, whatever the words."""


class Phrase(NamedTuple):
    """Words to be found; a trailing ``*`` stands for any word ending."""

    phrase: str
    case: bool = False
    """Whether capitals count."""
    fold_accents: bool = False
    han: bool = False
    """Whether it stands for its traditional and simplified forms."""
    prefix: tuple[str, ...] = ()
    """What may stand before it in the same word."""
    weight: float = 1.0
    languages: tuple[str, ...] = ()
    """Primary language tags of the texts in which it counts; none: all."""
    company: tuple[Phrase, ...] = ()
    """It counts where one of these stands anywhere in the article."""
    not_near: Company | None = None

    @property
    def label(self) -> str:
        """How evidence names it."""
        return self.phrase


class Near(NamedTuple):
    """Several phrases, one of each group, near one another in any order."""

    groups: tuple[tuple[Phrase, ...], ...]
    words: int = WORDS_NEAR
    """Words that stand between the first and the last, at most."""
    sentence: bool = False
    """In one sentence, at most `MOST_WORDS_NEAR` words apart."""
    weight: float = 1.0
    languages: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """How evidence names it: ``near: export*, chip*``."""
        names = ["|".join(phrase.phrase for phrase in group) for group in self.groups]
        text = f"near: {', '.join(names)}"
        return text if len(text) <= 200 else f"{text[:199]}…"


Rule = Phrase | Near


class Weights(NamedTuple):
    """What a match counts, by the part of the article in which it stands."""

    title: float = 3.0
    lead: float = 1.0
    text: float = 1.0
    dateline: float = 0.0
    """The place and agency before the first sentence: they say where it was written."""
    last: float = 1.0


class Example(NamedTuple):
    """A text that a topic is for, or not for."""

    text: str
    title: str | None = None
    language: str | None = None


def phrases_of(rule: Rule) -> tuple[Phrase, ...]:
    """The phrases that a rule counts: itself, or those near one another."""
    if isinstance(rule, Near):
        return tuple(phrase for group in rule.groups for phrase in group)
    return (rule,)
