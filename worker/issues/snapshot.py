"""An issue in, what an editor can change of it as plain values out; and such values put back into its rows."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import models
from django.utils import timezone

from worker.errors import ConflictError
from worker.storage.models import Issue, PartnerBlock, Placement, Waiver

ISSUE_FIELDS = ("subject", "preheader", "tops", "left_out")
# Of these rows every column counts, those added to them one day too.
PLACEMENT_FIELDS = tuple(one for one in Placement._meta.concrete_fields if one.name not in ("id", "issue"))
BLOCK_FIELDS = tuple(one for one in PartnerBlock._meta.concrete_fields if one.name not in ("id", "issue"))
Values = dict[str, Any]
Fields = Iterable["models.Field[Any, Any]"]
Snapshot = dict[str, Any]  # {"issue": values, "placements": {number: values}, "blocks": the same, "waivers": {number: in force}}


def take_snapshot(issue: Issue) -> Snapshot:
    """Return what the issue holds; numbers of rows are text, as JSON has them."""
    placements = list(Placement.objects.filter(issue=issue))
    waivers = Waiver.objects.filter(placement__issue=issue).values_list("pk", "withdrawn")
    return {
        "issue": {name: getattr(issue, name) for name in ISSUE_FIELDS},
        "placements": {str(one.pk): _read(one, PLACEMENT_FIELDS) for one in placements},
        "blocks": {str(one.pk): _read(one, BLOCK_FIELDS) for one in PartnerBlock.objects.filter(issue=issue)},
        "waivers": {str(pk): withdrawn is None for pk, withdrawn in waivers},
    }


def compare(before: Snapshot, after: Snapshot) -> tuple[Snapshot, Snapshot]:
    """Return of each only what differs from the other; a row that one of them has not is None there."""
    old: Snapshot = {}
    new: Snapshot = {}
    if changed := _differ(before["issue"], after["issue"]):
        old["issue"], new["issue"] = changed
    for kind in ("placements", "blocks", "waivers"):
        for pk in dict.fromkeys([*before[kind], *after[kind]]):
            was, now = before[kind].get(pk), after[kind].get(pk)
            if was == now:
                continue
            both = isinstance(was, dict) and isinstance(now, dict)
            was, now = _differ(was, now) or (was, now) if both else (was, now)
            old.setdefault(kind, {})[pk], new.setdefault(kind, {})[pk] = was, now
    return old, new


def overlay(snapshot: Snapshot, part: Snapshot) -> Snapshot:
    """Return the snapshot with the values of `part` (of `compare`) in it: an earlier state, or a later one."""
    rows: Snapshot = {"issue": {**snapshot["issue"], **part.get("issue", {})}}
    for kind in ("placements", "blocks", "waivers"):
        rows[kind] = dict(snapshot[kind])
        for pk, values in part.get(kind, {}).items():
            if values is None:
                rows[kind].pop(pk, None)
            else:
                rows[kind][pk] = {**rows[kind].get(pk, {}), **values} if isinstance(values, dict) else values
    return rows


def join(part: Snapshot, other: Snapshot) -> Snapshot:
    """Return both parts as one; where they hold the same value, that of `part` counts."""
    joined: Snapshot = {}
    if "issue" in part or "issue" in other:
        joined["issue"] = {**other.get("issue", {}), **part.get("issue", {})}
    for kind in ("placements", "blocks", "waivers"):
        mine, theirs = part.get(kind, {}), other.get(kind, {})
        for pk in dict.fromkeys([*theirs, *mine]):
            one, two = mine.get(pk), theirs.get(pk)
            both = isinstance(one, dict) and isinstance(two, dict)
            joined.setdefault(kind, {})[pk] = {**two, **one} if both else one if pk in mine else two
    return joined


def overlaps(part: Snapshot, other: Snapshot) -> bool:
    """Tell whether both hold a value of the same column of the same row."""
    if set(part.get("issue", {})) & set(other.get("issue", {})):
        return True
    for kind in ("placements", "blocks", "waivers"):
        for pk in set(part.get(kind, {})) & set(other.get(kind, {})):
            one, two = part[kind][pk], other[kind][pk]
            if not (isinstance(one, dict) and isinstance(two, dict)) or set(one) & set(two):
                return True
    return False


def put_back(issue: Issue, part: Snapshot) -> None:
    """Write the values of `part` (of `compare`) into the issue's rows; `issue` itself is not saved.

    Rows come back under their numbers. A waiver is withdrawn, never deleted; so a placement that holds one is dropped where
    it would go. Raises ConflictError if a story that would come back is another placement's by now.
    """
    for name, value in part.get("issue", {}).items():
        setattr(issue, name, value)
    placements, blocks = part.get("placements", {}), part.get("blocks", {})
    _remove(Placement.objects.filter(issue=issue, waivers=None), placements)
    Placement.objects.filter(issue=issue, pk__in=_gone(placements)).update(dropped=True)
    _remove(PartnerBlock.objects.filter(issue=issue), blocks)
    _check_stories(issue, placements)
    _write(Placement, PLACEMENT_FIELDS, issue, placements)
    _write(PartnerBlock, BLOCK_FIELDS, issue, blocks)
    waivers = Waiver.objects.filter(placement__issue=issue)
    given = part.get("waivers", {})
    waivers.filter(pk__in=[pk for pk, in_force in given.items() if in_force]).update(withdrawn=None)
    waivers.filter(pk__in=[pk for pk, in_force in given.items() if not in_force], withdrawn=None).update(withdrawn=timezone.now())


def _read(row: models.Model, fields: Fields) -> Values:
    return {field.attname: getattr(row, field.attname) for field in fields}


def _differ(one: Values, other: Values) -> tuple[Values, Values] | None:
    names = [name for name in dict.fromkeys([*one, *other]) if one.get(name) != other.get(name)]
    return ({name: one.get(name) for name in names}, {name: other.get(name) for name in names}) if names else None


def _gone(rows: Mapping[str, Values | None]) -> list[int]:
    return [int(pk) for pk, values in rows.items() if values is None]


def _remove(rows: Any, part: Mapping[str, Values | None]) -> None:
    rows.filter(pk__in=_gone(part)).delete()


def _check_stories(issue: Issue, part: Mapping[str, Values | None]) -> None:
    wanted = {int(values["story_id"]): int(pk) for pk, values in part.items() if values and "story_id" in values}
    others = Placement.objects.filter(issue=issue, story__in=wanted).exclude(pk__in=[int(pk) for pk in part])
    if taken := others.first():
        raise ConflictError(f"story {taken.story_id} stands in another place of the issue since; merge or split it by hand")


def _write(model: type[Placement | PartnerBlock], fields: Fields, issue: Issue,
           part: Mapping[str, Values | None]) -> None:
    known = {field.attname: field for field in fields}
    there = model._default_manager.filter(issue=issue).in_bulk([int(pk) for pk in part])
    for pk in _in_turn({pk: getattr(row, "story_id", None) for pk, row in there.items()}, part):
        values = part[pk] or {}
        row = there.get(int(pk)) or model(pk=int(pk), issue=issue)
        for name, value in values.items():
            if name in known:  # else a column that is no more
                setattr(row, name, _still(known[name], value))
        row.save(force_insert=int(pk) not in there)


def _in_turn(held: dict[int, int | None], part: Mapping[str, Values | None]) -> list[str]:
    """The rows to write, each after the one whose story it takes; an issue holds a story once at every moment."""
    waiting = [pk for pk, values in part.items() if values is not None]
    order: list[str] = []
    while waiting:
        free = [pk for pk in waiting if (story := (part[pk] or {}).get("story_id")) is None
                or story not in [held[other] for other in held if other != int(pk)]]
        if not free:
            raise ConflictError("its stories changed places, which cannot be taken back here; merge or split them by hand")
        pk = free[0]
        held[int(pk)] = (part[pk] or {}).get("story_id", held.get(int(pk)))
        waiting.remove(pk)
        order.append(pk)
    return order


def _still(field: "models.Field[Any, Any]", value: Any) -> Any:
    """The value as the column takes it; what it points to may be gone since (an editor's account), where that is allowed."""
    target = field.related_model
    if value is None or target is None or not field.null or not isinstance(target, type):
        return field.to_python(value)
    return value if target._default_manager.filter(pk=value).exists() else None
