"""Words in an issue held against the items as they are stored now, an editor's and the machine's; and what is waived."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.issues.paper import NOW, make_story
from worker.errors import BroadsheetError, ConflictError
from worker.issues import edit
from worker.issues.draft import draft_issue
from worker.issues.evidence import Checked, find_placements, read_evidence, read_story_articles
from worker.storage.models import AuditEntry, Editor, Issue, Item, Placement, Waiver

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("editorial_file")]

SAID = "Norvane will pay $900 million for Larkspur, a maker of speech software."
NEXT = "The deal is to close in March, Norvane said."
REASON = "Their press office confirmed it to us by telephone."


@pytest.fixture
def issue() -> Issue:
    make_story("Norvane buys Larkspur", ["first-outlet", "second-outlet"], sentences=[SAID, NEXT])
    return draft_issue("aitrends", now=NOW)


def read(issue: Issue) -> list[Checked]:
    return read_evidence(issue.placements.get())


def rewrite(issue: Issue, editor: Editor, summary: str, headline: str = "Norvane buys Larkspur") -> list[Checked]:
    issue.refresh_from_db()
    edit.rewrite(issue.pk, editor=editor, revision=issue.revision, placement_id=issue.placements.get().pk,
                 headline=headline, summary=summary)
    return read(issue)


def waive(issue: Issue, editor: Editor, text: str, reason: str = REASON) -> Waiver:
    issue.refresh_from_db()
    return edit.waive(issue.pk, editor=editor, revision=issue.revision, placement_id=issue.placements.get().pk, text=text,
                      reason=reason)


def doubted(checked: list[Checked]) -> list[tuple[str, str]]:
    return [(claim.kind, claim.text) for one in checked if one.blocks for claim in one.serious]


def test_the_headline_and_each_sentence_name_the_passage_that_bears_them_out(issue: Issue) -> None:
    checked = read(issue)

    assert [one.part for one in checked] == ["headline", "summary", "summary"]
    assert [one.sentence.text for one in checked[1:]] == [SAID, NEXT]
    assert [one.sentence.support[0].text for one in checked[1:]] == [SAID, NEXT]
    assert not any(one.blocks or one.by_editor for one in checked)


def test_an_item_its_outlet_rewrote_under_the_draft_is_noticed(issue: Issue) -> None:
    for item in Item.objects.all():
        item.summary = item.summary.replace("$900 million", "$90 million")
        item.save()

    assert ("number", "$900 million") in doubted(read(issue))


def test_an_item_that_left_the_story_bears_nothing_out_any_more(issue: Issue) -> None:
    Item.objects.update(story=None)

    assert {part for part, _ in doubted(read(issue))} >= {"statement"}


@pytest.mark.parametrize(("summary", "doubts"), [
    (f"{SAID} What a price!", []),
    (SAID.replace("900", "950"), [("number", "$950 million")]),
    ("Norvane will pay $900 million for Halden, a maker of speech software.", [("name", "Halden")]),
    (f"{SAID} “We are overjoyed by this”, a spokeswoman said.", [("quotation", "We are overjoyed by this")]),
])
def test_an_editor_may_comment_but_not_invent(
    issue: Issue, editor: Editor, summary: str, doubts: list[tuple[str, str]]
) -> None:
    assert doubted(rewrite(issue, editor, summary)) == doubts


def test_a_headline_an_editor_wrote_is_checked_too(issue: Issue, editor: Editor) -> None:
    assert doubted(rewrite(issue, editor, SAID, headline="Norvane pays $2 billion for Larkspur")) == [("number", "$2 billion")]


def test_the_machines_sentence_stays_the_machines_when_an_editor_saves_another(issue: Issue, editor: Editor) -> None:
    invented = "Analysts across the sector welcomed the purchase warmly."
    placement = issue.placements.get()
    placement.summary += f" {invented}"
    placement.sentences.append({"text": invented, "support": [], "doubts": []})
    placement.save()

    checked = rewrite(issue, editor, f"A word of our own on it. {invented}")

    assert [one.by_editor for one in checked[1:]] == [True, False]
    assert ("statement", invented) in doubted(checked)
    assert not checked[1].blocks


def test_a_waiver_lets_exactly_these_words_stand_and_says_who_and_why(issue: Issue, editor: Editor) -> None:
    text = SAID.replace("900", "950")
    rewrite(issue, editor, text)
    waive(issue, editor, text)

    checked = read(issue)[1]
    assert not checked.blocks
    assert checked.waiver
    assert (checked.waiver.made_by, checked.waiver.reason) == (editor, REASON)
    entry = AuditEntry.objects.get(action="waive")
    assert (entry.detail["text"], entry.detail["reason"]) == (text, REASON)

    assert doubted(rewrite(issue, editor, SAID.replace("900", "980"))) == [("number", "$980 million")]
    assert not rewrite(issue, editor, text)[1].blocks, "the same words again need no other waiver"


def test_a_waiver_covers_no_doubt_that_came_later(issue: Issue, editor: Editor) -> None:
    text = SAID.replace("900", "950")
    rewrite(issue, editor, text)
    waive(issue, editor, text)
    for item in Item.objects.all():
        item.title = "Norvane buys a maker of software"
        item.summary = "Norvane will pay $900 million for a maker of speech software."
        item.save()

    assert ("name", "Larkspur") in doubted(read(issue)[1:])
    assert Waiver.objects.count() == 1


@pytest.mark.parametrize(("reason", "words"), [
    ("ok", "10 characters or more"), (" . \n ", "10 characters"), ("x" * 1001, "shorten it"),
])
def test_a_waiver_needs_a_reason(issue: Issue, editor: Editor, reason: str, words: str) -> None:
    text = SAID.replace("900", "950")
    rewrite(issue, editor, text)

    with pytest.raises(BroadsheetError, match=words):
        waive(issue, editor, text, reason)
    assert read(issue)[1].blocks


def test_what_is_in_no_doubt_is_not_waived(issue: Issue, editor: Editor) -> None:
    for text in (SAID, "Words that are not there."):
        with pytest.raises(ConflictError, match="nothing to waive"):
            waive(issue, editor, text)
    assert not Waiver.objects.exists()


def test_a_whole_issue_is_read_in_a_handful_of_queries(issue: Issue) -> None:
    story = issue.placements.get().story
    for position in range(1, 6):
        other = make_story(f"Story {position}")
        Placement.objects.create(issue=issue, story=other, section="top", position=position, headline=other.headline,
                                 summary=story.summary, sentences=story.sentences)
    with CaptureQueriesContext(connection) as asked:
        placements = list(find_placements(issue))
        articles = read_story_articles([placement.story_id for placement in placements])
        assert sum(len(read_evidence(placement, articles[placement.story_id])) for placement in placements) == 18
    assert len(asked) <= 4
