"""A story and the place it is to have in, the issue in its new order out; and pinned stories back on their places."""

from worker.issues.snapshot import Snapshot
from worker.storage.models import Issue, Placement


def keep_pinned(issue: Issue, before: Snapshot, moved: int | None) -> None:
    """Put each pinned story back on the place it had `before`, counted over what is printed; the others go around it.

    `moved` is the story that somebody moved by hand: it stays where it was put, pinned or not. In an issue that has become too
    short for its place a pinned story is the last.
    """
    printed = sorted((values["position"], int(pk)) for pk, values in before["placements"].items() if not values["dropped"])
    place_of = {pk: place for place, (_, pk) in enumerate(printed)}
    everything = list(issue.placements.all())
    live = [one for one in everything if not one.dropped]
    fixed = [one for one in live if one.pinned and one.pk in place_of and one.pk != moved]
    order = [one for one in live if one not in fixed]
    for one in sorted(fixed, key=lambda one: place_of[one.pk]):
        order.insert(min(place_of[one.pk], len(order)), one)
    if order == live:
        return
    seats = iter(order)
    for position, one in enumerate([one if one.dropped else next(seats) for one in everything]):
        one.position = position
    Placement.objects.bulk_update(everything, ["position"])


def seat(issue: Issue, placement: Placement, to: int) -> int:
    """Put the placement at a place over what is printed; returns the place, within what there is."""
    others = [other for other in issue.placements.all() if other.pk != placement.pk]
    live = [other for other in others if not other.dropped]
    target = max(0, min(to, len(live)))
    index = others.index(live[target]) if target < len(live) else len(others)
    others.insert(index, placement)
    for position, other in enumerate(others):
        other.position = position
    Placement.objects.bulk_update(others, ["position"])
    return target
