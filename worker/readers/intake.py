"""A checked sign-up in; one row for the step that decides what it means out: the same work for whoever's address it is.

Visitors who come at once share a commit: while one thread's rows are on their way to the disk, those of the others gather.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError

from worker.readers.terms import Named
from worker.storage.models import SignUp


@dataclass(eq=False)
class _Waiting:
    """A visitor's row, and what became of it."""

    row: SignUp
    stored: bool = False  # and committed
    error: Exception | None = None


_writing = Lock()
_gathered: list[_Waiting] = []  # appended to and taken from at the end only, which threads may do at once


def take_in(email: str, newsletters: Sequence[str], *, topics: Sequence[str], partners: bool, tracking: bool,
            shown: Named, form: str, network_address: str | None) -> None:
    """Keep the sign-up, durably. The address and the choices must have been checked; nothing is looked up here.

    A box whose wording was not shown (partners, where there are none) counts as not ticked.
    """
    _keep(_Waiting(SignUp(
        email=email, newsletters=list(dict.fromkeys(newsletters)), topics=" ".join(sorted(set(topics))),
        partners=partners and "partners" in shown,
        tracking=tracking and "tracking" in shown, form=form, network_address=network_address,
        shown=shown)))


def _keep(one: _Waiting) -> None:
    """Store the row, with whatever else has gathered. If the database cannot, nobody's is stored; if it will not have one of the
    rows, each visitor's own thread stores its own."""
    _gathered.append(one)
    with _writing:
        if not one.stored and one.error is None:
            _store([_gathered.pop() for _ in range(len(_gathered))])
    if one.error is not None:
        raise one.error
    if not one.stored:
        one.row.pk, one.row._state.adding = None, True  # as before an attempt that came to nothing
        one.row.save(force_insert=True)


def _store(some: Sequence[_Waiting]) -> None:
    try:
        if len(some) == 1:
            some[0].row.save(force_insert=True)  # one statement; more than one row are a transaction of three
        else:
            SignUp.objects.bulk_create([one.row for one in some])
    except (OperationalError, InterfaceError) as error:
        for one in some:
            one.error = error
    except (DatabaseError, ValueError):
        return
    for one in some:
        one.stored = one.error is None
