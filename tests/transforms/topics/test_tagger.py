"""Topics, their evidence, and where words end in the scripts of the world."""

from __future__ import annotations

import pickle
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from config.load import load_topics, shipped
from config.models import Taxonomy, Topic
from transforms.folding import fold
from transforms.topics.score import MOST_EVIDENCE, score
from transforms.topics.tagger import Tagger


def tagger(*phrases: str) -> Tagger:
    return Tagger(Taxonomy((Topic("topic", "Topic", phrases),)))


def found(phrases: str | tuple[str, ...], text: str) -> list[str]:
    """What matched in a text, as it stands there."""
    phrases = (phrases,) if isinstance(phrases, str) else phrases
    return [item.matched for match in tagger(*phrases).tag(None, text) for item in match.evidence]


@pytest.mark.parametrize(
    ("phrase", "text", "expected"),
    [
        pytest.param("sanctions", "New sanctions, old Sanctions.", ["sanctions", "Sanctions"],
                     id="case"),
        pytest.param("SANCTIONS", "sanctions", ["sanctions"], id="case of the phrase"),
        pytest.param("STRASSE", "Die Straße und die STRASSE", ["Straße", "STRASSE"], id="sharp s"),
        pytest.param("Straße", "STRASSE straße STRAẞE", ["STRASSE", "straße", "STRAẞE"],
                     id="sharp s in the phrase"),
        pytest.param("ΣΊΣΥΦΟΣ", "Σίσυφος", ["Σίσυφος"], id="final sigma"),
        pytest.param("C++", "C++, C+ and c++11", ["C++", "c++"], id="C++"),
        pytest.param("U.S.", "In the U.S. and (u.s.)", ["U.S.", "u.s."], id="U.S."),
        pytest.param("U.S.", "SIU.S. ", [], id="U.S. inside a word"),
        pytest.param("7-Eleven", "7‑Eleven 7–eleven 17-Eleven", ["7‑Eleven", "7–eleven"],
                     id="dashes and digits"),
        pytest.param("people's bank", "People’s Bank", ["People’s Bank"], id="quotes"),
        pytest.param("asset freeze", "asset\u00a0freeze, asset\tfreeze",
                     ["asset\u00a0freeze", "asset\tfreeze"], id="spaces of all kinds"),
        pytest.param("asset freeze", "asset\nfreeze", ["asset\nfreeze"], id="across a line end"),
        pytest.param("asset freeze", "asset\n\nfreeze", [], id="not across an empty line"),
        pytest.param("asset freeze", "an asset – freeze it, an asset - freeze", [],
                     id="not across a dash"),
        pytest.param("asset freeze", "asset-freeze, asset–freeze",
                     ["asset-freeze", "asset–freeze"], id="across a hyphen"),
        pytest.param("Taiwan", "ＴＡＩＷＡＮ Ｔａｉｗａｎ", ["ＴＡＩＷＡＮ", "Ｔａｉｗａｎ"],
                     id="full width"),
        pytest.param("タイワン", "ﾀｲﾜﾝ", ["ﾀｲﾜﾝ"], id="half-width kana"),
        pytest.param("ガザ", "ｶﾞｻﾞ", ["ｶﾞｻﾞ"], id="half-width kana with marks"),
        pytest.param("conflict", "con\ufb02ict", ["con\ufb02ict"], id="ligature"),
        pytest.param("sanctions", "sanc\u00adtions sanc\u200btions",
                     ["sanc\u00adtions", "sanc\u200btions"], id="soft hyphen, zero-width space"),
        pytest.param("gelé", "gelé gele\u0301 gele", ["gelé", "gele\u0301"], id="composed or not"),
        pytest.param("gele\u0301", "gelé", ["gelé"], id="not composed in the phrase"),
        pytest.param("gele", "gele\u0301 gelé", [], id="the accent matters"),
        pytest.param("ran", "ran\u0308 ran\u0308k", [], id="an accent without a letter of its own"),
        pytest.param("санкции", "Санкции", ["Санкции"], id="Cyrillic"),
        pytest.param("война", "вои\u0306на", ["вои\u0306на"], id="decomposed й"),
        pytest.param("عقوبات", "عُقُوبَات", ["عُقُوبَات"], id="Arabic vowel signs"),
        pytest.param("عقوبات", "عقوبـــات", ["عقوبـــات"], id="stretched Arabic"),
        pytest.param("أمن", "ا\u0654من", ["ا\u0654من"], id="decomposed hamza"),
        pytest.param("عُقُوبات", "عقوبات", ["عقوبات"], id="vowel signs in the phrase"),
        pytest.param("制裁", "美国宣布新制裁措施", ["制裁"], id="Chinese without spaces"),
        pytest.param("台湾", "「台湾」海峡", ["台湾"], id="Chinese in quotes"),
        pytest.param("경제제재", "경제제재를", ["경제제재"], id="Korean with an ending"),
        pytest.param("한국", unicodedata.normalize("NFD", "한국은"),
                     [unicodedata.normalize("NFD", "한국")], id="decomposed Korean"),
        pytest.param("คว่ำบาตร", "การคว่ำบาตรใหม่", ["คว่ำบาตร"], id="Thai without spaces"),
        pytest.param("भारत", "भारतीय और भारत।", ["भारत"], id="Hindi vowel signs belong to words"),
        pytest.param("AUKUS", "AUKUS協定", ["AUKUS"], id="Latin beside Chinese"),
        pytest.param("G7", "日本はG7で", ["G7"], id="Latin amid Japanese"),
        pytest.param("iran", "Tirana, Iranian, iran_x, iran2", [], id="inside words"),
        pytest.param("iran", "(Iran)/Iran-Iraq \u201cIran\u201d", ["Iran"] * 3, id="between signs"),
        pytest.param("iran", "Iran\ufe0f Iran\u200d", ["Iran", "Iran"], id="invisible neighbours"),
        pytest.param("NATO", "NATO\U0001f600", ["NATO"], id="emoji"),
        pytest.param("i", "I", ["I"], id="one letter"),
    ],
)  # fmt: skip
def test_words(phrase, text, expected):
    assert found(phrase, text) == expected


@pytest.mark.parametrize(
    ("phrase", "text", "expected"),
    [
        pytest.param("sanction*", "sanction sanctions Sanctioned",
                     ["sanction", "sanctions", "Sanctioned"],
                     id="any ending, or none"),
        pytest.param("sanction*", "unsanctioned", [], id="not amid a word"),
        pytest.param("sanction*", "sanction-hit", ["sanction"], id="up to a hyphen"),
        pytest.param("asset freeze*", "asset freezes; asset freezing", ["asset freezes"],
                     id="two words"),
        pytest.param("санкц*", "санкциями", ["санкциями"], id="Cyrillic"),
        pytest.param("Straß*", "STRASSEN", ["STRASSEN"], id="sharp s before the star"),
        pytest.param("gel*", "gele\u0301s", ["gele\u0301s"], id="ending with an accent"),
        pytest.param("sanction*", "sanc\u00adtion\u00aded x", ["sanc\u00adtion\u00aded"],
                     id="soft hyphens"),
        pytest.param("半导体*", "半导体产业", ["半导体"], id="no ending to take in Chinese"),
        pytest.param("tariff", "tariffs", [], id="no star, no ending"),
    ],
)  # fmt: skip
def test_a_star_takes_any_ending(phrase, text, expected):
    assert found(phrase, text) == expected


def test_the_leftmost_and_longest_counts_once():
    phrases = ("China", "South China Sea", "sea", "China Sea")
    assert found(phrases, "the South China Sea and the China Sea") == [
        "South China Sea", "China Sea",
    ]  # fmt: skip


def test_each_topic_counts_for_itself():
    topics = (
        Topic("sea", "Sea", ("South China Sea",)),
        Topic("china", "China", ("China",)),
        Topic("also", "Also", ("CHINA",)),
    )
    matches = Tagger(Taxonomy(topics)).tag("South China Sea", "Quiet.")
    assert [(m.topic, m.evidence[0].matched) for m in matches] == [
        ("also", "China"), ("china", "China"), ("sea", "South China Sea"),
    ]  # fmt: skip


def test_evidence_names_field_place_and_phrase_in_reading_order():
    (match,) = tagger("Taiwan*", "海峡").tag("Über Taiwan", "Straße: Taiwans 海峡, 海峡")
    assert [item[:5] for item in match.evidence] == [
        ("title", 5, 11, "Taiwan", "Taiwan*"),
        ("text", 8, 15, "Taiwans", "Taiwan*"),
        ("text", 16, 18, "海峡", "海峡"),
        ("text", 20, 22, "海峡", "海峡"),
    ]


@pytest.mark.parametrize(
    ("title", "text", "score"),
    [
        pytest.param(None, "chip", 0.25, id="one mention"),
        pytest.param("chip", "", 0.5, id="the title"),
        pytest.param("Chip", "chip chip", 0.625, id="title and two more"),
        pytest.param(None, "chip " * 997, 0.997, id="near one"),
    ],
)
def test_scores(title, text, score):
    (match,) = tagger("chip").tag(title, text)
    assert match.score == score


def test_without_a_phrase_there_is_no_topic():
    assert tagger("chip").tag("Ships", "A ship, chips and chipmunks") == ()
    assert tagger("chip").tag(None, "") == ()
    assert Tagger(Taxonomy(())).tag("chip", "chip") == ()


def test_a_text_of_one_word_keeps_the_first_places_and_counts_all():
    (match,) = tagger("chip").tag("Chip, chip", "chip " * 5_000)
    assert (len(match.evidence), match.matches) == (MOST_EVIDENCE, 5_002)
    assert [item.field for item in match.evidence[:3]] == ["title", "title", "text"]
    assert match.score == score(item.weight for item in match.evidence)


def test_the_tagger_says_which_taxonomy_it_holds():
    taxonomy = load_topics(shipped("topics.yaml"))
    assert Tagger(taxonomy).version == taxonomy.version


TOPICS = load_topics(shipped("topics.yaml")).topics
PHRASES = [(topic.id, phrase) for topic in TOPICS for phrase in topic.rules]
SHIPPED = Tagger(load_topics(shipped("topics.yaml")))
ODD = Tagger(Taxonomy((Topic("odd", "Odd", (
    "ss", "i", "e\u0301", "é", "한", "ガ", "fi", "'", "a", "a*b", "st*", "ك", "株", "-x", "1", "ﬃ",
    "μ",
    )),)))  # fmt: skip
TRICKY = st.text(
    st.sampled_from("aeiſßSTẞİıﬁﬃ\u0301\u0308\u0323\u0345\u00ad\u200d\u0640\u064b\u0654ا한ᄒ\u1161\u11ab"
                    "ｶﾞガ株㍿½Ⅳ²µμ'’–- \n\u00a0\u2028x1_制裁\U0001f600\ud800")
)  # fmt: skip


@example("\u0301e")
@example("㍿株ﬃ")
@given(st.text() | TRICKY)
def test_evidence_stands_where_it_says(text):
    for tagged in (ODD, SHIPPED):
        for match in tagged.tag(text, text):
            contents = {"title": text, "text": text}
            for item in match.evidence:
                assert contents[item.field][item.start : item.end] == item.matched != ""


@given(st.sampled_from(PHRASES), st.text(max_size=9), st.text(max_size=9))
def test_a_phrase_is_found_wherever_it_stands_alone(owned, before, after):
    topic, phrase = owned
    together = [one.phrase.removesuffix("*") for one in (phrase, *phrase.company[:1])]
    text = "\n".join([before, *together, after])
    assert topic in {match.topic for match in SHIPPED.tag(None, text)}


@given(st.text() | TRICKY)
def test_folding_leads_back_to_the_text(text):
    folded = fold(text)
    spans = [folded.origin(n, n + 1) for n in range(len(folded.text))]
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert spans == sorted(spans), "in the order of the text"
    for char, (start, end) in zip(folded.text, spans, strict=True):
        assert char in fold(text[start:end]).text


@given(st.text(st.characters(exclude_categories=["Cs"])) | TRICKY)
def test_texts_composed_or_not_fold_alike_in_the_languages_of_the_news(text):
    kept = "".join(c for c in text if c in "aeéïñйёкгд한국ガプçåöأؤئآΆ' -")
    assert fold(unicodedata.normalize("NFD", kept)).text == fold(kept).text


def test_taggers_can_be_rebuilt_on_workers_from_the_taxonomy():
    taxonomy = pickle.loads(pickle.dumps(load_topics(shipped("topics.yaml"))))
    assert Tagger(taxonomy).tag("Sanctions", "") == SHIPPED.tag("Sanctions", "")
