"""An editor's merge, split or undo of stories in; the stories regrouped, and each issue not yet sent brought along, out."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction

from worker import editorial
from worker.issues.candidates import list_sources, read_topics
from worker.issues.revise import change_issue
from worker.storage.models import AuditEntry, Editor, Issue, IssueState, Item, Placement, Story
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


def _lock_issues(story_ids: Collection[int]) -> list[Issue]:
    """Lock the issues that may still be edited and hold one of the stories; always before any story, as edits do."""
    unsent = Issue.objects.filter(state__in=[IssueState.DRAFT, IssueState.HELD], started_at=None)
    ids = unsent.filter(placements__story__in=list(story_ids)).values("pk")
    return list(Issue.objects.select_for_update().filter(pk__in=ids).order_by("pk"))


def _bring_along(issues: Sequence[Issue], done: Regrouping, editor: Editor) -> None:
    ids = [done.story_id, *done.others]
    stories = Story.objects.prefetch_related("items__feed").in_bulk(ids)
    items = Item.objects.filter(story__in=ids).values_list("pk", "url", "story")
    story_of = {pk: story_id for pk, _, story_id in items}
    story_at = {url: story_id for _, url, story_id in items if url}
    for issue in issues:
        with change_issue(issue, editor, "follow ruling") as detail:
            placements = list(issue.placements.filter(story__in=ids).select_related("story"))
            groups = defaultdict(list)
            for placement in placements:
                groups[_find_story(placement, story_of, story_at)].append(placement)
            for story_id, group in groups.items():
                taken = {placement.story_id for placement in placements if placement not in group}
                if story_id not in taken:  # else two placements would change places; the last check names what is wrong
                    _join(group, stories[story_id], editor)
            detail.update(ruling=done.entry_id, stories={
                placement.pk: {"story": placement.story_id, "dropped": placement.dropped} for placement in placements})


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


def _join(group: Sequence[Placement], story: Story, editor: Editor) -> None:
    """Leave one placement for the story, in the best place any of them had; the others are dropped, and say why."""
    live = [placement for placement in group if not placement.dropped]
    stays = next((one for one in group if one.story_id == story.pk), (live or group)[0])
    stays.story, stays.dropped = story, not live
    paper = editorial.load()
    stays.sources, stays.topics = list_sources(story, paper), read_topics(story, paper)
    stays.position = min((one.position for one in live), default=stays.position)
    stays.save()
    for placement in group:
        if placement is not stays:
            if not placement.dropped:
                placement.reasons = [*placement.reasons, f"dropped because {editor.email} merged it into story {story.pk}"]
            placement.dropped = True
            placement.save()
