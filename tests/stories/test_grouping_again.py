"""Grouping runs again and again as items come; what an editor ruled, and what stands in an issue, stays as it is."""

from datetime import UTC, datetime, timedelta

import pytest

from worker.errors import ConflictError
from worker.storage.models import Editor, Feed, Issue, Item, ItemState, Placement, Section, Story, StoryState
from worker.stories import group, rulings
from worker.stories.group import group_items

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
BUYS = "Norvane to buy speech firm Larkspur for $900 million"
TEXT = "Norvane has agreed to buy Larkspur, a maker of speech software, for $900 million in cash."
BOUGHT = "Larkspur goes to Norvane for $900 million"
RETOLD = "Larkspur, which makes speech software, goes to Norvane for $900 million in cash, both firms said."
RAIN = "Rain delays the harvest in Elmwood", "Farmers in Elmwood wait for a dry week before they bring the barley in."

pytestmark = pytest.mark.usefixtures("editorial_file", "db")


def add_item(feed: str, title: str, text: str, hours: float, url: str = "") -> Item:
    at = NOW + timedelta(hours=hours)
    row, _ = Feed.objects.get_or_create(name=feed)
    return Item.objects.create(feed=row, identity=f"{feed}{title}{hours}", url=url or f"https://{feed}.example/{hours:g}",
                               title=title, summary=text, at=at, seen_at=at, state=ItemState.NEW)


def grouped(*items: Item) -> list[int | None]:
    """Group what is new, and return the story of each item as it then is."""
    group_items()
    for item in items:
        item.refresh_from_db()
    return [item.story_id for item in items]


def place(story_id: int | None) -> Placement:
    issue = Issue.objects.create(newsletter="aitrends", period=f"2026-w{story_id}", subject="Today", window_start=NOW,
                                 window_end=NOW)
    return Placement.objects.create(issue=issue, story_id=story_id, section=Section.LEAD, position=0, headline="Said")


def test_a_split_holds_when_more_of_both_comes(editor: Editor) -> None:
    one, two = add_item("first", BUYS, TEXT, 0), add_item("second", BOUGHT, RETOLD, 2)
    together, _ = grouped(one, two)
    rulings.split_story(together or 0, [two.pk], editor)
    add_item("third", BUYS.replace("to buy", "buys"), f"{TEXT} The deal closes in spring.", 3)
    first, second = grouped(one, two)
    assert first != second


def test_a_merge_holds_when_more_of_both_comes(editor: Editor) -> None:
    one, rain = add_item("first", BUYS, TEXT, 0), add_item("third", *RAIN, 3)
    assert len(set(grouped(one, rain))) == 2
    rulings.merge_stories([one.story_id or 0, rain.story_id or 0], editor)
    add_item("second", BOUGHT, RETOLD, 4)
    add_item("fourth", "Elmwood's barley waits for the rain to end", RAIN[1], 5)
    first, second = grouped(one, rain)
    assert first == second


def test_a_ruling_outranks_a_report_that_repeats_both(editor: Editor) -> None:
    one, two = add_item("first", BUYS, TEXT, 0), add_item("second", BOUGHT, RETOLD, 2)
    together, _ = grouped(one, two)
    rulings.split_story(together or 0, [two.pk], editor)
    add_item("third", BUYS, RETOLD, -1, url=one.url)
    first, second = grouped(one, two)
    assert first != second


def test_a_story_in_an_issue_keeps_its_number_and_stays_apart_from_another_in_one() -> None:
    one, rain = add_item("first", BUYS, TEXT, 0), add_item("third", *RAIN, 3)
    told, weather = grouped(one, rain)
    place(told)
    place(weather)
    two = [add_item(feed, BOUGHT, RETOLD, hours) for feed, hours in (("second", 2), ("fourth", 4), ("fifth", 5))]
    assert grouped(one, rain) == [told, weather]
    assert set(grouped(*two)) == {told}


def put_into_stories(*groups: list[Item]) -> list[int]:
    """Stories as an earlier run may have left them."""
    stories = [Story.objects.create(first_at=items[0].at, last_at=items[-1].at) for items in groups]
    for story, items in zip(stories, groups, strict=True):
        Item.objects.filter(pk__in=[item.pk for item in items]).update(story=story, state=ItemState.GROUPED)
    return [story.pk for story in stories]


def test_two_stories_that_readers_were_told_apart_are_not_joined() -> None:
    one, two = add_item("first", BUYS, TEXT, 0), add_item("second", BOUGHT, RETOLD, 2)
    stories = put_into_stories([one], [two])
    for story in stories:
        place(story)
    add_item("third", BUYS.replace("to buy", "buys"), f"{TEXT} The deal closes in spring.", 3)
    assert grouped(one, two) == stories


def test_the_number_that_stands_in_an_issue_stays_even_if_the_other_story_is_larger() -> None:
    many = [add_item("first", BUYS, TEXT, 0), add_item("fourth", BOUGHT, f"{RETOLD} Nobody was surprised.", 1)]
    told = add_item("second", BOUGHT, RETOLD, 2)
    _, placed = put_into_stories(many, [told])
    place(placed)
    add_item("third", BUYS.replace("to buy", "buys"), f"{TEXT} The deal closes in spring.", 3)
    assert set(grouped(told, *many)) == {placed}


@pytest.mark.parametrize("numbers", [(10**8 + 1, 10**8 + 2), (10**8 - 1, 10**8)])
def test_two_stories_that_turn_out_to_be_one_are_joined_and_the_other_number_leads_there(numbers: tuple[int, int]) -> None:
    one, two = add_item("first", BUYS, TEXT, 0), add_item("second", BOUGHT, RETOLD, 2)
    older, younger = numbers
    for item, number in zip((one, two), numbers, strict=True):
        story = Story.objects.create(pk=number, first_at=item.at, last_at=item.at)
        Item.objects.filter(pk=item.pk).update(story=story, state=ItemState.GROUPED)
    add_item("third", BUYS.replace("to buy", "buys"), f"{TEXT} The deal closes in spring.", 3)
    assert set(grouped(one, two)) == {older}
    merged = Story.objects.get(pk=younger)
    assert (merged.state, merged.merged_into_id) == (StoryState.MERGED, older)


def test_a_story_placed_while_it_was_decided_is_decided_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The draft of another process comes between deciding and writing."""
    one = add_item("first", BUYS, TEXT, 0)
    (told,) = grouped(one)
    add_item("second", BOUGHT, RETOLD, 2)
    decide, decided = group._decide, []

    def decide_then_place(batch: list[Item]) -> group._Decision:
        decided.append(decide(batch))
        if len(decided) == 1:
            place(told)
        return decided[-1]

    monkeypatch.setattr(group, "_decide", decide_then_place)
    grouped(one)
    assert [decision.placed for decision in decided] == [set(), {told}]
    assert one.story_id == told


def test_a_merge_whose_story_was_joined_with_another_since_is_not_undone(editor: Editor) -> None:
    one, rain = add_item("first", BUYS, TEXT, 0), add_item("third", *RAIN, 3)
    grouped(one, rain)
    done = rulings.merge_stories([one.story_id or 0, rain.story_id or 0], editor)
    other = Story.objects.create(first_at=NOW, last_at=NOW)
    Item.objects.filter(story=done.story_id).update(story=other)
    Story.objects.filter(pk=done.story_id).update(state=StoryState.MERGED, merged_into=other)
    with pytest.raises(ConflictError, match=f"joined into story {other.pk}"):
        rulings.undo_ruling(done.entry_id, editor)
    assert set(grouped(one, rain)) == {other.pk}
