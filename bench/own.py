"""Scores grouping against the rulings of this home's editors: each ruled pair is decided afresh, as if nobody had ruled."""

import argparse
import csv
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from worker.stories.cluster import WINDOW_HOURS, Grouper

if TYPE_CHECKING:  # models can be imported only once Django is set up
    from worker.storage.models import Item

WINDOW = timedelta(hours=WINDOW_HOURS)


def main(argv: list[str] | None = None) -> int:
    """Print the table for the database the settings name; 2 if nobody has ruled yet."""
    parser = argparse.ArgumentParser(prog="bench.own", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, help="write the ruled pairs there: url_a, url_b, label (same or different)")
    options = parser.parse_args(argv)
    from worker.cli.commands import open_database

    open_database()
    return 0 if print_own(options.out)[1] else 2


def print_own(out: Path | None = None) -> tuple[int, int]:
    """Print how many ruled pairs the machine decides as the editors did; (right, all). Django must be set up.

    A copy counts as what it repeats, and a pair within one item and its copies says nothing. `out`: a TSV to fit on.
    """
    pairs = read_rulings()
    found = group_afresh([item for pair in pairs for item in pair])
    joined = {pair: found[pair[0].pk] == found[pair[1].pk] for pair in pairs}
    same = [pair for pair, together in pairs.items() if together]
    different = [pair for pair, together in pairs.items() if not together]
    hits = sum(joined[pair] for pair in same)
    wrong = sum(joined[pair] for pair in different)
    right = hits + len(different) - wrong
    print(f"rulings of this home's editors: {len(pairs)} pairs")
    if not pairs:
        print("  merge or split stories at the desk, and they are measured here")
        return 0, 0
    print(f"{'ruled':12}{'pairs':>6}{'right':>7}{'share':>7}")
    for name, count, good in (("same", len(same), hits), ("different", len(different), len(different) - wrong),
                              ("all", len(pairs), right)):
        print(f"{name:12}{count:6}{good:7}{_share(good, count)}")
    print(f"joined pairs: precision{_share(hits, hits + wrong)}, recall{_share(hits, len(same))}")
    if out:
        write_pairs(out, pairs)
        print(f"{len(pairs)} pairs written to {out}")
    return right, len(pairs)


def read_rulings() -> "dict[tuple[Item, Item], bool]":
    """The ruled pairs, each of two originals in the order of their numbers, and whether they are one event."""
    from worker.storage.models import Ruling

    pairs = {}
    # Of two rulings on the same originals, the later counts.
    for ruling in Ruling.objects.select_related("one__copy_of", "other__copy_of").order_by("made_at", "pk"):
        one, other = ruling.one.copy_of or ruling.one, ruling.other.copy_of or ruling.other
        if one.pk != other.pk:
            pairs[(one, other) if one.pk < other.pk else (other, one)] = ruling.together
    return pairs


def group_afresh(ruled: "Sequence[Item]") -> dict[int, str]:
    """The cluster of each ruled item when all items of the days around them are grouped without any ruling."""
    from django.db.models import Q

    from worker import editorial
    from worker.storage.models import Item
    from worker.stories.articles import as_article

    titles = {name: source.title for name, source in editorial.load().feeds_by_name().items()}
    own = Q(copy_of=None) | Q(pk__in=[item.pk for item in ruled])
    found: dict[int, str] = {}
    for begin, end in _join_windows([item.at for item in ruled]):
        items = list(Item.objects.filter(own, at__range=(begin, end)).select_related("feed").order_by("at", "id"))
        clusters = Grouper().add_many([as_article(item, titles) for item in items])
        # Two stretches never meet, so a name that occurs in both is not the same cluster.
        found |= {item.pk: f"{begin}:{cluster}" for item, cluster in zip(items, clusters, strict=True)}
    return found


def write_pairs(out: Path, pairs: "dict[tuple[Item, Item], bool]") -> None:
    """Write url_a, url_b and same or different; a pair without an address is left out, since nothing else finds it again."""
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(["url_a", "url_b", "label"])
        writer.writerows([one.url, other.url, "same" if together else "different"]
                         for (one, other), together in pairs.items() if one.url and other.url)


def _join_windows(moments: Sequence[datetime]) -> Iterator[tuple[datetime, datetime]]:
    """The stretches of time that hold all that can have met an item of one of these moments, those that touch as one."""
    begin, end = None, None
    for moment in sorted(moments):
        if begin is not None and end is not None and moment - WINDOW > end:
            yield begin, end
            begin = None
        begin, end = begin or moment - WINDOW, moment + WINDOW
    if begin is not None and end is not None:
        yield begin, end


def _share(part: int, whole: int) -> str:
    return f"{part / whole:7.2f}" if whole else f"{'-':>7}"


if __name__ == "__main__":
    raise SystemExit(main())
