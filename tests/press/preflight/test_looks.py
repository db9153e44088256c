"""Headings in order, pictures with their words, and nothing left unfilled."""

from dataclasses import replace

import pytest

from tests.press.preflight.findings import find, find_all
from worker.issues import edit
from worker.press.preflight.page import read_page
from worker.press.preflight.placeholders import find_forgotten
from worker.press.render import render_proof
from worker.storage.models import Editor, Issue, Item, PartnerBlock


def put_in(issue: Issue, html: str, check: str) -> str:
    """Return what the check says of the mail with this in it; "" if it is content."""
    proof = render_proof(issue)
    proof = replace(proof, html=proof.html.replace("</body>", f"{html}</body>"))
    return " / ".join(one.message for one in find_all(issue, check, proof) if not one.ok)


@pytest.mark.parametrize(("html", "check", "words"), [
    ("<h1>Another title</h1>", "headings", "2 headings of the first level"),
    ("<h2>Two</h2><h4>Four</h4>", "headings", "“Four” is of level 4 and follows level 2"),
    ("<h2> </h2>", "headings", "a heading <h2> is empty"),
    ("<h2>Two</h2><h3>Three</h3><h2>Two</h2>", "headings", ""),
    ("<img src='https://x.example/a.png'>", "alternative text", "the picture https://x.example/a.png has no alternative text"),
    ("<img src='https://x.example/a.png' alt=''>", "alternative text", ""),
    ("<a href='#'>Here</a>", "placeholders", "the link “Here” leads nowhere"),
    ("<a href=''>Here</a>", "placeholders", "the link “Here” leads nowhere"),
    ("<a href='https://x.example/'> </a>", "placeholders", "a link to https://x.example/ has no words"),
    ("<a href='https://x.example/'><img src='a' alt='A bridge'></a>", "placeholders", ""),
    ("<p>None</p>", "placeholders", "“None” stands alone"),
    ("<p>nan</p>", "placeholders", "“nan” stands alone"),
    ("<p>None of them came.</p>", "placeholders", ""),
])
def test_a_fault_in_the_page_is_named(issue: Issue, html: str, check: str, words: str) -> None:
    said = put_in(issue, html, check)
    assert words in said
    assert bool(said) is bool(words)


def test_a_mail_of_pictures_says_nothing_to_who_sees_none(issue: Issue) -> None:
    proof = replace(render_proof(issue), html="<h1>Hi</h1><img src='a' alt='All the news'>")
    assert "nearly all of the mail is pictures" in find(issue, "alternative text", proof).message


@pytest.mark.parametrize(("text", "sign"), [
    ("Dear [name],", "[name]"), ("Dear [First Name],", "[First Name]"), ("[insert the figure here]", "[insert the figure here]"),
    ("Lorem ipsum dolor", "Lorem ipsum"), ("TODO: check", "TODO"), ("It cost XXX dollars", "XXX"), ("[your-link]", "[your-link]"),
    ("A list [of names]", ""), ("The todo app", ""), ("Mastodon", ""), ("Series XX", ""), ("[sic]", ""),
])
def test_what_an_author_forgot_is_found_and_nothing_else(text: str, sign: str) -> None:
    assert find_forgotten(text) == sign


def test_a_forgotten_word_of_an_editor_blocks_until_it_is_written_over(issue: Issue, editor: Editor) -> None:
    second = issue.placements.get(position=1)
    edit.rewrite(issue.pk, editor=editor, revision=1, placement_id=second.pk, headline="The second TODO", summary="One sentence.")
    found = find(issue, "placeholders")
    assert (found.ok, found.blocking, found.where) == (False, True, f"story-{second.pk}")
    assert found.message == "“The second TODO” holds “TODO”"

    edit.rewrite(issue.pk, editor=editor, revision=2, placement_id=second.pk, headline="The second", summary="One sentence.")
    assert find(issue, "placeholders").ok


def test_what_an_outlet_wrote_itself_is_its_own(issue: Issue, editor: Editor) -> None:
    second = issue.placements.get(position=1)
    Item.objects.filter(story=second.story).update(title="The TODO app")
    edit.rewrite(issue.pk, editor=editor, revision=1, placement_id=second.pk, headline="The TODO app", summary="One sentence.")
    assert find(issue, "placeholders").ok


def test_a_partners_unfinished_content_is_found(issue: Issue) -> None:
    block = PartnerBlock.objects.create(issue=issue, partner="Harbour Conferences", headline="Come", text="Lorem ipsum dolor.",
                                        url="https://harbour.example/")
    found = find(issue, "placeholders")
    assert (found.where, found.message) == (f"partner-{block.pk}", "the content of “Harbour Conferences” holds “Lorem ipsum”")


def test_a_page_is_read_by_what_is_seen() -> None:
    page = read_page("<head><title>T</title><style>p{}</style></head><body><p>One</p><p>Two</p>"
                     "<p style='display:none'>Three</p></body>")
    assert [" ".join(text.split()) for text in page.texts.values()] == ["OneTwo"], "all that looks alike is one kind of text"
    assert page.sheet == "p{}"


def test_a_page_that_closes_nothing_is_read_all_the_same() -> None:
    assert read_page("<div><p>One</div></p></b>Two").words == 2
