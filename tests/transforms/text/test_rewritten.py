"""A wire story that a machine rewrote, as many outlets print it, ends as its text alone."""

from __future__ import annotations

from transforms.records import Extraction
from transforms.text.extraction import extract_page

STORY = [
    "The defence minister promised six patrol boats to the coast guard of the strait on Monday, a "
    "month after two trawlers were rammed there, reported Reuters.",
    "“We will not leave our fishermen alone,” she said in the harbour of Sandle, where the first "
    "two boats are to be stationed before the summer.",
    "The boats cost 84 million euros and are paid for from a fund that was set up last year. The "
    "opposition called the sum too small for a coast of nine hundred kilometres.",
    "The shipyard in Averlon will build the hulls, and a firm from the north delivers the engines. "
    "Both signed their contracts on Friday after long talks about delays.",
]
COLOPHON = ["About this article", "This article was written by a language model from agency copy.",
            "Tool: Claude. Edited by Jon Amsel."]  # fmt: skip
PAGE = f"""<!DOCTYPE html><html lang="en"><head><title>Boats for the strait</title></head><body>
<nav><a href="/">Home</a></nav><article><h1>Boats for the strait</h1>
<p>{STORY[0]}</p><p>{STORY[1]}</p>
<p>See Also: <a href="/tide">How the tide tables of Sandle came to be written</a></p>
<p>{STORY[2]}</p>
<p>Read Next: <a href="/weir">Why the weir above Oldwick will not be repaired this year</a></p>
<p>{STORY[3]}</p><p>Image: Harbour Office / Press</p>
{"".join(f"<p>{line}</p>" for line in COLOPHON)}</article></body></html>"""


def test_the_text_alone_is_left_and_what_went_is_kept_aside_and_flagged() -> None:
    found = extract_page(PAGE.encode(), "text/html", "https://quay.example/boats")
    assert isinstance(found, Extraction)
    assert found.text.split("\n") == STORY
    gone = [(one.kind, one.text) for one in found.removals if one.kind != "headline"]
    assert [kind for kind, _ in gone] == ["read_also", "read_also", "image_credit", "disclosure"]
    assert gone[-1][1].split("\n") == COLOPHON
    assert {flag.flag: flag.value for flag in found.flags} == {
        "disclosure": "made", "disclosure_tool": "Claude", "disclosure_editor": "Jon Amsel",
        "wire": "Reuters", "wire_level": "partial",
    }  # fmt: skip
    (wire,) = (flag for flag in found.flags if flag.flag == "wire")
    assert found.text[wire.start : wire.end] == wire.evidence == "reported Reuters"
