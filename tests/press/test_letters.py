"""The letters to one reader, and the colours of every mail."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from worker.press.lint import lint_html
from worker.press.palette import DARK, LIGHT
from worker.press.render import Letter, render_confirm, render_terms_notice, render_welcome

LINK = "https://news.example/confirm/abc:def/?a=1&b=2"
OWN = {"preferences_url": "https://news.example/preferences/p/", "unsubscribe_url": "https://news.example/unsubscribe/u/"}


def confirm(title: str) -> Letter:
    return render_confirm(title, LINK)


def welcome(title: str) -> Letter:
    return render_welcome(title, **OWN)


def terms(title: str) -> Letter:
    return render_terms_notice(title, version="2", effective=date(2026, 12, 1),
                               terms_url="https://news.example/terms/2/", **OWN)


@pytest.mark.usefixtures("editorial_file")
@pytest.mark.parametrize("render", [confirm, welcome, terms])
class TestEveryLetter:
    """What all three have in common."""

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
def test_the_other_letters_hold_the_readers_own_links() -> None:
    for letter in (welcome("AITrends"), terms("AITrends")):
        for url in OWN.values():
            assert f"\n{url}\n" in letter.text
            assert url in letter.html
    assert "version 2" in terms("AITrends").text
    assert "1 December 2026" in terms("AITrends").subject


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
