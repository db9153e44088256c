"""An editor's merges and splits: what moves, what is ruled, what is overruled, how it is undone, and two editors at once."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from worker.errors import BroadsheetError, ConflictError, NotFoundError
from worker.storage.models import (
    AuditEntry,
    Editor,
    Feed,
    Issue,
    Item,
    ItemState,
    Placement,
    Ruling,
    Story,
    StoryState,
    Thread,
)
from worker.stories import rulings

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
pytestmark = pytest.mark.django_db


def add_story(name: str, reports: int = 2, *, hours: float = 0) -> Story:
    """A summarised story whose reports, an hour apart, are titled "A0", "A1" and so on."""
    feed, _ = Feed.objects.get_or_create(name="first-outlet")
    at = NOW + timedelta(hours=hours)
    story = Story.objects.create(state=StoryState.SUMMARISED, headline=name, slug=name.lower(), first_at=at,
                                 last_at=at + timedelta(hours=reports - 1))
    for number in range(reports):
        Item.objects.create(feed=feed, identity=f"{name}{number}", title=f"{name}{number}", story=story,
                            at=at + timedelta(hours=number), state=ItemState.GROUPED)
    return story


def place(story: Story, *, out: bool, items: str = "") -> Placement:
    issue = Issue.objects.create(
        newsletter="aitrends", period=f"2026-11-{Issue.objects.count() + 1:02}", subject="s", window_start=NOW,
        window_end=NOW, state="sent" if out else "draft", started_at=NOW if out else None)
    support = [{"item": item_of(items).pk, "passage": "p"}] if items else []
    return Placement.objects.create(issue=issue, story=story, section="lead", position=0, headline=story.headline,
                                    sentences=[{"text": "t", "support": support, "doubts": []}])


def item_of(title: str) -> Item:
    return Item.objects.get(title=title)


def titles(story: Story | int) -> str:
    return " ".join(Item.objects.filter(story=story).values_list("title", flat=True))


def ids(*names: str) -> list[int]:
    return [item_of(name).pk for name in names]


def ruled(together: bool) -> set[str]:
    return {f"{one.one.title}-{one.other.title}" for one in Ruling.objects.filter(together=together)}


def test_a_merge_moves_the_items_at_once_and_leaves_the_older_number(editor: Editor) -> None:
    later, older = add_story("B", hours=3), add_story("A")

    done = rulings.merge_stories([later.pk, older.pk], editor)

    older.refresh_from_db()
    later.refresh_from_db()
    assert done.story_id == older.pk
    assert titles(older) == "A0 A1 B0 B1"
    assert (older.state, older.slug, older.first_at, older.last_at) == ("open", "a", NOW, NOW + timedelta(hours=4))
    assert (later.state, later.merged_into) == ("merged", older)
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.subject) == (editor.email, "merge stories", f"story {older.pk}")


def test_every_item_that_came_is_tied_to_one_that_was_there(editor: Editor) -> None:
    add_story("A")
    add_story("B", hours=1)

    rulings.merge_stories(Story.objects.values_list("pk", flat=True), editor)

    assert ruled(together=True) == {"A0-B0", "A0-B1"}
    assert {ruling.made_by for ruling in Ruling.objects.all()} == {editor}


@pytest.mark.parametrize(("first", "second", "kept"), [
    (None, None, "A"), (None, False, "B"), (False, True, "B"), (True, False, "A"),
])
def test_what_readers_had_keeps_its_number_then_what_stands_in_an_issue(
    editor: Editor, first: bool | None, second: bool | None, kept: str
) -> None:
    for story, out in ((add_story("A"), first), (add_story("B", hours=5), second)):
        if out is not None:
            place(story, out=out)

    done = rulings.merge_stories(Story.objects.values_list("pk", flat=True), editor)

    assert Story.objects.get(pk=done.story_id).headline == kept


def test_a_story_merged_twice_over_leads_to_the_last(editor: Editor) -> None:
    a, b, c = add_story("A"), add_story("B", hours=-5), add_story("C", hours=-9)
    rulings.merge_stories([a.pk, b.pk], editor)
    rulings.merge_stories([b.pk, c.pk], editor)

    assert set(Story.objects.filter(merged_into=c)) == {a, b}
    assert titles(c) == "C0 C1 B0 B1 A0 A1"


def test_the_thread_of_the_one_that_goes_is_kept_if_the_other_has_none(editor: Editor) -> None:
    a, b = add_story("A"), add_story("B", hours=2)
    b.thread = Thread.objects.create(first_at=NOW, last_at=NOW)
    b.save()
    rulings.merge_stories([a.pk, b.pk], editor)

    a.refresh_from_db()
    assert a.thread == b.thread


def test_a_split_parts_every_pair_and_ties_what_left(editor: Editor) -> None:
    story = add_story("A", 4)

    done = rulings.split_story(story.pk, ids("A1", "A3"), editor)

    new = Story.objects.get(pk=done.others[0])
    story.refresh_from_db()
    assert (titles(story), titles(new)) == ("A0 A2", "A1 A3")
    assert (story.last_at, new.first_at) == (NOW + timedelta(hours=2), NOW + timedelta(hours=1))
    assert (story.state, new.state) == ("open", "open")
    assert ruled(together=False) == {"A0-A1", "A0-A3", "A1-A2", "A2-A3"}
    assert ruled(together=True) == {"A1-A3"}


def test_what_is_ruled_is_read_as_grouping_takes_it(editor: Editor) -> None:
    story = add_story("A", 3)
    rulings.split_story(story.pk, ids("A1", "A2"), editor)

    zero, one, two = (str(pk) for pk in ids("A0", "A1", "A2"))
    assert rulings.read_links(ids("A0", "A1", "A2")) == ([(one, two)], [(zero, one), (zero, two)])
    assert rulings.read_links(ids("A2")) == ([(one, two)], [(zero, two)])
    assert rulings.read_links([]) == ([], [])


def test_a_copy_goes_with_what_it_repeats(editor: Editor) -> None:
    story = add_story("A", 3)
    Item.objects.filter(title="A2").update(copy_of=item_of("A1"))

    done = rulings.split_story(story.pk, ids("A2"), editor)

    assert (titles(story), titles(done.others[0])) == ("A0", "A1 A2")


def test_the_number_stays_with_what_readers_have_had(editor: Editor) -> None:
    story = add_story("A", 3)
    place(story, out=True, items="A0")

    done = rulings.split_story(story.pk, ids("A0"), editor)

    assert (titles(story), titles(done.others[0])) == ("A0", "A1 A2")


def test_the_newest_ruling_wins_either_way_and_says_so(editor: Editor) -> None:
    story = add_story("A", 3)
    new = rulings.split_story(story.pk, ids("A2"), editor).others[0]
    merged = rulings.merge_stories([story.pk, new], editor)

    assert merged.overruled == 2
    assert ruled(together=False) == set()

    again = rulings.split_story(merged.story_id, ids("A2"), editor)
    assert again.overruled == 2
    assert ruled(together=False) == {"A0-A2", "A1-A2"}


def test_items_tied_through_one_that_is_split_out_stay_tied(editor: Editor) -> None:
    a, b = add_story("A", 1), add_story("B", 2, hours=1)
    rulings.merge_stories([a.pk, b.pk], editor)
    rulings.split_story(a.pk, ids("A0"), editor)

    assert ruled(together=True) == {"B0-B1"}
    assert ruled(together=False) == {"A0-B0", "A0-B1"}


def everything() -> object:
    return (list(Item.objects.order_by("pk").values("pk", "story")), list(Ruling.objects.order_by("pk").values()),
            list(Story.objects.order_by("pk").values("pk", "state", "merged_into", "first_at", "last_at")))


def test_an_undone_merge_is_as_if_it_had_not_been(editor: Editor) -> None:
    a, b, c = add_story("A", 3), add_story("B", hours=2), add_story("C", hours=3)
    apart = rulings.split_story(a.pk, ids("A2"), editor).others[0]
    rulings.merge_stories([b.pk, c.pk], editor)
    before = everything()

    done = rulings.merge_stories([a.pk, apart, b.pk], editor)
    assert everything() != before
    rulings.undo_ruling(done.entry_id, editor)

    assert everything() == before
    assert AuditEntry.objects.filter(action="undo merge").count() == 1


def test_an_undone_split_brings_back_what_left_and_what_joined_it_since(editor: Editor) -> None:
    story = add_story("A", 3)
    done = rulings.split_story(story.pk, ids("A2"), editor)
    Item.objects.filter(story=add_story("B", 1)).update(story=done.others[0])

    rulings.undo_ruling(done.entry_id, editor)

    assert set(titles(story).split()) == {"A0", "A1", "A2", "B0"}
    assert not Ruling.objects.exists()
    assert Story.objects.get(pk=done.others[0]).merged_into == story


def test_rulings_are_undone_newest_first_and_once(editor: Editor) -> None:
    a, b, c = add_story("A"), add_story("B", hours=1), add_story("C", hours=2)
    first = rulings.merge_stories([a.pk, b.pk], editor)
    second = rulings.merge_stories([a.pk, c.pk], editor)
    with pytest.raises(ConflictError, match="undo that first"):
        rulings.undo_ruling(first.entry_id, editor)
    assert [entry.pk for entry in rulings.find_undoable(a.pk)] == [second.entry_id, first.entry_id]

    rulings.undo_ruling(second.entry_id, editor)
    rulings.undo_ruling(first.entry_id, editor)
    with pytest.raises(ConflictError, match="undone already"):
        rulings.undo_ruling(first.entry_id, editor)
    assert (titles(a), titles(b), titles(c)) == ("A0 A1", "B0 B1", "C0 C1")
    assert rulings.find_undoable(a.pk) == []


@pytest.mark.parametrize(("wrong", "error", "words"), [
    (lambda a, b, e: rulings.merge_stories([a.pk, a.pk], e), BroadsheetError, "at least two"),
    (lambda a, b, e: rulings.merge_stories([a.pk, 999_999], e), NotFoundError, "no story 999999"),
    (lambda a, b, e: rulings.split_story(a.pk, [], e), BroadsheetError, "choose the reports"),
    (lambda a, b, e: rulings.split_story(a.pk, ids("A0", "A1"), e), BroadsheetError, "leave at least one"),
    (lambda a, b, e: rulings.split_story(a.pk, ids("B0"), e), ConflictError, "not in story"),
    (lambda a, b, e: rulings.split_story(999_999, [1], e), NotFoundError, "no story 999999"),
    (lambda a, b, e: rulings.undo_ruling(999_999, e), NotFoundError, "no merge or split"),
])
def test_what_cannot_be_done_changes_nothing_and_is_said(
    editor: Editor, wrong: Callable[[Story, Story, Editor], object], error: type[Exception], words: str
) -> None:
    a, b = add_story("A"), add_story("B")
    before = everything()

    with pytest.raises(error, match=words):
        wrong(a, b, editor)

    assert everything() == before
    assert not AuditEntry.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_editors_at_once_one_is_told(editor: Editor) -> None:
    a, b, c = add_story("A"), add_story("B", hours=1), add_story("C", hours=2)
    ready, outcomes = threading.Barrier(2), []

    def merge(*stories: Story) -> None:
        try:
            ready.wait()
            rulings.merge_stories([story.pk for story in stories], editor)
            outcomes.append("")
        except ConflictError as error:
            outcomes.append(str(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=merge, args=pair) for pair in ((a, b), (b, c))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    merged = Story.objects.filter(state=StoryState.MERGED)
    if merged.count() == 1:  # b went to a first, so that it is no story to merge with any more; or c went to b, and then b to a
        assert sorted(outcomes)[1].startswith(f"story {b.pk} was merged into story {a.pk}")
    assert {item.story_id for item in Item.objects.all()} == set(Story.objects.exclude(pk__in=merged).values_list("pk", flat=True))
