"""What a visitor sent in, a checked sign-up out; every agreement is a box of its own and none is ticked beforehand."""

from typing import Any

from django import forms

from worker import editorial
from worker.editorial import WEEKDAYS, Newsletter
from worker.errors import BroadsheetError
from worker.readers.addresses import LONGEST, likely_meant, read_address
from worker.readers.terms import Named, box_wordings, read_shown
from worker.storage.models import Terms

_DAY_NAMES = dict(zip(WEEKDAYS, ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays"),
                      strict=True))


class SignUpForm(forms.Form):
    """The sign-up form, ours or another site's, with or without script."""

    newsletters = forms.MultipleChoiceField(error_messages={"required": "Choose at least one newsletter."})
    topics = forms.MultipleChoiceField(required=False)
    email = forms.CharField(max_length=LONGEST, error_messages={"required": "Give your e-mail address."})
    spelling = forms.CharField(required=False, max_length=LONGEST)  # an address that looks misspelt and is meant so
    agree = forms.BooleanField(error_messages={"required": "Please read the terms and agree to them."})
    partners = forms.BooleanField(required=False)
    tracking = forms.BooleanField(required=False)
    website = forms.CharField(required=False, max_length=500)  # people do not see it: whoever fills it in is a machine
    shown = forms.CharField(required=False, max_length=600)
    elsewhere = forms.BooleanField(required=False)  # our form, but begun on another site

    def __init__(self, data: Any = None, *, form: str = "site") -> None:
        super().__init__(data)
        self.known = editorial.load()
        self.form = form  # where it was filled in, for the ledger
        self.named: Named = {}  # the wordings that stood beside the boxes
        self.age = 0.0  # seconds since the form was made
        self.meant = ""  # the address that was probably meant
        self.is_elsewhere = False  # it came from another site, and its sender has seen no terms yet
        choices = [(key, newsletter.title) for key, newsletter in self.known.newsletters.items()]
        self.fields["newsletters"].choices = choices  # type: ignore[attr-defined]
        self.fields["topics"].choices = list(self.known.reader_topics().items())  # type: ignore[attr-defined]

    @property
    def offers(self) -> list[dict[str, Any]]:
        """The newsletters, each with when it comes and whether it is ticked."""
        ticked = self._sent("newsletters")
        return [{"key": key, "newsletter": newsletter, "frequency": describe_days(newsletter), "ticked": key in ticked}
                for key, newsletter in self.known.newsletters.items()]

    @property
    def topic_offers(self) -> list[dict[str, Any]]:
        """The topics, each with whether it is ticked."""
        ticked = self._sent("topics")
        return [{"key": key, "name": name, "ticked": key in ticked} for key, name in self.known.reader_topics().items()]

    @property
    def chose_topics(self) -> bool:
        """Whether a topic is ticked."""
        return bool(self._sent("topics"))

    def _sent(self, name: str) -> list[str]:
        sent: list[str] = self.data.getlist(name) if self.is_bound else []  # type: ignore[attr-defined]
        return sent

    def clean_email(self) -> str:
        typed: str = self.cleaned_data["email"]
        try:
            email = read_address(typed).email
        except BroadsheetError as error:
            raise forms.ValidationError(str(error).capitalize()) from error
        meant = likely_meant(email)
        if meant and self.data.get("spelling", "") != typed:
            self.meant = meant
            raise forms.ValidationError(f"Did you mean {meant}? Correct it, or send the form again to keep it as it is.")
        return email

    def clean(self) -> dict[str, Any]:
        """Find the wordings that stood beside the boxes: they, and no newer ones, are what was agreed to."""
        cleaned = super().clean() or {}
        shown = read_shown(cleaned.get("shown", ""))
        if shown:
            self.named, self.age = shown.named, shown.age
            self.form = "elsewhere" if cleaned.get("elsewhere") else self.form
        elif not cleaned.get("shown"):
            self.is_elsewhere = True
            self.add_error(None, "One more step: read the terms here, and agree to them if you like.")
        elif "agree" not in self.errors:
            self.add_error("agree", "This form was open for very long. Please read the terms again, and agree again.")
        return cleaned


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
