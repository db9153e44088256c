"""An editor's merge, split or undo of stories in; the stories regrouped, and each issue not yet sent brought along, out."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Q

from worker import editorial
from worker.errors import BroadsheetError
from worker.issues.candidates import list_sources, read_topics
from worker.issues.changes import check_seen
from worker.issues.find import find_issue, find_placement
from worker.issues.revise import change_issue, check_draft
from worker.issues.wording import clean_line
from worker.storage.models import AuditEntry, Change, Editor, Issue, IssueState, Item, Placement, Story
from worker.stories import rulings
from worker.stories.rulings import Regrouping


@dataclass(frozen=True)
class Regrouped:
    """The ruling, and the unsent issues that were brought along."""

    ruling: Regrouping
    issues: tuple[Issue, ...]


def merge_stories(story_ids: Collection[int], *, editor: Editor) -> Regrouped:
    """Merge stories (`rulings.merge_stories`); a draft that holds more than one of them keeps one, in the better place."""
    with transaction.atomic():
        issues = _lock_issues(story_ids)
        done = rulings.merge_stories(story_ids, editor)
        _bring_along(issues, done, editor)
    return Regrouped(done, tuple(issues))


def split_story(story_id: int, item_ids: Collection[int], *, editor: Editor) -> Regrouped:
    """Split items out of a story (`rulings.split_story`); a draft goes on with the part that its words rest on."""
    with transaction.atomic():
        issues = _lock_issues([story_id])
        done = rulings.split_story(story_id, item_ids, editor)
        _bring_along(issues, done, editor)
    return Regrouped(done, tuple(issues))


def undo(entry_id: int, *, editor: Editor) -> Regrouped:
    """Take a merge or a split back (`rulings.undo_ruling`); what a draft dropped for it may be restored by hand."""
    with transaction.atomic():
        entry = AuditEntry.objects.filter(pk=entry_id, action__in=rulings.UNDO).first()
        issues = _lock_issues(rulings.find_touched(entry) if entry else [])
        done = rulings.undo_ruling(entry_id, editor)
        _bring_along(issues, done, editor)
    return Regrouped(done, tuple(issues))


def merge_into(issue_id: int, *, editor: Editor, revision: int, placement_id: int, into: int) -> Regrouped:
    """Merge a placed story into another one of the same draft, which keeps its words; the first is dropped.

    Raises NotFoundError, ConflictError if the draft has moved on, BroadsheetError if one of them is dropped or both are one.
    """
    with transaction.atomic():
        pair = list(Placement.objects.filter(issue=issue_id, pk__in=[placement_id, into]).values_list("story", flat=True))
        issues, issue = _open(issue_id, revision, pair)
        goes, stays = find_placement(issue, placement_id), find_placement(issue, into)
        if goes.pk == stays.pk:
            raise BroadsheetError("choose another story of the issue to merge this one into")
        if goes.dropped or stays.dropped:
            raise BroadsheetError("a dropped story cannot be merged here; restore it first")
        done = rulings.merge_stories([goes.story_id, stays.story_id], editor, into=stays.story_id)
        asked = _Asked(issue.pk, "merge", {"placement": goes.pk, "story": goes.story_id, "into": stays.headline}, stays.pk)
        _bring_along(issues, done, editor, asked)
    return Regrouped(done, tuple(issues))


def split_off(issue_id: int, *, editor: Editor, revision: int, placement_id: int, item_ids: Collection[int]) -> Regrouped:
    """Split reports off a placed story; the draft goes on with the part its words rest on, the other part is left out of it.

    Raises NotFoundError, ConflictError if the draft or the story has moved on, BroadsheetError if none or all are chosen.
    """
    with transaction.atomic():
        story = Placement.objects.filter(issue=issue_id, pk=placement_id).values_list("story", flat=True)
        issues, issue = _open(issue_id, revision, list(story))
        placement = find_placement(issue, placement_id)
        done = rulings.split_story(placement.story_id, item_ids, editor)
        asked = _Asked(issue.pk, "split", {"placement": placement.pk, "story": placement.story_id, "items": len(set(item_ids))})
        _bring_along(issues, done, editor, asked)
    return Regrouped(done, tuple(issues))


def reverse(entry_id: int, *, editor: Editor, issues: Sequence[Issue], but: Issue) -> Regrouped:
    """Take back a merge or a split, or the undoing of one, by its audit entry; `issues` are locked and brought along, save `but`.

    Raises ConflictError if the stories have moved on since.
    """
    entry = AuditEntry.objects.get(pk=entry_id)
    if entry.action in rulings.UNDO:
        done = rulings.undo_ruling(entry.pk, editor)
    else:
        done = rulings.redo_ruling(entry.detail["entry"], editor)
        Change.objects.filter(ruling__in=_find_same(done)).update(ruling=done.entry_id)
    _bring_along([issue for issue in issues if issue.pk != but.pk], done, editor)
    return Regrouped(done, tuple(issues))


def _find_same(done: Regrouping) -> list[int]:
    """Return the audit entries of this merge or split, each time it was made or done again: the last of them alone is in force."""
    last = AuditEntry.objects.get(pk=done.entry_id)
    touched = set(rulings.find_touched(last))
    return [one.pk for one in AuditEntry.objects.filter(action=last.action, subject=last.subject)
            if set(rulings.find_touched(one)) == touched]


def lock_with(issue_id: int, ruling: int | None) -> tuple[list[Issue], Issue]:
    """Lock an issue and those that a merge or split (its audit entry) touches, by number, as every editor's change does."""
    entry = AuditEntry.objects.filter(pk=ruling).first() if ruling else None
    if entry is not None and entry.action not in rulings.UNDO:
        entry = AuditEntry.objects.filter(pk=entry.detail["entry"]).first()
    return _lock_one(issue_id, rulings.find_touched(entry) if entry else [])


@dataclass(frozen=True)
class _Asked:
    """The draft in which the merge or split was asked for, and what its change is to be called; `stays` keeps its words."""

    issue_id: int
    action: str
    detail: Mapping[str, Any]
    stays: int | None = None


def _open(issue_id: int, revision: int, story_ids: Collection[int]) -> tuple[list[Issue], Issue]:
    issues, issue = _lock_one(issue_id, story_ids)
    check_draft(issue)
    check_seen(issue, revision)
    return issues, issue


def _lock_one(issue_id: int, story_ids: Collection[int]) -> tuple[list[Issue], Issue]:
    issues = _lock_issues(story_ids, issue_id)
    issue = next((one for one in issues if one.pk == issue_id), None) or find_issue(issue_id)
    return issues, issue


def _lock_issues(story_ids: Collection[int], also: int | None = None) -> list[Issue]:
    """Lock the issues that may still be edited and hold one of the stories; always before any story, as edits do."""
    unsent = Issue.objects.filter(state__in=[IssueState.DRAFT, IssueState.HELD], started_at=None)
    ids = unsent.filter(placements__story__in=list(story_ids)).values("pk")
    return list(Issue.objects.select_for_update().filter(Q(pk__in=ids) | Q(pk=also)).order_by("pk"))


def _bring_along(issues: Sequence[Issue], done: Regrouping, editor: Editor, asked: _Asked | None = None) -> None:
    ids = [done.story_id, *done.others]
    stories = Story.objects.prefetch_related("items__feed").in_bulk(ids)
    items = Item.objects.filter(story__in=ids).values_list("pk", "url", "story")
    story_of = {pk: story_id for pk, _, story_id in items}
    story_at = {url: story_id for _, url, story_id in items if url}
    for issue in issues:
        mine = asked if asked and asked.issue_id == issue.pk else None
        with change_issue(issue, editor, mine.action if mine else "follow ruling") as detail:
            placements = list(issue.placements.filter(story__in=ids).select_related("story"))
            groups = defaultdict(list)
            for placement in placements:
                groups[_find_story(placement, story_of, story_at)].append(placement)
            for story_id, group in groups.items():
                taken = {placement.story_id for placement in placements if placement not in group}
                if story_id not in taken:  # else two placements would change places; the last check names what is wrong
                    _join(group, stories[story_id], editor, mine.stays if mine else None)
            if mine and mine.action == "split":
                _leave_out(issue, ids, editor)
            detail.update(mine.detail if mine else {}, ruling=done.entry_id, stories={
                placement.pk: {"story": placement.story_id, "dropped": placement.dropped} for placement in placements})


def _leave_out(issue: Issue, story_ids: Sequence[int], editor: Editor) -> None:
    """Name the part of a split story that the issue does not hold among what it leaves out, by a report's headline until it is
    summarised."""
    held = set(issue.placements.filter(story__in=story_ids).values_list("story", flat=True))
    rows = [{"story": number, "headline": clean_line(item.title), "reason": f"split off by {editor.email}"}
            for number in story_ids if number not in held
            and (item := Item.objects.filter(story=number).order_by("at", "pk").first())]
    issue.left_out = [*rows, *(row for row in issue.left_out if int(row["story"]) not in story_ids)]


def _find_story(placement: Placement, story_of: Mapping[int, int], story_at: Mapping[str, int]) -> int:
    """The story that most of the items the placement's words rest on are in now; at a draw, the one it had."""
    votes = Counter(story_of[passage["item"]] for sentence in placement.sentences for passage in sentence["support"]
                    if passage["item"] in story_of)
    votes = votes or Counter(story_at[url] for url in _urls(placement) if url in story_at)
    had: int = placement.story.merged_into_id or placement.story_id
    most = max(votes.values(), default=0)
    leading = {story_id for story_id, count in votes.items() if count == most}
    return had if had in leading or not leading else min(leading)


def _urls(placement: Placement) -> Iterable[str]:
    return (str(source.get("url", "")) for source in placement.sources)


def _join(group: Sequence[Placement], story: Story, editor: Editor, words_of: int | None) -> None:
    """Leave one placement for the story, in the best place any of them had; the others are dropped, and say why.

    The one that was there before the merge stays, with its own words, or with those of the placement `words_of`.
    """
    live = [placement for placement in group if not placement.dropped]
    stays = next((one for one in group if one.story_id == story.pk), (live or group)[0])
    stays.story, stays.dropped = story, not live
    paper = editorial.load()
    chosen = next((one for one in group if one.pk == words_of), stays)
    for name in ("headline", "summary", "sentences", "kind", "since", "pinned", "edited_by"):
        setattr(stays, name, getattr(chosen, name))
    stays.sources, stays.topics = list_sources(story, paper), read_topics(story, paper)
    stays.sources_left_out = list(dict.fromkeys(url for one in group for url in one.sources_left_out))
    stays.position = min((one.position for one in live), default=stays.position)
    stays.save()
    for placement in group:
        if placement is not stays:
            if not placement.dropped:
                placement.reasons = [*placement.reasons, f"dropped because {editor.email} merged it into story {story.pk}"]
            placement.dropped = True
            placement.save()
