"""Who publishes: the outlets with their habits, the oddities, and the outlets that misbehave."""

from __future__ import annotations

from typing import NamedTuple

from pipeline.newsroom.model import FeedPlan, Outlet
from pipeline.newsroom.settings import NewsroomSettings

AGENCY = "Meridian Wire"

# Each habit here was met in the wild. Two feeds of one outlet share a third of its articles.
_OUTLETS = (
    Outlet(
        0,
        "meridian-wire",
        AGENCY,
        "GB",
        "en",
        0,
        "wire",
        "both",
        "en-GB",
        (
            FeedPlan("world.xml", "rss20", (0, 1), tracking="utm"),
            FeedPlan("latest.atom", "atom", (0, 2)),
        ),
        tags=("agency",),
    ),
    Outlet(
        1,
        "harrow-courier",
        "The Harrow Courier",
        "GB",
        "en",
        0,
        "broadsheet",
        "jsonld",
        "en",
        (FeedPlan("feed", "rss20", tracking="utm", guids="some"),),
        validators="etag",
    ),
    Outlet(
        2,
        "tidewater-ledger",
        "Tidewater Ledger",
        "US",
        "en",
        -5,
        "blog",
        "opengraph",
        "en-US",
        (FeedPlan("index.atom", "atom", links="xmlbase"),),
        validators="modified",
    ),
    Outlet(
        3,
        "daybreak-digest",
        "Daybreak Digest",
        "US",
        "en",
        -5,
        "app",
        "jsonld",
        "en",
        (FeedPlan("feed.json", "json", tracking="fragment"),),
        tags=("machine-written",),
    ),
    Outlet(
        4,
        "nordhafen-bote",
        "Nordhafener Bote",
        "DE",
        "de",
        1,
        "magazine",
        "jsonld",
        "de",
        (
            FeedPlan("politik.rss", "rss20", (0, 1), links="relative"),
            FeedPlan("schlagzeilen.rss", "rss20", (0, 2), guids="none"),
        ),
    ),
    Outlet(
        5,
        "courrier-du-ponant",
        "Le Courrier du Ponant",
        "FR",
        "fr",
        1,
        "broadsheet",
        "none",
        "fr",
        (FeedPlan("rss.xml", "rss20", declared="iso-8859-1", tracking="fbclid"),),
        validators="etag",
    ),
    Outlet(
        6,
        "golos-zaliva",
        "Голос залива",
        "DE",
        "ru",
        1,
        "blog",
        "none",
        "en",
        (FeedPlan("rss.xml", "rss20"),),
        charset="windows-1251",
        gzip=False,
        validators="modified",
    ),
    Outlet(
        7,
        "marsad",
        "المرصد الساحلي",
        "FR",
        "ar",
        1,
        "portal",
        "both",
        "ar",
        (FeedPlan("rss.xml", "rss091", guids="none"),),
        validators="none",
    ),
    Outlet(
        8,
        "shiomi-nippo",
        "潮見日報",
        "JP",
        "ja",
        9,
        "classic",
        "none",
        "",
        (FeedPlan("index.rdf", "rss10"),),
        charset="shift_jis",
        charset_in_header=False,
        canonical_link=False,
        gzip=False,
        validators="modified",
    ),
    Outlet(
        9,
        "yufeng-daily",
        "玉峰日報",
        "TW",
        "zh-Hant",
        8,
        "magazine",
        "jsonld",
        "zh-Hant-TW",
        (FeedPlan("rss.xml", "rss20", tracking="utm"),),
    ),
    Outlet(
        10,
        "yuanfan",
        "远帆新闻网",
        "US",
        "zh-Hans",
        -5,
        "portal",
        "opengraph",
        "zh-CN",
        (FeedPlan("feed.atom", "atom", links="relative", tracking="utm"),),
        validators="etag",
    ),
    Outlet(
        11,
        "keelung-mail",
        "The Keelung Mail",
        "TW",
        "en",
        8,
        "blog",
        "none",
        "en",
        (FeedPlan("feed.rss", "rss20", guids="none"),),
        canonical_link=False,
        dates="odd",
    ),
)

# The first articles of an outlet that are special, in order; the rest are plain.
SPECIALS: dict[str, tuple[str, ...]] = {
    "meridian-wire": ("wire", "plain", "edited", "plain", "promos", "live_blog"),
    "harrow-courier": ("reprint", "paywall", "promos", "http_500_once", "edited"),
    "tidewater-ledger": ("reprint", "edited", "retry_later_once", "live_blog"),
    "nordhafen-bote": ("two_urls", "promos", "live_blog", "paywall"),
    "courrier-du-ponant": ("redirect_chain", "paywall", "promos"),
    "golos-zaliva": ("promos", "slow"),
    "marsad": ("promos", "redirect_chain"),
    "shiomi-nippo": ("promos", "live_blog"),
    "yufeng-daily": ("promos", "paywall", "edited"),
    "yuanfan": ("promos", "disclosure"),
    "keelung-mail": ("reprint", "plain", "plain", "plain", "plain", "disclosure", "promos"),
}
UNKIND_SPECIALS = {"http_500_once", "retry_later_once", "slow"}
REPRINTS_EVERY = 12  # every twelfth article of the reprinting outlets comes from the wire

# Links that never give an article, appended to the feeds of the outlet.
DEAD_LINKS = (
    ("meridian-wire", "gone"),
    ("harrow-courier", "http_404"),
    ("tidewater-ledger", "redirect_loop"),
    ("nordhafen-bote", "too_large"),
    ("courrier-du-ponant", "gzip_bomb"),
    ("golos-zaliva", "not_html"),
    ("marsad", "truncated"),
    ("yufeng-daily", "retry_later"),
    ("yuanfan", "http_503"),
    ("keelung-mail", "no_link"),
)

# How the outlet with odd dates writes them, article by article.
ODD_DATES = ("named_zone", "no_zone", "day", "nonsense", "none", "plain")


class Misfit(NamedTuple):
    """An outlet whose only feed misbehaves, and how many articles a patient reader gets."""

    slug: str
    behaviour: str
    articles: int = 0
    form: str = "rss20"


MISFITS = (
    Misfit("pier-gazette", "http_500"),
    Misfit("lantern-post", "http_500_once", 2),
    Misfit("quarry-times", "retry_later_once", 2),
    Misfit("saltmarsh-news", "retry_later"),
    Misfit("old-mill-herald", "gone"),
    Misfit("gull-island-star", "http_404"),
    Misfit("crossroads-echo", "redirect_chain", 2),
    Misfit("roundabout-record", "redirect_loop"),
    Misfit("slow-river-tribune", "slow", 2),
    Misfit("half-moon-journal", "truncated"),
    Misfit("loose-threads", "malformed", 3, "sloppy"),
    Misfit("torn-page-review", "not_a_feed", form="broken"),
    Misfit("glass-door-daily", "not_a_feed", form="html"),
    Misfit("quiet-harbour", "empty"),
    Misfit("warehouse-bulletin", "too_large"),
    Misfit("pressure-cooker", "gzip_bomb"),
    Misfit("closed-shutters", "connect"),
)


def good_outlets(settings: NewsroomSettings) -> tuple[Outlet, ...]:
    """Return the first N outlets; beyond the plan it repeats with numbered names."""
    return tuple(_numbered(number) for number in range(settings.outlets))


def _numbered(number: int) -> Outlet:
    turn, place = divmod(number, len(_OUTLETS))
    outlet = _OUTLETS[place]
    if turn == 0:
        return outlet
    return outlet._replace(
        number=number, slug=f"{outlet.slug}-{turn + 1}", name=f"{outlet.name} {turn + 1}"
    )


def misfit_outlets(settings: NewsroomSettings) -> tuple[Outlet, ...]:
    """Return the misbehaving outlets, numbered after the good ones; none when kind."""
    misfits = MISFITS if settings.unkind else ()
    return tuple(_misfit(settings.outlets + n, misfit) for n, misfit in enumerate(misfits))


def _misfit(number: int, misfit: Misfit) -> Outlet:
    name = misfit.slug.replace("-", " ").title()
    feed = FeedPlan("feed.xml", misfit.form, behaviour=misfit.behaviour)
    return Outlet(
        number,
        misfit.slug,
        name,
        "GB",
        "en",
        0,
        "broadsheet",
        "jsonld",
        "en",
        (feed,),
        validators="none" if misfit.form == "broken" else "both",
        tags=("misfit",),
    )


def base_slug(outlet: Outlet) -> str:
    """Return the name in the plan that an outlet, numbered or not, goes back to."""
    return _OUTLETS[outlet.number % len(_OUTLETS)].slug
