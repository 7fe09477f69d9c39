"""Folded texts lead back to what they came from, whatever Unicode they hold."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from transforms.folding import fold, folded

TRICKY = st.text(
    st.sampled_from("aeiſßSTẞİıﬁﬃ\u0301\u0308\u0323\u0345\u00ad\u200d\u200f\u0640\u064b\u0654ا한ᄒ\u1161\u11ab"
                    "ｶﾞガ株㍿½Ⅳ²µμ'’–- \n\r\u00a0\u2028x1_制裁\U0001f600\ud800ёйøأ\u034f\ufe0f")
)  # fmt: skip


@example("\u0301e")
@example("- \u0301-")
@given(st.text() | TRICKY)
def test_a_long_text_is_folded_as_a_short_one(text):
    assert fold(text).text == folded(text)


@given(st.text() | TRICKY, st.integers(0, 9), st.integers(1, 9))
def test_what_is_cut_out_of_a_folded_text_comes_from_where_it_says(text, start, length):
    found = fold(text)
    end = min(start + length, len(found.text))
    if start < end:
        first, last = found.origin(start, end)
        assert 0 <= first < last <= len(text)
        assert found.text[start:end] in folded(text[first:last])


@given(st.text() | TRICKY)
def test_accents_are_marked_wherever_they_are_folded(text):
    found = fold(text)
    if found.accents is None:
        assert folded(text, accents=False) == found.text
    else:
        assert len(found.accents) == len(found.text)


@pytest.mark.parametrize(
    ("text", "every", "with_accents"),
    [
        pytest.param("Über-Łódź", "uber lodz", "über łódź", id="Latin"),
        pytest.param("за́мок Ёлка Йод", "замок елка йод", "за́мок ёлка йод", id="Cyrillic"),
        pytest.param("Άγιος", "αγιοσ", "άγιοσ", id="Greek"),
        pytest.param("أمن إيران آب", "امن ايران اب", "أمن إيران آب", id="Arabic"),
        pytest.param("ガザ ｶﾞｻﾞ", "ガザ ガザ", "ガザ ガザ", id="kana"),
        pytest.param("भारत", "भारत", "भारत", id="vowel signs of Hindi"),
        pytest.param("a\u200f \u202bb\u2060c\ufeff", "a bc", "a bc", id="invisible"),
        pytest.param("x\u2010y\u2011z–w—v", "x y z w—v", "x y z w—v", id="hyphens, not dashes"),
        pytest.param("a \n b\n \nc", "a b\nc", "a b\nc", id="lines"),
        pytest.param("x – y - z", "x\ny\nz", "x\ny\nz", id="dashes between clauses"),
        pytest.param("é -- y\n- z, w- v", "e\ny\nz, w v", "é\ny\nz, w v", id="dashes, bullets"),
    ],
)
def test_forms(text, every, with_accents):
    assert folded(text) == fold(text).text == unicodedata.normalize("NFC", every)
    assert folded(text, accents=False) == unicodedata.normalize("NFC", with_accents)
