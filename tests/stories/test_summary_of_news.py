"""What a summary says to readers who have had part of the story: what is new, and nothing that they were told."""

import pytest

from worker.stories.extract import summarise
from worker.stories.similarity import Article

TOLD = [
    "Norvane to buy speech firm Larkspur for $900 million",
    "Norvane has agreed to buy Larkspur, a maker of speech software, for $900 million in cash, the companies said on Monday.",
    "Larkspur's 140 people will stay in Wellmund.",
]


def follow_up(title: str, text: str) -> list[Article]:
    return [Article("1", title, text, "Wire", None)]


def new_in(articles: list[Article], told: list[str] = TOLD) -> list[str]:
    return [sentence.text for sentence in summarise(articles, told=told).sentences]


@pytest.mark.parametrize("told", [[], [""], ["  "]])
def test_readers_who_had_nothing_get_the_whole_story(told: list[str]) -> None:
    articles = follow_up(TOLD[0], " ".join(TOLD[1:]))
    assert summarise(articles, told=told) == summarise(articles)
    assert summarise(articles).sentences


@pytest.mark.parametrize(("kind", "news"), [
    ("another number", "Norvane raised its offer for Larkspur to $1.2 billion on Thursday."),
    ("another actor", "The Brussels competition office has opened an inquiry into the purchase of Larkspur."),
    ("another statement", "“We will go to court against this deal,” said Ada Osei, who owns a tenth of Larkspur."),
    ("another event", "Talks collapsed overnight after auditors in Ostermoor refused to sign the accounts."),
])  # fmt: skip
def test_what_is_new_is_said_and_what_was_told_is_not(kind: str, news: str) -> None:
    articles = follow_up("Larkspur deal takes a turn", f"{TOLD[1]} {news} {TOLD[2]}")
    assert new_in(articles) == [news], kind


@pytest.mark.parametrize("text", [
    " ".join(TOLD[1:]),
    "Larkspur, a maker of speech software, is to be bought by Norvane for $900 million in cash, the companies said on Monday.",
    "In Wellmund, the 140 people of Larkspur will stay.",
    "Norvane agreed to buy speech software maker Larkspur for 900 million dollars in cash.",
])  # fmt: skip
def test_the_same_in_other_words_is_nothing_new(text: str) -> None:
    assert new_in(follow_up("Norvane buys Larkspur", text)) == []


def test_a_headline_with_news_comes_before_one_without() -> None:
    articles = [
        Article("1", TOLD[0], TOLD[1], "Wire", None),
        Article("2", "Norvane to buy speech firm Larkspur for $900 million in cash", TOLD[1], "Post", None),
        Article("3", "Brussels opens inquiry into Larkspur purchase",
                "The Brussels competition office opened an inquiry into the purchase on Friday.", "Kiosk", None),
    ]  # fmt: skip
    assert summarise(articles, told=TOLD).headline == "Brussels opens inquiry into Larkspur purchase"


def test_news_that_leans_on_what_was_told_is_not_said_alone() -> None:
    articles = follow_up("Larkspur deal", f"{TOLD[1]} They expect Brussels to approve it before the 14th of March.")
    assert new_in(articles) == []
