"""An address in, nothing of that person left but the keyed hash that keeps them from being written to again."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from worker.errors import BroadsheetError
from worker.readers.addresses import address_key, read_address
from worker.readers.consent import lock_reader
from worker.readers.suppress import suppress
from worker.storage.models import Delivery, DeliveryState, ProviderEvent, Reader, Removal


@transaction.atomic
def erase(email: str, *, now: datetime | None = None) -> bool:
    """Erase a reader for good (GDPR article 17); say whether there was one.

    An address that is nobody's is suppressed all the same: who asks to be forgotten is not brought in by a later list.
    Subscriptions, the ledger and letters go with the reader. Deliveries stay as numbers in their issue's count:
    without reader, address or the provider's words, which may quote the address. What is still queued is not sent.
    """
    now = now or timezone.now()
    found = Reader.objects.filter(email_key=address_key(email)).first()
    reader = lock_reader(found.pk) if found else None
    if reader is None:
        _suppress_stranger(email, now)
        return False
    suppress(reader.email, "erased", now=now)
    deliveries = Delivery.objects.filter(reader=reader)
    ProviderEvent.objects.filter(delivery__in=deliveries).update(detail="")
    deliveries.filter(state=DeliveryState.QUEUED).update(state=DeliveryState.SUPPRESSED, updated_at=now)
    deliveries.update(provider_id="", error="")
    Removal.objects.create(reader_number=reader.pk, reason="erased", at=now)  # the ledger's triggers ask for it
    reader.delete()
    return True


def _suppress_stranger(email: str, now: datetime) -> None:
    try:
        suppress(read_address(email).email, "erased", now=now)
    except BroadsheetError:
        return  # no address: no list can hold it
