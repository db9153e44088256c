"""What a story is to a newsletter's readers, through the steps that make it: new, an update, or had already, across weeks."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from worker.issues.draft import draft_issue
from worker.issues.edit import drop
from worker.storage.models import Editor, Feed, Issue, IssueState, Item, ItemState, Story, StoryState, Thread
from worker.stories.group import group_items
from worker.stories.memory import Memory, find_carried, recall
from worker.stories.summarise import summarise_stories
from worker.stories.threads import read_timeline, tie_stories

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("editorial_file")]
NOW = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)
DAY = timedelta(days=1)
TITLE = "Norvane to buy speech firm Larkspur for $900 million"
TEXT = "Norvane has agreed to buy Larkspur, a maker of speech software, for $900 million in cash, the companies said on Monday."
INQUIRY = "Regulators look into Norvane’s purchase of Larkspur"
INQUIRY_TEXT = ("The competition authority has opened an inquiry into Norvane’s plan to buy Larkspur. "
                "Its chair Ilse Brandt expects a ruling by March.")


def arrive(
    title: str = TITLE, text: str = TEXT, *, feed: str = "first-outlet", at: datetime = NOW - DAY / 4, url: str = ""
) -> Item:
    """Let an item come in and go through all the steps."""
    row, _ = Feed.objects.get_or_create(name=feed)
    key = sha256(f"{feed} {title} {at} {url}".encode()).hexdigest()
    item = Item.objects.create(feed=row, identity=key, url=url or f"https://{feed}.example/{key[:8]}", title=title, summary=text,
                               published_at=at, at=at, seen_at=at)
    run_steps()
    item.refresh_from_db()
    return item


def run_steps() -> None:
    group_items()
    summarise_stories()
    tie_stories()


def send(now: datetime = NOW, newsletter: str = "aitrends") -> Issue:
    issue = draft_issue(newsletter, now=now)
    Issue.objects.filter(pk=issue.pk).update(state=IssueState.SENT, started_at=now, sent_at=now)
    return Issue.objects.get(pk=issue.pk)


def remember(item: Item, now: datetime, newsletter: str = "aitrends") -> Memory:
    story = Story.objects.get(items=item)
    return recall(newsletter, [story], now=now)[story.pk]


def test_what_no_issue_had_is_new() -> None:
    assert remember(arrive(), NOW).kind == "new"


def test_what_an_issue_had_is_not_told_again_and_the_editor_reads_why() -> None:
    item = arrive()
    send()

    memory = remember(item, NOW + DAY)

    assert (memory.kind, memory.why) == ("had", "readers had it in the issue of 2 November: nothing new since")


def test_the_other_newsletters_readers_have_not_had_it() -> None:
    item = arrive()
    send()

    assert remember(item, NOW + DAY, "daily").kind == "new"


def test_another_outlet_that_says_the_same_later_is_no_news() -> None:
    arrive()
    send()
    arrive("Norvane buys Larkspur for $900m", "Norvane is to buy Larkspur, a maker of speech software, for $900 million in cash.",
           feed="second-outlet", at=NOW + DAY / 4)

    memory = remember(Item.objects.earliest("id"), NOW + DAY)

    assert memory.kind == "had"
    assert "with nothing new" in memory.why


def test_a_report_with_something_new_makes_an_update_that_says_it() -> None:
    item = arrive()
    issue = send()
    arrive("Norvane to buy speech firm Larkspur, cutting 340 jobs",
           f"{TEXT} Some 340 of Larkspur’s 1,200 employees will lose their jobs, the union said.",
           feed="second-outlet", at=NOW + DAY / 4)

    memory = remember(item, NOW + DAY)

    assert (memory.kind, memory.since) == ("update", issue)
    assert "340" in memory.what_is_new
    assert "agreed to buy" not in memory.what_is_new, "what readers had is not what is new"


def test_a_later_development_is_tied_to_its_story_and_an_update() -> None:
    item = arrive()
    issue = send()
    later = arrive(INQUIRY, INQUIRY_TEXT, feed="second-outlet", at=NOW + 9 * DAY)

    memory = remember(later, NOW + 10 * DAY)

    assert item.story != later.story
    assert (memory.kind, memory.since) == ("update", issue)
    assert "inquiry" in memory.what_is_new
    steps = read_timeline(Story.objects.get(items=later))
    assert [(step.story.headline, len(step.issues)) for step in steps] == [(TITLE, 1), (INQUIRY, 0)]
    assert "9 days later" in steps[1].reason
    assert "Larkspur" in steps[1].reason


@pytest.mark.parametrize(("feed", "url"), [("second-outlet", ""), ("first-outlet", "https://first-outlet.example/again"),
                                           ("second-outlet", "https://first-outlet.example/same")])
def test_the_same_article_weeks_later_under_another_feed_or_address_is_had(feed: str, url: str) -> None:
    first = arrive(url="https://first-outlet.example/same")
    send()
    again = arrive(feed=feed, url=url, at=NOW + 20 * DAY)

    assert again.story != first.story, "three weeks on, grouping no longer sees the first"
    assert remember(again, NOW + 21 * DAY).kind == "had"


def test_the_same_address_in_another_outlet_s_words_is_had() -> None:
    arrive(url="https://first-outlet.example/same")
    send()
    pointed = arrive("A purchase worth a look", "Speech software has a new owner, and 1,200 people have a new employer.",
                     feed="second-outlet", url="https://first-outlet.example/same", at=NOW + DAY / 4)

    assert remember(pointed, NOW + DAY).kind == "had"


def test_a_report_without_any_name_that_comes_again_is_had() -> None:
    title = "AI assistants make small firms quicker, survey says"
    text = "Small firms answer their mail in half the time, a survey finds."
    arrive(title, text)
    send()

    again = arrive(title, text, feed="second-outlet", at=NOW + 20 * DAY)

    assert Story.objects.get(items=again).thread_reason == {}, "nothing particular ties the two"
    assert remember(again, NOW + 21 * DAY).kind == "had"


def test_what_an_editor_wrote_into_the_issue_was_told() -> None:
    item = arrive()
    issue = send()
    issue.placements.update(summary=f"{TEXT} Some 340 employees will lose their jobs.")
    arrive("Norvane to buy Larkspur", "Some 340 employees will lose their jobs at Larkspur.", feed="second-outlet",
           at=NOW + DAY / 4)

    assert remember(item, NOW + DAY).kind == "had"


def test_a_story_whose_reports_were_put_into_another_row_was_had() -> None:
    item = arrive()
    send()
    other = Story.objects.create(headline="Other words", state=StoryState.SUMMARISED, first_at=item.at, last_at=item.at)
    Item.objects.filter(pk=item.pk).update(story=other, title="Other words", summary="Corrected in every line since.", url="")

    assert remember(item, NOW + DAY).kind == "had"


def test_a_merged_story_lives_on_in_the_other() -> None:
    item = arrive()
    send()
    old = item.story
    assert old
    other = arrive("Staff in Elmwood learn of a sale", "A letter told 1,200 people in Elmwood on Sunday.", at=NOW + DAY / 9)
    Item.objects.filter(pk=other.pk).update(seen_at=NOW - DAY)
    Story.objects.filter(pk=old.pk).update(state=StoryState.MERGED, merged_into=other.story)

    assert remember(other, NOW + DAY).kind == "had"


@pytest.mark.parametrize(("state", "started", "kind"), [
    (IssueState.REJECTED, False, "new"), (IssueState.HELD, False, "new"), (IssueState.CANCELLED, False, "new"),
    (IssueState.CANCELLED, True, "had"), (IssueState.HELD, True, "had"), (IssueState.DRAFT, False, "had"),
])
def test_what_never_went_out_is_still_news_and_what_went_out_half_way_is_not(state: str, started: bool, kind: str) -> None:
    item = arrive()
    issue = draft_issue("aitrends", now=NOW)
    Issue.objects.filter(pk=issue.pk).update(state=state, started_at=NOW if started else None)

    assert remember(item, NOW + DAY).kind == kind


def test_what_an_editor_dropped_is_still_news(editor: Editor) -> None:
    item = arrive()
    arrive("Rain delays the harvest in Elmwood", "Farmers in Elmwood wait for a dry week before they send out the machines.")
    issue = draft_issue("aitrends", now=NOW)
    drop(issue.pk, editor=editor, revision=1, placement_id=issue.placements.get(story=item.story).pk)
    Issue.objects.filter(pk=issue.pk).update(state=IssueState.SENT, started_at=NOW)

    assert remember(item, NOW + DAY).kind == "new"
    assert find_carried("aitrends").count() == 1


def test_an_update_that_was_carried_is_had_in_its_turn() -> None:
    item = arrive()
    send()
    arrive("Norvane to cut 340 jobs at Larkspur", f"{TEXT} Some 340 of Larkspur’s 1,200 employees will lose their jobs.",
           feed="second-outlet", at=NOW + DAY / 4)
    second = send(NOW + DAY)

    assert second.placements.get().kind == "update"
    assert remember(item, NOW + 2 * DAY).kind == "had"


def test_tying_twice_changes_nothing_and_a_story_alone_opens_its_thread() -> None:
    arrive()
    later = arrive(INQUIRY, INQUIRY_TEXT, feed="second-outlet", at=NOW + 9 * DAY)
    arrive("Rain delays the harvest in Elmwood", "Farmers in Elmwood wait for a dry week.", at=NOW + 9 * DAY)
    before = list(Story.objects.order_by("pk").values_list("pk", "thread", "thread_reason"))

    assert tie_stories() == 0

    assert list(Story.objects.order_by("pk").values_list("pk", "thread", "thread_reason")) == before
    assert Thread.objects.count() == 2
    assert Thread.objects.get(stories=later.story).last_at == later.at


def test_a_story_that_stood_alone_is_tied_once_a_report_names_what_it_is_about() -> None:
    arrive()
    vague = arrive("Regulator takes a look at a purchase", "A purchase is looked into, a person said.", at=NOW + 9 * DAY)
    assert Thread.objects.count() == 2

    named = Item.objects.create(feed=Feed.objects.get(), identity="named", url="https://first-outlet.example/named", title=INQUIRY,
                                summary=INQUIRY_TEXT, at=NOW + 9.5 * DAY, seen_at=NOW + 9.5 * DAY, story=vague.story,
                                state=ItemState.GROUPED)
    Item.objects.filter(pk=vague.pk).update(title=INQUIRY, summary=INQUIRY_TEXT)
    Story.objects.filter(pk=vague.story_id).update(state=StoryState.OPEN, last_at=named.at)
    run_steps()

    assert Story.objects.get(items=named).thread == Story.objects.earliest("pk").thread
    assert Thread.objects.count() == 1
