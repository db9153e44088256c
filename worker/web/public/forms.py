"""What a visitor sent in, a checked sign-up out; every agreement is a box of its own and none is ticked beforehand."""

from typing import Any

from django import forms

from worker import editorial
from worker.editorial import WEEKDAYS, Newsletter
from worker.errors import BroadsheetError
from worker.readers.addresses import LONGEST, read_address
from worker.readers.terms import box_wordings, read_shown
from worker.storage.models import Terms

_DAY_NAMES = dict(zip(WEEKDAYS, ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays"),
                      strict=True))


class SignUpForm(forms.Form):
    """The sign-up form, with or without script."""

    newsletters = forms.MultipleChoiceField(error_messages={"required": "Choose at least one newsletter."})
    email = forms.CharField(max_length=LONGEST, error_messages={"required": "Give your e-mail address."})
    agree = forms.BooleanField(error_messages={"required": "Please read the terms and agree to them."})
    partners = forms.BooleanField(required=False)
    tracking = forms.BooleanField(required=False)
    website = forms.CharField(required=False, max_length=500)  # people do not see it: whoever fills it in is a machine
    shown = forms.CharField(required=False, max_length=300)

    wordings: dict[str, Terms] | None = None

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        self.known = editorial.load()
        choices = [(key, newsletter.title) for key, newsletter in self.known.newsletters.items()]
        self.fields["newsletters"].choices = choices  # type: ignore[attr-defined]

    @property
    def offers(self) -> list[dict[str, Any]]:
        """The newsletters, each with when it comes and whether it is ticked."""
        ticked = self.data.getlist("newsletters") if self.is_bound else []  # type: ignore[attr-defined]
        return [{"key": key, "newsletter": newsletter, "frequency": describe_days(newsletter), "ticked": key in ticked}
                for key, newsletter in self.known.newsletters.items()]

    def clean_email(self) -> str:
        try:
            return read_address(self.cleaned_data["email"]).email
        except BroadsheetError as error:
            raise forms.ValidationError(str(error).capitalize()) from error

    def clean(self) -> dict[str, Any]:
        """Find the wording that stood beside the boxes: it, and no newer one, is what was agreed to."""
        cleaned = super().clean() or {}
        shown = read_shown(cleaned.get("shown", ""))
        self.wordings = shown.wordings if shown else None
        if self.wordings is None and "agree" not in self.errors:
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
