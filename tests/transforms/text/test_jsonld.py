"""Objects of JSON-LD are read as pages write them, and no block can hurt."""

from __future__ import annotations

import pytest
import trafilatura

from transforms.text.jsonld import MOST_OBJECTS, MOST_READ, objects, types_of


def read(*blocks: str, kind: str = "application/ld+json"):
    scripts = "".join(f'<script type="{kind}">{block}</script>' for block in blocks)
    return objects(
        trafilatura.load_html(f"<html><head>{scripts}</head><body><p>a</p></body></html>")
    )


def named(found):
    return [one.get("name") for one in found]


@pytest.mark.parametrize(
    ("block", "names"),
    [
        pytest.param('{"name": "a"}', ["a"], id="an object"),
        pytest.param('[{"name": "a"}, {"name": "b"}]', ["a", "b"], id="a list"),
        pytest.param('{"name": "a", "@graph": [{"name": "b"}, {"name": "c"}]}', ["a", "b", "c"],
                     id="a graph"),
        pytest.param('{"name": "a", "mainEntity": {"name": "b", "subjectOf": [{"name": "c"}]}}',
                     ["a", "b", "c"], id="what it is about"),
        pytest.param('{"name": "a", "author": {"name": "b"}, "mentions": [{"name": "c"}]}', ["a"],
                     id="others are no objects of the page"),
        pytest.param('{"name": "a\nb"}', ["a\nb"], id="a line break in a string"),
        pytest.param('{"name": "a",}', ["a"], id="a comma too many"),
        pytest.param('\n<!--\n{"name": "a"}\n-->', ["a"], id="in a comment"),
        pytest.param('//<![CDATA[\n{"name": "a"}\n//]]>', ["a"], id="in a section of CDATA"),
        pytest.param('{"name": "a"};', ["a"], id="a semicolon after it"),
        pytest.param('{"name": "a"} {"name": "b"}', ["a"], id="two in one block"),
        pytest.param('{"name": "港務局"}', ["港務局"], id="another script"),
        pytest.param('{"name": ', [], id="ends early"),
        pytest.param('"name"', [], id="a string"),
        pytest.param("", [], id="empty"),
        pytest.param("null", [], id="nothing"),
    ],
)  # fmt: skip
def test_blocks_as_pages_write_them(block, names):
    assert named(read(block)) == names


def test_a_malformed_block_costs_itself_alone():
    assert named(read('{"name": "a"', '{"name": "b"}')) == ["b"]


@pytest.mark.parametrize("kind", ["application/ld+json; charset=utf-8", "APPLICATION/LD+JSON"])
def test_types_of_blocks(kind):
    assert named(read('{"name": "a"}', kind=kind)) == ["a"]
    assert read('{"name": "a"}', kind="text/javascript") == []


@pytest.mark.parametrize(
    "block",
    [
        pytest.param("[" * 400_000, id="lists in lists"),
        pytest.param('{"@graph":' * 100_000, id="graphs in graphs"),
        pytest.param('{"@graph":' * 900 + "1" + "}" * 900, id="graphs in graphs, well-formed"),
        pytest.param('{"name": ' + "9" * 1_000_000 + "}", id="a number of a million digits"),
        pytest.param('{"name": "' + "a" * (MOST_READ + 1) + '"}', id="too long"),
        pytest.param("," * 1_000_000, id="commas"),
        pytest.param('{"a":"' + "\\" * 150_000, id="backslashes"),
    ],
)
def test_a_block_made_to_be_a_burden_names_nothing(block):
    assert not any(named(read(block)))


def test_objects_have_a_bound():
    many = ",".join('{"name": "a"}' for _ in range(MOST_OBJECTS + 9))
    assert len(read(f"[{many}]")) == MOST_OBJECTS
    assert len(read(*['{"name": "a"}'] * 1_000)) <= MOST_OBJECTS


@pytest.mark.parametrize(
    ("thing", "types"),
    [
        ({"@type": "NewsArticle"}, ("NewsArticle",)),
        ({"@type": ["Article", "schema:NewsArticle"]}, ("Article", "NewsArticle")),
        ({"@type": "https://schema.org/BlogPosting"}, ("BlogPosting",)),
        ({"@type": 7}, ()),
        ({}, ()),
        ("NewsArticle", ()),
    ],
)
def test_types_of_objects(thing, types):
    assert types_of(thing) == types
