"""What is kept of a change, whose edit is taken although the issue moved on, and what saves itself."""

from datetime import timedelta

import pytest
from django.db import models
from django.utils import timezone

from tests.issues.paper import NOW, headlines, make_story, sections
from worker.errors import BroadsheetError, ConflictError
from worker.issues import arrange, edit, history, links, regroup
from worker.issues.changes import placement_mark, titles_mark
from worker.issues.differences import read_differences, rewind
from worker.issues.draft import draft_issue
from worker.issues.snapshot import BLOCK_FIELDS, PLACEMENT_FIELDS, take_snapshot
from worker.press.approve import approve_issue, withdraw_approval
from worker.press.render import render_proof
from worker.storage.models import AuditEntry, Change, Editor, Issue, Item, PartnerBlock, Placement, Section, Story

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("editorial_file")]


@pytest.fixture
def issue() -> Issue:
    """Return a draft of five stories, A to E."""
    for headline in "ABCDE":
        make_story(headline, ["first-outlet", "second-outlet"])
    return draft_issue("aitrends", now=NOW)


@pytest.fixture
def ana(db: None) -> Editor:
    found = Editor.objects.create_user("ana@example.com")
    Editor.objects.filter(pk=found.pk).update(name="Ana")
    found.refresh_from_db()
    return found


def find(issue: Issue, headline: str) -> Placement:
    return issue.placements.get(headline=headline)


def now(issue: Issue) -> int:
    issue.refresh_from_db()
    return issue.revision


def write(issue: Issue, editor: Editor, placement: Placement, headline: str, *, revision: int | None = None, seen: str = "",
          auto: bool = False) -> Issue:
    return edit.rewrite(issue.pk, editor=editor, revision=now(issue) if revision is None else revision, placement_id=placement.pk,
                        headline=headline, summary="Words.", seen=seen, auto=auto)


def test_every_column_that_an_editor_can_change_is_kept() -> None:
    for model, fields in ((Placement, PLACEMENT_FIELDS), (PartnerBlock, BLOCK_FIELDS)):
        columns: set[models.Field[object, object]] = set(model._meta.concrete_fields)
        assert columns - set(fields) == {model._meta.get_field("id"), model._meta.get_field("issue")}


def test_a_change_holds_what_it_changed_and_no_more(issue: Issue, editor: Editor) -> None:
    placement = find(issue, "C")
    write(issue, editor, placement, "C, better")
    change = Change.objects.get()
    assert (change.number, change.action, change.row, change.label) == (1, "rewrite", f"story {placement.pk}", "rewrote “C”")
    assert set(change.after) == {"placements"}
    assert set(change.after["placements"][str(placement.pk)]) == {"headline", "summary", "sentences", "edited_by_id"}
    assert change.before["placements"][str(placement.pk)]["headline"] == "C"


def test_a_refused_edit_leaves_no_change(issue: Issue, editor: Editor) -> None:
    with pytest.raises(BroadsheetError):
        arrange.lead_with(issue.pk, editor=editor, revision=1, placement_id=find(issue, "A").pk, outlet=7)
    assert not Change.objects.exists()
    assert now(issue) == 1


def test_an_edit_of_one_story_is_taken_although_another_was_changed(issue: Issue, editor: Editor, ana: Editor) -> None:
    mine, theirs = find(issue, "D"), find(issue, "B")
    seen = placement_mark(mine)
    write(issue, ana, theirs, "B, by Ana")
    edit.move(issue.pk, editor=ana, revision=now(issue), placement_id=theirs.pk, to=4)
    write(issue, editor, mine, "D, by me", revision=1, seen=seen)
    assert headlines(issue) == ["A", "C", "D, by me", "E", "B, by Ana"]


def test_a_story_that_somebody_else_changed_is_not_overwritten(issue: Issue, editor: Editor, ana: Editor) -> None:
    placement = find(issue, "D")
    seen = placement_mark(placement)
    write(issue, ana, placement, "D, by Ana")
    with pytest.raises(ConflictError, match=r"this story was changed meanwhile .*Ana rewrote “D” at"):
        write(issue, editor, placement, "D, by me", revision=1, seen=seen)
    with pytest.raises(ConflictError, match="this story was changed meanwhile"):
        edit.drop(issue.pk, editor=editor, revision=1, placement_id=placement.pk, seen=seen)
    placement.refresh_from_db()
    assert placement.headline == "D, by Ana"
    step = history.undo(issue.pk, editor=ana, revision=now(issue))
    assert step == "Undone: Ana rewrote “D”."
    write(issue, editor, placement, "D, by me", revision=1, seen=seen)  # it is what it was


def test_a_page_that_knows_the_newest_revision_but_an_old_text_overwrites_nobody_but_its_editor(
    issue: Issue, editor: Editor, ana: Editor
) -> None:
    placement = find(issue, "D")
    seen = placement_mark(placement)
    write(issue, editor, placement, "D1", seen=seen, auto=True)
    write(issue, editor, placement, "D2", seen=seen, auto=True)  # of the first save it heard the revision alone
    with pytest.raises(ConflictError):
        write(issue, editor, placement, "D3", revision=1, seen=seen)  # another window, that heard nothing
    write(issue, ana, placement, "D, by Ana")
    with pytest.raises(ConflictError, match="Ana rewrote “D2”"):
        write(issue, editor, placement, "D3", seen=seen, auto=True)


def test_without_a_mark_the_whole_issue_must_be_what_it_was(issue: Issue, editor: Editor, ana: Editor) -> None:
    write(issue, ana, find(issue, "B"), "B, by Ana")
    with pytest.raises(ConflictError, match="it is at revision 2, you saw 1: Ana rewrote “B”"):
        write(issue, editor, find(issue, "D"), "D, by me", revision=1)
    for refused in (lambda: edit.move(issue.pk, editor=editor, revision=1, placement_id=find(issue, "D").pk, to=0),
                    lambda: arrange.set_section(issue.pk, editor=editor, revision=1, placement_id=find(issue, "D").pk,
                                                section=Section.LEAD)):
        with pytest.raises(ConflictError, match="Ana rewrote “B”"):
            refused()


def test_titles_have_a_mark_of_their_own(issue: Issue, editor: Editor, ana: Editor) -> None:
    seen = titles_mark(issue)
    write(issue, ana, find(issue, "E"), "E, by Ana")
    edit.retitle(issue.pk, editor=editor, revision=1, subject="By me", preheader="", seen=seen)
    with pytest.raises(ConflictError, match=r"the subject or the preheader was changed meanwhile .*editor@example.com rewrote"):
        edit.retitle(issue.pk, editor=ana, revision=2, subject="By Ana", preheader="", seen=seen)


def test_what_saves_itself_is_one_change_and_two_entries_of_the_log(issue: Issue, editor: Editor) -> None:
    placement = find(issue, "C")
    for headline in ("Ca", "Cab", "Cable", "Cable"):
        write(issue, editor, placement, headline, auto=True)
    assert now(issue) == 4, "what was saved already is not saved again"
    change = Change.objects.get()
    assert (change.before["placements"][str(placement.pk)]["headline"],
            change.after["placements"][str(placement.pk)]["headline"]) == ("C", "Cable")
    assert AuditEntry.objects.filter(action="rewrite").count() == 1
    write(issue, editor, placement, "Cables")
    assert Change.objects.count() == 1
    first, last = AuditEntry.objects.filter(action="rewrite").order_by("pk")
    assert first.detail["saved by itself"] is True
    assert (last.detail["before"]["headline"], last.detail["after"]["headline"]) == ("C", "Cables")
    history.undo(issue.pk, editor=editor, revision=now(issue))
    assert headlines(issue) == list("ABCDE")


def test_a_run_ends_with_another_change_of_the_editor_and_is_in_the_log_as_it_ended(issue: Issue, editor: Editor) -> None:
    for headline in ("Ca", "Cab"):
        write(issue, editor, find(issue, headline[:-1]), headline, auto=True)
    edit.drop(issue.pk, editor=editor, revision=now(issue), placement_id=find(issue, "E").pk)
    write(issue, editor, find(issue, "Cab"), "Cabl", auto=True)
    assert [change.action for change in Change.objects.all()] == ["rewrite", "drop", "rewrite"]
    entries = AuditEntry.objects.filter(action="rewrite").order_by("pk")
    assert [(one.detail["before"]["headline"], one.detail["after"]["headline"]) for one in entries] == [
        ("C", "Ca"), ("C", "Cab"), ("Cab", "Cabl")]


def test_two_who_write_at_once_have_one_run_each(issue: Issue, editor: Editor, ana: Editor) -> None:
    mine, theirs = find(issue, "C"), find(issue, "D")
    for number in range(3):
        write(issue, editor, mine, f"C{number}", auto=True)
        write(issue, ana, theirs, f"D{number}", auto=True)
    assert [change.editor for change in Change.objects.all()] == [editor, ana]
    write(issue, ana, mine, "C, by Ana", auto=True)
    write(issue, editor, mine, "C, by me", auto=True)
    assert Change.objects.count() == 4, "a run over what somebody else wrote meanwhile is another one"
    for _ in range(4):
        history.undo(issue.pk, editor=editor, revision=now(issue))
    assert headlines(issue) == list("ABCDE")


def test_a_run_is_no_longer_than_ten_minutes(issue: Issue, editor: Editor) -> None:
    write(issue, editor, find(issue, "C"), "Ca", auto=True)
    Change.objects.update(at=timezone.now() - timedelta(minutes=11))
    write(issue, editor, find(issue, "Ca"), "Cab", auto=True)
    assert Change.objects.count() == 2


def test_an_empty_headline_does_not_save_itself(issue: Issue, editor: Editor) -> None:
    with pytest.raises(BroadsheetError, match="the headline is empty"):
        write(issue, editor, find(issue, "C"), " ", auto=True)
    assert now(issue) == 1


def test_a_pinned_story_keeps_its_place(issue: Issue, editor: Editor) -> None:
    pinned = find(issue, "C")
    arrange.pin(issue.pk, editor=editor, revision=1, placement_id=pinned.pk, pinned=True)
    edit.move(issue.pk, editor=editor, revision=2, placement_id=find(issue, "A").pk, to=4)
    assert headlines(issue) == ["B", "D", "C", "E", "A"]
    edit.drop(issue.pk, editor=editor, revision=3, placement_id=find(issue, "B").pk)
    assert headlines(issue) == ["D", "E", "C", "A"]
    edit.move(issue.pk, editor=editor, revision=4, placement_id=find(issue, "A").pk, to=2)
    assert headlines(issue) == ["D", "E", "C", "A"], "what would push it goes around it"
    edit.move(issue.pk, editor=editor, revision=5, placement_id=pinned.pk, to=0)
    assert headlines(issue) == ["C", "D", "E", "A"]
    edit.restore(issue.pk, editor=editor, revision=6, placement_id=find(issue, "B").pk)
    assert headlines(issue)[0] == "C"
    arrange.pin(issue.pk, editor=editor, revision=7, placement_id=pinned.pk, pinned=False)
    edit.move(issue.pk, editor=editor, revision=8, placement_id=find(issue, "A").pk, to=0)
    assert headlines(issue)[:2] == ["A", "C"]


def test_sections_reach_as_far_as_an_editor_wants(issue: Issue, editor: Editor) -> None:
    def put(headline: str, section: Section) -> list[tuple[str, str]]:
        arrange.set_section(issue.pk, editor=editor, revision=now(issue), placement_id=find(issue, headline).pk, section=section)
        return list(zip(headlines(issue), sections(issue), strict=True))

    assert put("C", Section.SHORT) == [("A", "lead"), ("B", "top"), ("D", "top"), ("E", "top"), ("C", "short")]
    assert put("B", Section.SHORT) == [("A", "lead"), ("D", "top"), ("E", "top"), ("B", "short"), ("C", "short")]
    assert put("C", Section.TOP) == [("A", "lead"), ("D", "top"), ("E", "top"), ("C", "top"), ("B", "short")]
    assert put("B", Section.LEAD) == [("B", "lead"), ("A", "top"), ("D", "top"), ("E", "top"), ("C", "short")]
    assert put("B", Section.TOP) == [("A", "lead"), ("D", "top"), ("E", "top"), ("B", "top"), ("C", "short")]
    assert put("A", Section.SHORT) == [("D", "lead"), ("E", "top"), ("B", "top"), ("A", "short"), ("C", "short")]
    with pytest.raises(BroadsheetError, match="is the lead already"):
        put("D", Section.LEAD)
    arrange.pin(issue.pk, editor=editor, revision=now(issue), placement_id=find(issue, "D").pk, pinned=True)
    with pytest.raises(BroadsheetError, match="held by a pinned story"):
        put("A", Section.LEAD)
    put("E", Section.SHORT)
    put("B", Section.SHORT)
    assert sections(issue) == ["lead", "short", "short", "short", "short"]
    assert put("C", Section.TOP)[1] == ("C", "top")
    assert draft_issue("aitrends", now=NOW, again=True).tops == issue.placements.filter(section="top").count()


def test_a_merge_in_the_issue_keeps_the_other_storys_words(issue: Issue, editor: Editor) -> None:
    goes, stays = find(issue, "A"), find(issue, "C")
    write(issue, editor, stays, "C, by hand")
    regroup.merge_into(issue.pk, editor=editor, revision=now(issue), placement_id=goes.pk, into=stays.pk)
    assert headlines(issue) == ["C, by hand", "B", "D", "E"]
    assert Item.objects.filter(story=stays.story_id).count() == 4
    assert Change.objects.last().label == "merged “A” into “C, by hand”"  # type: ignore[union-attr]
    with pytest.raises(BroadsheetError, match="choose another story"):
        regroup.merge_into(issue.pk, editor=editor, revision=now(issue), placement_id=stays.pk, into=stays.pk)
    with pytest.raises(BroadsheetError, match="a dropped story cannot be merged"):
        regroup.merge_into(issue.pk, editor=editor, revision=now(issue), placement_id=stays.pk, into=goes.pk)


def test_a_story_that_readers_had_goes_on_and_still_has_the_words_of_the_one_merged_into(issue: Issue, editor: Editor) -> None:
    goes, stays = find(issue, "A"), find(issue, "C")
    carrier = Issue.objects.create(newsletter="daily", period="2026-11-22", subject="s", window_start=NOW, window_end=NOW,
                                   state="sent", started_at=NOW)
    Placement.objects.create(issue=carrier, story=goes.story, section="lead", position=0, headline="A")
    regroup.merge_into(issue.pk, editor=editor, revision=1, placement_id=goes.pk, into=stays.pk)
    assert headlines(issue) == ["C", "B", "D", "E"]
    assert find(issue, "B").story.merged_into_id is None
    assert issue.placements.get(dropped=False, headline="C").story_id == goes.story_id


def test_what_is_split_off_waits_among_what_is_left_out(issue: Issue, editor: Editor) -> None:
    placement = find(issue, "B")
    second = Item.objects.filter(story=placement.story_id).order_by("pk")[1]
    done = regroup.split_off(issue.pk, editor=editor, revision=1, placement_id=placement.pk, item_ids=[second.pk])
    issue.refresh_from_db()
    assert issue.left_out[0] == {"story": done.ruling.others[0], "headline": "B", "reason": "split off by editor@example.com"}
    Story.objects.filter(pk=done.ruling.others[0]).update(state="summarised", headline="B, the other")
    edit.pull_in(issue.pk, editor=editor, revision=2, story_id=done.ruling.others[0])
    assert headlines(issue)[-1] == "B, the other"


def test_a_waiver_taken_back_covers_nothing(issue: Issue, editor: Editor) -> None:
    placement = find(issue, "B")
    doubt = "It cost $17 million."
    edit.rewrite(issue.pk, editor=editor, revision=1, placement_id=placement.pk, headline="B", summary=doubt)
    waiver = edit.waive(issue.pk, editor=editor, revision=2, placement_id=placement.pk, text=doubt,
                        reason="Their press office told us so.")
    edit.unwaive(issue.pk, editor=editor, revision=3, placement_id=placement.pk, waiver_id=waiver.pk)
    waiver.refresh_from_db()
    assert waiver.withdrawn is not None
    again = edit.waive(issue.pk, editor=editor, revision=4, placement_id=placement.pk, text=doubt,
                       reason="Their press office told us so.")
    assert again.pk != waiver.pk, "there was something to waive again"


def test_a_rejected_issue_is_opened_again_unless_another_was_made(issue: Issue, editor: Editor) -> None:
    edit.reject(issue.pk, editor=editor, revision=1, note="No.")
    edit.reopen(issue.pk, editor=editor, revision=2)
    issue.refresh_from_db()
    assert (issue.state, issue.note) == ("draft", "")
    edit.reject(issue.pk, editor=editor, revision=3, note="No.")
    other = draft_issue("aitrends", now=NOW, again=True)
    with pytest.raises(ConflictError, match=f"issue {other.pk} .* was made since"):
        edit.reopen(issue.pk, editor=editor, revision=4)


def test_the_machines_draft_is_the_issue_with_every_change_taken_back(issue: Issue, editor: Editor) -> None:
    drafted = take_snapshot(issue)
    write(issue, editor, find(issue, "B"), "B <b>better</b>")
    edit.move(issue.pk, editor=editor, revision=2, placement_id=find(issue, "E").pk, to=0)
    edit.drop(issue.pk, editor=editor, revision=3, placement_id=find(issue, "C").pk)
    edit.drop(issue.pk, editor=editor, revision=4, placement_id=find(issue, "D").pk)
    history.undo(issue.pk, editor=editor, revision=5)
    issue.refresh_from_db()
    assert rewind(issue, take_snapshot(issue)) == drafted
    found = {one.title: one for one in read_differences(issue).stories}
    assert "&lt;" in found["B <b>better</b>"].headline
    assert "<b>" not in found["B <b>better</b>"].headline
    assert "from place 5 to place 1" in found["E"].signs
    assert found["C"].signs == ("dropped",)
    assert "D" not in found or "dropped" not in found["D"].signs


def test_an_outlet_that_was_left_out_is_among_what_differs(issue: Issue, editor: Editor) -> None:
    placement = find(issue, "B")
    links.leave_out_source(issue.pk, editor=editor, revision=1, placement_id=placement.pk, url=placement.sources[-1]["url"])
    issue.refresh_from_db()
    found = read_differences(issue)
    assert [(one.title, one.signs) for one in found.stories] == [("B", (f"{placement.sources[-1]['outlet']} is left out",))]
    assert found.same == 4


def test_the_log_holds_what_saved_itself_before_an_approval_and_nothing_later_is_folded_into_it(
        issue: Issue, editor: Editor, approver: Editor) -> None:
    for headline in ("Ca", "Cab"):
        write(issue, editor, find(issue, headline[:-1]), headline, auto=True)
    approve_issue(issue.pk, editor=approver, proof_sha256=render_proof(Issue.objects.get(pk=issue.pk)).sha256,
                  check=lambda issue, proof: [])
    last = AuditEntry.objects.filter(action="rewrite").order_by("pk").last()
    assert last is not None
    assert (last.actor, last.detail["after"]["headline"]) == (editor.email, "Cab")
    withdraw_approval(issue.pk, editor=approver)
    write(issue, editor, find(issue, "Cab"), "Cabl", auto=True)
    assert Change.objects.count() == 2
