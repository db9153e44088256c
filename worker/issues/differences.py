"""An issue in, what its editors made of the machine's draft out: story by story, word by word."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from worker.issues.snapshot import Snapshot, overlay, take_snapshot
from worker.storage.models import Issue, Waiver
from worker.wordwise import compare_lines


@dataclass(frozen=True)
class StoryDifference:
    """A story that is not as it was drafted. `headline` and `summary` are safe HTML, "" if the words are the same; `title` is how
    it is called now; `signs` say what else became of it."""

    placement_id: int
    title: str
    headline: str
    summary: str
    signs: tuple[str, ...]
    waivers: tuple[Waiver, ...] = ()


@dataclass(frozen=True)
class Differences:
    """The draft against the issue now. `subject` and `preheader` are safe HTML, "" if they are the same."""

    subject: str
    preheader: str
    stories: tuple[StoryDifference, ...]
    partners: tuple[str, ...]
    same: int  # stories that are as they were drafted


def read_differences(issue: Issue) -> Differences:
    """Return what differs from the draft the machine made, which is the issue now with every change taken back."""
    now = take_snapshot(issue)
    drafted = rewind(issue, now)
    waivers: dict[int, list[Waiver]] = {}
    for waiver in Waiver.objects.filter(placement__issue=issue).select_related("made_by").order_by("pk"):
        waivers.setdefault(waiver.placement_id, []).append(waiver)
    old_places, new_places = _number(drafted), _number(now)
    ids = sorted({*drafted["placements"], *now["placements"]}, key=lambda pk: (new_places.get(pk, 10_000), old_places.get(pk, 0)))
    found = [_compare(pk, drafted["placements"].get(pk), now["placements"].get(pk), old_places.get(pk), new_places.get(pk),
                      tuple(waivers.get(int(pk), ()))) for pk in ids]
    stories = tuple(one for one in found if one.headline or one.summary or one.signs or one.waivers)
    return Differences(_weave(drafted["issue"], now["issue"], "subject"), _weave(drafted["issue"], now["issue"], "preheader"),
                       stories, _say_partners(drafted, now), len(found) - len(stories))


def rewind(issue: Issue, now: Snapshot) -> Snapshot:
    """Return what the issue held before its first change."""
    for change in issue.changes.filter(undone_at=None).order_by("-number"):
        now = overlay(now, change.before)
    return now


def _number(snapshot: Snapshot) -> dict[str, int]:
    """The place of each story printed, from 1, by the placement's number."""
    rows = sorted((values["position"], int(pk)) for pk, values in snapshot["placements"].items() if not values["dropped"])
    return {str(pk): place for place, (_, pk) in enumerate(rows, 1)}


def _compare(
    pk: str, was: Mapping[str, Any] | None, now: Mapping[str, Any] | None, old: int | None, new: int | None,
    waivers: tuple[Waiver, ...],
) -> StoryDifference:
    signs = []
    if old and not new:
        signs.append("dropped" if now and now["dropped"] else "taken out")
    elif new and not old:
        signs.append("put back" if was else "pulled in")
    elif old and new and old != new:
        signs.append(f"from place {old} to place {new}")
    one, two = was or now or {}, now or was or {}
    if one["section"] != two["section"] and old and new:
        signs.append(f"from {one['section']} to {two['section']}")
    if two["pinned"]:
        signs.append("pinned")
    if _first(one) != _first(two):
        signs.append(f"{_first(two) or 'no outlet'} comes first")
    signs += [f"{source.get('outlet') or 'an outlet'} is left out" for source in two["sources"]
              if source.get("url") in two["sources_left_out"] and source.get("url") not in one["sources_left_out"]]
    headline, summary = _weave(one, two, "headline"), _weave(one, two, "summary")
    return StoryDifference(int(pk), two["headline"], headline, summary, tuple(signs), waivers)


def _first(values: Mapping[str, Any]) -> str:
    return str(values["sources"][0].get("outlet", "")) if values["sources"] else ""


def _weave(one: Mapping[str, Any], two: Mapping[str, Any], name: str) -> str:
    return compare_lines(one[name], two[name]) if one[name] != two[name] else ""


def _say_partners(drafted: Snapshot, now: Snapshot) -> tuple[str, ...]:
    words = []
    for pk in dict.fromkeys([*drafted["blocks"], *now["blocks"]]):
        was, is_now = drafted["blocks"].get(pk), now["blocks"].get(pk)
        if was != is_now:
            verb = "added" if was is None else "removed" if is_now is None else "changed"
            block = is_now or was
            words.append(f"{block['partner']}: “{block['headline']}” {verb}")
    return tuple(words)
