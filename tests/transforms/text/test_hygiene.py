"""Lines that are none of an article go with their kind, in many languages; others stay."""

from __future__ import annotations

import pytest

from transforms.records import Line
from transforms.text import hygiene
from transforms.text.hygiene import Facts, clean

RULES = [rule for rule in hygiene.rules().rules if rule.kind not in hygiene.APART]
BODY = [
    "The keeper of the upper weir has counted the herons of the sound for nineteen winters now.",
    "On Tuesday she wrote four hundred and six into the book, more than in any year before it.",
    "Nobody knows why they come, and the council has asked the school to find out by the spring.",
]


def removed(lines, **facts):
    """What goes of the lines: kind and text."""
    return [(gone.kind, gone.text) for gone in clean(lines, Facts(**facts))[1]]


def around(rule, text):
    """The line where the rule looks for it, as often as it must be there."""
    kind = rule.of[0] if rule.of else "paragraph"
    line, body = [Line(text, kind)] * rule.run, [Line(one) for one in BODY]
    if "anywhere" in rule.where:
        return [*body[:2], *line, body[2]]
    return [*body, *line] if "tail" in rule.where else [*line, *body]


@pytest.mark.parametrize(
    ("rule", "text"),
    [pytest.param(r, text, id=f"{r.id}-{lang}-{n}") for r in RULES
     for n, (lang, text) in enumerate(r.yes)],
)  # fmt: skip
def test_a_line_of_a_kind_goes(rule, text):
    assert removed(around(rule, text)) == [(rule.kind, text)] * rule.run


@pytest.mark.parametrize(
    ("rule", "text"),
    [pytest.param(r, text, id=f"{r.id}-{lang}-{n}") for r in RULES
     for n, (lang, text) in enumerate(r.no)],
)  # fmt: skip
def test_a_line_that_looks_alike_stays_wherever_it_stands(rule, text):
    kind = rule.of[0] if rule.of else "paragraph"
    lines = [Line(text, kind)] * rule.run
    body = [Line(one) for one in BODY]
    for placed in ([*body[:2], *lines, body[2]], [*body, *lines]):
        assert removed(placed) == []


def test_rules_are_shown_in_ten_languages_and_more():
    assert len({language for rule in RULES for language, _ in rule.yes}) >= 20


@pytest.mark.parametrize(
    "text",
    [
        "Follow the path to the weir.",
        "Share prices of the three yards rose.",
        "Signed in 1911, the treaty still holds.",
        "By Tuesday the ice had reached the pier.",
        "Updated guidance came on Monday.",
        "WHAT HAPPENED NEXT",
        "Vale d. Tarrant 61-21",
        "Holds 10 kg",
        "Weight: 10 kg",
        "3 May, Oldwick: town hall",
        "What does a keeper eat in winter?",
        "„Schreiben Sie uns nicht vor, was wir denken“, rief sie.",
        "Wie wird das Wetter?",
        "Comment la ville veut sauver le port",
        "Anzeige wegen Diebstahls",
    ],
)
@pytest.mark.parametrize("place", [0, 2, 3])
def test_lines_of_articles_stay(text, place):
    lines = [Line(one) for one in BODY]
    lines.insert(place, Line(text))
    assert removed(lines) == []


@pytest.mark.parametrize(
    ("label", "title"),
    [
        ("Read more", "Nine gardens that open for a day in May"),
        ("Lesen Sie dazu auch", "Warum Nordheide keine Bäder mehr baut"),
        ("Czytaj też", "Most zamknięty do jesieni, objazd przez wieś..."),
        ("Ebenfalls interessant", "So lebt es sich auf einem Leuchtturm"),
        ("あわせて読みたい", "移動図書館、冬も運行へ"),
    ],
)
def test_the_title_that_a_label_leads_to_goes_with_it(label, title):
    lines = [Line(one) for one in (*BODY[:2], label, title, BODY[2])]
    assert [text for _, text in removed(lines)] == [label, title]


def test_a_subhead_or_a_paragraph_after_a_label_stays():
    for after in (Line("How the herons are counted", "subhead"), Line(BODY[1])):
        lines = [Line(BODY[0]), Line("Read more"), after, Line(BODY[2])]
        assert removed(lines) == [("read_also", "Read more")]


def test_all_titles_under_a_heading_go_up_to_the_next_paragraph():
    titles = ["Ferry strike: what passengers should know", "Seal learns to open fish crates",
              "Is the pier still safe?"]  # fmt: skip
    lines = [*BODY[:2], "You might also enjoy", *titles, BODY[2]]
    assert [text for _, text in removed([Line(one) for one in lines])] == [lines[2], *titles]


def test_positions_count_all_lines():
    lines = [Line(BODY[0]), Line("Advertisement"), Line(BODY[1]), Line("Read also: The pier")]
    kept, gone = clean(lines)
    assert [(at, line.text) for at, line in kept] == [(0, BODY[0]), (2, BODY[1])]
    assert [(one.position, one.kind, one.rule) for one in gone] == [
        (1, "ad_label", "ad-label"),
        (3, "read_also", "read-also"),
    ]


def test_a_caption_goes_with_its_credit():
    lines = [BODY[0], BODY[1], "The new pier at low tide", "Photo: Ada Vole", BODY[2]]
    assert removed([Line(one) for one in lines]) == [
        ("caption", lines[2]),
        ("image_credit", lines[3]),
    ]


def test_what_tells_of_a_known_author_goes_at_the_end_and_stays_elsewhere():
    life = "Ada Vole lives on a boat with two geese."
    lines = [Line(one) for one in (*BODY, life)]
    assert removed(lines, authors=("Ada Vole",)) == [("author_box", life)]
    assert removed(lines, authors=("Jon Amsel",)) == []
    assert removed([lines[0], lines[3], *lines[1:3]], authors=("Ada Vole",)) == []
    speech = Line("Ada Vole said: “Four hundred and six.”")
    assert removed([*lines[:3], speech], authors=("Ada Vole",)) == []


@pytest.mark.parametrize(
    "note",
    [
        "Correction, 3 May: the weir is nine feet high, not seven.",
        "Editor’s note: this story was updated after the vote.",
        "This article has been updated with a comment of the port.",
        "This article was generated with the help of artificial intelligence.",
        "Anzeige – Dieser Beitrag wurde von der Hafen AG bezahlt.",
        "In einer früheren Version dieses Textes stand ein falsches Datum.",
        "Publirédactionnel. Contenu proposé par l’office du port.",
        "本文由人工智能辅助生成，内容经编辑审核。",
    ],
)
def test_notes_of_the_editors_stay(note):
    for lines in ([note, *BODY], [*BODY, note]):
        assert removed([Line(one) for one in lines]) == []


def test_the_colophon_of_a_machine_goes_as_one_removal():
    colophon = [
        "About this article",
        "This text was written by a language model from a report of an agency.",
        "Edited by Jon Amsel",
    ]
    kept, gone = clean([Line(one) for one in (*BODY, *colophon)])
    assert [line.text for _, line in kept] == BODY
    assert [(one.kind, one.text, one.position) for one in gone] == [
        ("disclosure", "\n".join(colophon), 3)
    ]


def test_a_page_without_lines_and_one_of_nothing_else_are_read():
    assert clean([]) == ([], [])
    kept, gone = clean([Line("Advertisement"), Line("Share")])
    assert (kept, len(gone)) == ([], 2)


@pytest.mark.parametrize("text", ["", " ", "\u200b", "…", "-", "_" * 50_000, "a " * 50_000,
                                  "[" * 9_000, "\ud800", "Facebook " * 20])  # fmt: skip
def test_odd_lines_do_no_harm(text):
    lines = [Line(BODY[0]), Line(text), Line(BODY[1])]
    kept, gone = clean(lines)
    assert len(kept) + len(gone) == 3
