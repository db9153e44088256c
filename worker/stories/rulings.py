"""An editor's merge or split of stories in; their items moved at once, and rulings that the machine never goes against, out.

`issues.regroup` calls these and brings the drafts along; call that, unless no issue can hold the stories.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from django.db import transaction
from django.db.models import Max, Min, Q
from django.utils.dateparse import parse_datetime

from worker.errors import BroadsheetError, ConflictError, NotFoundError
from worker.storage.models import AuditEntry, Editor, Item, Placement, Ruling, Story, StoryState

MERGE, SPLIT = "merge stories", "split story"
UNDO = {MERGE: "undo merge", SPLIT: "undo split"}
_REMEMBERED = 400  # merges, splits and undos that are looked through for those of one story
Pair = tuple[int, int]


@dataclass(frozen=True)
class Regrouping:
    """What came of it: the story that goes on under its number, the others touched (a split's new one; those merged into
    it), how many earlier rulings it overrules, and the audit entry that undoes it."""

    story_id: int
    others: tuple[int, ...]
    overruled: int
    entry_id: int


@transaction.atomic
def merge_stories(story_ids: Collection[int], editor: Editor, *, into: int | None = None) -> Regrouping:
    """Make one story of several: the one that readers have had, else `into`, else one placed in an issue, else the oldest, goes
    on.

    An earlier ruling that two of its items are different events is overruled. Raises NotFoundError, ConflictError if
    one of them was merged meanwhile, BroadsheetError for fewer than two.
    """
    if len(set(story_ids)) < 2:
        raise BroadsheetError("choose at least two stories to merge")
    stories, items = _lock(story_ids)
    kept = _choose_kept(stories, into)
    gone = [story for story in stories if story.pk != kept.pk]
    moved = {story.pk: [item.pk for item in items if item.story_id == story.pk] for story in gone}
    ids = {item.pk for item in items}
    parted = set(Ruling.objects.filter(together=False, one__in=ids, other__in=ids).values_list("one", "other"))
    linked = sorted(items, key=lambda item: (item.story_id != kept.pk, item.at, item.pk))
    own = next((item.pk for item in linked), None)
    joined = {_pair(own, pk) for pks in moved.values() for pk in pks if own is not None and pk != own}
    before = _rule(joined | parted, True, editor)
    forwarded = dict(Story.objects.filter(merged_into__in=gone).values_list("pk", "merged_into"))
    Story.objects.filter(pk__in=forwarded).update(merged_into=kept)
    Item.objects.filter(story__in=gone).update(story=kept)
    Story.objects.filter(pk__in=moved).update(state=StoryState.MERGED, merged_into=kept)
    kept.thread = kept.thread or next((story.thread for story in gone if story.thread), None)
    kept.save(update_fields=["thread"])
    _reopen([kept.pk])
    detail = {"kept": kept.pk, "merged": moved, "forwarded": forwarded, "rulings": before}
    return _record(MERGE, editor, kept.pk, tuple(moved), len(parted), detail)


@transaction.atomic
def split_story(story_id: int, item_ids: Collection[int], editor: Editor, *, again: int | None = None) -> Regrouping:
    """Make a story of its own of some items, copies with what they repeat; the number stays with what readers have had.

    `again` is the number that the new story had before the split was undone: it comes back under that.

    Earlier rulings that tie the two parts are overruled. Raises NotFoundError, ConflictError if the story was merged
    or an item has left it, BroadsheetError if nothing or everything is chosen.
    """
    (story,), items = _lock([story_id])
    if not item_ids:
        raise BroadsheetError("choose the reports that are another event")
    if set(item_ids) - {item.pk for item in items}:
        raise ConflictError(f"a report you chose is not in story {story_id} any more; look at the story again")
    chosen = {item.pk for item in items if item.pk in item_ids}
    roots = {item.copy_of_id or item.pk for item in items if item.pk in chosen}
    chosen = {item.pk for item in items if (item.copy_of_id or item.pk) in roots}
    rest = {item.pk for item in items} - chosen
    if not rest:
        raise BroadsheetError("leave at least one report in the story; all of them together are this story already")
    leaving = rest if _readers_had(story, chosen) > _readers_had(story, rest) else chosen
    between = {_pair(*pair) for pair in product(chosen, rest)}
    tied = set(Ruling.objects.filter(together=True, one__in=chosen | rest, other__in=chosen | rest)
               .values_list("one", "other"))
    # What an editor tied through an item of the other part stays tied.
    parts = [chosen, *(group & rest for group in _connect(tied))]
    joined = {_pair(min(part), pk) for part in parts for pk in part if pk != min(part)} - tied
    before = [*_rule(between, False, editor), *_rule(joined, True, editor)]
    had = Story.objects.filter(pk=again, state=StoryState.MERGED, merged_into=story).first() if again else None
    new = had or Story(first_at=story.first_at, last_at=story.last_at)
    new.state, new.merged_into = StoryState.OPEN, None
    new.save()
    Item.objects.filter(pk__in=leaving).update(story=new)
    _reopen([story.pk, new.pk])
    detail = {"from": story.pk, "into": new.pk, "items": sorted(leaving), "rulings": before}
    return _record(SPLIT, editor, story.pk, (new.pk,), len(tied & between), detail)


@transaction.atomic
def undo_ruling(entry_id: int, editor: Editor) -> Regrouping:
    """Take back a merge or a split, by its audit entry: items go back, and the rulings are what they were before it.

    Raises NotFoundError, ConflictError if it was undone already or one of its stories was merged or split again since.
    """
    entry = AuditEntry.objects.filter(pk=entry_id, action__in=UNDO).first()
    if entry is None:
        raise NotFoundError(f"there is no merge or split under number {entry_id}; the audit log lists them")
    detail = entry.detail
    touched = find_touched(entry)
    stories, _ = _lock(touched, merged_too=True)
    _refuse_undone(entry, touched)
    for story in stories:
        if story.state == StoryState.MERGED and (entry.action == SPLIT or story.pk == detail["kept"]):
            raise ConflictError(f"story {story.pk} was joined into story {story.merged_into_id} since; split that one instead")
    if entry.action == MERGE:
        for pk, item_ids in detail["merged"].items():
            Item.objects.filter(pk__in=item_ids, story=detail["kept"]).update(story=pk)
            Story.objects.filter(pk=pk).update(merged_into=None)
        for pk, merged_into in detail["forwarded"].items():
            Story.objects.filter(pk=pk).update(merged_into=merged_into)
        _reopen(touched)
    else:
        Item.objects.filter(story=detail["into"]).update(story=detail["from"])
        Story.objects.filter(pk=detail["into"]).update(state=StoryState.MERGED, merged_into=detail["from"])
        _reopen([detail["from"]])
    _restore(detail["rulings"])
    return _record(UNDO[entry.action], editor, touched[0], tuple(touched[1:]), 0, {"entry": entry.pk})


@transaction.atomic
def redo_ruling(entry_id: int, editor: Editor) -> Regrouping:
    """Do a merge or a split again that was undone, by its audit entry; every story has its old number.

    Raises NotFoundError, ConflictError if the stories have moved on so far that it would come out otherwise.
    """
    entry = AuditEntry.objects.filter(pk=entry_id, action__in=UNDO).first()
    if entry is None:
        raise NotFoundError(f"there is no merge or split under number {entry_id}; the audit log lists them")
    first, *others = find_touched(entry)
    if entry.action == MERGE:
        done = merge_stories([first, *others], editor, into=first)
    else:
        done = split_story(first, entry.detail["items"], editor, again=others[0])
    if (done.story_id, set(done.others)) != (first, set(others)):
        raise ConflictError(f"story {first} has moved on since; {entry.action.split()[0]} it on its page")
    return done


def read_links(item_ids: Iterable[int]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return the pairs ruled together and the pairs ruled apart in which one of the items stands, as `Grouper` takes them."""
    ids = list(item_ids)
    links: tuple[list[tuple[str, str]], list[tuple[str, str]]] = ([], [])
    for ruling in Ruling.objects.filter(Q(one__in=ids) | Q(other__in=ids)).order_by("one", "other"):
        links[not ruling.together].append((str(ruling.one_id), str(ruling.other_id)))
    return links


def find_undoable(story_id: int) -> list[AuditEntry]:
    """Return the story's latest merges and splits that have not been undone, the newest first, as they must be undone."""
    entries = AuditEntry.objects.filter(action__in=[*UNDO, *UNDO.values()])[:_REMEMBERED]
    undone = {entry.detail["entry"] for entry in entries if entry.action not in UNDO}
    return [entry for entry in entries if entry.action in UNDO and entry.pk not in undone and story_id in find_touched(entry)]


def _lock(story_ids: Collection[int], *, merged_too: bool = False) -> tuple[list[Story], list[Item]]:
    """Lock the items, then their stories, each by number: the order of grouping, so that the two never block each other."""
    ids = sorted(set(story_ids))
    list(Item.objects.select_for_update().filter(story__in=ids).order_by("pk").values_list("pk"))
    stories = list(Story.objects.select_for_update().filter(pk__in=ids).order_by("pk"))
    if missing := set(ids) - {story.pk for story in stories}:
        raise NotFoundError(f"there is no story {min(missing)}; the desk's stories list them")
    for story in stories:
        if story.state == StoryState.MERGED and not merged_too:
            raise ConflictError(f"story {story.pk} was merged into story {story.merged_into_id}; look at that one")
    # Read again: one that joined while the story was not locked yet counts too.
    return stories, list(Item.objects.filter(story__in=ids).defer("summary").order_by("at", "pk"))


def _choose_kept(stories: Sequence[Story], into: int | None) -> Story:
    placed = Placement.objects.filter(story__in=stories, dropped=False).values_list("story", "issue__started_at")
    had = {story for story, started_at in placed if started_at}
    held = {story for story, _ in placed}
    return min(stories, key=lambda story: (story.pk not in had, story.pk != into, story.pk not in held, story.first_at, story.pk))


def _readers_had(story: Story, item_ids: Collection[int]) -> int:
    """How often what readers got under the story's number rests on one of the items."""
    printed = Placement.objects.filter(story=story, dropped=False, issue__started_at__isnull=False)
    return sum(passage["item"] in item_ids for sentences in printed.values_list("sentences", flat=True)
               for sentence in sentences for passage in sentence["support"])


def _pair(one: int, other: int) -> Pair:
    return (one, other) if one < other else (other, one)


def _connect(pairs: Iterable[Pair]) -> list[set[int]]:
    """The groups that the pairs tie together, directly or through others."""
    groups: list[set[int]] = []
    for pair in pairs:
        meeting = [group for group in groups if group & set(pair)]
        groups = [group for group in groups if not group & set(pair)] + [set(pair).union(*meeting)]
    return groups


def _rule(pairs: Collection[Pair], together: bool, editor: Editor) -> list[Any]:
    """Write a ruling on each pair over what was ruled before; returns [one, other, what was before it, or None]."""
    items = {pk for pair in pairs for pk in pair}
    earlier = {(ruling.one_id, ruling.other_id): ruling for ruling in Ruling.objects.filter(one__in=items, other__in=items)}
    before = [[*pair, _keep(earlier[pair]) if pair in earlier else None] for pair in sorted(pairs)]
    Ruling.objects.bulk_create(
        [Ruling(one_id=one, other_id=other, together=together, made_by=editor) for one, other in sorted(pairs)],
        update_conflicts=True, unique_fields=["one", "other"], update_fields=["together", "made_by", "made_at"])
    return before


def _keep(ruling: Ruling) -> list[Any]:
    return [ruling.together, ruling.made_by_id, ruling.made_at.isoformat()]


def _restore(before: Iterable[Any]) -> None:
    for one, other, earlier in before:
        ruling = Ruling.objects.filter(one=one, other=other)
        if earlier is None:
            ruling.delete()
        else:
            ruling.update(together=earlier[0], made_by=earlier[1], made_at=parse_datetime(earlier[2]))


def _reopen(story_ids: Iterable[int]) -> None:
    """Let the stories be summarised again, from the times of the items they now have."""
    for story in Story.objects.filter(pk__in=list(story_ids)).annotate(first=Min("items__at"), last=Max("items__at")):
        story.state = StoryState.OPEN
        story.first_at, story.last_at = story.first or story.first_at, story.last or story.last_at
        story.save(update_fields=["state", "first_at", "last_at"])


def find_touched(entry: AuditEntry) -> list[int]:
    """The stories a merge or a split touched, the one that went on first."""
    detail = entry.detail
    return [detail["kept"], *map(int, detail["merged"])] if entry.action == MERGE else [detail["from"], detail["into"]]


def _refuse_undone(entry: AuditEntry, touched: Sequence[int]) -> None:
    later = AuditEntry.objects.filter(action__in=[*UNDO, *UNDO.values()], pk__gt=entry.pk)
    undone = {one.detail["entry"] for one in later if one.action not in UNDO}
    if entry.pk in undone:
        raise ConflictError(f"the {entry.action.split()[0]} of story {touched[0]} was undone already")
    for one in later:
        if one.action in UNDO and one.pk not in undone and set(find_touched(one)) & set(touched):
            raise ConflictError(f"story {find_touched(one)[0]} was {'merged' if one.action == MERGE else 'split'} again on "
                                f"{one.at:%Y-%m-%d %H:%M} UTC by {one.actor}; undo that first")


def _record(
    action: str, editor: Editor, story_id: int, others: tuple[int, ...], overruled: int, detail: dict[str, Any]
) -> Regrouping:
    entry = AuditEntry.objects.create(
        actor=editor.email, action=action, subject=f"story {story_id}", detail={**detail, "overruled": overruled})
    return Regrouping(story_id, others, overruled, entry.pk)
