"""What only some readers get of a text: who gets which part, and that no mark is ever seen."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.press.test_render import Reader, content
from worker.editorial import READER_TOPICS
from worker.errors import BroadsheetError
from worker.press.blocks import (
    BEGIN,
    END,
    PARTNERS,
    THEN,
    begin_block,
    choose_keys,
    find_faults,
    fold,
    fold_plain,
    fold_proof,
    list_keys,
    strip_marks,
    topic_key,
)
from worker.press.content import ForTopics, PrintedPartner, PrintedStory, SourceLink
from worker.press.lint import lint_html
from worker.press.render import render_content

CHIPS, BOTH = begin_block("topic:chips"), begin_block("topic:chips,policy")
FORGED = f"{BEGIN}partners{THEN}hidden{END} &#xe010;partners&#xe011; {BEGIN}topic:chips{THEN}"
MARKS = re.compile(f"[{BEGIN}{THEN}{END}]")


@pytest.mark.parametrize(("partners", "topics", "wanted"), [
    (True, (), {"partners", "topic:chips", "topic:chips,policy", "topic:research"}),
    (False, (), {"topic:chips", "topic:chips,policy", "topic:research"}),
    (True, ("policy",), {"partners", "topic:chips,policy"}),
    (False, ("labs",), set()),
    (False, ("chips", "research"), {"topic:chips", "topic:chips,policy", "topic:research"}),
])
def test_who_gets_which_block(partners: bool, topics: tuple[str, ...], wanted: set[str]) -> None:
    keys = {PARTNERS, topic_key(["chips"]), topic_key(["policy", "chips"]), topic_key(["research"])}
    assert choose_keys(keys, partners=partners, topics=topics) == wanted


@pytest.mark.parametrize(("text", "keys", "wanted"), [
    ("plain", (), "plain"),
    (f"a{CHIPS}b{END}c", ("topic:chips",), "abc"),
    (f"a{CHIPS}b{END}c", (), "ac"),
    (f"a{BOTH}b{CHIPS}c{END}d{END}e", ("topic:chips,policy",), "abde"),
    (f"a{BOTH}b{CHIPS}c{END}d{END}e", ("topic:chips",), "ae"),
    (f"a{CHIPS}{END}{CHIPS}x{END}", ("topic:chips",), "ax"),
    (f"one\n{CHIPS}\ntwo\n{END}\nthree\n", ("topic:chips",), "one\ntwo\nthree\n"),
    (f"one\n{CHIPS}\ntwo\n{END}\nthree\n", (), "one\nthree\n"),
])
def test_a_text_is_folded(text: str, keys: tuple[str, ...], wanted: str) -> None:
    assert fold(text, keys) == wanted


def test_no_hole_is_left_in_a_plain_text() -> None:
    assert fold_plain(f"one\n\n{CHIPS}\n\ntwo\n\n{END}\n\nthree\n", ()) == "one\n\nthree\n"
    assert fold_plain("kept\n\n\n\nas it is", ()) == "kept\n\n\n\nas it is"


@pytest.mark.parametrize("text", [
    f"a{CHIPS}b", f"a{END}b", f"a{CHIPS}b{END}{END}", f"{BEGIN}topic:{THEN}x{END}", f"{BEGIN}everybody{THEN}x{END}", f"a{THEN}b",
    f"{BEGIN}topic:chips x{END}",
])
def test_marks_that_do_not_fit_together_are_refused_and_stripped(text: str) -> None:
    with pytest.raises(BroadsheetError, match="mend the mail's template"):
        fold(text, ("topic:chips",))
    assert find_faults(text, "") != []
    assert not MARKS.search(strip_marks(text))


def test_two_parts_must_hide_the_same() -> None:
    assert find_faults(f"{CHIPS}a{END}", f"{CHIPS}a{END}") == []
    assert "(topic:chips)" in find_faults(f"{CHIPS}a{END}", "a")[0]


nested = st.recursive(
    st.text(st.characters(blacklist_characters=BEGIN + THEN + END), max_size=8).map(lambda text: (text, "")),
    lambda inner: st.lists(st.tuples(st.sampled_from([PARTNERS, "topic:chips", "topic:labs,policy"]), inner), max_size=3),
    max_leaves=12)


def _write(tree: object) -> str:
    if isinstance(tree, tuple):
        return str(tree[0])
    assert isinstance(tree, list)
    return "".join(f"<{begin_block(key)}{_write(inner)}{END}>" for key, inner in tree)


@given(nested)
def test_everything_in_is_the_text_without_marks_and_nothing_leaks(tree: object) -> None:
    text = _write(tree)
    assert fold(text, list_keys(text)) == strip_marks(text)
    assert not MARKS.search(fold(text, ()))
    assert "<" not in fold(text, ()).replace("<>", "") or isinstance(tree, tuple)


def story(headline: str, *topics: str) -> PrintedStory:
    return PrintedStory(headline, f"{headline} at length.", (SourceLink("Outlet", f"https://outlet.example/{len(headline)}"),), 0,
                        only=ForTopics(topics))


def test_every_combination_of_consents_and_topics_is_a_sound_mail_that_says_what_it_should() -> None:
    offer = PrintedPartner("From our partner Harbour", "Harbour", "An offer", "Its words.", "https://harbour.example/")
    issue = replace(content(), preheader="Chips", tops=(story("Chips", "chips"), story("For all"), story("Laws", "labs", "policy")),
                    shorts=(story("Briefly", "labs"), story("Shortly", "chips", "labs")), partners=(offer,))
    proof = render_content(issue)
    wanted = {"Chips at length.": {"chips"}, "Laws at length.": {"labs", "policy"}, "Briefly": {"labs"},
              "Shortly": {"chips", "labs"}, "and more in brief": {"chips", "labs"}, "In brief": {"chips", "labs"}}
    for number in range(32):
        topics = {topic for place, topic in enumerate(READER_TOPICS) if number >> place & 1}
        folded = fold_proof(proof, partners=number >= 16, topics=topics)
        shown = Reader(folded.html).text
        assert lint_html(folded.html) == []
        assert not MARKS.search(folded.html + folded.text)
        assert "\n\n\n" not in folded.text
        assert "For all at length." in shown
        for words, about in wanted.items():
            assert (words in shown) == (not topics or bool(topics & about)), (words, topics)
        for words in ("Chips at length.", "Laws at length.", "Briefly", "Shortly"):
            assert (words in folded.text) == (words in shown)
        assert (offer.label in shown) == (offer.label in folded.text) == (number >= 16)
        assert shown.count("Chips") == (4 if not topics or "chips" in topics else 0)  # preheader, contents, headline, summary


def test_how_many_there_are_in_brief_is_said_only_if_it_is_so_for_everybody() -> None:
    assert "and 2 in brief" in render_content(replace(content(), shorts=(story("One"), story("Two")))).html
    proof = render_content(replace(content(), shorts=(story("One"), story("Two", "labs"))))
    assert "and more in brief" in proof.html
    assert "One" in fold_proof(proof, topics=["policy"]).text


def test_a_text_from_outside_makes_no_block() -> None:
    proof = render_content(content(FORGED))
    assert list_keys(proof.html) == list_keys(proof.text) == frozenset()
    assert not MARKS.search(proof.html + proof.text + proof.subject)
    assert "hidden" in Reader(proof.html).text
    linked = render_content(content(url="https://outlet.example/&#xe010;partners&#xe011;x"))
    assert not MARKS.search(linked.html + linked.text)
