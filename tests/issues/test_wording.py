"""What of a stranger's text may reach a subject, a headline or a link."""

import pytest

from worker.editorial import Newsletter
from worker.issues.subject import compose_preheader, compose_subject
from worker.issues.wording import clean_line, clean_url, cut_line


def newsletter(subject: str) -> Newsletter:
    return Newsletter(title="AITrends", description="d", days=("mon",), draft_at="05:30", send_by="09:00",
                      timezone="Europe/London", from_name="AITrends", from_email="a@example.com", subject=subject)


@pytest.mark.parametrize(("given", "kept"), [
    ("  two\n lines\t and\u00a0more ", "two lines and more"),
    ("Subject\r\nBcc: all@example.com", "Subject Bcc: all@example.com"),
    ("nul\x00 bell\x07 escape\x1b[31m", "nul bell escape[31m"),
    ("lone \ud800 surrogate", "lone surrogate"),
    ("reversed \u202egnp.exe\u202c name", "reversed gnp.exe name"),
    ("family 👩‍👩‍👧 stays", "family 👩‍👩‍👧 stays"),
    ("see https://Reader.INVALID/unsubscribe/ now", "see https://reader invalid/unsubscribe/ now"),
], ids=["space", "header line", "control", "surrogate", "reordering", "joiner", "mark"])
def test_text_becomes_one_harmless_line(given: str, kept: str) -> None:
    assert clean_line(given) == kept


@pytest.mark.parametrize("url", [
    "https://outlet.example/a?b=1&c=2#d", "http://outlet.example:8080/", "mailto:desk@outlet.example",
    "https://outlet.example/it's-(here)", "https://xn--bcher-kva.example/ü",
])
def test_a_link_that_is_safe_stays_as_it_is(url: str) -> None:
    assert clean_url(url) == url


@pytest.mark.parametrize("url", [
    "", "javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "ftp://outlet.example/", "//outlet.example/",
    "https://", "https:///path", 'https://outlet.example/"><script>', "https://outlet.example/a b", "mailto:nobody",
    "https://outlet.example/\nx", "https://outlet.example/?to=https://reader.invalid/unsubscribe/", "https://[half",
    "java\tscript:alert(1)", "https://outlet.example/\u202e", "https://outlet.example/" + "a" * 2000,
])
def test_a_link_that_is_not_safe_is_no_link(url: str) -> None:
    assert clean_url(url) == ""


def test_a_long_headline_is_cut_at_a_word() -> None:
    headline = "Chinese lab delays its next model after training on domestic chips keeps failing in the north"

    cut = cut_line(headline, 70)

    assert cut == "Chinese lab delays its next model after training on domestic chips…"
    assert cut_line(headline[:70], 70) == headline[:70]
    assert cut_line("a" * 100, 70) == "a" * 69 + "…"


def test_the_subject_follows_the_newsletters_pattern_within_its_length() -> None:
    subject = compose_subject(newsletter("{title}, {date}: {headline}"), "A very long headline " * 10, "2026-11-03")

    assert subject.startswith("AITrends, 3 November: A very long headline")
    assert len(subject) <= 70


def test_what_a_headline_holds_is_never_read_as_a_pattern_or_a_header() -> None:
    subject = compose_subject(newsletter("{headline}"), "{title} {headline.x} {0}\r\nBcc: a@example.com", "2026-11-03")

    assert subject == "{title} {headline.x} {0} Bcc: a@example.com"


def test_the_preheader_is_the_second_headline() -> None:
    assert compose_preheader(["first", "second", "third"]) == "second"
    assert compose_preheader(["first"]) == ""
