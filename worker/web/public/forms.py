"""What a visitor sent in, a checked sign-up out; every agreement is a box of its own and none is ticked beforehand."""

from functools import cached_property
from typing import Any

from django.http import QueryDict

from worker import editorial
from worker.editorial import WEEKDAYS, Newsletter
from worker.errors import BroadsheetError
from worker.readers.addresses import likely_meant
from worker.readers.plain import read_any
from worker.readers.terms import Named, box_wordings, read_shown
from worker.storage.models import Terms

_BOXES = ("agree", "partners", "tracking", "elsewhere")  # the last: our form, but begun on another site
_DAY_NAMES = dict(zip(WEEKDAYS, ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays"),
                      strict=True))


class SignUpForm:
    """The sign-up form, ours or another site's, with or without script.

    Its few fields are read here one by one: Django's form classes, which copy every field for each visitor, take longer over them
    than all the rest of a sign-up together (`broadsheet bench signup`).
    """

    def __init__(self, sent: QueryDict | None = None, *, form: str = "site") -> None:
        self.known = editorial.load()
        self.sent = sent if sent is not None else QueryDict()
        self.form = form  # where it was filled in, for the ledger
        self.errors: dict[str, list[str]] = {}  # field > what is wrong with it; "__all__": with none alone
        self.email = ""  # as it is to be kept, once it is checked
        self.named: Named = {}  # the wordings that stood beside the boxes
        self.age = 0.0  # seconds since the form was made
        self.meant = ""  # the address that was probably meant
        self.is_elsewhere = False  # it came from another site, and its sender has seen no terms yet

    @property
    def offers(self) -> list[dict[str, Any]]:
        """The newsletters, each with when it comes and whether it is ticked."""
        return [{"key": key, "newsletter": newsletter, "frequency": describe_days(newsletter), "ticked": key in self.newsletters}
                for key, newsletter in self.known.newsletters.items()]

    @property
    def topic_offers(self) -> list[dict[str, Any]]:
        """The topics, each with whether it is ticked."""
        return [{"key": key, "name": name, "ticked": key in self.topics} for key, name in self.known.reader_topics().items()]

    @property
    def newsletters(self) -> list[str]:
        """The keys that are ticked."""
        return self.sent.getlist("newsletters")

    @property
    def topics(self) -> list[str]:
        """The keys that are ticked."""
        return self.sent.getlist("topics")

    @cached_property
    def ticked(self) -> dict[str, bool]:
        """Of each box that is one by itself whether it is ticked."""
        return {name: self.sent.get(name, "").strip().lower() not in ("", "false", "0") for name in _BOXES}

    @property
    def is_by_machine(self) -> bool:
        """Whether the field is filled in that people do not see."""
        return bool(self.sent.get("website", ""))

    def is_valid(self) -> bool:
        """Check what was sent; say whether nothing is wrong with it."""
        self._check_choices()
        self._check_email(self.sent.get("email", "").strip())
        if not self.ticked["agree"]:
            self._complain("agree", "Please read the terms and agree to them.")
        self._find_wordings(self.sent.get("shown", ""))
        return not self.errors

    def _complain(self, field: str, words: str) -> None:
        self.errors.setdefault(field, []).append(words)

    def _check_choices(self) -> None:
        if not self.newsletters:
            self._complain("newsletters", "Choose at least one newsletter.")
        for field, known in (("newsletters", self.known.newsletters), ("topics", self.known.reader_topics())):
            unknown = [key for key in self.sent.getlist(field) if key not in known]
            if unknown:
                self._complain(field, f"{unknown[0][:40]} is not one of the {field} there are. Make a valid choice.")

    def _check_email(self, typed: str) -> None:
        if not typed:
            self._complain("email", "Give your e-mail address.")
            return
        try:
            self.email = read_any(typed).email
        except BroadsheetError as error:
            self._complain("email", str(error).capitalize())
            return
        meant = likely_meant(self.email)
        if meant and self.sent.get("spelling", "") != typed:
            self.meant = meant
            self._complain("email", f"Did you mean {meant}? Correct it, or send the form again to keep it as it is.")

    def _find_wordings(self, seal: str) -> None:
        """Find the wordings that stood beside the boxes: they, and no newer ones, are what was agreed to."""
        shown = read_shown(seal)
        if shown:
            self.named, self.age = shown.named, shown.age
            self.form = "elsewhere" if self.ticked["elsewhere"] else self.form
        elif not seal:
            self.is_elsewhere = True
            self._complain("__all__", "One more step: read the terms here, and agree to them if you like.")
        elif "agree" not in self.errors:
            self._complain("agree", "This form was open for very long. Please read the terms again, and agree again.")


def published_wordings() -> dict[str, Terms]:
    """Return the wordings in force beside the boxes; none while no terms are published, and sign-up is closed."""
    try:
        return box_wordings()
    except BroadsheetError:
        return {}


def describe_days(newsletter: Newsletter) -> str:
    """Return when a newsletter comes: "Every day", "Mondays to Fridays", "Mondays and Thursdays"."""
    days = [day for day in WEEKDAYS if day in newsletter.days]
    if len(days) == len(WEEKDAYS):
        return "Every day"
    names = [_DAY_NAMES[day] for day in days]
    first = WEEKDAYS.index(days[0])
    if len(days) > 2 and tuple(days) == WEEKDAYS[first : first + len(days)]:
        return f"{names[0]} to {names[-1]}"
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
