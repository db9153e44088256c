"""A weekly digest on its way through the press, and that the issues of every day never notice it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from tests.issues.paper import NOW, headlines, make_story, offer_digest, send_out
from worker.issues import edit
from worker.issues.candidates import find_last_end
from worker.issues.corrections import printed_with, record_correction
from worker.issues.digest import draft_digest
from worker.issues.draft import draft_issue
from worker.press.approve import approve_issue, withdraw_approval
from worker.press.preflight import Finding, check_proof
from worker.press.render import render_proof
from worker.storage.models import (
    Correction,
    Edition,
    Editor,
    Feed,
    Issue,
    IssueState,
    Item,
    ItemState,
    Placement,
    Story,
)
from worker.stories.memory import find_carried, recall
from worker.stories.threads import read_timeline

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
SUNDAY = datetime(2026, 11, 29, 6, 0, tzinfo=UTC)
DEAL = "Norvane to buy speech firm Larkspur for $900 million"
DEAL_TEXT = "Norvane has agreed to buy Larkspur, a maker of speech software, for $900 million in cash."
JOBS_TEXT = "Some 340 of Larkspur’s 1,200 employees will lose their jobs, the union said on Saturday."


@pytest.fixture(autouse=True)
def _weekly(editorial_file: Path) -> None:
    offer_digest(editorial_file)


def go_out(issue: Issue, approver: Editor, at: datetime) -> Issue:
    """Let the issue pass the last check as an approver would, and leave it as delivery does."""
    approve_issue(issue.pk, editor=approver, proof_sha256=render_proof(issue).sha256)
    return send_out(Issue.objects.get(pk=issue.pk), at)


def tell(*stories: str, at: datetime = NOW) -> Issue:
    for story in stories:
        make_story(story, at=at - timedelta(hours=2), sentences=[f"{story}, the council said on Monday."])
    return send_out(draft_issue("daily", now=at), at)


def repeats(issue: Issue) -> Finding:
    issue = Issue.objects.get(pk=issue.pk)
    return next(one for one in check_proof(issue, render_proof(issue)) if one.check == "repeats")


def describe(issue: Issue) -> dict[str, Any]:
    """Everything a draft decides: what stands where and why, what it left out and why, and which news it covers."""
    return {
        "window": (issue.window_start, issue.window_end), "subject": issue.subject, "left out": issue.left_out,
        "placed": list(issue.placements.values_list("story", "section", "kind", "since", "headline", "summary", "reasons"))}


def draft_and_undo(now: datetime) -> dict[str, Any]:
    """Say what the daily draft would be, and leave no trace of it."""
    with transaction.atomic():
        found = describe(draft_issue("daily", now=now))
        transaction.set_rollback(True)
    return found


def test_two_issues_then_a_digest_and_the_next_issue_is_what_it_would_have_been_without_it(approver: Editor) -> None:
    deal = make_story(DEAL, sentences=[DEAL_TEXT])
    make_story("Harbour bridge opens", sentences=["The harbour bridge is open, the council said."])
    go_out(draft_issue("daily", now=NOW), approver, NOW + DAY / 24)
    make_story("Tram line extended", at=NOW + DAY / 2, sentences=["The tram runs to Elmwood from Friday."])
    go_out(draft_issue("daily", now=NOW + DAY), approver, NOW + DAY + DAY / 24)
    at = SUNDAY - timedelta(hours=3)
    Item.objects.create(feed=Feed.objects.get_or_create(name="third-outlet")[0], identity="jobs", summary=JOBS_TEXT,
                        title="Norvane to cut 340 jobs at Larkspur", url="https://third.example/jobs", published_at=at, at=at,
                        seen_at=at, story=deal, state=ItemState.GROUPED)
    make_story("Norvane opens a school in Elmwood", at=at, sentences=["Norvane has opened a school for welders in Elmwood."])
    without = draft_and_undo(SUNDAY + DAY / 24)

    digest = draft_digest("daily", now=SUNDAY)
    assert sorted(headlines(digest)) == ["Harbour bridge opens", DEAL, "Tram line extended"]
    assert draft_and_undo(SUNDAY + DAY / 24) == without, "a digest that is only drafted"
    go_out(digest, approver, SUNDAY + DAY / 48)
    assert Edition.objects.filter(issue=digest).count() == 1

    sunday = draft_issue("daily", now=SUNDAY + DAY / 24)
    assert describe(sunday) == without
    assert [one["kind"] for one in sunday.placements.filter(story=deal).values("kind")] == ["update"]
    assert repeats(sunday).ok
    assert find_last_end("daily", SUNDAY + DAY) == sunday.window_end
    go_out(sunday, approver, SUNDAY + DAY / 12)


def test_what_only_a_digest_repeats_is_neither_carried_nor_remembered() -> None:
    story = make_story(DEAL, sentences=[DEAL_TEXT])
    first = send_out(draft_issue("daily", now=NOW))
    digest = send_out(draft_digest("daily", now=SUNDAY), SUNDAY)

    assert set(find_carried("daily").values_list("issue", flat=True)) == {first.pk}
    assert set(find_carried("daily", digest=True).values_list("issue", flat=True)) == {digest.pk}
    memory = recall("daily", [story], now=SUNDAY + DAY)[story.pk]
    assert (memory.since, memory.why) == (first, "readers had it in the issue of 23 November: nothing new since")
    assert read_timeline(story)[0].issues == (first,)


def test_a_digest_passes_the_gate_and_says_what_it_is_in_both_parts(approver: Editor) -> None:
    tell("Harbour bridge opens", "Ferry fleet goes electric", "Tram line extended")
    digest = draft_digest("daily", now=SUNDAY)

    proof = render_proof(digest)

    assert [one.check for one in check_proof(digest, proof) if not one.ok] == ["links asked"], "nobody has asked them here"
    for part in (proof.html, proof.text):
        assert "The week to Sunday, 29 November 2026" in part
        assert "/archive/daily/2026-11-29-week/" in part
    approve_issue(digest.pk, editor=approver, proof_sha256=proof.sha256)
    assert Issue.objects.get(pk=digest.pk).state == IssueState.APPROVED


def test_what_an_earlier_digest_told_is_stopped_unless_it_is_an_update_since_that_one(approver: Editor) -> None:
    tell("Harbour bridge opens")
    first = go_out(draft_digest("daily", now=SUNDAY), approver, SUNDAY)
    tell("Ferry fleet goes electric", at=SUNDAY + DAY)
    second = draft_digest("daily", now=SUNDAY + 7 * DAY)
    placement = second.placements.get()
    assert repeats(second).ok

    Placement.objects.filter(pk=placement.pk).update(story=Story.objects.get(headline="Harbour bridge opens"))
    assert "was in the digest of 2026-11-29 already" in repeats(second).message
    Placement.objects.filter(pk=placement.pk).update(kind="update", since=first)
    assert repeats(second).ok
    proof = render_proof(Issue.objects.get(pk=second.pk))
    assert "UPDATE, first told in the issue of the week to Sunday, 29 November 2026:" in proof.text
    assert "/archive/daily/2026-11-29-week/" in proof.text
    Issue.objects.filter(pk=first.pk).update(state=IssueState.REJECTED, started_at=None)
    assert "is an update, but the digest of 2026-11-29 did not go out" in repeats(second).message


def test_a_story_an_earlier_digest_told_under_a_number_that_was_merged_is_stopped_too() -> None:
    tell("Harbour bridge opens")
    send_out(draft_digest("daily", now=SUNDAY), SUNDAY)
    tell("Ferry fleet goes electric", at=SUNDAY + DAY)
    second = draft_digest("daily", now=SUNDAY + 7 * DAY)
    ferry = second.placements.get().story
    Story.objects.exclude(pk=ferry.pk).update(state="merged", merged_into=ferry)

    assert "“Ferry fleet goes electric” was in the digest of 2026-11-29 already" in repeats(second).message


def test_two_places_that_rest_on_one_report_are_stopped(approver: Editor) -> None:
    tell("Harbour bridge opens", "Ferry fleet goes electric")
    digest = draft_digest("daily", now=SUNDAY)
    one, other = digest.placements.all()
    assert repeats(digest).ok

    Placement.objects.filter(pk=other.pk).update(sentences=one.sentences)
    found = repeats(digest)

    assert (found.ok, found.blocking) == (False, True)
    assert found.message == f"“{other.headline}” and “{one.headline}” tell the same story"
    assert found.mend == "Drop one of them."
    Placement.objects.filter(pk=other.pk).update(dropped=True)
    assert repeats(digest).ok


def test_a_waiver_goes_with_the_words_it_was_given_for(editor: Editor, approver: Editor) -> None:
    make_story("Harbour bridge opens", at=NOW)
    issue = draft_issue("daily", now=NOW)
    placement = issue.placements.get()
    edit.rewrite(issue.pk, editor=editor, revision=1, placement_id=placement.pk, headline="Harbour bridge opens",
                 summary="It cost $7 million.")
    edit.waive(issue.pk, editor=editor, revision=2, placement_id=placement.pk, text="It cost $7 million.",
               reason="We saw the invoice.")
    go_out(Issue.objects.get(), approver, NOW)

    digest = draft_digest("daily", now=SUNDAY)

    waiver = digest.placements.get().waivers.get()
    assert (waiver.made_by, waiver.reason) == (editor, "We saw the invoice.")
    go_out(digest, approver, SUNDAY)


def test_a_correction_is_printed_for_those_who_had_the_words(editor: Editor, approver: Editor) -> None:
    monday = tell("Harbour bridge opens")
    wrong = record_correction(monday.pk, editor=editor, text="It opens on Tuesday.")
    Correction.objects.filter(pk=wrong.pk).update(made_at=SUNDAY - DAY)
    digest = draft_digest("daily", now=SUNDAY)
    assert "It opens on Tuesday." in render_proof(digest).text, "the digest may repeat what was wrong"

    digest = go_out(digest, approver, SUNDAY)
    assert "It opens on Tuesday." in [one.text for one in printed_with(digest)]
    record_correction(digest.pk, editor=editor, text="It is a footbridge.")
    make_story("Sunday's news", at=SUNDAY - DAY / 8)
    sunday = draft_issue("daily", now=SUNDAY + DAY / 24)
    assert [one.text for one in printed_with(sunday)] == ["It opens on Tuesday."], "a digest takes no correction from an issue"
    go_out(sunday, approver, SUNDAY + DAY / 24)
    second = draft_digest("daily", now=SUNDAY + 7 * DAY)
    assert [one.text for one in printed_with(second)] == ["It is a footbridge."]
    assert "Issue of the week to Sunday, 29 November 2026: It is a footbridge." in " ".join(render_proof(second).text.split())


def test_approving_a_digest_twice_is_one_approval_and_it_may_be_withdrawn(editor: Editor, approver: Editor) -> None:
    monday = tell("Harbour bridge opens")
    wrong = record_correction(monday.pk, editor=editor, text="It opens on Tuesday.")
    Correction.objects.filter(pk=wrong.pk).update(made_at=SUNDAY - DAY)
    digest = draft_digest("daily", now=SUNDAY)
    seen = render_proof(digest).sha256

    first = approve_issue(digest.pk, editor=approver, proof_sha256=seen)
    assert render_proof(Issue.objects.get(pk=digest.pk)).sha256 == seen
    assert approve_issue(digest.pk, editor=approver, proof_sha256=seen) == first
    withdraw_approval(digest.pk, editor=approver)
    assert Correction.objects.get().printed_in is None
    assert render_proof(Issue.objects.get(pk=digest.pk)).sha256 == seen
