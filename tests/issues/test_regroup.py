"""Merges, splits and their undoing while an issue holds the stories: what it then prints, and from which sources."""

import pytest

from tests.issues.paper import NOW, headlines, make_story, sections, send_out
from worker.errors import ConflictError
from worker.issues import edit, links, regroup
from worker.issues.draft import draft_issue
from worker.press.preflight import check_proof
from worker.press.render import render_proof
from worker.storage.models import AuditEntry, Editor, Issue, Item, Placement, Story

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("editorial_file")]


def sound(issue: Issue) -> bool:
    """Whether the issue may go out as it stands now."""
    issue.refresh_from_db()
    return all(found.ok or not found.blocking for found in check_proof(issue, render_proof(issue)))


def story_called(headline: str) -> Story:
    return Story.objects.get(headline=headline)


def outlets(placement: Placement) -> list[str]:
    return [source["outlet"] for source in placement.sources]


@pytest.fixture
def issue() -> Issue:
    make_story("Ferry fleet goes electric", ["first-outlet", "second-outlet"], sentences=["All nine ferries run on batteries."])
    make_story("Nine ferries lose their engines", ["second-outlet"], sentences=["The last engine was taken out on Sunday."])
    make_story("Tram line extended", ["first-outlet"], sentences=["The tram runs to the harbour now."])
    return draft_issue("aitrends", now=NOW)


def test_two_stories_of_one_draft_become_one_in_the_better_place(issue: Issue, editor: Editor) -> None:
    older, newer = story_called("Ferry fleet goes electric"), story_called("Nine ferries lose their engines")
    Story.objects.filter(pk=newer.pk).update(first_at=older.first_at.replace(year=2025))
    first = issue.placements.get(story=older)

    done = regroup.merge_stories([older.pk, newer.pk], editor=editor)

    assert [one.pk for one in done.issues] == [issue.pk]
    assert headlines(issue) == ["Nine ferries lose their engines", "Tram line extended"]
    assert sections(issue)[0] == "lead"
    stays = issue.placements.get(story=newer)
    assert stays.position == 0
    assert sorted(outlets(stays)) == ["First Outlet", "Second Outlet"]
    first.refresh_from_db()
    assert first.dropped
    assert first.reasons[-1] == f"dropped because {editor.email} merged it into story {newer.pk}"
    assert sound(issue)
    assert issue.revision == 2
    assert issue.subject == "Nine ferries lose their engines"
    assert AuditEntry.objects.filter(action="follow ruling", subject=f"issue {issue.pk}").count() == 1
    with pytest.raises(ConflictError, match=f"merged into story {newer.pk}"):
        edit.restore(issue.pk, editor=editor, revision=2, placement_id=first.pk)


def test_a_draft_that_holds_only_the_one_that_goes_follows_it(issue: Issue, editor: Editor) -> None:
    placed = story_called("Tram line extended")
    had = make_story("Tram reaches the harbour", ["third-outlet"])
    carrier = send_out(Issue.objects.create(newsletter="daily", period="2026-11-22", subject="s", window_start=NOW, window_end=NOW))
    Placement.objects.create(issue=carrier, story=had, section="lead", position=0, headline=had.headline)

    regroup.merge_stories([placed.pk, had.pk], editor=editor)

    placement = issue.placements.get(headline="Tram line extended")
    assert placement.story == had
    assert outlets(placement) == ["First Outlet", "Third Outlet"]
    assert sound(issue)
    assert carrier.placements.get().headline == "Tram reaches the harbour", "what went out is not touched"


def test_a_draft_goes_on_with_the_part_its_words_rest_on(issue: Issue, editor: Editor) -> None:
    story = story_called("Ferry fleet goes electric")
    told = story.sentences[0]["support"][0]["item"]

    done = regroup.split_story(story.pk, [told], editor=editor)

    placement = issue.placements.get(headline=story.headline)
    assert placement.story_id == done.ruling.others[0]
    assert outlets(placement) == ["First Outlet"]
    assert sound(issue)


def test_an_undone_merge_leaves_the_draft_whole_and_what_it_dropped_can_come_back(issue: Issue, editor: Editor) -> None:
    one, other = story_called("Ferry fleet goes electric"), story_called("Nine ferries lose their engines")
    done = regroup.merge_stories([one.pk, other.pk], editor=editor)
    dropped = issue.placements.get(dropped=True)

    regroup.undo(done.ruling.entry_id, editor=editor)
    issue.refresh_from_db()
    edit.restore(issue.pk, editor=editor, revision=issue.revision, placement_id=dropped.pk)

    assert sorted(headlines(issue)) == sorted([one.headline, other.headline, "Tram line extended"])
    assert {p.headline: p.story.headline for p in issue.placements.all()} == {h: h for h in headlines(issue)}
    assert sound(issue)


def test_an_approval_withdrawn_after_a_merge_says_what_is_no_story_any_more(issue: Issue, editor: Editor) -> None:
    one, other = story_called("Ferry fleet goes electric"), story_called("Nine ferries lose their engines")
    Issue.objects.update(state="approved")
    regroup.merge_stories([one.pk, other.pk], editor=editor)
    assert issue.placements.filter(dropped=True).count() == 0, "the archive shows an approved issue as it went out"

    Issue.objects.update(state="draft")

    assert not sound(issue)
    found = next(found for found in check_proof(issue, render_proof(issue)) if found.check == "merged stories")
    assert f"was merged into story {one.pk}" in found.message
    assert found.blocking


def test_a_draft_outlives_a_merge_of_all_it_holds_and_a_split_of_that(issue: Issue, editor: Editor) -> None:
    stories = list(Story.objects.order_by("pk"))
    merged = regroup.merge_stories([story.pk for story in stories], editor=editor)
    assert headlines(issue) == ["Ferry fleet goes electric"]
    regroup.split_story(merged.ruling.story_id, Item.objects.filter(title="Tram line extended").values_list("pk", flat=True),
                        editor=editor)
    assert sound(issue)
    assert Placement.objects.filter(issue=issue).count() == 3


def test_an_outlet_that_was_left_out_of_either_story_stays_left_out_when_they_are_merged(issue: Issue, editor: Editor) -> None:
    goes, stays = (issue.placements.get(headline=one) for one in ("Ferry fleet goes electric", "Tram line extended"))
    dead = goes.sources[-1]["url"]
    links.leave_out_source(issue.pk, editor=editor, revision=1, placement_id=goes.pk, url=dead)
    regroup.merge_into(issue.pk, editor=editor, revision=2, placement_id=goes.pk, into=stays.pk)
    assert dead in [source["url"] for source in issue.placements.get(story=stays.story).sources]
    issue.refresh_from_db()
    assert dead not in render_proof(issue).text
