"""Tokens in, what they cost out; and no request that could go beyond what a day may cost."""

from decimal import Decimal

from django.conf import settings

from worker.stories.model_answer import ModelError, Tokens

_PER = Decimal(1_000_000)


class OverLimitError(ModelError):
    """The day's money is spent."""


def find_cost(tokens: Tokens) -> Decimal:
    """Return what they cost, in the currency of the prices, rounded to six digits."""
    cost = (tokens.prompt * (settings.SUMMARISER_PROMPT_PRICE or Decimal(0))
            + tokens.completion * (settings.SUMMARISER_COMPLETION_PRICE or Decimal(0))) / _PER
    return Decimal(cost).quantize(Decimal("0.000001"))


def check_limit(spent: Decimal, most: Decimal) -> None:
    """Raise OverLimitError if a request that may cost `most` could go beyond the day's limit."""
    limit = settings.SUMMARISER_DAILY_LIMIT
    if limit is not None and spent + most > limit:
        raise OverLimitError(f"SUMMARISER_DAILY_LIMIT is {limit}, {spent.normalize():f} of it is spent and a request may cost "
                             f"{most.normalize():f}: no more is asked until tomorrow (UTC)", lasting=True)


class FileLedger:
    """Counts what a run costs that touches no database; the day's limit then holds for the run."""

    def __init__(self) -> None:
        self.cost = Decimal(0)
        self._most = Decimal(0)

    def open(self, most: Tokens) -> int:
        """See what it may cost. Raises OverLimitError."""
        self._most = find_cost(most)
        check_limit(self.cost, self._most)
        return 0

    def close(self, number: int, outcome: str, milliseconds: int, used: Tokens | None) -> None:
        """Count what it cost."""
        self.cost += self._most if used is None else find_cost(used)
