"""An outlet whose link is dead in, its place in the mail given up, or the link let stand for a reason, out."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from worker.errors import BroadsheetError, ConflictError
from worker.issues.edit import NOTE_LENGTH, REASON_LEAST
from worker.issues.revise import open_draft
from worker.issues.wording import clean_line
from worker.storage.models import Editor, Issue, Placement


def printed_sources(placement: Placement) -> list[Mapping[str, Any]]:
    """Return the outlets' reports that may be named, first first, without those that an editor left out."""
    return [source for source in placement.sources if str(source.get("url", "")) not in placement.sources_left_out]


def find_waiver(issue: Issue, url: str) -> str:
    """Return why this dead link may stand; "" if nobody said so."""
    return next((str(one["reason"]) for one in issue.links_waived if one["url"] == url), "")


def leave_out_source(issue_id: int, *, editor: Editor, revision: int, placement_id: int, url: str) -> Issue:
    """Name this outlet no more beside the story; its report goes on bearing out what the story says.

    Raises ConflictError if the issue has moved on or the story does not name the outlet, BroadsheetError if it is the only one.
    """
    with open_draft(issue_id, editor, revision, "leave out source") as (issue, detail):
        placement = issue.placements.filter(pk=placement_id).first()
        printed = printed_sources(placement) if placement else []
        source = next((one for one in printed if one.get("url") == url), None)
        if placement is None or source is None:
            raise ConflictError("this story does not name that outlet any more; read the story again")
        if len(printed) == 1:
            raise BroadsheetError("this is the only outlet that the story names; drop the story, or waive the link with a reason")
        placement.sources_left_out = [*placement.sources_left_out, url]
        placement.save(update_fields=["sources_left_out"])
        detail.update(placement=placement.pk, story=placement.story_id, outlet=source.get("outlet", ""), url=url)
    return issue


def waive_link(issue_id: int, *, editor: Editor, revision: int, url: str, reason: str) -> Issue:
    """Let a link stand that answers with "gone", for a reason that is kept in the audit log.

    Raises ConflictError if the issue has moved on or holds no such link, BroadsheetError if the reason is too short or too long.
    """
    reason = clean_line(reason)
    if not REASON_LEAST <= len(reason) <= NOTE_LENGTH:
        raise BroadsheetError(f"say in {REASON_LEAST} to {NOTE_LENGTH} characters why this link may stand")
    with open_draft(issue_id, editor, revision, "waive link", follow=False) as (issue, detail):
        placed = issue.placements.filter(dropped=False)
        links = {str(source.get("url", "")) for placement in placed for source in printed_sources(placement)}
        is_own = url.startswith(f"{settings.BASE_URL}/")  # the terms, or the issue that an update follows
        if not is_own and url not in links | set(issue.partner_blocks.values_list("url", flat=True)):
            raise ConflictError("this issue does not hold that link any more; read it again")
        issue.links_waived = [*(one for one in issue.links_waived if one["url"] != url), {"url": url, "reason": reason}]
        detail.update(url=url, reason=reason)
    return issue
