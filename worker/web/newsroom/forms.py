"""What editors type in, checked for form (length, presence, number); whether it is allowed is for the rooms to say."""

from typing import Any

from django import forms

from worker.issues import partners
from worker.issues.corrections import CORRECTION_LENGTH
from worker.issues.edit import HEADLINE_LENGTH, NOTE_LENGTH, REASON_LEAST, SUBJECT_LIMIT, SUMMARY_LENGTH
from worker.storage.models import Section


class PlainForm(forms.Form):
    """A form whose ids are unique on a page that shows the same form for every story."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", False)
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)

    def words(self) -> str:
        """Return what is wrong as one line."""
        return " ".join(f"{self.fields[name].label or name}: {' '.join(str(fault) for fault in faults)}"
                        for name, faults in self.errors.items())


class LineField(forms.CharField):
    """One line of text: breaks and runs of blanks become one blank, so that none can end up in a mail's header."""

    def to_python(self, value: object) -> str:
        return " ".join(str(super().to_python(value)).split())


class NumberField(forms.IntegerField):
    """A row's number; a longer one than any row has is refused before it is looked for."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=1, max_value=2**63 - 1, **kwargs)


class NumbersField(forms.TypedMultipleChoiceField):
    """The numbers of the boxes that were ticked."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(coerce=int, error_messages={"required": "tick at least one."}, **kwargs)

    def valid_value(self, value: object) -> bool:
        """Any row's number will do; whether there is such a row is for the room to say."""
        return str(value).isascii() and str(value).isdecimal() and len(str(value)) < 19


class SignInForm(forms.Form):
    """Address and password. The address is compared without regard to case, so the throttle counts it that way too."""

    email = forms.EmailField(label="E-mail address", max_length=254,
                             widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}))
    password = forms.CharField(label="Password", max_length=4096, strip=False,
                               widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}))

    def clean_email(self) -> str:
        """Fold the case."""
        return str(self.cleaned_data["email"]).strip().lower()


class RevisionForm(PlainForm):
    """An edit names the revision of the issue that was on the screen."""

    revision = forms.IntegerField(min_value=0)


class RowForm(RevisionForm):
    """An edit of one row names its mark too, so that what others change elsewhere in the issue does not send it back."""

    seen = forms.CharField(required=False, max_length=40)


class RewriteForm(RowForm):
    """The words of one story in an issue; `auto` if they save themselves."""

    auto = forms.BooleanField(required=False)

    headline = LineField(label="Headline", max_length=HEADLINE_LENGTH)
    summary = forms.CharField(label="Summary", max_length=SUMMARY_LENGTH, required=False)


class MoveForm(RevisionForm):
    """Where a story goes: a place counted from 1, as the page shows it."""

    to = forms.IntegerField(label="Place", min_value=1, max_value=1000)


class WaiveForm(RowForm):
    """The words of a headline or a sentence exactly as the page shows them, and why they may stand without a source."""

    said = forms.CharField(label="Sentence", max_length=SUMMARY_LENGTH, strip=False)
    reason = LineField(label="Reason", min_length=REASON_LEAST, max_length=NOTE_LENGTH)


class PullForm(RevisionForm):
    """A story that the draft leaves out."""

    story_id = NumberField(label="Story")


class MergeForm(PlainForm):
    """The stories ticked or chosen, and one typed as a number; `clean` puts them together under "stories"."""

    story = NumbersField(label="Stories", required=False)
    other = NumberField(label="Number", required=False)

    def clean(self) -> dict[str, Any]:
        """Put what was ticked and what was typed together."""
        given = super().clean() or self.cleaned_data
        stories = {*(given.get("story") or ()), given.get("other")} - {None}
        if len(stories) < 2 and not self.errors:
            self.add_error("story", "choose the stories that are one event, two or more.")
        return {**given, "stories": stories}


class SplitForm(PlainForm):
    """The reports of a story that are another event."""

    item = NumbersField(label="Reports")

    def clean(self) -> dict[str, Any]:
        """Name them in the plural."""
        given = super().clean() or self.cleaned_data
        return {**given, "items": set(given.get("item") or ())}


class RetitleForm(RowForm):
    """The mail's subject and the line that mail programs show after it; `auto` if they save themselves."""

    auto = forms.BooleanField(required=False)

    subject = LineField(label="Subject", max_length=SUBJECT_LIMIT)
    preheader = LineField(label="Preheader", max_length=SUBJECT_LIMIT, required=False)


class PartnerForm(RowForm):
    """A partner's content."""

    partner = LineField(label="Partner", max_length=300)
    headline = LineField(label="Headline", max_length=partners.HEADLINE_LENGTH)
    text = forms.CharField(label="Text", max_length=partners.TEXT_LENGTH)
    url = LineField(label="Address", max_length=partners.URL_LENGTH)


class NoteForm(RevisionForm):
    """Why an issue is rejected."""

    note = forms.CharField(label="Note", max_length=NOTE_LENGTH)


class CancelForm(PlainForm):
    """Why an issue is stopped; when readers are getting it, there may be no time to write."""

    note = LineField(label="Note", max_length=NOTE_LENGTH, required=False)


class ApproveForm(PlainForm):
    """The hash of the proof that was on the screen, and whether to start sending: at once, when somebody says so, or at an hour
    (HourForm)."""

    proof_sha256 = forms.RegexField(r"\A[0-9a-f]{64}\Z", label="Proof")
    send = forms.ChoiceField(choices=[("now", "now"), ("later", "later"), ("at", "at")])


class HourForm(PlainForm):
    """When an issue starts by itself, as the clocks of a time zone show it."""

    day = LineField(label="Date", max_length=20)
    clock = LineField(label="Time", max_length=20)
    zone = LineField(label="Time zone", max_length=64)


class TrialForm(PlainForm):
    """Whom a test mail goes to, and as whose copy."""

    to = LineField(label="Address", max_length=254)
    partners = forms.BooleanField(required=False)


class CorrectionForm(PlainForm):
    """What was wrong in an issue that went out."""

    text = forms.CharField(label="Correction", max_length=CORRECTION_LENGTH)


class PinForm(RowForm):
    """Whether a story keeps its place."""

    pinned = forms.TypedChoiceField(label="Pinned", choices=[("1", "yes"), ("0", "no")], coerce=lambda value: value == "1")


class SectionForm(RevisionForm):
    """Where in the issue a story is to stand."""

    section = forms.TypedChoiceField(label="Section", choices=Section.choices, coerce=Section)


class MergeIntoForm(RevisionForm):
    """The story of the same issue that a story is merged into, by its placement."""

    into = NumberField(label="Story")


class SplitOffForm(RevisionForm):
    """The reports of a placed story that are another event."""

    item = NumbersField(label="Reports")


class OutletForm(RowForm):
    """Which of the outlets that a story names comes first, counted from 0."""

    outlet = forms.IntegerField(label="Outlet", min_value=0, max_value=1000)


class UnwaiveForm(RowForm):
    """A waiver to take back."""

    waiver = NumberField(label="Waiver")
