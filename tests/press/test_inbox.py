"""How lists of mails show an issue: where they cut, what to mind, and other words for it."""

from typing import Any

import pytest

from tests.issues.paper import NOW, make_story
from worker import editorial
from worker.issues.draft import draft_issue
from worker.press.graphemes import find_risk, is_emoji, measure, split_graphemes
from worker.press.inbox import CLIENTS, cut_to, find_opening, read_inbox, show_rows
from worker.press.render import render_proof
from worker.press.subject_advice import LONGEST, advise, shorten, suggest

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
PANGRAM = "The quick brown fox jumps over the lazy dog. "


@pytest.mark.parametrize(("text", "count"), [
    ("abc", 3), ("e\u0301te\u0301", 3), (FAMILY, 1), ("\U0001f1ec\U0001f1e7\U0001f1eb\U0001f1f7", 2), ("1\ufe0f\u20e3", 1),
    ("\U0001f44d\U0001f3fd!", 2), ("\u2764\ufe0f", 1), ("\U0001f3f4\U000e0067\U000e0062\U000e007f", 1), ("", 0), ("\u200d", 1),
    ("a\u200db", 2), (f"{FAMILY}{FAMILY}", 2),
])
def test_a_reader_counts_characters_not_code_points(text: str, count: int) -> None:
    graphemes = split_graphemes(text)
    assert len(graphemes) == count
    assert "".join(graphemes) == text


@pytest.mark.parametrize(("text", "risk"), [
    (FAMILY, "parts"), ("\U0001f1ec\U0001f1e7", "letters"), ("\U0001f44d\U0001f3fd", "square"), ("1\ufe0f\u20e3", "digit"),
    ("\U0001fae0", "no picture"), ("\U0001f680", "")])
def test_emoji_that_are_drawn_badly_somewhere_are_known(text: str, risk: str) -> None:
    assert is_emoji(text)
    assert risk in find_risk(text)
    assert bool(find_risk(text)) is bool(risk)


def test_letters_and_signs_are_no_emoji() -> None:
    assert not any(is_emoji(char) for char in "aÄ1#*→©™—…“世")


def test_wide_letters_are_wider() -> None:
    assert measure(list("WWWW")) > measure(list("oooo")) > measure(list("iiii"))
    assert measure(["世"]) > measure(["o"])


@pytest.mark.parametrize(("layout", "least", "most"), [
    ("gmail-wide", 60, 80), ("gmail-phone", 33, 45), ("outlook", 45, 60), ("apple", 42, 54)])
def test_a_subject_is_cut_about_where_the_program_was_measured_to_cut_it(layout: str, least: int, most: int) -> None:
    row = next(row for row in show_rows("AITrends", PANGRAM * 4, "") if row.client.layout == layout)
    assert row.subject.is_cut
    assert least <= len(row.subject.text) <= most


def test_what_fits_is_shown_whole_and_what_does_not_ends_in_an_ellipsis() -> None:
    assert cut_to("Short", 20) == cut_to("Short", 999)
    assert not cut_to("Short", 20).is_cut
    cut = cut_to("abcdefghijklmnop", 5)
    assert cut.is_cut
    assert cut.in_word
    assert measure(split_graphemes(cut.text)) <= 5
    assert not cut_to("oooo oooo", measure(list("oooo…")) + .01).in_word


def test_no_emoji_is_cut_in_two() -> None:
    for width in range(1, 30):
        text = cut_to(FAMILY * 20, width / 2).text.removesuffix("…")
        assert len(text) % len(FAMILY) == 0


def test_a_short_preheader_lets_the_mails_own_words_in_and_a_long_one_does_not() -> None:
    short = show_rows("A", "A subject of some length", "Brief", "In this issue: all of it")
    assert all(row.drawn.text.startswith("In this") for row in short if row.client.layout != "gmail-phone")
    long = show_rows("A", "A subject of some length", PANGRAM * 4, "In this issue: all of it")
    assert not any(row.drawn.text for row in long)
    assert {row.client.name for row in long} == {client.name for client in CLIENTS}


@pytest.mark.parametrize(("subject", "said"), [
    ("Hi", "2 characters"), ("x" * 61, "beyond 60"), ("\U0001f680 A launch of rockets today \U0001f680", "2 emoji"),
    ("SHOCKING NUMBERS from the chip makers", "capitals"), ("A chip is made today, it is said!!", "exclamation"),
    ("You have won: act now for the prize", "act now"), ("Re: the chips you ordered last week", "like an answer"),
    ("Yesterday’s chips and their makers", "this very subject"),
    ("Yesterday’s chips and their makers again", "begins with the same"),
])
def test_each_fault_of_a_subject_is_said(subject: str, said: str) -> None:
    found = advise(subject, "Something else entirely", ["Another", "Yesterday’s chips and their makers"])
    assert any(said in one.text for one in found), found
    assert not any(one.is_good for one in found)


def test_a_good_subject_is_left_alone_and_acronyms_are_no_shouting() -> None:
    for subject in ("OpenAI and NVIDIA agree on chips for GPT", "The EU’s AI Act comes into force on Monday"):
        assert [one.is_good for one in advise(subject, "What it means for labs", [])] == [True]


def test_a_preheader_that_says_the_same_or_nothing_is_told() -> None:
    assert any("begins like" in one.text for one in advise("The chips that were made today", "The chips that were made", []))
    assert any("no preheader" in one.text for one in advise("The chips that were made today", "", []))


@pytest.mark.parametrize(("headline", "short"), [
    ("Chip maker opens a plant in Ohio, while its rivals wait for subsidies from Washington",
     "Chip maker opens a plant in Ohio"),
    ("Regulators open an inquiry into model training after publishers complain of copying",
     "Regulators open an inquiry into model training"),
    ("Ministers agreed late on Tuesday evening on the rules for New South Wales Power Company",
     "Ministers agreed late on Tuesday evening on the rules…"),
    ("Fits", "Fits"),
])
def test_a_headline_is_shortened_at_a_clause_and_never_inside_a_name(headline: str, short: str) -> None:
    assert shorten(headline, LONGEST) == short


@pytest.mark.parametrize("headline", ["x" * 400, FAMILY * 90, "A B " * 50, "Name " * 40, ", " * 60, "1 " * 90, " as " * 30])
def test_whatever_the_headline_it_is_short_enough_afterwards(headline: str) -> None:
    assert len(split_graphemes(shorten(headline, LONGEST))) <= LONGEST


def test_suggestions_are_few_and_other_than_what_stands() -> None:
    headlines = ["The lead is this story", "A second one", "A third one", "A fourth"]
    found = suggest(headlines, "The lead is this story", "A second one")
    assert 0 < len(found) <= 4
    assert ("subject", "The lead is this story") not in {(one.field, one.text) for one in found}
    assert ("preheader", "A second one; A third one") in {(one.field, one.text) for one in found}
    assert all(one.preheader == "A second one" for one in found if one.field == "subject")
    assert suggest([], "", "") == []


@pytest.mark.django_db
@pytest.mark.usefixtures("editorial_file")
def test_an_issue_is_shown_with_its_own_first_words(settings: Any) -> None:
    make_story("The lead <script>alert(1)</script>", ["first-outlet", "second-outlet"])
    make_story("The second")
    issue = draft_issue("aitrends", now=NOW)
    proof = render_proof(issue)
    opening = find_opening(proof.html, issue.preheader)
    assert opening.startswith("AITrends")
    assert "{" not in opening, "no style sheet"
    saved = {"subject": issue.subject, "preheader": issue.preheader}
    inbox = read_inbox(issue, editorial.load().newsletter("aitrends"), saved, proof)
    assert not inbox.is_tried
    assert inbox.rows[0].sender.text == "AITrends"
    tried = read_inbox(issue, editorial.load().newsletter("aitrends"), {"subject": "Typed\r\nBcc: x", "preheader": ""}, None)
    assert tried.is_tried
    assert tried.subject == "Typed Bcc: x"
