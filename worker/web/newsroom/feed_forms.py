"""What is typed about a feed or a newsletter in; values that fit feeds.toml out, or what is wrong with each, in words."""

from typing import Any, get_args

from django import forms
from pydantic import BaseModel, ValidationError

from worker import editorial
from worker.editorial import FeedSource, Newsletter, Topic
from worker.web.newsroom.forms import LineField, PlainForm

TOPIC_WORDS = {"lab": "laboratories", "chips": "chips and data centres", "research": "research", "arxiv": "arXiv papers",
               "press": "press", "press-china": "press of China", "aggregator": "aggregators", "newsletter": "newsletters",
               "policy": "law and policy"}
DAY_WORDS = {"mon": "Monday", "tue": "Tuesday", "wed": "Wednesday", "thu": "Thursday", "fri": "Friday", "sat": "Saturday",
             "sun": "Sunday"}


class AddressForm(PlainForm):
    """Where a feed is, or the page of the outlet. A bare name gets https:// before it."""

    address = LineField(label="Address", max_length=2000)

    def clean_address(self) -> str:
        """Complete what people type."""
        given = str(self.cleaned_data["address"])
        return given if "://" in given else f"https://{given}"


class TomlForm(forms.Form):
    """A form whose values go into feeds.toml, held to the model that the file is held to."""

    mark = forms.CharField(max_length=64, widget=forms.HiddenInput)
    model: type[BaseModel]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)

    def values(self) -> dict[str, Any]:
        """Return what goes into the file."""
        return {name: value for name, value in self.cleaned_data.items() if name != "mark"}

    def hold_to_model(self, **rest: Any) -> None:
        """Say beside each field what the model has against it; `rest` is what the form does not hold."""
        try:
            self.model.model_validate({**rest, **self.values()})
        except ValidationError as error:
            for fault in error.errors(include_url=False):
                name = str(fault["loc"][0]) if fault["loc"] else ""
                words = fault["msg"].removeprefix("Value error, ").capitalize() + "."
                if fault["type"] == "string_pattern_mismatch" and name in self.fields:  # a pattern says nothing to most people
                    words = f"Not in this form. {self.fields[name].help_text}"
                self.add_error(name if name in self.fields else None, words)


class FeedForm(TomlForm):
    """What feeds.toml says of a feed but for its name, which stays."""

    model = FeedSource
    title = LineField(label="Title", max_length=300, help_text="The outlet’s name, as readers see it beside a story.")
    url = LineField(label="Address", max_length=2000)
    newsletters = forms.MultipleChoiceField(label="Newsletters", widget=forms.CheckboxSelectMultiple,
                                            error_messages={"required": "Choose at least one newsletter."})
    weight = forms.FloatField(label="Weight", min_value=0.1, max_value=3, help_text="0.1 to 3: how much it counts when stories are "
                              "ranked; 1 is usual.", widget=forms.NumberInput(attrs={"step": "0.1"}))
    topic = forms.ChoiceField(label="Topic", choices=[(key, TOPIC_WORDS.get(key, key)) for key in get_args(Topic)])
    interval = LineField(label="Ask every", max_length=5, help_text="At the soonest, such as 30m or 2h; from 5m to 24h.")
    language = LineField(label="Language", max_length=8, help_text="Of its texts, such as en.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(key, newsletter.title) for key, newsletter in editorial.load().newsletters.items()]
        field = self.fields["newsletters"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = choices

    def clean(self) -> dict[str, Any]:
        """Hold it to the model; the name is held to it where there is one."""
        given = super().clean() or self.cleaned_data
        if not self.errors:
            self.hold_to_model(**({} if "name" in self.fields else {"name": "x"}))
        return given


class NewFeedForm(FeedForm):
    """A feed that is not in feeds.toml yet."""

    name = LineField(label="Name", max_length=80,
                     help_text="Small letters, digits and hyphens. It stays: what is stored refers to it.")
    field_order = ["name", "title", "url", "newsletters", "weight", "topic", "interval", "language"]

    def clean_name(self) -> str:
        """Names are unique."""
        name = str(self.cleaned_data["name"])
        if name in editorial.load().feeds_by_name():
            raise forms.ValidationError("Another feed has this name.")
        return name


class NewsletterForm(TomlForm):
    """When a newsletter appears, and how much it holds."""

    model = Newsletter
    days = forms.MultipleChoiceField(label="Days", choices=list(DAY_WORDS.items()), widget=forms.CheckboxSelectMultiple,
                                     error_messages={"required": "Choose at least one day."})
    draft_at = LineField(label="Drafted at", max_length=5, help_text="Such as 05:30, where the newsletter appears.")
    send_by = LineField(label="Approved by", max_length=5, help_text="An issue that nobody approved by then is not sent.")
    top_stories = forms.IntegerField(label="Stories told with a summary", min_value=1, max_value=20)
    short_items = forms.IntegerField(label="Stories told in one line", min_value=0, max_value=40)

    def __init__(self, *args: Any, newsletter: Newsletter, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.newsletter = newsletter
        if "four_eyes" in Newsletter.model_fields:
            self.fields["four_eyes"] = forms.BooleanField(label="Whoever edited it last may not approve it", required=False)

    def clean(self) -> dict[str, Any]:
        """Hold it to the model, with what the form leaves alone."""
        given = super().clean() or self.cleaned_data
        if not self.errors:
            self.hold_to_model(**{name: value for name, value in self.newsletter.model_dump().items() if name not in self.fields})
        return given
