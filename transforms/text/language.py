"""Which language a text is in."""

from __future__ import annotations

from functools import lru_cache

import langcodes
from py3langid.langid import classify

SAMPLE = 500
"""Characters of text that decide the language; of 216 real pages, 300 decide none otherwise."""
ENOUGH_LETTERS = 60
LONGEST_TAG = 100
"""Characters; RFC 5646 (4.4.1) asks for room for 35."""


def language_of(text: str, declared: str | None) -> str | None:
    """BCP 47 tag of a text's language, with the script where a language has several.

    The text decides, because templates lie (``lang="en"`` on a Russian page); what is declared
    counts where the text is too short to tell. Regions are left out.
    """
    sample = text[:SAMPLE]
    letters = sum(map(str.isalpha, sample))
    tag = _language_and_script(declared)
    short = tag is not None and letters < ENOUGH_LETTERS
    detected = tag if short else str(classify(sample)[0]) if letters else None
    if detected == "zh":
        return chinese_script(sample)
    if tag and detected and langcodes.get(tag).language == langcodes.get(detected).language:
        return tag  # it may know the script
    return detected or tag


def chinese_script(text: str) -> str:
    """zh-Hans or zh-Hant, by which legacy character set holds more of the text."""
    simplified, traditional = (len(text.encode(codec, "ignore")) for codec in ("gb2312", "big5"))
    return "zh-Hans" if simplified >= traditional else "zh-Hant"


@lru_cache(maxsize=1_000)
def _language_and_script(tag: str | None) -> str | None:
    """``en-GB`` → ``en``, ``sr_latn_RS`` → ``sr-Latn``; None for nonsense."""
    if not tag or len(tag) > LONGEST_TAG or not langcodes.tag_is_valid(tag.strip()):
        return None
    full = langcodes.get(tag.strip())
    kept = langcodes.Language.make(language=full.language, script=full.script)
    return kept.simplify_script().to_tag() if full.language else None
