"""What a draft holds, and that there is one of it."""

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection

from tests.issues.paper import NOW, headlines, make_story, sections, send_out
from worker.errors import BroadsheetError
from worker.issues.draft import draft_issue
from worker.issues.edit import drop, rewrite
from worker.storage.models import Editor, Feed, Issue, Item, Placement, Story, StoryState

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("editorial_file")]
TOMORROW = NOW + timedelta(days=1)


def test_a_draft_holds_its_own_copy_of_each_story() -> None:
    alone = make_story("One outlet has it", ["second-outlet"])
    shared = make_story("Everybody has it", ["second-outlet", "first-outlet"])

    issue = draft_issue("aitrends", now=NOW)

    assert (issue.period, issue.edition_number, issue.state, issue.revision) == ("2026-11-23", 1, "draft", 1)
    assert (issue.subject, issue.preheader) == ("Everybody has it", "One outlet has it")
    assert list(issue.placements.values_list("story", "section", "position")) == [
        (shared.pk, "lead", 0), (alone.pk, "top", 1)]
    lead = issue.placements.get(position=0)
    assert lead.summary == "One sentence. Another one."
    assert lead.sentences == shared.sentences
    assert lead.sources == [
        {"outlet": outlet, "title": "Everybody has it", "url": f"https://outlet.example/{feed}/{shared.pk}",
         "published": "2026-11-23T04:00:00+00:00"}
        for outlet, feed in [("Second Outlet", "second-outlet"), ("First Outlet", "first-outlet")]]
    assert lead.reasons[0] == "the strongest story of several outlets"


def test_drafting_again_returns_the_draft_that_is_there() -> None:
    make_story("News")
    first = draft_issue("aitrends", now=NOW)
    make_story("Later news")

    second = draft_issue("aitrends", now=NOW + timedelta(hours=1))

    assert second.pk == first.pk
    assert headlines(second) == ["News"]


def test_the_two_newsletters_draft_by_themselves_from_their_own_feeds() -> None:
    make_story("For one", ["second-outlet"])
    make_story("For the other", ["third-outlet"])
    make_story("For both", ["first-outlet"])

    assert sorted(headlines(draft_issue("aitrends", now=NOW))) == ["For both", "For one"]
    assert sorted(headlines(draft_issue("daily", now=NOW))) == ["For both", "For the other"]


def test_nobody_gets_the_same_story_twice() -> None:
    make_story("Old news")
    send_out(draft_issue("aitrends", now=NOW))
    old = Story.objects.get()
    late = Item.objects.get()
    late.pk, late.identity, late.at = None, "late", NOW + timedelta(hours=3)
    late.save()
    make_story("New news", at=NOW + timedelta(hours=4))

    assert headlines(draft_issue("aitrends", now=TOMORROW)) == ["New news"]
    assert old.items.count() == 2


def test_a_story_an_editor_dropped_is_not_news_again_without_a_new_report(editor: Editor) -> None:
    make_story("Kept", ["first-outlet", "second-outlet"])
    make_story("Dropped")
    issue = draft_issue("aitrends", now=NOW)
    drop(issue.pk, editor=editor, revision=1, placement_id=issue.placements.get(headline="Dropped").pk)
    send_out(Issue.objects.get())
    make_story("New", at=NOW + timedelta(hours=1))

    assert headlines(draft_issue("aitrends", now=TOMORROW)) == ["New"]


def test_news_published_before_a_draft_but_fetched_after_it_is_in_the_next_one() -> None:
    make_story("In time")
    send_out(draft_issue("aitrends", now=NOW))
    make_story("Late to reach us", at=NOW - timedelta(minutes=5), seen_at=NOW + timedelta(minutes=20))

    assert headlines(draft_issue("aitrends", now=TOMORROW)) == ["Late to reach us"]


def test_stories_that_are_not_summarised_or_out_of_the_window_wait_or_stay_out() -> None:
    make_story("Good")
    Story.objects.filter(pk=make_story("Not summarised").pk).update(state=StoryState.OPEN, headline="", sentences=[])
    make_story("Too old", at=NOW - timedelta(days=5))
    make_story("Not yet", at=NOW + timedelta(minutes=1))

    assert headlines(draft_issue("aitrends", now=NOW)) == ["Good"]


def test_a_story_that_another_report_joined_this_minute_is_not_left_out() -> None:
    Story.objects.filter(pk=make_story("Still going").pk).update(state=StoryState.OPEN)

    assert headlines(draft_issue("aitrends", now=NOW)) == ["Still going"]


def test_the_window_can_be_given() -> None:
    make_story("Old", at=NOW - timedelta(days=20))

    issue = draft_issue("aitrends", now=NOW, window_start=NOW - timedelta(days=30))

    assert headlines(issue) == ["Old"]


def test_an_aggregator_is_no_independent_outlet(editorial_file: Path) -> None:
    text = editorial_file.read_text()
    only = 'newsletters = ["aitrends"]\n'
    editorial_file.write_text(text.replace(only, only + 'topic = "aggregator"\n'))
    make_story("Copied", ["first-outlet", "second-outlet"])
    make_story("Only there", ["second-outlet"])

    issue = draft_issue("aitrends", now=NOW)

    outlets = {p.headline: [source["outlet"] for source in p.sources] for p in issue.placements.all()}
    assert outlets == {"Copied": ["First Outlet"], "Only there": ["Second Outlet"]}


def test_another_issue_of_the_day_prints_the_same_stories_with_the_editors_words(editor: Editor) -> None:
    make_story("One", ["first-outlet", "second-outlet"])
    make_story("Two")
    make_story("Three")
    first = draft_issue("aitrends", now=NOW)
    one, two, _ = first.placements.all()
    rewrite(first.pk, editor=editor, revision=1, placement_id=one.pk, headline="One, better", summary="New words.")
    drop(first.pk, editor=editor, revision=2, placement_id=two.pk)

    second = draft_issue("aitrends", now=NOW + timedelta(hours=1), again=True)

    assert (second.period, second.edition_number, second.slug) == ("2026-11-23", 2, "2026-11-23-2")
    assert (headlines(second), sections(second)) == (["One, better", "Three"], ["lead", "top"])
    assert second.subject == "One, better"
    assert first.placements.count() == 3


def test_nothing_to_print_is_said_in_one_line() -> None:
    with pytest.raises(BroadsheetError, match="aitrends: there are no stories to print since 2026-11-20 05:30 UTC"):
        draft_issue("aitrends", now=NOW)
    with pytest.raises(BroadsheetError, match=r"there is no newsletter 'weekly'; feeds\.toml has: aitrends, daily"):
        draft_issue("weekly", now=NOW)
    assert not Issue.objects.exists()


def test_a_hostile_headline_cannot_add_a_header() -> None:
    make_story("Quiet\r\nBcc: everyone@example.com\u202e")

    issue = draft_issue("aitrends", now=NOW)

    assert issue.subject == "Quiet Bcc: everyone@example.com"


def test_a_feed_that_left_the_configuration_keeps_its_name() -> None:
    story = make_story("News")
    Item.objects.create(feed=Feed.objects.create(name="gone-outlet"), identity="x", url="https://gone.example/",
                        at=NOW - timedelta(hours=3), story=story)

    outlets = [source["outlet"] for source in draft_issue("aitrends", now=NOW).placements.get().sources]

    assert outlets == ["gone-outlet", "First Outlet"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("again", [False, True])
def test_two_calls_at_once_make_one_issue(again: bool) -> None:
    make_story("One", ["first-outlet", "second-outlet"])
    make_story("Two")
    if again:
        draft_issue("aitrends", now=NOW)
    before = Issue.objects.count()
    start = threading.Barrier(4)
    made: list[int] = []

    def draft() -> None:
        try:
            start.wait(10)
            made.append(draft_issue("aitrends", now=NOW, again=again).pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=draft) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len(made) == 4
    if not again:
        assert len(set(made)) == 1
        assert Issue.objects.count() == before + 1
    for issue in Issue.objects.all():
        assert list(issue.placements.values_list("position", flat=True)) == [0, 1]
    assert Placement.objects.count() == 2 * Issue.objects.count()
