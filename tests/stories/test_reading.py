"""Names, numbers and roundups are read out of headlines."""

import pytest

from worker.stories.entities import read_mentions, read_numbers
from worker.stories.roundups import is_roundup
from worker.stories.similarity import split_words
from worker.stories.vectors import default_vectors


@pytest.mark.parametrize(("text", "numbers"), [
    ("worth $1.5bn", {"1500000000"}),
    ("1.5 billion dollars", {"1500000000"}),
    ("half a million users", {"500000"}),
    ("two million users", {"2000000"}),
    ("$28,350", {"28350"}),
    ("up 18 percent, or 18%", {"18%"}),
    ("1B users", {"1000000000"}),
    ("GPT-5 and H20", set()),
    ("14X the speed", {"14"}),
])  # fmt: skip
def test_numbers_are_one_whatever_their_spelling(text: str, numbers: set[str]) -> None:
    assert read_numbers(text) == numbers


@pytest.mark.parametrize(("title", "names", "not_names"), [
    ("Google will let users remove it", {"google"}, {"will", "users"}),
    ("Huawei's Ascend cracks where it hurts", {"huawei", "ascend"}, {"cracks", "hurts"}),
    ("How DeepSeek trained on H20 cards", {"deepseek", "h20"}, {"how", "trained", "cards"}),
    ("Google Will Now Allow Users To Remove Visible Marks", {"google"}, {"will", "now", "users", "visible"}),
])  # fmt: skip
def test_names_are_told_from_words(title: str, names: set[str], not_names: set[str]) -> None:
    found = read_mentions(title, "", default_vectors().commonness).names
    assert names <= found.keys()
    assert not not_names & found.keys()


@pytest.mark.parametrize("title", [
    "Everything announced at Norvane's spring event", "Fan Fest 2031: Everything announced for games and film",
    "This week in AI: a fine and a fire", "Morning briefing: chips, again", "Weekly digest", "News roundup: robots",
    "Live updates: the trial, day two", "Opinion: let the robots vote", "The week in review",
    "Tarn lands $240M 🚀, Norvane's glasses 👓, more 🔧", "AI日报：昆鹏发布新芯片",
])  # fmt: skip
def test_a_roundup_is_seen(title: str) -> None:
    assert is_roundup(title)


@pytest.mark.parametrize("title", [
    "Tarn Robotics raises $240 million", "Norvane said this week in a filing that it lost a suit",
    "Everything we know about Norvane's glasses", "Larkspur goes live in Wellmund", "A brief history of speech software",
    "Daily active users of Calliope double", "Norvane's newsletter business sold to Tarn",
])  # fmt: skip
def test_plain_news_is_no_roundup(title: str) -> None:
    assert not is_roundup(title)


def test_chinese_is_read_in_pairs_of_characters() -> None:
    assert split_words("K9芯片的发布") == ["k9", "芯片", "发布"]


def test_vectors_know_what_is_near_and_what_they_cannot_read() -> None:
    glasses, spectacles, quake, chinese, empty = default_vectors().encode(
        ["glasses that translate menus", "spectacles which interpret a menu", "an earthquake on an island", "玉波公司推迟", ""]
    )
    assert glasses @ spectacles > glasses @ quake
    assert not empty.any()
    assert not (chinese.any() and chinese @ glasses > 0.5)
