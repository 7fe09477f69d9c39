"""Flags say what is to be known of an article, with the words that say so; no trap is taken."""

from __future__ import annotations

import pytest

from transforms.records import Flag, Line, Removal
from transforms.text.flags import flags
from transforms.text.hygiene import clean
from transforms.text.signals import Signals
from transforms.text.told import rules

BODY = (
    "The keeper of the upper weir has counted the herons of the sound for nineteen winters now.\n"
    "On Tuesday she wrote four hundred and six into the book, more than in any year before it.\n"
    "Nobody knows why they come, and the council has asked the school to find out by the spring."
)


def told(text=BODY, **more):
    """Names and values of the flags of a text."""
    more.setdefault("title", "A winter of herons")
    return {flag.flag: flag.value for flag in flags(text=text, **more)}


@pytest.mark.parametrize(
    ("rule", "text"),
    [pytest.param(r, text, id=f"{r.id}-{lang}-{n}") for r in rules().rules
     for n, (lang, text) in enumerate(r.yes)],
)  # fmt: skip
def test_a_line_that_says_so_is_found(rule, text):
    assert rule.id in [hit.rule.id for hit in rules().read([text])[0]]


@pytest.mark.parametrize(
    ("rule", "text"),
    [pytest.param(r, text, id=f"{r.id}-{lang}-{n}") for r in rules().rules
     for n, (lang, text) in enumerate(r.no)],
)  # fmt: skip
def test_a_line_that_looks_alike_is_not(rule, text):
    assert rule.id not in [hit.rule.id for hit in rules().read([text])[0]]


def test_an_article_without_signs_has_no_flags():
    assert flags("A winter of herons", BODY, byline="Ada Vole", url="https://e.example/a/b") == ()


def test_evidence_stands_where_its_offsets_say():
    note = (
        "This article was generated with the help of artificial intelligence. Edited by Jon Amsel."
    )
    text = f"OLDWICK, 4 May (dpa) – {BODY}\n{note}\nCorrection, 5 May: there were nine."
    found = flags("A winter of herons", text)
    assert {flag.flag for flag in found} == {
        "disclosure", "disclosure_editor", "wire", "wire_level", "dateline", "corrected",
    }  # fmt: skip
    for flag in found:
        assert flag.field == "text"
        assert text[flag.start : flag.end] == flag.evidence


# ── Machines ────────────────────────────────────────────────────────────────────────────────────


def test_the_colophon_of_a_machine_tells_its_tool_its_editor_and_its_source():
    lines = [
        *BODY.split("\n")[:2],
        "See Also: Ferry fares to rise in June",
        "The herons come from the north, reported Reuters, and stay until the ice is gone.",
        "Read Next: Why the weir will not be repaired",
        "Image: Town Council / Social media",
        BODY.split("\n")[2],
        "This article was written by a language model",
        "Tool: Claude",
        "Edited by Jon Amsel",
    ]
    kept, gone = clean([Line(line) for line in lines])
    text = "\n".join(line.text for _, line in kept)
    assert text == "\n".join([lines[0], lines[1], lines[3], lines[6]])
    assert [removal.kind for removal in gone] == [
        "read_also", "read_also", "image_credit", "disclosure",
    ]  # fmt: skip
    found = flags("A winter of herons", text, gone)
    assert {flag.flag: flag.value for flag in found} == {
        "disclosure": "made", "disclosure_tool": "Claude", "disclosure_editor": "Jon Amsel",
        "wire": "Reuters", "wire_level": "partial",
    }  # fmt: skip
    assert [flag.evidence for flag in found if flag.flag == "wire"] == ["reported Reuters"]
    assert {flag.field for flag in found if flag.flag.startswith("disclosure")} == {"removed"}


def test_a_disclosure_in_the_html_alone_counts():
    note = "This text was translated by AI."
    assert told(signals=Signals(notes=(note,))) == {"disclosure": "translated"}
    assert told(signals=Signals(machine=True)) == {"disclosure": "made"}


@pytest.mark.parametrize(
    "line",
    [
        "OLDWICK — A magazine was withdrawn after readers saw that its texts were made up.",
        "“This article was written by artificial intelligence,” the note below the poem said.",
        "The town’s museum took down a poster that was generated with artificial intelligence.",
        "Image: poster generated with AI, lent by the museum",
    ],
)
def test_articles_on_machines_are_not_by_machines(line):
    assert "disclosure" not in told(f"{BODY}\n{line}")
    assert "disclosure" not in told(f"{line}\n{BODY}")
    assert "disclosure" not in told(removals=[Removal("image_credit", line, 4, "image-credit")])


# ── Agencies and places ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("begin", "place", "agency"),
    [
        ("BERLIN, 3 May (dpa) – ", "BERLIN", "dpa"),
        ("WASHINGTON (AP) — ", "WASHINGTON", "AP"),
        ("ST. OLDWICK, Mich. (AP) — ", "ST. OLDWICK, Mich", "AP"),
        ("New Delhi, May 3 (PTI) ", "New Delhi", "PTI"),
        ("OLDWICK — ", "OLDWICK", None),
        ("TARRANT VALE, 4 May – ", "TARRANT VALE", None),
        ("CLEVELAND, Ohio – ", "CLEVELAND, Ohio", None),
        ("Washington, DC, United States: ", "Washington, DC, United States", None),
        ("München/London – ", "München/London", None),
        ("Berlin. ", "Berlin", None),
        ("Nendeln, 27.6.2026 – ", "Nendeln", None),
        ("PARIS, 3 mai (AFP) - ", "PARIS", "AFP"),
        ("Madrid, 3 may (EFE).- ", "Madrid", "EFE"),
        ("(ANSA) - ROMA, 03 MAG - ", "ROMA", "ANSA"),
        ("Lisboa, 03 mai 2026 (Lusa) – ", "Lisboa", "Lusa"),
        ("ANKARA (AA) - ", "ANKARA", "Anadolu"),
        ("МОСКВА, 3 мая. /ТАСС/. ", "МОСКВА", "TASS"),
        ("МОСКВА, 3 мая — РИА Новости. ", "МОСКВА", "RIA Novosti"),
        ("القاهرة (أ ف ب) - ", "القاهرة", "AFP"),
        ("新华社北京1月1日电 ", "北京", "Xinhua"),
        ("（竹溪訊）", "竹溪", None),
        ("【ワシントン共同】", "ワシントン", "Kyodo"),
        ("(서울=연합뉴스) ", "서울", "Yonhap"),
    ],
)
def test_a_dateline_tells_place_and_agency(begin, place, agency):
    found = told(begin + BODY)
    assert (found.get("dateline"), found.get("wire")) == (place, agency)


@pytest.mark.parametrize(
    "begin",
    [
        "WHAT HAPPENED NEXT – ",
        "EXCLUSIVE — ",
        "UPDATE: ",
        "Price – ",
        "Weight: ",
        "Hafen: ",
        "LE POINT SUR LA SITUATION - ",
        "Mr. ",
        "(Echo) – ",
        "Meermann. ",
        "【写真】",
    ],
)
def test_what_only_looks_like_a_dateline_is_none(begin):
    assert told(begin + BODY) == {}


def test_a_place_that_no_list_has_counts_where_the_text_tells_of_it():
    begun = f"Kaltenmoor. {BODY}"
    assert told(begun) == {}
    assert told(f"{begun}\nSchon früher sah man in Kaltenmoor Reiher.")["dateline"] == "Kaltenmoor"


def test_a_place_on_a_line_of_its_own_is_a_dateline():
    assert told(f"A winter of herons\nAnkara\n{BODY}")["dateline"] == "Ankara"
    assert "dateline" not in told(f"A winter of herons\nGardens\n{BODY}")


@pytest.mark.parametrize(
    ("byline", "agency", "level"),
    [
        ("Associated Press", "AP", "full"),
        ("Ada Vole; Ap Auto Writer", "AP", "full"),
        ("ADA VOLE Associated Press", "AP", "full"),
        ("Ada Vole; AP", "AP", "partial"),
        ("Le Bote et AFP", "AFP", "partial"),
        ("By Reuters Staff", "Reuters", "full"),
        ("Dpa", "dpa", "full"),
        ("新华社", "Xinhua", "full"),
        ("연합뉴스", "Yonhap", "full"),
    ],
)
def test_a_byline_tells_the_agency(byline, agency, level):
    found = told(byline=byline)
    assert (found["wire"], found["wire_level"]) == (agency, level)


@pytest.mark.parametrize(
    "byline", ["Anna Pap", "Sid Amsel", "red; Agenturen", "Capital", "Ana Sta"]
)
def test_names_that_hold_the_letters_of_an_agency_are_none(byline):
    assert told(byline=byline) == {}


def test_a_byline_may_tell_the_place():
    assert told(byline="AFP, MANILA") == {
        "wire": "AFP", "wire_level": "full", "dateline": "MANILA",
    }  # fmt: skip
    assert told(signals=Signals(around=("Associated Press in Oldwick",)))["dateline"] == "Oldwick"


@pytest.mark.parametrize(
    ("credit", "agency", "level"),
    [
        ("(Reporting by Ada Vole; Editing by Jon Amsel)", "Reuters", "full"),
        ("© dpa-infocom, dpa:260503-99-000001/2", "dpa", "full"),
        ("Quelle: dpa", "dpa", "full"),
        ("(AFP)", "AFP", "full"),
        ("With files from The Associated Press", "AP", "partial"),
        ("mit dpa", "dpa", "partial"),
        ("Associated Press writers Ada Vole and Jon Amsel contributed to this report.", "AP",
         "partial"),
        ("Источник: ТАСС", "TASS", "full"),
        ("来源：新华社", "Xinhua", "full"),
    ],
)  # fmt: skip
def test_a_credit_tells_the_agency_also_where_it_was_removed(credit, agency, level):
    for found in (told(f"{BODY}\n{credit}"), told(removals=[Removal("legal_tail", credit, 3, "")])):
        assert (found["wire"], found["wire_level"]) == (agency, level)


@pytest.mark.parametrize(
    "line",
    [
        "Reuters and dpa want to rent the old telephone exchange, and so does a film archive.",
        "Reuters reported on Monday that the exchange is for sale, the first news of it in years.",
        "Source: own counts",
        "Source: Tide Tables Office",
    ],
)
def test_an_agency_as_the_subject_makes_no_wire_copy(line):
    assert told(f"{BODY}\n{line}") == {}
    assert told(f"{line}\n{BODY}") == {}


def test_the_agency_of_a_picture_makes_no_wire_copy():
    picture = Removal("image_credit", "Photo: AFP", 2, "image-credit")
    assert told(removals=[picture]) == {}


# ── Walls ───────────────────────────────────────────────────────────────────────────────────────


def gone(text, kind="subscription"):
    return [Removal(kind, text, 3, "wall")]


def test_a_wall_is_told_by_its_degree():
    cut = "To read the rest of this article, subscribe to the Echo."
    assert told(removals=gone(cut)) == {"paywall": "cut", "truncated": "wall"}
    assert told(removals=gone("This article is for subscribers."))["paywall"] == "offer"
    assert told(signals=Signals(free=False))["paywall"] == "declared"
    assert told(signals=Signals(tier="locked"))["paywall"] == "declared"
    assert told(signals=Signals(walls=("Article réservé aux abonnés",)))["paywall"] == "offer"


def test_a_whole_text_with_an_offer_below_is_not_behind_a_wall():
    assert told(removals=gone("Join Friends of the Echo for 3 a month")) == {}
    assert told(signals=Signals(free=True, tier="metered")) == {}
    walls = ("This article is for subscribers.",)
    assert told(signals=Signals(free=True, walls=walls)) == {}


def test_dots_at_the_end_tell_of_a_rest_but_not_in_speech():
    assert told(f"{BODY}\nThe oldest of them was found…") == {"truncated": "dots"}
    assert told(f"{BODY}\nShe thought, and said: “Until I wake up…”") == {}
    assert told(f"{BODY}\nThe list is long:") == {}
    read_on = gone("Читать далее на сайте «Правды» →", "read_also")
    assert told(removals=read_on) == {"truncated": "elsewhere"}


# ── Sorts of pages ──────────────────────────────────────────────────────────────────────────────


def test_a_ticker_is_told_by_its_type_its_title_or_its_times():
    times = "\n".join(
        f"{hour}:10 Uhr: Es steht {hour} zu null für die Reiher." for hour in (22, 21, 20)
    )
    assert told(signals=Signals(types=("LiveBlogPosting",))) == {"live": "blog"}
    assert told(times, title="Der Abend im Liveticker")["live"] == "title"
    falling = "\n".join(f"{hour}h03 - Les hérons arrivent" for hour in range(15, 8, -1))
    assert told(f"{BODY}\n{falling}")["live"] == "times"
    rising = "\n".join(f"{hour}h03 - Les hérons arrivent" for hour in range(8, 15))
    assert told(f"{BODY}\n{rising}") == {}


def test_a_story_on_a_ticker_is_none():
    assert told(title="Ten years on: the night the town followed a flood by live blog") == {}
    assert told(title="Live music returns to the pier") == {}


@pytest.mark.parametrize(
    "more",
    [
        {"signals": Signals(opinion=True)},
        {"signals": Signals(types=("OpinionNewsArticle",))},
        {"signals": Signals(section="Opinion")},
        {"signals": Signals(around=("Meinung",))},
        {"url": "https://echo.example/opinion/2026/herons"},
        {"title": "Kommentar: Lasst die Reiher"},
        {"text": f"{BODY}\nAda Vole is a columnist for the Echo."},
        {"removals": [Removal("author_box", "노을빛 칼럼니스트", 3, "")]},
    ],
)
def test_opinion_is_told_by_meta_type_section_label_or_author(more):
    assert told(**more).keys() == {"opinion"}


@pytest.mark.parametrize(
    "more",
    [
        {"signals": Signals(opinion=False, section="News")},
        {"title": "Opinion polls put the mayor ahead"},
        {"url": "https://echo.example/news/opinion-divided-on-herons"},
        {"text": f"The columnist told the court of the pier.\n{BODY}"},
    ],
)
def test_news_on_opinions_is_news(more):
    assert told(**more) == {}


@pytest.mark.parametrize(
    "more",
    [
        {"signals": Signals(types=("AdvertiserContentArticle",))},
        {"url": "https://echo.example/sponsored/loom"},
        {"byline": "Anzeige"},
        {"text": f"Anzeige – Dieser Beitrag wurde von der Hafen AG bezahlt.\n{BODY}"},
        {"text": f"محتوى مدفوع: هذه المادة برعاية شركة البصر.\n{BODY}"},
    ],
)
def test_who_paid_is_told(more):
    assert told(**more) == {"sponsored": more.get("told", told(**more)["sponsored"])}


@pytest.mark.parametrize(
    "line",
    [
        "“We sponsored the club for nine years,” said the brewer, who is closing its line.",
        "Articles must say « contenu sponsorisé » in large letters, by the new law of the town.",
        "Its costs are presented in a separate account and paid for by the town.",
        "«Реклама», — сказал судья, и щит сняли.",
        "We may earn a commission from links on this page.",
    ],
)
def test_a_sponsor_in_the_story_pays_for_no_story(line):
    assert told(f"{line}\n{BODY}") == {}


def test_a_press_release_has_a_label_or_two_other_signs():
    begin = "TARRANT VALE, 4 May – Loom plc today announced a hall. "
    about = "About Loom: Loom plc makes cloth."
    assert told(f"FOR IMMEDIATE RELEASE\n{BODY}") == {"press_release": "label"}
    assert told(f"{begin}{BODY}\n{about}")["press_release"]
    assert told(f"TARRANT VALE — {BODY}\n{about}")["press_release"] == "about"
    contact = gone("Media contact: press@loom.example", "contact_call")
    assert told(f"{BODY}\n{about}", removals=contact)["press_release"]
    assert told(f"{BODY}\n{about}") == {}
    assert told(f"TARRANT VALE — A press release promised 200 jobs. {BODY}").keys() == {"dateline"}


def test_a_list_of_articles_is_an_index_and_an_article_with_links_is_none():
    assert told(signals=Signals(types=("CollectionPage",))) == {"index": "list"}
    assert told("Short.\n" * 9, signals=Signals(articles=9))["index"] == "teasers"
    for signals in (Signals(types=("CollectionPage", "NewsArticle")),
                    Signals(articles=9, og_type="article")):  # fmt: skip
        assert told(signals=signals) == {}


def test_films_and_galleries_are_told_where_they_stand_in_the_place_of_a_text():
    assert told(signals=Signals(og_type="video.other")) == {"media": "video"}
    assert told(signals=Signals(types=("ImageGallery",))) == {"media": "gallery"}
    assert told(url="https://echo.example/bildergalerie/reiher") == {"media": "gallery"}
    assert told(BODY * 9, signals=Signals(og_type="video.other")) == {}


def test_odd_input_does_no_harm():
    assert flags(None, "") == ()
    for text in ("\n" * 9_000, "(" * 9_000, "A" * 100_000, "\ud800 – x", "a – " * 20_000, "“" * 99):
        assert isinstance(flags("\ud800", text, byline=text, url="https://[::1"), tuple)
    assert isinstance(Flag("a", "b", "c", "d"), tuple)
