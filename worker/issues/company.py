"""An editor who has an issue on the screen in, who else has it there out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from worker.issues.changes import name_editor
from worker.issues.labels import quote
from worker.storage.models import Editor, Placement, Visit

HERE = timedelta(seconds=20)  # who was seen within this time is here; a page tells of itself every five seconds
AGAIN = timedelta(seconds=8)  # a sight of the same editor doing the same is not written down sooner
KEPT = timedelta(hours=1)


@dataclass(frozen=True)
class Companion:
    """Somebody else at the issue; `words` say what they do: "is writing in “…”", or "is here"."""

    name: str
    words: str
    placement_id: int | None


def note_visit(issue_id: int, editor: Editor, doing: str, *, now: datetime | None = None, write: bool = True) -> list[Companion]:
    """Note that the editor has the issue on the screen and what they do there; return who else has, by name.

    Nothing is written if it was noted a moment ago. Visits long over are let go of when somebody comes.
    """
    now = now or timezone.now()
    visits = list(Visit.objects.filter(issue=issue_id, seen_at__gt=now - HERE).select_related("editor"))
    mine = next((visit for visit in visits if visit.editor_id == editor.pk), None)
    if write and (mine is None or mine.doing != doing or mine.seen_at < now - AGAIN):
        Visit.objects.update_or_create(issue_id=issue_id, editor=editor, defaults={"seen_at": now, "doing": doing})
    if write and mine is None:
        Visit.objects.filter(seen_at__lt=now - KEPT).delete()
    others = [visit for visit in visits if visit is not mine]
    return _describe(sorted(others, key=lambda visit: name_editor(visit.editor).casefold()))


def _describe(visits: Sequence[Visit]) -> list[Companion]:
    places = {visit.pk: int(visit.doing.partition(" ")[2]) for visit in visits if visit.doing.startswith("story ")}
    headlines = dict(Placement.objects.filter(pk__in=places.values()).values_list("pk", "headline")) if places else {}
    found = []
    for visit in visits:
        place = places.get(visit.pk)
        words = "is writing " + {"titles": "the subject and preheader", "partner": "partner’s content"}.get(
            visit.doing.partition(" ")[0], "")
        if place is not None:
            words = f"is writing in {quote(headlines.get(place, '')) or 'a story'}"
        found.append(Companion(name_editor(visit.editor), words if visit.doing else "is here", place))
    return found
