"""The next hop's wish to be left alone in, how long everybody waits out: all workers on all machines, by the database's clock."""

from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.db.models.functions import Now

from worker.storage.models import Pace

_KEY = "next hop"


def leave_alone(seconds: float) -> None:
    """Hand nothing to the next hop for so many seconds; a longer wait that is under way stays."""
    Pace.objects.get_or_create(key=_KEY)
    until = Now() + timedelta(seconds=seconds)
    Pace.objects.filter(Q(free_at=None) | Q(free_at__lt=until), key=_KEY).update(free_at=until)


def was_left_alone(since: Any) -> bool:
    """Say whether the next hop was to be left alone at some time after this one (a moment, or an expression for it)."""
    return Pace.objects.filter(key=_KEY, free_at__gt=since).exists()


def seconds_left() -> float:
    """Return for how many seconds the next hop is still to be left alone, 0 if it is not."""
    until = Pace.objects.filter(key=_KEY, free_at__gt=Now()).values_list("free_at", Now()).first()
    return max(0.0, (until[0] - until[1]).total_seconds()) if until else 0.0
