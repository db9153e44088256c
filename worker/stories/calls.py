"""Requests to the language model, for one story each, come in; ModelCall rows with their tokens and cost come out."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import TracebackType
from typing import Any, NamedTuple, Self

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Sum
from django.utils import timezone

from worker.errors import ConflictError, TransientError
from worker.storage.models import ModelCall, Story, StoryState
from worker.stories.model_answer import Tokens
from worker.stories.spending import check_limit, find_cost

ASKED = "asked; no answer is on record"  # until there is one; it stays if the process ended before
_GRACE = timedelta(seconds=30)  # for patience between two requests, and for writing the summary down


class BusyError(TransientError):
    """Another run asks the model just now."""


class Spent(NamedTuple):
    """What one day's requests (UTC) came to."""

    requests: int
    cost: Decimal


def read_spent(now: datetime | None = None) -> Spent:
    """Return what was spent on the day of `now` (aware; default: today)."""
    day = (now or timezone.now()).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    found = ModelCall.objects.filter(at__gte=day, at__lt=day + timedelta(days=1)).aggregate(
        requests=Count("pk"), cost=Sum("cost"))
    return Spent(found["requests"], found["cost"] or Decimal(0))


class StoryLedger:
    """Notes the requests made for one story as rows, each before it goes out: a crash leaves it counted at its dearest.

    `with StoryLedger(story_id) as ledger:` ask, and write the summary. The row of the last request is also a lease, held
    until then: one run asks at a time, so no story is paid for twice and only one worker process waits.
    """

    def __init__(self, story_id: int) -> None:
        self.story_id = story_id
        self._asked = 0
        self._learnt: dict[str, Any] = {}  # of that request, not yet written

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._settle()

    def open(self, most: Tokens) -> int:
        """Write the row. Raises BusyError; ConflictError if the story is summarised by now; OverLimitError."""
        lease = timedelta(seconds=settings.SUMMARISER_TIMEOUT_SECONDS) + _GRACE
        with transaction.atomic():
            story = Story.objects.select_for_update().filter(pk=self.story_id).first()  # two runs at it take turns here
            if story is None or story.state != StoryState.OPEN:
                raise ConflictError(f"story {self.story_id} is no longer open")
            self._settle()
            if ModelCall.objects.filter(outcome=ASKED, at__gt=timezone.now() - lease).exists():
                raise BusyError("another run asks the language model just now")
            check_limit(read_spent().cost, find_cost(most))
            call = ModelCall.objects.create(
                story=story, model=settings.SUMMARISER_MODEL[:80], outcome=ASKED, milliseconds=0, cost=find_cost(most))
        self._asked, self._learnt = call.pk, {}
        return call.pk

    def close(self, number: int, outcome: str, milliseconds: int, used: Tokens | None) -> None:
        """Keep what came of it, and what it cost if that is known, until the next request or the end."""
        self._learnt = {"outcome": outcome[:200], "milliseconds": milliseconds}
        if used is not None:
            self._learnt.update(prompt_tokens=used.prompt, completion_tokens=used.completion, cost=find_cost(used))

    def _settle(self) -> None:
        if self._learnt:
            ModelCall.objects.filter(pk=self._asked).update(**self._learnt)
