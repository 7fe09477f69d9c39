"""What Markdown and HTML would read in a text, and how that is prevented."""

from __future__ import annotations

import re

MARKS = re.compile(r"[\\`*\[\]<>&|~$]|(?<![^\W_])_|_(?![^\W_])")
"""Within a word ``_`` is itself (CommonMark 0.31, section 6.2)."""
BREAKS = re.compile("[\n\r\x0b\x0c\x85\u2028\u2029]")


def marked(text: str) -> str:
    """A text as a line of Markdown that says it, in a table too."""
    return MARKS.sub(r"\\\g<0>", BREAKS.sub(" ", text))
