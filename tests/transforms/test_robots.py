"""What sites ask of robots."""

from __future__ import annotations

import pytest

from transforms.robots import directives


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (None, ()),
        ("", ()),
        ("NoArchive,  noai, noarchive", ("noarchive", "noai")),
        ("index, max-snippet: -1", ("index", "max-snippet: -1")),
        (
            "unavailable_after: 25 Jun 2030 15:00:00 GMT",
            ("unavailable_after: 25 jun 2030 15:00:00 gmt",),
        ),
        ("otherbot: noindex, nofollow", ()),
        ("otherbot: noindex, newsbeam: noarchive", ("noarchive",)),
        ("noai, otherbot: max-snippet: 5", ("noai",)),
        ("no  archive", ("no archive",)),
    ],
)
def test_directives(text, found):
    assert directives(text) == found
