"""News agencies in bylines, credits and the first words of a text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from config.line_rules import load_agencies
from config.load import shipped

PARTS = re.compile(
    r"\s*(?:[;,/|&•·]|\b(?:and|et|und|mit|y|e|en|con|avec|with|via|for|from|of|i|a|и|та|og|och"
    r"|ve)\b"
    r"|[()\[\]]|\s[-–—]\s)\s*",
    re.IGNORECASE,
)
"""What stands between the names of a byline."""
ROLE = re.compile(
    r"^(?:by|von|par|de|por|di|da|door|av|af|od|autor:?|от|текст:?|source:?|quelle:?)\s+|"
    r"\s+(?:(?:\w+ ){0,2}(?:writers?|staff|correspondents?|reporters?|news agency|news service"
    r"|nachrichtenagentur|haber ajansı|presseagentur|redaktion))$",
    re.IGNORECASE,
)


class Agencies(NamedTuple):
    """Patterns of all agencies."""

    named: re.Pattern[str]
    """A name that stands for an agency anywhere, as a word."""
    signed: re.Pattern[str]
    """The same, or an abbreviation that needs company."""
    names: dict[str, str]
    """What is written, with case folded, to the agency's name."""

    def of(self, written: str) -> str:
        """The agency that is written so."""
        return self.names[written.casefold()]


@cache
def agencies() -> Agencies:
    """The agencies as shipped, read once in a process."""
    listed = load_agencies(str(shipped("agencies.yaml")))
    names = {name.casefold(): agency.name for agency in listed for name in agency.names}
    signs = {sign.casefold(): agency.name for agency in listed for sign in agency.signs}
    written = [name for agency in listed for name in agency.names]
    return Agencies(
        _words(written), _words([*written, *(s for a in listed for s in a.signs)]), signs | names
    )


def _words(names: Iterable[str]) -> re.Pattern[str]:
    """A pattern of whole words; scripts without spaces have no ends of words."""
    ordered = sorted(set(names), key=len, reverse=True)
    spaced = [re.escape(name) for name in ordered if name[0] < "\u0e00"]
    unspaced = [re.escape(name) for name in ordered if name[0] >= "\u0e00"]
    return re.compile(rf"(?<![\w@./])(?:{'|'.join(spaced)})(?![\w@])|{'|'.join(unspaced)}")


def in_byline(byline: str) -> tuple[str, str, bool] | None:
    """The agency of a byline: its name, what is written, and whether it is all that wrote.

    Abbreviations count where they are a whole part of the byline.
    """
    known = agencies()
    parts = [part for part in PARTS.split(byline) if part and part.strip(" .")]
    for number, part in enumerate(parts):
        bare = ROLE.sub("", ROLE.sub("", part.strip(" ."))).strip(" .:")
        whole = bare.casefold() in known.names
        match = None if whole else known.named.search(part)
        if whole or match:
            written = bare if whole else match.group()  # type: ignore[union-attr]
            role = part.strip(" .") != bare
            return known.of(written), written, number == 0 or role or not whole
    return None
