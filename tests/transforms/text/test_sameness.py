"""Whether two texts are one story."""

from __future__ import annotations

import pytest

from transforms.text.sameness import COMPARED, same_story

STORY = (
    "The crane for the harbour comes late. Three ships wait for it at the old pier. "
    "Their crews play cards. The harbour master has lent them his dog."
)
OTHER = (
    "The pool in the upper town is shut. Three classes swim in the river instead. "
    "Their teachers count heads. The harbour has lent them a boat."
)
CHINESE = "港務局星期二表示，新的起重機要到秋天才能交付，三艘船隻只能在舊碼頭卸貨。"


@pytest.mark.parametrize(
    ("other", "same"),
    [
        pytest.param(STORY, True, id="the same"),
        pytest.param(STORY.upper(), True, id="in capitals"),
        pytest.param(STORY.replace(". ", "!\n"), True, id="other paragraphs"),
        pytest.param(STORY[:80], True, id="its lead"),
        pytest.param(f"Print this page. {STORY} All rights reserved.", True, id="with furniture"),
        pytest.param(STORY.replace("late", "in time"), True, id="edited"),
        pytest.param(OTHER, False, id="another story"),
        pytest.param(f"{OTHER} {STORY[:40]}", False, id="with a line of it"),
        pytest.param("", False, id="nothing"),
        pytest.param("The crane", False, id="two words"),
    ],
)
def test_which_texts_are_one_story(other: str, same: bool) -> None:
    assert same_story(STORY, other) is same
    assert same_story(other, STORY) is same


def test_in_scripts_without_spaces_letters_count() -> None:
    assert same_story(CHINESE, f"列印本頁{CHINESE[:24]}")
    assert not same_story(CHINESE, "市立圖書館從下個月起出借工具，居民只要出示借書證就可以帶回家。")


def test_two_short_texts_are_one_story_only_where_they_are_equal() -> None:
    assert same_story("Ferry back.", "Ferry back.")
    assert not same_story("Ferry back.", "Ferry gone.")


def test_of_long_texts_the_beginning_is_compared() -> None:
    long = " ".join(map(str, range(COMPARED)))
    assert same_story(long + " one end", long + " and another")
