"""Each rule of the language finds what docs/analyst/topics.md says, and nothing else."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent, indent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.load import load_topics
from config.topics import read_topics
from config.written import written
from transforms.records import TopicMatch
from transforms.topics.score import MOST_EVIDENCE, score
from transforms.topics.tagger import Tagger


@pytest.fixture
def tagger(tmp_path: Path):
    """A tagger of a topic `t` with these rules, or of a whole file."""

    def make(rules: str) -> Tagger:
        text = dedent(rules)
        if "topics:" not in text:
            start = (
                "topics:\n- {id: t, name: T, "
                if text[0] == "{"
                else "topics:\n- id: t\n  name: T\n"
            )
            text = start + (text[1:] if text[0] == "{" else indent(text, "  "))
        path = tmp_path / "topics.yaml"
        path.write_text(text, encoding="utf-8")
        return Tagger(load_topics(path))

    return make


def matched(tagger: Tagger, text: str, **more: object) -> list[str]:
    return [item.matched for one in tagger.tag(None, text, **more) for item in one.evidence]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rules", "text", "expected"),
    [
        # Folding.
        ("any: [export control*]", "export-control, export\u2011controls, export\u2010\ncontrol",
         ["export-control", "export\u2011controls", "export\u2010\ncontrol"]),
        ("any: [export-control]", "export  control; exportcontrol", ["export  control"]),
        ("any: [ضوابط التصدير]", "ضوابط\u200f \u202bالتصدير\u202c", ["ضوابط\u200f \u202bالتصدير"]),
        ("any: [people's bank]", "People`s bank, people´s bank", ["People`s bank", "people´s bank"]),
        ("any: [shadow fleet]", "a shadow\nfleet; shadow\n\nfleet", ["shadow\nfleet"]),
        ("any: [Ruß*]", "RUSSLAND rußig Rusland", ["RUSSLAND", "rußig"]),
        ("any: ['a.b*', 'x (y', 'C++']", "aXb a.b x (y c++", ["a.b", "x (y", "c++"]),
        # Accents.
        ("any: [gelé]", "gele gelé", ["gelé"]),
        ("{any: [gelé], accents: fold}", "gele gelé GELÉ gele\u0301", ["gele", "gelé", "GELÉ", "gele\u0301"]),
        ("any: [{phrase: тёплый, accents: fold}, йод]", "теплый тёплый иод йод",
         ["теплый", "тёплый", "йод"]),
        ("{any: [أمن, カギ], accents: fold}", "امن أمن ガギ カギ", ["امن", "أمن", "カギ"]),
        ("{any: [Łódź], accents: fold}", "Lodz", ["Lodz"]),
        # Case.
        ("any: [{phrase: US, case: exact}]", "US us Us U.S. ＵＳ", ["US", "ＵＳ"]),
        ("any: [{phrase: Straße, case: exact}]", "Straße STRASSE straße", ["Straße"]),
        # Prefixes.
        ("any: [{phrase: عقوبات, prefix: arabic}]", "والعقوبات عقوبات معقوبات", ["والعقوبات", "عقوبات"]),
        ("any: [{phrase: sanktion*, prefix: any}]", "Wirtschaftssanktionen", ["Wirtschaftssanktionen"]),
        ("any: [{phrase: Russian, prefix: [anti, pro]}]", "antirussian prorussian Prussian Russian",
         ["antirussian", "prorussian", "Russian"]),
        # Variants.
        ("{any: [台湾], variants: han}", "臺灣 台灣 台湾 台北", ["臺灣", "台灣", "台湾"]),
        ("any: [{phrase: 軍艦, variants: han}]", "军舰", ["军舰"]),
        ("any: [台湾]", "台灣", []),
        # Near.
        ("any: [{near: [export*, chip*], words: 2}]",
         "Chips for export. Exports of many very new chips, and that is all. Exports: new, fast chips",
         ["Chips for export", "Exports: new, fast chips"]),
        ("any: [{near: [chip, chip]}]", "a chip and a chip", ["chip and a chip"]),
        ("any: [{near: [chip, chip]}]", "one chip", []),
        ("any: [{near: [Russia*, China*], sentence: true}]",
         "Russia met the U.S. envoy before China. Russia left. China stayed.\nRussia\nChina",
         ["Russia met the U.S. envoy before China"]),
        ("any: [{near: [[Moscow, Russia*], [Beijing, China*]], words: 3}]",
         "Beijing and Moscow agree", ["Beijing and Moscow"]),
        ("any: [{near: [中国, 俄罗斯], words: 4}]", "中国和俄罗斯。中国今天没有会见俄罗斯", ["中国和俄罗斯"]),
        # Company.
        ("any: [{phrase: Georgia, with: [Tbilisi]}]", "Georgia. Atlanta.", []),
        ("any: [{phrase: Georgia, with: [Tbilisi]}]", "Georgia. Tbilisi.", ["Georgia"]),
        # Masks.
        ("{any: [embargo*], mask: [sin embargo]}", "sin embargo, un embargo", ["embargo"]),
        ("{any: [arms deal*], mask: [arms dealer*]}", "arms dealers; arms deals", ["arms deals"]),
        ("{any: [human rights law], mask: [human rights]}", "human rights law", ["human rights law"]),
        ("{any: [{near: [embargo, oil]}], mask: [sin embargo]}", "sin embargo, oil", []),
        # Not near.
        ("{any: [sanction*], not_near: [FIFA]}", "FIFA sanctions; " + "far " * 9 + "sanctions", ["sanctions"]),
        ("any: [{phrase: sanction*, not_near: {phrases: [club], sentence: true}}]",
         "The club got a sanction. A sanction came.", ["sanction"]),
        # All and none.
        ("{any: [tanker], all: [[oil, gas], price]}", "tanker oil price", ["tanker", "oil", "price"]),
        ("{any: [tanker], all: [[oil, gas], price]}", "tanker gas", []),
        ("all: [oil, price]", "price of oil", ["price", "oil"]),
        ("{any: [tanker], none: [horoscope]}", "tanker, horoscope", []),
    ],
)  # fmt: skip
def test_a_rule_finds_what_it_says(tagger, rules, text, expected):
    assert matched(tagger(rules), text) == expected


def test_languages_limit_where_a_phrase_counts(tagger):
    made = tagger("any: [{phrase: embargo, languages: [en, de]}]")
    found = {tag: matched(made, "embargo", language=tag) for tag in ("en", "de-AT", "es", None)}
    assert found == {"en": ["embargo"], "de-AT": ["embargo"], "es": [], None: ["embargo"]}


def test_none_and_company_look_at_the_title_too(tagger):
    made = tagger("{any: [{phrase: Georgia, with: [Tbilisi]}], none: [Atlanta]}")
    assert made.tag("Tbilisi", "Georgia")
    assert not made.tag("Tbilisi and Atlanta", "Georgia")


PARAGRAPHS = "\n".join(
    f"This is paragraph {n}, and it speaks of a chip at length." for n in range(6)
)


def test_each_part_weighs_what_the_topic_says(tagger):
    made = tagger("""
        any: [{phrase: chip, weight: 2}]
        weights: {title: 4, lead: 3, text: 1, dateline: 0, last: 0.5}
    """)
    text = f"CHIP CITY (Wire) — {PARAGRAPHS}"
    (match,) = made.tag("Chip", text, dateline=(0, 18))
    assert [(item.part, item.weight) for item in match.evidence] == [
        ("title", 8), ("dateline", 0), ("lead", 6), ("text", 2), ("text", 2), ("text", 2),
        ("last", 1), ("last", 1),
    ]  # fmt: skip
    assert match.score == score([8, 0, 6, 2, 2, 2, 1, 1]) == round(22 / 25, 4)


def test_a_dateline_alone_makes_no_topic(tagger):
    made = tagger("any: [Taipei]")
    assert made.tag(None, "TAIPEI (Wire) — Rain.", dateline=(0, 13)) == ()
    assert made.tag(None, "TAIPEI (Wire) — Rain in Taipei.", dateline=(0, 13))[0].score == 0.25


def test_a_passing_mention_is_enough_in_a_short_text_and_not_in_a_long_one(tagger):
    made = tagger("{any: [chip], min_score: {0: 0.2, 100: 0.4}}")
    assert made.tag(None, "chip" + " word" * 98)
    assert not made.tag(None, "chip" + " word" * 99)
    assert made.tag("A chip", "word " * 200)


FAMILY = """
topics:
- {id: energy, name: Energy, any: [energy, gas price*], none: [horoscope]}
- {id: gas, name: Gas, parent: energy, any: [gas, LNG]}
- {id: lng, name: LNG, parent: gas, any: [LNG tanker*]}
"""


def by_topic(found: tuple[TopicMatch, ...]) -> dict[str, list[tuple[str, str | None]]]:
    return {one.topic: [(item.matched, item.child) for item in one.evidence] for one in found}


def test_a_child_counts_for_its_parents_once(tagger):
    made = tagger(FAMILY)
    assert by_topic(made.tag(None, "LNG tankers, gas prices, energy")) == {
        "energy": [("LNG tankers", "lng"), ("gas prices", None), ("energy", None)],
        "gas": [("LNG tankers", "lng"), ("gas", None)],
        "lng": [("LNG tankers", None)],
    }
    assert by_topic(made.tag(None, "LNG, energy, horoscope"))["energy"] == [("LNG", "gas")]


def test_the_score_is_the_sum_of_what_is_kept(tagger):
    made = tagger(FAMILY)
    for match in made.tag("gas " * 700, "energy LNG tanker gas price " * 900):
        assert len(match.evidence) <= MOST_EVIDENCE
        assert match.score == score(item.weight or 0 for item in match.evidence)
        starts = [(item.field, item.start) for item in match.evidence]
        assert len(set(starts)) == len(starts), "a place is named once"


@pytest.mark.parametrize(
    ("rules", "text", "said"),
    [
        ("any: [{near: [export*, chip*], words: 2}]", "exports one two three chips",
         "needs 2 words, found 3 words between"),
        ("any: [{near: [export*, chip*]}]", "exports", "lacks chip* in the text"),
        ("{any: [embargo], mask: [sin embargo]}", "sin embargo", "'embargo' is masked by 'sin embargo'"),
        ("{any: [chip], min_score: 0.3}", "chip", "score 0.25 below 0.3"),
        ("any: [{phrase: Georgia, with: [Tbilisi]}]", "Georgia", "without its company"),
        ("{any: [sanction*], not_near: [FIFA]}", "FIFA sanctions", "'sanctions' stands near 'FIFA'"),
        ("{any: [oil], all: [[price, cost]]}", "oil", "lacks 'price' or 'cost' of 'all'"),
        ("{any: [oil], none: [olive]}", "olive oil", "'olive' of 'none' stands there"),
        ("any: [{phrase: oil, languages: [de]}]", "oil", "counts in de, the text is in en"),
    ],
)  # fmt: skip
def test_what_nearly_counted_is_explained(tagger, rules, text, said):
    (verdict,) = tagger(rules).explain(None, text, "en")
    assert not verdict.applies
    assert said in "; ".join(verdict.misses)


EVERYTHING = """
lists: {sea: [ocean, {phrase: Sea, case: exact}]}
defaults: {accents: fold, min_score: 0.1}
topics:
- id: a
  name: A
  description: "a: b"
  parent: b
  see: [b, "https://www.example.org/x"]
  any:
  - a
  - {phrase: é*n*ǅ, literal: true}
  - {phrase: ss, prefix: any, weight: 0.5, not_near: {phrases: ['x'], sentence: true}}
  - {near: [a, [b, e], {list: sea}], sentence: true}
  - {near: [i, s], words: 1, weight: 3, languages: [en]}
  - {phrase: 制裁, variants: han, with: [i, s]}
  - 'AND'
  mask: [a b, {list: sea}]
  not_near: {phrases: [z], words: 2}
  weights: {lead: 2, last: 0}
  min_score: {0: 0.1, 5: 0.2}
  examples: {yes: [i s], no: [{title: x, language: de}]}
- {id: b, name: B, all: [a, [e, i]], none: ['1'], accents: exact, languages: [en, fr], any: [ǆ, st*x]}
""".replace("é*n*ǅ", "éǅ").replace(", st*x", ", str*")  # fmt: skip


def test_a_topic_that_is_written_down_is_read_again_as_it_was(tmp_path):
    import yaml

    path = tmp_path / "topics.yaml"
    path.write_text(EVERYTHING, encoding="utf-8")
    before = read_topics(path).taxonomy
    text = yaml.safe_dump(
        {"topics": [written(topic) for topic in before.topics]}, allow_unicode=True
    )
    path.write_text(text, encoding="utf-8")
    assert read_topics(path).taxonomy.topic_versions == before.topic_versions


def test_a_topic_has_another_version_where_what_decides_on_it_changed(tmp_path):
    path = tmp_path / "topics.yaml"

    def versions(*changes: tuple[str, str]) -> dict[str, str]:
        text = FAMILY
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")
        return load_topics(path).topic_versions

    before = versions()
    changed = {
        name: {topic for topic, version in versions(change).items() if version != before[topic]}
        for name, change in {
            "a name": ("name: Gas", "name: Natural gas"),
            "the order": ("[gas, LNG]", "[LNG, gas]"),
            "a child": ("LNG tanker*", "LNG carrier*"),
            "a parent": ("horoscope", "olive oil"),
        }.items()
    }
    assert changed == {
        "a name": set(), "the order": set(), "a child": {"lng", "gas", "energy"},
        "a parent": {"energy"},
    }  # fmt: skip


@given(
    st.text(
        st.sampled_from("aeisSzéßǅǆ制裁制1 -.'’\n\u0301\u00ad\u200f\u202b\ud800ﬃ½㍿xb"), max_size=60
    )
    | st.text(max_size=60),
    st.sampled_from([None, "en", "de"]),
    st.tuples(st.integers(0, 9), st.integers(0, 9)),
)
def test_all_rules_at_once_name_places_that_are_there(text, language, dateline):
    for match in _everything().tag(text, text, language, dateline):
        assert 0 < match.score < 1
        assert match.score == score(item.weight or 0 for item in match.evidence)
        ends = {"title": 0, "text": 0}
        for item in match.evidence:
            assert text[item.start : item.end] == item.matched != ""
            assert item.start >= ends[item.field], "in order, none over another"
            ends[item.field] = item.end


def _everything(kept: list[Tagger] = []) -> Tagger:  # noqa: B006
    if not kept:
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "topics.yaml")
            path.write_text(EVERYTHING, encoding="utf-8")
            kept.append(Tagger(load_topics(path)))
    return kept[0]


@pytest.mark.parametrize(
    "part", ["\u0301", "\ud800", "chip ", "chip chip-", "㍿", "a\u0301", "\n", "chip"]
)
def test_a_long_text_of_anything_is_tagged(tagger, part):
    made = tagger("""
        any: [chip, {near: [chip, a]}, {phrase: chip*, not_near: [zebra]}, {phrase: c, prefix: any}]
        mask: [chip zebra, a]
    """)
    text = part * (1_000_000 // len(part))
    for match in made.tag(part, text):
        assert all(text[item.start : item.end] == item.matched
                   for item in match.evidence if item.field == "text")  # fmt: skip
