"""A checked sign-up in; one row for the step that decides what it means out: the same work for whoever's address it is.

Visitors who come at once share a commit: while one thread's rows are on their way to the disk, those of the others gather.
"""

from collections.abc import Sequence
from contextlib import suppress
from threading import Lock

from django.db import Error as DatabaseError

from worker.readers.terms import Named
from worker.storage.models import SignUp

_writing = Lock()
_gathered: list[SignUp] = []  # appended to and taken from at the end only, which threads may do at once


def take_in(email: str, newsletters: Sequence[str], *, topics: Sequence[str], partners: bool, tracking: bool,
            shown: Named, form: str, network_address: str | None) -> None:
    """Keep the sign-up, durably. The address and the choices must have been checked; nothing is looked up here.

    A box whose wording was not shown (partners, where there are none) counts as not ticked.
    """
    _keep(SignUp(
        email=email, newsletters=list(dict.fromkeys(newsletters)), topics=" ".join(sorted(set(topics))),
        partners=partners and "partners" in shown,
        tracking=tracking and "tracking" in shown, form=form, network_address=network_address,
        shown=shown))


def _keep(row: SignUp) -> None:
    """Store the row, with whatever else has gathered. Where that fails, each visitor's own thread stores its own."""
    _gathered.append(row)
    with _writing:
        if row._state.adding:
            rows = [_gathered.pop() for _ in range(len(_gathered))]
            if rows == [row]:
                row.save(force_insert=True)
            with suppress(DatabaseError, ValueError):
                SignUp.objects.bulk_create([one for one in rows if one._state.adding])
    if row._state.adding:
        row.save(force_insert=True)
