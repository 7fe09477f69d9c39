"""Pages of an invented paper for tests of extraction."""

from __future__ import annotations

import json
from typing import Any

from transforms.records import Extraction
from transforms.text.extraction import extract_page

URL = "https://news.example/2026/crane"
TITLES = {
    "en": "A crane comes late",
    "de": "Ein Kran kommt zu spät",
    "es": "Una grúa llega tarde",
    "ru": "Кран опоздал на полгода",
    "ar": "رافعة الميناء تتأخر نصف عام",
    "ja": "港のクレーン、納入は秋以降に",
    "zh-Hans": "港口起重机将推迟到秋天",
}
PARAGRAPHS = {
    "en": (
        "The harbour board said on Tuesday that the new crane would not come before the autumn, "
        "and that three ships would have to unload at the old pier until then.",
        "Two of them carry timber from the north, the third one brings bricks; the masters were "
        "told by letter, and one of them has complained to the ministry in writing.",
        "The builder names a want of steel as the cause. It has offered to lend a smaller crane, "
        "which the board means to look at next week with an engineer of its own.",
    ),
    "de": (
        "Die Hafenbehörde teilte am Dienstag mit, der neue Kran werde nicht vor dem Herbst "
        "geliefert, drei Schiffe müssten bis dahin am alten Kai entladen werden.",
        "Zwei davon haben Holz aus dem Norden geladen, das dritte bringt Ziegel; die Kapitäne "
        "wurden schriftlich unterrichtet, einer hat sich beim Ministerium beschwert.",
        "Der Hersteller nennt als Grund den Mangel an Stahl. Er bietet an, einen kleineren Kran "
        "zu leihen, den die Behörde in der kommenden Woche prüfen lassen will.",
    ),
    "es": (
        "La junta del puerto dijo el martes que la nueva grúa no llegará antes del otoño y que "
        "tres barcos tendrán que descargar hasta entonces en el muelle viejo.",
        "Dos de ellos llevan madera del norte y el tercero trae ladrillos; los capitanes fueron "
        "avisados por carta, y uno de ellos se ha quejado al ministerio por escrito.",
        "El fabricante alega que falta acero. Ha ofrecido prestar una grúa más pequeña, que la "
        "junta piensa revisar la próxima semana con un ingeniero propio.",
    ),
    "ru": (
        "Портовая служба сообщила во вторник, что новый кран не будет доставлен раньше осени, "
        "а три судна до тех пор будут разгружаться у старого причала.",
        "Два из них везут лес с севера, третье доставит кирпич; капитанов известили письмом, "
        "и один из них уже пожаловался в министерство в письменном виде.",
        "Завод объясняет задержку нехваткой стали. Он предложил одолжить кран поменьше, который "
        "служба намерена осмотреть на следующей неделе со своим инженером.",
    ),
    "ar": (
        "قالت هيئة الميناء يوم الثلاثاء إن الرافعة الجديدة لن تصل قبل الخريف، وإن ثلاث سفن ستضطر "
        "حتى ذلك الحين إلى تفريغ حمولتها عند الرصيف القديم.",
        "تحمل اثنتان منها أخشابا من الشمال وتجلب الثالثة طوبا، وقد أبلغ الربابنة برسالة، وشكا "
        "أحدهم إلى الوزارة كتابة من طول الانتظار في هذا الميناء.",
        "ويعزو المصنع التأخير إلى نقص الفولاذ، وعرض أن يعير رافعة أصغر، وتنوي الهيئة أن تفحصها "
        "الأسبوع المقبل مع مهندس من عندها قبل أن تقرر.",
    ),
    "ja": (
        "港湾局は火曜日、新しいクレーンの納入が秋以降になると発表した。それまでの間、三隻の船は古い桟橋で"
        "荷を降ろすことになる。担当者は利用者に理解を求めた。",
        "二隻は北から木材を運び、三隻目は煉瓦を運んでくる。船長たちには書面で知らされ、そのうち一人は"
        "省庁に書面で苦情を申し立てたという。返事はまだない。",
        "製造元は鋼材の不足を理由に挙げている。小型のクレーンを貸すと申し出ており、港湾局は来週、自らの"
        "技師とともに確かめるつもりだという。費用は変わらない。",
    ),
    "zh-Hans": (
        "港务局星期二表示，新的起重机要到秋天才能交付，在此之前三艘船只能在旧码头卸货。负责人请各家公司"
        "谅解，并说费用不会上涨，工人的班次也不会减少。",
        "其中两艘运来北方的木材，第三艘运来砖头；船长们都收到了书面通知，有一位已经以书面形式向主管部门"
        "提出了申诉，目前还没有得到任何答复。",
        "厂家说原因是缺少钢材。它提出可以借出一台小一些的起重机，港务局打算下个星期同自己的工程师一起去"
        "看一看，然后再作决定，预计月底公布。",
    ),
}
LANGUAGES = tuple(PARAGRAPHS)


def article(
    language: str = "en",
    *,
    head: str = "",
    above: str = "",
    before: str = "",
    middle: str = "",
    after: str = "",
    below: str = "",
    beside: str = "",
    body: str = '<div class="article-body">',
    things: Any = None,
) -> str:
    """A page: `above` and `below` stand around the body within the article, the others in it."""
    title, (first, *others) = TITLES[language], PARAGRAPHS[language]
    data = "" if things is None else json.dumps(things, ensure_ascii=False)
    block = f'<script type="application/ld+json">{data}</script>' if data else ""
    rest = "".join(f"<p>{text}</p>\n" for text in others)
    return (
        f'<!DOCTYPE html><html lang="{language}"><head><meta charset="utf-8">{head}{block}'
        f"<title>{title} | The Harbour Echo</title></head><body>"
        '<nav><a href="/">Home</a> <a href="/w">Weather report</a></nav>'
        f"<main><article><h1>{title}</h1>{above}{body}{before}<p>{first}</p>\n{middle}{rest}"
        f"{after}</div>{below}</article></main>{beside}"
        "<footer><p>Set and printed at the old mill</p></footer></body></html>"
    )


def read(html: str, headline: str | None = None) -> Extraction:
    """What is extracted of a page; fails where that is nothing."""
    found = extract_page(html.encode(), "text/html; charset=utf-8", URL, headline)
    assert isinstance(found, Extraction), found
    return found


def text_of(language: str = "en") -> str:
    """The text of the article alone."""
    return "\n".join(PARAGRAPHS[language])
