"""A checked sign-up in; one row for the step that decides what it means out: the same work for whoever's address it is.

Visitors who come at once are counted by one call to Redis and share a commit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError, connection

from worker.readers.shield import Verdict, Visit, judge, visit_from
from worker.readers.terms import Named
from worker.readers.together import Together
from worker.storage.models import SignUp


@dataclass(eq=False)
class _Visitor:
    """A visit with the row it leaves, and what became of that."""

    visit: Visit
    row: SignUp
    stored: bool = False  # and committed
    error: Exception | None = None

    @property
    def verdict(self) -> Verdict:
        assert self.visit.verdict, "nobody has judged this visit"
        return self.visit.verdict


def take_in(email: str, newsletters: Sequence[str], *, topics: Sequence[str], partners: bool, tracking: bool,
            shown: Named, form: str, network_address: str | None, form_age: float) -> Verdict:
    """Count the sign-up; keep it, durably, if it may be taken; return the verdict. `form_age` is in seconds.

    The address and the choices must have been checked; nothing is looked up here.
    A box whose wording was not shown (partners, where there are none) counts as not ticked.
    """
    one = _Visitor(visit_from(network_address, form_age=form_age), SignUp(
        email=email, newsletters=list(dict.fromkeys(newsletters)), topics=" ".join(sorted(set(topics))),
        partners=partners and "partners" in shown, tracking=tracking and "tracking" in shown,
        form=form, network_address=network_address, shown=shown))
    _visitors.join(one)
    if one.error is not None:
        raise _own_copy(one.error)
    if one.verdict is Verdict.TAKEN and not one.stored:
        _insert([one.row])
    return one.verdict


def _own_copy(error: Exception) -> Exception:
    """Return one visitor's own of an error that many share: what a thread raises it changes, its traceback for one.

    Made without the error's own constructor, which may ask for more than the words that `args` keeps. The cause goes with it.
    """
    own = type(error).__new__(type(error), *error.args)
    own.__dict__.update(error.__dict__)
    own.__cause__ = error.__cause__
    return own.with_traceback(error.__traceback__)


def _take(visitors: Sequence[_Visitor]) -> None:
    """Count them all, then store the rows of those who may be taken. What went wrong is for each one's own thread to say."""
    try:
        judge([one.visit for one in visitors])
    except Exception as error:
        for one in visitors:
            one.error = error
    else:
        _store([one for one in visitors if one.visit.verdict is Verdict.TAKEN])


def _store(taken: Sequence[_Visitor]) -> None:
    """Store the rows together. If the database cannot, none is stored; if it refuses one of them, each thread stores its own."""
    try:
        _insert([one.row for one in taken])
    except (OperationalError, InterfaceError) as error:
        for one in taken:
            one.error = error
    except (DatabaseError, ValueError):
        return
    else:
        for one in taken:
            one.stored = True


def _insert(rows: Sequence[SignUp]) -> None:
    """Insert the rows by one statement, a transaction by itself: `bulk_create` wraps one around it, at several times its cost."""
    if not rows:
        return
    quote = connection.ops.quote_name
    fields = [field for field in SignUp._meta.concrete_fields if not field.primary_key]
    columns = ", ".join(quote(field.attname) for field in fields)
    places = ", ".join(["(" + ", ".join(["%s"] * len(fields)) + ")"] * len(rows))
    values = [field.get_db_prep_save(getattr(row, field.attname), connection) for row in rows for field in fields]
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {quote(SignUp._meta.db_table)} ({columns}) VALUES {places}", values)  # noqa: S608 (names)


_visitors = Together(_take)
