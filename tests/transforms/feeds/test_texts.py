"""Headlines and names as they were meant, however often they were escaped."""

from __future__ import annotations

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.feeds.texts import LONGEST_SUMMARY, byline, plain
from transforms.workers import pool


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Fish &amp; chips", "Fish & chips"),
        ("Fish &amp;amp; chips", "Fish & chips"),
        ("Fish &amp;amp;amp; chips", "Fish & chips"),
        ("It&amp;#8217;s &amp;quot;his&amp;quot; goat&amp;#x21;", 'It’s "his" goat!'),
        ("caf&amp;eacute;&amp;nbsp;bar", "café bar"),
        ("<b>T</b>railer <i>park</i>", "Trailer park"),
        ("H<sub>2</sub>O, a<wbr>b", "H2O, ab"),
        ("One<br>two<br/>three<p>four</p><div class='x'>five</div>", "One two three four five"),
        ("&lt;b&gt;Bold&lt;/b&gt; claims", "Bold claims"),
        ("&amp;lt;em&amp;gt;Bold&amp;lt;/em&amp;gt; claims", "Bold claims"),
        ("Up&lt;br /&gt;down", "Up down"),
        ('See <a href="https://x.example/?a=1&b=2">here</a>!', "See here!"),
        ("&lt;a href='/x'&gt;See&lt;/a&gt;, she said", "See, she said"),
        ("<o:p></o:p>From <st1:place>Garrow</st1:place>", "From Garrow"),
        ("<![CDATA[Owls & mice]]>", "Owls & mice"),
        ("&lt;![CDATA[Owls &amp; mice]]&gt;", "Owls & mice"),
        ("A <!-- hidden -->clock", "A clock"),
        ("3 < 5", "3 < 5"),
        ("3 &lt; 5 &amp;&amp; 7 &gt; 6", "3 < 5 && 7 > 6"),
        ("3 <5 and 6> 2", "3 <5 and 6> 2"),
        ("I &lt;3 Garrow, you > me", "I <3 Garrow, you > me"),
        ("if a<b and c>d", "if a<b and c>d"),
        ("All of <Hamlet> in an hour", "All of <Hamlet> in an hour"),
        ("《港口》<新闻>", "《港口》<新闻>"),
        ("What &lt;b&gt; does in HTML", "What <b> does in HTML"),
        ("AT&T, R&D and Q&A", "AT&T, R&D and Q&A"),
        ("Smith &amp;co; sons", "Smith &co; sons"),
        ("&amp;lt;/div", "</div"),
        ("<p> </p>", None),
        ("", None),
        (None, None),
        (["<b>"], None),
    ],
)
def test_what_a_headline_means(written, read):
    assert plain(written) == read


WORDS = st.lists(st.sampled_from(
    ["owl", "&", "<3", "5 < 6", "it's", '"so"', "R&D", "«é»", "x > y", "100 %", "東京", "a&b;"]
), min_size=1).map(" ".join)  # fmt: skip


@given(WORDS, st.integers(0, 3))
def test_escapes_leave_no_trace(text, times):
    written = text
    for _ in range(times):
        written = html.escape(written)
    assert plain(written) == text[:LONGEST_SUMMARY]


@given(st.text(alphabet="<>/&;#abp=\"' !-[]", max_size=80))
def test_any_text_is_read_and_what_is_read_stays(text):
    read = plain(text)
    assert read is None or read == " ".join(read.split())


AGAIN = [
    "<",
    "<a",
    "<a ",
    "<a =",
    "</a",
    "<a>",
    "<!--",
    "&lt;",
    "&amp;",
    "&amp;amp;lt;a",
    "<![CDATA[",
]


def test_long_rows_of_marks_take_no_time():
    """In a process that ends after some seconds; a quadratic reader would need hours."""
    future = pool.submit(1, 20, list, map(plain, [part * 300_000 for part in AGAIN]))
    assert len(pool.outcome(future, 20)) == len(AGAIN)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (["Nell Tarrow", "Ivo Brandt"], "Nell Tarrow, Ivo Brandt"),
        (["Nell Tarrow", "Ivo Brandt", "Nell Tarrow", None, ""], "Nell Tarrow, Ivo Brandt"),
        (["By Nell Tarrow"], "Nell Tarrow"),
        (["by Nell Tarrow and Ivo Brandt"], "Nell Tarrow and Ivo Brandt"),
        (["BY NELL TARROW"], "NELL TARROW"),
        (["Written by: Nell Tarrow"], "Nell Tarrow"),
        (["Von Nell Tarrow", "von Ivo Brandt"], "Nell Tarrow, Ivo Brandt"),
        (["Par Nell Tarrow", "Por Ivo Brandt"], "Nell Tarrow, Ivo Brandt"),
        (["Autorin: Nell Tarrow"], "Nell Tarrow"),
        (["本报记者 王小明", "文/山田花子"], "王小明, 山田花子"),
        (["Ursula von der Heide", "Von der Heide", "Byron Hale"],
         "Ursula von der Heide, Von der Heide, Byron Hale"),
        (["desk@news.example (Nell Tarrow)"], "Nell Tarrow"),
        (["Nell Tarrow <nell@news.example>"], "Nell Tarrow"),
        (["Nell Tarrow (nell@news.example)", "mailto:ivo@news.example"], "Nell Tarrow"),
        (["noreply@news.example"], None),
        (["nell@news.example (Nell Tarrow), ivo@news.example (Ivo Brandt)"],
         "Nell Tarrow, Ivo Brandt"),
        (["Nell Tarrow (AFP) <nell@news.example>; Ivo Brandt"], "Nell Tarrow (AFP), Ivo Brandt"),
        (["(Nell Tarrow)"], "Nell Tarrow"),
        (["https://news.example/people/nell", "Nell Tarrow"], "Nell Tarrow"),
        (["Nell Tarrow, Political Correspondent"], "Nell Tarrow"),
        (["Nell Tarrow, Reporter | Ivo Brandt, editor-in-chief"], "Nell Tarrow, Ivo Brandt"),
        (["Nell Tarrow (Author)", "Ivo Brandt (Photographer)"], "Nell Tarrow, Ivo Brandt"),
        (["Nell Tarrow (AFP)"], "Nell Tarrow (AFP)"),
        (["Nell Tarrow; Ivo Brandt, Korrespondent in Paris"], "Nell Tarrow, Ivo Brandt"),
        (["Анна Заря, корреспондент"], "Анна Заря"),
        (["Tarrow, Nell"], "Tarrow, Nell"),
        (["Staff Writer"], "Staff Writer"),
        (["Nell &amp; Ivo <b>Brandt</b>"], "Nell & Ivo Brandt"),
        ([7, {}, []], None),
        ([], None),
    ],
)  # fmt: skip
def test_who_wrote_it(written, read):
    assert byline(written) == read


@pytest.mark.parametrize(
    "part", ["word ", "<b>w</b>ord ", "&amp;lt;b&amp;gt;word&amp;lt;/b&amp;gt; "]
)
@pytest.mark.parametrize("before", ["", f"<img src='{'x' * 50_000}'>", "<br>" * 30_000])
def test_a_long_text_is_cut_after_its_markup_is_resolved(before, part):
    assert plain(before + part * 20_000) == ("word " * 400)[: LONGEST_SUMMARY - 1] + "…"
