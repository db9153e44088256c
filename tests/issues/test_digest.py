"""How the weekly digest comes to be: from what went out, each story once, when it is due, and beside the daily draft."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection

from tests.issues.paper import NOW, headlines, make_story, offer_digest, sections, send_out
from worker.errors import BroadsheetError
from worker.issues.digest import digest_due, draft_digest
from worker.issues.draft import draft_issue, hold_overdue, issue_due, save_draft
from worker.issues.edit import drop, move, pull_in, renew, rewrite
from worker.storage.models import Editor, Feed, Issue, IssueState, Item, ItemState, Placement, Story, Thread

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
SUNDAY = datetime(2026, 11, 29, 6, 0, tzinfo=UTC)
SUMMARY = "One sentence. Another one."


@pytest.fixture(autouse=True)
def _weekly(editorial_file: Path) -> None:
    offer_digest(editorial_file)


def tell(*stories: str, at: datetime = NOW, out: datetime | None = None, feeds: tuple[str, ...] = ("first-outlet",)) -> Issue:
    """Make stories, draft the Daily with them at `at`, and send it an hour later."""
    for number, story in enumerate(stories):
        make_story(story, feeds if number == 0 else feeds[:1], at=at - timedelta(hours=2),
                   sentences=[f"{story}, the council said on Monday."])
    return send_out(draft_issue("daily", now=at), out or at + timedelta(hours=1))


def report(story: Story, title: str, text: str, at: datetime) -> None:
    """Let one more outlet report on the story."""
    Item.objects.create(feed=Feed.objects.get_or_create(name="third-outlet")[0], identity=title, title=title, summary=text,
                        url=f"https://third.example/{story.pk}", published_at=at, at=at, seen_at=at, story=story,
                        state=ItemState.GROUPED)


def test_it_tells_each_story_of_the_week_in_the_words_that_were_printed(editor: Editor) -> None:
    monday = tell("Harbour bridge opens", "Ferry fleet goes electric", feeds=("first-outlet", "third-outlet"))
    tell("Tram line extended", at=NOW + DAY)
    printed = monday.placements.get(position=0)
    Placement.objects.filter(pk=printed.pk).update(headline="The bridge is open", topics=["policy"], edited_by=editor,
                                                   sources_left_out=[printed.sources[1]["url"]])

    digest = draft_digest("daily", now=SUNDAY)

    assert (digest.digest, digest.period, digest.slug, digest.state) == (True, "2026-11-29", "2026-11-29-week", "draft")
    assert (headlines(digest), sections(digest)) == (
        ["The bridge is open", "Tram line extended", "Ferry fleet goes electric"], ["lead", "top", "top"])
    assert (digest.subject, digest.preheader) == ("Daily, the week: The bridge is open", "Tram line extended")
    lead = digest.placements.get(position=0)
    printed.refresh_from_db()
    for name in ("story_id", "summary", "sentences", "sources", "sources_left_out", "topics", "edited_by_id"):
        assert getattr(lead, name) == getattr(printed, name), name
    assert (lead.kind, lead.since) == ("new", None)
    assert lead.reasons == ["led the issue of Monday", "reported by 2 outlets"]


def test_an_update_stands_in_the_place_of_what_it_updates() -> None:
    tell("Norvane to buy speech firm Larkspur for $900 million")
    jobs = "Some 340 of Larkspur’s 1,200 employees will lose their jobs, the union said on Tuesday."
    report(Story.objects.get(), "Norvane to cut 340 jobs at Larkspur", jobs, NOW + DAY / 2)
    assert tell(at=NOW + DAY).placements.get().kind == "update"

    placement = draft_digest("daily", now=SUNDAY).placements.get()

    assert (placement.headline, placement.kind, placement.since) == ("Norvane to cut 340 jobs at Larkspur", "new", None)
    assert placement.summary.startswith(jobs)
    assert placement.reasons[:2] == ["led the issue of Monday", "in the words of Tuesday"]


def test_a_later_chapter_of_a_thread_takes_the_place_of_the_first_which_can_be_pulled_in(editor: Editor) -> None:
    first = tell("Norvane to buy Larkspur").placements.get()
    later = tell("Regulators look into Norvane", at=NOW + DAY).placements.get()
    Story.objects.update(thread=Thread.objects.create(first_at=NOW, last_at=NOW))
    Placement.objects.filter(pk=later.pk).update(kind="update", since=first.issue)
    Placement.objects.filter(pk=first.pk).update(headline="As the editor put it", edited_by=editor)

    digest = draft_digest("daily", now=SUNDAY)

    assert headlines(digest) == ["Regulators look into Norvane"]
    assert digest.left_out == [{"story": first.story_id, "headline": "As the editor put it",
                                "reason": "updated in the issue of Tuesday by “Regulators look into Norvane”"}]
    Placement.objects.filter(pk=first.pk).update(sources_left_out=["https://gone.example/"])
    pull_in(digest.pk, editor=editor, revision=1, story_id=first.story_id)
    assert digest.placements.get(story=first.story_id).sources_left_out == ["https://gone.example/"]
    assert headlines(digest) == ["Regulators look into Norvane", "As the editor put it"], "as it was printed"
    pulled = digest.placements.get(story=first.story)
    assert (pulled.kind, pulled.reasons, pulled.edited_by) == ("new", ["pulled in by editor@example.com"], editor)
    renew(digest.pk, editor=editor, revision=2, placement_id=pulled.pk)
    assert headlines(digest)[1] == "Norvane to buy Larkspur", "the machine's words, if they are asked for"
    assert digest.placements.get(story=first.story).edited_by is None


def test_a_story_merged_since_is_told_once_under_the_number_it_lives_on_in() -> None:
    tell("Bridge opens", "Opening of the bridge")
    kept, gone = Story.objects.order_by("pk")
    Item.objects.filter(story=gone).update(story=kept)
    Story.objects.filter(pk=gone.pk).update(state="merged", merged_into=kept)

    assert draft_digest("daily", now=SUNDAY).placements.get().story == kept


@pytest.mark.parametrize(("state", "started", "told"), [
    (IssueState.SENDING, True, True), (IssueState.SENT, True, True), (IssueState.CANCELLED, True, True),
    (IssueState.HELD, True, True), (IssueState.DRAFT, False, False), (IssueState.APPROVED, False, False),
    (IssueState.REJECTED, False, False), (IssueState.HELD, False, False), (IssueState.CANCELLED, False, False),
])
def test_only_what_readers_hold_is_told(state: str, started: bool, told: bool) -> None:
    tell("In any case")
    issue = tell("In doubt", at=NOW + DAY)
    Issue.objects.filter(pk=issue.pk).update(state=state, started_at=NOW + DAY if started else None)

    assert ("In doubt" in headlines(draft_digest("daily", now=SUNDAY))) is told


def test_what_was_dropped_what_is_older_and_what_another_newsletter_told_is_not_told(editor: Editor) -> None:
    tell("Too old", at=NOW - 2 * DAY)
    issue = tell("Kept", "Dropped", at=NOW + DAY)
    issue.placements.filter(headline="Dropped").update(dropped=True)
    make_story("Another newsletter's", ["second-outlet"], at=NOW + DAY)
    send_out(draft_issue("aitrends", now=NOW + 2 * DAY), NOW + 2 * DAY)

    assert headlines(draft_digest("daily", now=SUNDAY)) == ["Kept"]


def test_no_issue_falls_between_two_digests_and_none_is_in_both() -> None:
    tell("First week")
    send_out(draft_digest("daily", now=SUNDAY), SUNDAY + DAY / 24)
    tell("Sent on Sunday, after the digest was drafted", at=SUNDAY)
    tell("Second week", at=SUNDAY + DAY)

    second = draft_digest("daily", now=SUNDAY + 7 * DAY + DAY / 8)

    assert sorted(headlines(second)) == ["Second week", "Sent on Sunday, after the digest was drafted"]


def test_the_week_of_a_digest_that_never_went_out_is_not_gathered_beyond_seven_days() -> None:
    tell("First week")
    Issue.objects.filter(pk=draft_digest("daily", now=SUNDAY).pk).update(state=IssueState.HELD)
    tell("Second week", at=SUNDAY + DAY)

    second = draft_digest("daily", now=SUNDAY + 7 * DAY)

    assert headlines(second) == ["Second week"]


def test_what_a_digest_held_that_never_went_out_may_be_told_by_the_next() -> None:
    tell("First week")
    Issue.objects.filter(pk=draft_digest("daily", now=SUNDAY).pk).update(state=IssueState.HELD)

    assert headlines(draft_digest("daily", now=SUNDAY + DAY)) == ["First week"]


def test_what_an_earlier_digest_told_comes_again_only_as_an_update_since_it() -> None:
    tell("Norvane to buy Larkspur", "Rain delays the harvest")
    first = send_out(draft_digest("daily", now=SUNDAY), SUNDAY)
    again = tell("Norvane to cut 340 jobs", "Rain, once more", at=SUNDAY + DAY)
    buy, rain = Story.objects.order_by("pk")[:2]
    jobs = again.placements.get(headline="Norvane to cut 340 jobs")
    Placement.objects.filter(pk=jobs.pk).update(story=buy, kind="update", since=Issue.objects.earliest("pk"))
    again.placements.filter(headline="Rain, once more").update(story=rain)

    second = draft_digest("daily", now=SUNDAY + 7 * DAY)

    placement = second.placements.get()
    assert (placement.headline, placement.kind, placement.since) == ("Norvane to cut 340 jobs", "update", first)
    assert placement.reasons[0] == "first told in the digest of 29 November"
    assert second.left_out == [{"story": rain.pk, "headline": "Rain, once more", "reason": "the digest of 29 November told it"}]


def test_what_there_is_no_room_for_is_listed(editorial_file: Path) -> None:
    tell("Harbour bridge opens", "Ferry fleet goes electric")
    tell("Tram line extended", "Rain delays the harvest", at=NOW + DAY)
    head = "[newsletters.daily]\n"
    editorial_file.write_text(editorial_file.read_text().replace(head, f"{head}top_stories = 1\nshort_items = 1\n"))

    digest = draft_digest("daily", now=SUNDAY)

    assert headlines(digest) == ["Tram line extended", "Harbour bridge opens", "Rain delays the harvest"]
    assert sections(digest) == ["lead", "top", "short"]
    ferry = Story.objects.get(headline="Ferry fleet goes electric")
    assert digest.left_out == [{"story": ferry.pk, "headline": ferry.headline, "reason": "ranked below: number 4 of 4"}]


def test_there_is_one_a_day_unless_another_is_asked_for(editor: Editor) -> None:
    tell("News", "More news")
    first = draft_digest("daily", now=SUNDAY)
    drop(first.pk, editor=editor, revision=1, placement_id=first.placements.get(position=1).pk)

    assert draft_digest("daily", now=SUNDAY + DAY / 8).pk == first.pk
    second = draft_digest("daily", now=SUNDAY + DAY / 8, again=True)
    assert (second.digest, second.slug, headlines(second)) == (True, "2026-11-29-week-2", ["News"])
    assert draft_issue("daily", now=NOW + DAY / 8).digest is False


def test_the_subject_follows_the_lead_and_stays_a_digests(editor: Editor) -> None:
    tell("First", "Second")
    digest = draft_digest("daily", now=SUNDAY)

    move(digest.pk, editor=editor, revision=1, placement_id=digest.placements.get(position=1).pk, to=0)
    digest.refresh_from_db()
    assert digest.subject == "Daily, the week: Second"
    rewrite(digest.pk, editor=editor, revision=2, placement_id=digest.placements.get(position=0).pk, summary="",
            headline="Quiet\r\nBcc: everyone@example.com " + "and a good many words more " * 5)
    digest.refresh_from_db()
    assert digest.subject.startswith("Daily, the week: Quiet Bcc: everyone@example.com and")
    assert len(digest.subject) <= 70


def test_what_cannot_be_drafted_is_said_in_one_line() -> None:
    make_story("News that nobody was sent", at=SUNDAY - DAY / 8)
    draft_issue("daily", now=SUNDAY)
    with pytest.raises(BroadsheetError, match="daily: no issue has gone out since 2026-11-22 06:00 UTC"):
        draft_digest("daily", now=SUNDAY)
    with pytest.raises(BroadsheetError, match=r"aitrends has no weekly digest; give it a day in feeds\.toml"):
        draft_digest("aitrends", now=SUNDAY)
    with pytest.raises(BroadsheetError, match="there is no newsletter 'weekly'"):
        draft_digest("weekly", now=SUNDAY)
    assert not Issue.objects.filter(digest=True).exists()


@pytest.mark.parametrize(("newsletter", "moment", "due"), [
    ("daily", SUNDAY - timedelta(minutes=1), False), ("daily", SUNDAY, True), ("daily", SUNDAY + DAY / 2, True),
    ("daily", SUNDAY + DAY, False), ("aitrends", SUNDAY, False),
])
def test_it_is_due_from_its_hour_on_its_day(newsletter: str, moment: datetime, due: bool) -> None:
    assert digest_due(newsletter, moment) is due


def test_it_is_due_once_and_the_issue_of_the_day_beside_it() -> None:
    tell("News")
    draft_digest("daily", now=SUNDAY)

    assert not digest_due("daily", SUNDAY)
    assert issue_due("daily", SUNDAY)
    Issue.objects.filter(digest=True).update(state=IssueState.REJECTED)
    assert not digest_due("daily", SUNDAY)
    Issue.objects.filter(digest=True).delete()
    make_story("Sunday's", at=SUNDAY - DAY / 8)
    draft_issue("daily", now=SUNDAY)
    assert digest_due("daily", SUNDAY)


def test_a_digest_nobody_approved_in_time_is_held() -> None:
    tell("News")
    digest = draft_digest("daily", now=SUNDAY)

    assert hold_overdue(now=SUNDAY + timedelta(hours=4)) == []
    assert hold_overdue(now=SUNDAY + timedelta(hours=4, minutes=1)) == [digest.pk]


def test_a_digest_that_somebody_else_saved_meanwhile_is_the_one_there_is() -> None:
    tell("News")
    digest = draft_digest("daily", now=SUNDAY)
    make_story("Sunday's", at=SUNDAY - DAY / 8)
    draft_issue("daily", now=SUNDAY + DAY / 24)
    twin = Issue(newsletter="daily", period=digest.period, digest=True, subject="Twin", window_start=NOW, window_end=SUNDAY)

    assert save_draft(twin, [], "timetable") == digest


@pytest.mark.django_db(transaction=True)
def test_two_calls_at_once_make_one_digest() -> None:
    tell("One", "Two")
    make_story("Sunday's", at=SUNDAY - DAY / 8)
    draft_issue("daily", now=SUNDAY)
    start = threading.Barrier(4)
    made: list[int] = []

    def draft() -> None:
        try:
            start.wait(10)
            made.append(draft_digest("daily", now=SUNDAY).pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=draft) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len(made) == 4
    assert len(set(made)) == 1
    assert Issue.objects.get(digest=True).placements.count() == 2
