"""An editor's changes: what they do, what they refuse, and that they are on record."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.issues.paper import NOW, headlines, make_story, sections, send_out, unprinted
from worker.errors import BroadsheetError, ConflictError, NotFoundError
from worker.issues import edit
from worker.issues.corrections import record_correction
from worker.issues.draft import draft_issue
from worker.storage.models import AuditEntry, Editor, Issue, IssueState, Item, Story

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("editorial_file")]


@pytest.fixture
def issue(editorial_file: Path) -> Issue:
    text = editorial_file.read_text()
    editorial_file.write_text(text.replace('from_name = "AITrends"', 'top_stories = 2\nfrom_name = "AITrends"'))
    make_story("A", ["first-outlet", "second-outlet"])
    for headline in "BCDE":
        make_story(headline)
    return draft_issue("aitrends", now=NOW)


def placed(issue: Issue, headline: str) -> int:
    return issue.placements.get(headline=headline).pk


def test_the_editors_words_replace_the_machines_and_bear_a_name(issue: Issue, editor: Editor) -> None:
    edit.rewrite(issue.pk, editor=editor, revision=1, placement_id=placed(issue, "B"), headline=" B,\nbetter ",
                 summary="New.")

    placement = issue.placements.get(position=1)
    assert (placement.headline, placement.summary) == ("B, better", "New.")
    assert placement.edited_by == editor
    assert placement.story.headline == "B"
    entry = AuditEntry.objects.get(action="rewrite")
    assert (entry.actor, entry.subject) == ("editor@example.com", f"issue {issue.pk}")
    assert entry.detail["before"]["headline"] == "B"


def test_a_new_headline_leaves_the_summarys_sources(issue: Issue, editor: Editor) -> None:
    summary = issue.placements.get(position=1).summary
    edit.rewrite(issue.pk, editor=editor, revision=1, placement_id=placed(issue, "B"), headline="New", summary=summary)

    assert len(issue.placements.get(position=1).sentences) == 2


@pytest.mark.parametrize(("headline", "to", "order"), [
    ("E", 0, "EABCD"), ("A", 4, "BCDEA"), ("A", 99, "BCDEA"), ("C", 1, "ACBDE"), ("B", 3, "ACDBE"), ("D", -3, "DABCE"),
])
def test_stories_move_and_sections_follow(issue: Issue, editor: Editor, headline: str, to: int, order: str) -> None:
    edit.move(issue.pk, editor=editor, revision=1, placement_id=placed(issue, headline), to=to)

    assert "".join(headlines(issue)) == order
    assert sections(issue) == ["lead", "top", "top", "short", "short"]


def test_a_dropped_story_leaves_a_gap_that_closes_and_comes_back_where_it_was(issue: Issue, editor: Editor) -> None:
    edit.drop(issue.pk, editor=editor, revision=1, placement_id=placed(issue, "B"))
    assert (headlines(issue), sections(issue)) == (["A", "C", "D", "E"], ["lead", "top", "top", "short"])

    edit.move(issue.pk, editor=editor, revision=2, placement_id=placed(issue, "E"), to=0)
    assert headlines(issue) == ["E", "A", "C", "D"]
    with pytest.raises(BroadsheetError, match="restore it"):
        edit.move(issue.pk, editor=editor, revision=3, placement_id=placed(issue, "B"), to=0)

    edit.restore(issue.pk, editor=editor, revision=3, placement_id=placed(issue, "B"))
    assert headlines(issue) == ["E", "A", "B", "C", "D"]


def test_the_subject_follows_the_first_headlines_until_an_editor_writes_it(issue: Issue, editor: Editor) -> None:
    moved = edit.move(issue.pk, editor=editor, revision=1, placement_id=placed(issue, "C"), to=0)
    assert (moved.subject, moved.preheader) == ("C", "A")

    written = edit.retitle(issue.pk, editor=editor, revision=2, subject="My own\r\nX-Evil: 1", preheader="and more")
    assert (written.subject, written.preheader) == ("My own X-Evil: 1", "and more")

    edit.drop(issue.pk, editor=editor, revision=3, placement_id=placed(issue, "C"))
    issue.refresh_from_db()
    assert (issue.subject, issue.preheader, issue.revision) == ("My own X-Evil: 1", "and more", 4)


Change = Callable[[Issue, Editor, int], object]
CHANGES: dict[str, Change] = {
    "rewrite": lambda i, e, r: edit.rewrite(
        i.pk, editor=e, revision=r, placement_id=i.placements.all()[0].pk, headline="x", summary="y"),
    "move": lambda i, e, r: edit.move(i.pk, editor=e, revision=r, placement_id=i.placements.all()[0].pk, to=1),
    "drop": lambda i, e, r: edit.drop(i.pk, editor=e, revision=r, placement_id=i.placements.all()[0].pk),
    "restore": lambda i, e, r: edit.restore(i.pk, editor=e, revision=r, placement_id=i.placements.all()[0].pk),
    "retitle": lambda i, e, r: edit.retitle(i.pk, editor=e, revision=r, subject="x", preheader="y"),
    "renew": lambda i, e, r: edit.renew(i.pk, editor=e, revision=r, placement_id=placed(i, "B")),
    "pull in": lambda i, e, r: edit.pull_in(i.pk, editor=e, revision=r, story_id=i.placements.get(headline="B").story_id),
    "waive": lambda i, e, r: edit.waive(
        i.pk, editor=e, revision=r, placement_id=placed(i, "B"), text="B", reason="It was seen with our own eyes."),
    "reject": lambda i, e, r: edit.reject(i.pk, editor=e, revision=r, note="x"),
}


def rows(issue: Issue) -> object:
    mine = Issue.objects.filter(pk=issue.pk).values().get()
    return mine, list(issue.placements.values()), AuditEntry.objects.count()


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_to_what_somebody_else_changed_is_refused(issue: Issue, editor: Editor, name: str) -> None:
    edit.retitle(issue.pk, editor=editor, revision=1, subject="Somebody else's", preheader="")
    before = rows(issue)

    with pytest.raises(ConflictError, match="revision 2, you saw 1"):
        CHANGES[name](issue, editor, 1)

    assert rows(issue) == before


@pytest.mark.parametrize("state", [state for state in IssueState if state != IssueState.DRAFT])
@pytest.mark.parametrize("name", CHANGES)
def test_only_a_draft_is_changed(issue: Issue, editor: Editor, name: str, state: str) -> None:
    Issue.objects.update(state=state)
    before = rows(issue)

    with pytest.raises(ConflictError, match="cannot be changed"):
        CHANGES[name](issue, editor, 1)

    assert rows(issue) == before


@pytest.mark.parametrize(("headline", "summary", "words"), [
    ("\u202e \n", "fine", "headline is empty"), ("x" * 301, "fine", "301 characters"),
    ("fine", "x" * 2001, "2001 characters"),
])
def test_words_that_do_not_fit_are_refused(
    issue: Issue, editor: Editor, headline: str, summary: str, words: str
) -> None:
    with pytest.raises(BroadsheetError, match=words):
        edit.rewrite(issue.pk, editor=editor, revision=1, placement_id=placed(issue, "B"), headline=headline,
                     summary=summary)


def test_what_is_not_there_is_said(issue: Issue, editor: Editor) -> None:
    with pytest.raises(NotFoundError, match="no issue 999999"):
        edit.drop(999999, editor=editor, revision=1, placement_id=1)
    with pytest.raises(NotFoundError, match="no story placed under number 999999"):
        edit.drop(issue.pk, editor=editor, revision=1, placement_id=999999)


def test_a_rejected_issue_keeps_the_reason(issue: Issue, editor: Editor) -> None:
    rejected = edit.reject(issue.pk, editor=editor, revision=1, note="nothing in it")

    assert (rejected.state, rejected.note) == ("rejected", "nothing in it")


def test_only_an_issue_held_at_its_deadline_is_opened_again(issue: Issue, editor: Editor) -> None:
    with pytest.raises(ConflictError, match="only a draft held at its deadline"):
        edit.reopen(issue.pk, editor=editor, revision=1)

    Issue.objects.update(state=IssueState.HELD, started_at=NOW)
    with pytest.raises(ConflictError, match="partly sent"):
        edit.reopen(issue.pk, editor=editor, revision=1)


def test_a_correction_is_of_an_issue_that_went_out(issue: Issue, editor: Editor) -> None:
    with pytest.raises(ConflictError, match="edit it instead"):
        record_correction(issue.pk, editor=editor, text="It was 7, not 70.")

    send_out(issue)
    with pytest.raises(BroadsheetError, match="0 characters"):
        record_correction(issue.pk, editor=editor, text=" \n")
    correction = record_correction(issue.pk, editor=editor, text="It was 7,\nnot 70.")

    assert list(unprinted("aitrends")) == [correction]
    assert correction.text == "It was 7, not 70."
    assert not unprinted("daily").exists()


def summarised_anew(headline: str, text: str) -> Story:
    story = Story.objects.get(headline=headline)
    item = Item.objects.filter(story=story).first()
    assert item
    item.summary = text
    item.save()
    story.headline, story.sentences = f"{headline} anew", [
        {"text": text, "support": [{"item": item.pk, "passage": text}], "doubts": []}]
    story.save()
    return story


def test_the_machines_present_words_are_taken_when_wanted(issue: Issue, editor: Editor) -> None:
    edit.rewrite(issue.pk, editor=editor, revision=1, placement_id=placed(issue, "B"), headline="B, mine", summary="Mine.")
    summarised_anew("B", "Something else happened.")

    edit.renew(issue.pk, editor=editor, revision=2, placement_id=placed(issue, "B, mine"))

    placement = issue.placements.get(position=1)
    assert (placement.headline, placement.summary, placement.edited_by) == ("B anew", "Something else happened.", None)
    assert AuditEntry.objects.get(action="renew").detail["before"] == {"headline": "B, mine", "summary": "Mine."}


def test_a_story_left_out_is_pulled_in_last_and_says_by_whom(issue: Issue, editor: Editor) -> None:
    story = make_story("F")

    edit.pull_in(issue.pk, editor=editor, revision=1, story_id=story.pk)

    assert headlines(issue) == list("ABCDEF")
    placement = issue.placements.get(story=story)
    assert (placement.section, placement.reasons) == ("short", ["pulled in by editor@example.com"])
    assert [source["outlet"] for source in placement.sources] == ["First Outlet"]
    with pytest.raises(ConflictError, match="stands in this issue already"):
        edit.pull_in(issue.pk, editor=editor, revision=2, story_id=story.pk)


def test_a_dropped_story_is_pulled_in_with_its_present_words(issue: Issue, editor: Editor) -> None:
    edit.drop(issue.pk, editor=editor, revision=1, placement_id=placed(issue, "B"))
    story = summarised_anew("B", "Something else happened.")

    edit.pull_in(issue.pk, editor=editor, revision=2, story_id=story.pk)

    assert headlines(issue) == ["A", "C", "D", "E", "B anew"]


def test_what_readers_had_is_pulled_in_as_an_update_of_the_issue_they_had_it_in(issue: Issue, editor: Editor) -> None:
    send_out(issue)
    tomorrow = NOW + timedelta(days=1)
    make_story("G", at=tomorrow - timedelta(hours=2))
    again = draft_issue("aitrends", now=tomorrow)
    story = Story.objects.get(headline="B")
    text = "The bridge at Elmwood was closed for good on Tuesday."
    late = tomorrow - timedelta(hours=1)
    item = Item.objects.create(feed=story.items.get().feed, identity="late", title="Elmwood bridge closed for good",
                               summary=text, at=late, seen_at=late, story=story, state="grouped")
    story.sentences = [*story.sentences, {"text": text, "support": [{"item": item.pk, "passage": text}], "doubts": []}]
    story.save()

    edit.pull_in(again.pk, editor=editor, revision=1, story_id=story.pk)

    placement = again.placements.get(story=story)
    assert (placement.kind, placement.since) == ("update", issue)
    assert placement.summary.startswith(text)


def test_a_story_that_cannot_be_pulled_in_is_said(issue: Issue, editor: Editor) -> None:
    with pytest.raises(NotFoundError, match="no story 999999"):
        edit.pull_in(issue.pk, editor=editor, revision=1, story_id=999_999)
    story = make_story("")
    with pytest.raises(ConflictError, match="being summarised"):
        edit.pull_in(issue.pk, editor=editor, revision=1, story_id=story.pk)
