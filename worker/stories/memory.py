"""A newsletter and stories in, those of them that its readers have had, or are about to get, out."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q, QuerySet

from worker.storage.models import IssueState, Placement

_CARRYING = (IssueState.DRAFT, IssueState.APPROVED, IssueState.SENDING, IssueState.SENT)


def find_carried(newsletter: str) -> QuerySet[Placement]:
    """Return the placements that stand for "this newsletter's readers have had it, or are about to".

    Drafts count, and so does an issue that was stopped half-way, or cancelled after it had begun to go out.
    """
    in_hand = Q(issue__state__in=_CARRYING) | Q(issue__started_at__isnull=False)
    return Placement.objects.filter(in_hand, issue__newsletter=newsletter, dropped=False)


def carried_before(newsletter: str, story_ids: Iterable[int], *, now: datetime) -> set[int]:
    """Return those of `story_ids` that an issue of `newsletter` drafted up to `now` (aware, UTC) carries."""
    placements = find_carried(newsletter).filter(issue__window_end__lte=now, story_id__in=list(story_ids))
    return set(placements.values_list("story_id", flat=True))
