"""A checked sign-up in; one row for the step that decides what it means out: the same work for whoever's address it is."""

from collections.abc import Sequence

from worker.readers.terms import Named
from worker.storage.models import SignUp


def take_in(email: str, newsletters: Sequence[str], *, topics: Sequence[str], partners: bool, tracking: bool,
            shown: Named, form: str, network_address: str | None) -> None:
    """Keep the sign-up, durably. The address and the choices must have been checked; nothing is looked up here.

    A box whose wording was not shown (partners, where there are none) counts as not ticked.
    """
    SignUp.objects.create(
        email=email, newsletters=list(dict.fromkeys(newsletters)), topics=" ".join(sorted(set(topics))),
        partners=partners and "partners" in shown,
        tracking=tracking and "tracking" in shown, form=form, network_address=network_address,
        shown=shown)
