"""What changed between two wordings: found by paragraph and word, told to eye and ear, and inert."""

from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.readers.differences import Passage, compare_wordings, gather_stretches, list_points

OLD = """# Terms

## 1. What you get

You get the newsletters you choose, and no others.

It is free.

## 2. Use

- You may forward an issue.
- Please do not resell it.
"""


def changed(passages: tuple[Passage, ...]) -> list[Passage]:
    return [passage for passage in passages if passage.change != "same"]


def test_one_word_is_marked_and_no_other() -> None:
    (passage,) = changed(compare_wordings(OLD, OLD.replace("newsletters you", "letters you")))
    assert passage.change == "changed"
    assert passage.html == ('You get the <del><span class="sr">[Taken out: </span>newsletters<span class="sr">]</span></del>'
                            '<ins><span class="sr">[Added: </span>letters<span class="sr">]</span></ins>'
                            " you choose, and no others.")


def test_a_paragraph_that_came_and_one_that_went_are_marked_whole() -> None:
    new = OLD.replace("It is free.\n", "Brand new matter, of which the old wording never spoke.\n")
    assert [(passage.change, passage.words) for passage in changed(compare_wordings(OLD, new))] == [
        ("added", "Brand new matter, of which the old wording never spoke."), ("gone", "It is free.")]


def test_the_same_wording_has_no_differences() -> None:
    assert changed(compare_wordings(OLD, OLD)) == []
    assert list_points(compare_wordings(OLD, OLD)) == []


def test_what_did_not_change_is_folded_but_for_the_heading_above_a_change() -> None:
    stretches = gather_stretches(compare_wordings(OLD, OLD.replace("resell it", "sell it")))
    shown = [passage.html for stretch in stretches if stretch.changed for passage in stretch.passages]
    assert shown[0] == "2. Use"
    assert "sell" in shown[1]
    assert len(shown) == 2
    assert sum(len(stretch.passages) for stretch in stretches) == 7


def test_a_letter_gets_one_point_for_each_section() -> None:
    new = (OLD.replace("It is free.", "It is free for now.").replace("no others", "some others")
           .replace("## 2. Use", "## 2. Sharing\n\nShare & enjoy.\n\n## 3. Use") + "\n## 4. Law\n\nThe law of England.\n")
    points = [(point.heading, point.done, point.words) for point in list_points(compare_wordings(OLD, new))]
    assert points == [("1. What you get", "changed", "… you choose, and some others."),
                      ("2. Sharing", "new", "Share & enjoy."), ("4. Law", "new", "The law of England.")]


def test_what_only_lost_words_is_told_by_what_is_gone() -> None:
    (point,) = list_points(compare_wordings(OLD, OLD.replace(", and no others", "")))
    assert (point.done, point.words) == ("changed", "without “, and no others”")


def test_a_link_whose_words_change_stays_a_link() -> None:
    (passage,) = changed(compare_wordings("See our [privacy notice](/privacy/) now.\n", "See our [other notice](/other/) now.\n"))
    assert 'href="/other/"' in passage.html
    assert "/privacy/" not in passage.html
    assert passage.html.count("<a ") == passage.html.count("</a>") == 1


class _Balance(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        assert tag in {"a", "strong", "em", "code", "ins", "del", "span"}, tag
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


HOSTILE = ["<script>alert(1)</script>", "[x](javascript:alert(1))", "<img src=x onerror=alert(1)>", "</ins></div>", "<b", "&lt;",
           "**bold**", "*thin*", "`code`", "[link](https://e.example)", "word", "another", "\n\n", "\n\n## Head\n\n", "\n- entry",
           "| a | b |\n|---|---|\n| c | d |"]


@settings(deadline=None)
@given(st.lists(st.sampled_from(HOSTILE), max_size=25), st.lists(st.sampled_from(HOSTILE), max_size=25))
def test_whatever_the_wordings_the_page_is_sound_and_inert(old: list[str], new: list[str]) -> None:
    for passage in compare_wordings(" ".join(old), " ".join(new)):
        reader = _Balance()
        reader.feed(passage.html)
        reader.close()
        assert reader.open == []
        for danger in ("<script", "javascript:", "onerror=\"", "<img"):
            assert danger not in passage.html


@pytest.mark.parametrize("paragraphs", [120])
def test_a_long_wording_all_rewritten_is_compared(paragraphs: int) -> None:
    old = "\n\n".join(f"Old paragraph {number} says this and that and a little more." for number in range(paragraphs))
    new = "\n\n".join(f"New paragraph {number} says something else, in other words." for number in range(paragraphs))
    assert len(changed(compare_wordings(old, new))) >= paragraphs
