"""The letters to one reader, and the colours of every mail."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from worker.press.alarm import AlarmWords, render_alarm
from worker.press.lint import lint_html
from worker.press.palette import DARK, LIGHT
from worker.press.proof import AGREE_MARK, PREFERENCES_MARK, UNSUBSCRIBE_MARK
from worker.press.render import (
    Letter,
    TermsNotice,
    render_address,
    render_confirm,
    render_moved,
    render_terms_notice,
    render_welcome,
)

LINK = "https://news.example/confirm/abc:def/?a=1&b=2"
OWN = {"preferences_url": "https://news.example/preferences/p/", "unsubscribe_url": "https://news.example/unsubscribe/u/"}


def confirm(title: str) -> Letter:
    return render_confirm(title, LINK)


def welcome(title: str) -> Letter:
    return render_welcome(title, **OWN)


def terms(title: str, stage: str = "asked", kind: str = "newsletter", **more: Any) -> Letter:
    return render_terms_notice(title, TermsNotice(
        stage=stage, kind=kind, version="2", effective=date(2026, 12, 1), wording_url="https://news.example/terms/2/",
        changes_url="https://news.example/terms/2/changes/", **more))


def reminder(title: str) -> Letter:
    return terms(title, "week")


def pause(title: str) -> Letter:
    return terms(title, "paused")


def lapse(title: str) -> Letter:
    return terms(title, "lapsed", "tracking")


def information(title: str) -> Letter:
    return terms(title, "told", "privacy", points=[("", "changed", "Q&A <b>")] * 9)


def address(title: str) -> Letter:
    return render_address(title, address_url=LINK, old="a…@example.com")


def moved(title: str) -> Letter:
    return render_moved(title, new="a…@new.example", contact="daily@example.com")


def _alarm(kind: str) -> Callable[[str], Letter]:
    def render(title: str) -> Letter:
        return render_alarm(title, AlarmWords(
            kind=kind, slug="2026-11-23", issue_subject="Q&A <b>", issue_url="https://news.example/desk/issues/1/",
            deadline="Monday 23 November 2026, 09:00 UTC", left="in 1 h", why="a <b>reason</b>", out="1", waiting="2"))

    return render


soon, late, stopped, missed = map(_alarm, ("soon", "late", "stopped", "missed"))


@pytest.mark.usefixtures("editorial_file")
@pytest.mark.parametrize("render", [confirm, welcome, terms, reminder, pause, lapse, information, address, moved,
                                    soon, late, stopped, missed])
class TestEveryLetter:
    """What all of them have in common."""

    def test_it_is_whole_in_both_parts(self, render: Callable[[str], Letter]) -> None:
        letter = render("AITrends and Daily")

        assert "AITrends and Daily" in letter.subject
        assert lint_html(letter.html) == []
        for part in (letter.html, letter.text):
            assert "AITrends and Daily" in " ".join(part.split())
            assert "1 Example Street, London" in part
            assert "Example Press" in part
        assert all(len(line) <= 72 for line in letter.text.splitlines())

    def test_a_title_with_markup_stays_text(self, render: Callable[[str], Letter]) -> None:
        letter = render("Q&A <script>alert(1)</script>\r\nBcc: x@example.com")

        assert lint_html(letter.html) == []
        assert "\n" not in letter.subject
        assert "Q&A <script>" in " ".join(letter.text.split())

    def test_it_needs_no_postal_address_to_be_read(self, render: Callable[[str], Letter], settings: Any) -> None:
        settings.POSTAL_ADDRESS = ""

        assert render("AITrends").text.endswith("Published by Example Press\n")


@pytest.mark.usefixtures("editorial_file")
def test_the_confirmation_holds_its_link_and_no_way_to_leave_what_was_not_joined() -> None:
    letter = confirm("AITrends")

    assert f"\n{LINK}\n" in letter.text
    assert letter.html.count(LINK.replace("&", "&amp;")) == 3
    assert "holds for 7 days" in " ".join(letter.text.split())
    assert "nsubscribe" not in letter.html


@pytest.mark.usefixtures("editorial_file")
def test_the_welcome_holds_the_readers_own_links() -> None:
    letter = welcome("AITrends")
    for url in OWN.values():
        assert f"\n{url}\n" in letter.text
        assert url in letter.html


@pytest.mark.usefixtures("editorial_file")
@pytest.mark.parametrize(("stage", "kind", "asks"), [
    ("told", "newsletter", False), ("told", "privacy", False), ("asked", "newsletter", True), ("week", "newsletter", True),
    ("last", "newsletter", True), ("paused", "newsletter", True), ("lapsed", "partners", False), ("lapsed", "tracking", False)])
def test_a_letter_about_terms_asks_only_where_there_is_something_to_answer(stage: str, kind: str, asks: bool) -> None:
    letter = terms("AITrends", stage, kind)
    for part in (letter.html, letter.text):
        assert (AGREE_MARK in part) == asks
        assert UNSUBSCRIBE_MARK in part
        assert PREFERENCES_MARK in part
        assert "1 December 2026" in " ".join(part.split())


@pytest.mark.usefixtures("editorial_file")
def test_a_letter_about_terms_names_the_first_changes_and_counts_the_rest() -> None:
    letter = terms("AITrends", points=[(f"{number}. A section", "new", "words " * 80) for number in range(1, 10)])
    for part in (letter.html, letter.text):
        said = " ".join(part.split())
        assert "6. A section" in said
        assert "7. A section" not in said
        assert "and 3 more" in said
        assert "https://news.example/terms/2/changes/" in said
    assert len(letter.html) < 20_000


def luminance(colour: str) -> float:
    """Return the relative luminance of "#rrggbb", as WCAG 2.2 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), [
    ("ink", "paper"), ("muted", "paper"), ("label", "paper"), ("link", "paper"), ("ink", "box"), ("label", "box"),
    ("button_ink", "button"),
])
def test_every_text_has_contrast_enough_by_day_and_by_night(palette: dict[str, str], text: str, ground: str) -> None:
    light, dark = sorted((luminance(palette[text]), luminance(palette[ground])), reverse=True)

    assert (light + 0.05) / (dark + 0.05) >= 4.5
