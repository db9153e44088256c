"""A pixel asked for or a link followed in, one row for it out, if the copy's reader agrees to that at this moment."""

from dataclasses import dataclass

from django.db import transaction

from worker.errors import NotFoundError
from worker.press.measure import list_links
from worker.readers.consent import lock_reader
from worker.storage.models import OPENED, Delivery, DeliveryState, Edition, Measurement

_OUT = (DeliveryState.ACCEPTED, DeliveryState.DELIVERED, DeliveryState.UNCERTAIN)


@dataclass(frozen=True)
class Measured:
    """Of the readers who got an issue and agree to be measured: how many, and what of it they did at least once."""

    agreed: int
    opened: int
    followed: int


def find_target(delivery_id: int, link: int) -> str:
    """Return where the edition's link of this number leads. Only what an approver let go out: nobody can add to it.

    Raises NotFoundError if there is no such copy, or no such link in its edition.
    """
    edition = Edition.objects.filter(issue__deliveries=delivery_id).only("html").first()
    links = list_links(edition.html) if edition else ()
    if not 0 <= link < len(links):
        raise NotFoundError("this link leads nowhere: open it again from the mail, or copy the whole of it")
    return links[link]


def record(delivery_id: int, link: int) -> None:
    """Count a copy's link of this number as followed, or with OPENED the copy as opened: once, and if its reader agrees."""
    wanted = Delivery.objects.filter(pk=delivery_id, reader__tracking=True, issue__traces_kept=True)
    reader_id = wanted.exclude(measurements__link=link).values_list("reader_id", flat=True).first()
    if reader_id is None:  # most pictures are asked for more than once: only the first is worth a transaction
        return
    with transaction.atomic():
        reader = lock_reader(reader_id)  # whoever withdraws at this moment has done so either before this or after it
        if reader is not None and reader.tracking:
            Measurement.objects.bulk_create([Measurement(delivery_id=delivery_id, link=link)], ignore_conflicts=True)


def count_measured(issue_id: int) -> Measured | None:
    """Return what is known of an issue's readers who agree to be measured; None if there are none."""
    copies = Delivery.objects.filter(issue_id=issue_id, reader__tracking=True, state__in=_OUT)
    agreed = copies.count()
    if not agreed:
        return None
    rows = Measurement.objects.filter(delivery__in=copies)
    opened = rows.filter(link=OPENED).count()
    return Measured(agreed, opened, rows.exclude(link=OPENED).values("delivery").distinct().count())
