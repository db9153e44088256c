"""The button of a confirmation page, pressed by somebody who has just looked at the page."""

from typing import Any

from worker.readers import confirm as confirming
from worker.readers.confirm import Confirmation


def confirm(token: str, **given: Any) -> Confirmation:
    """Look at what the link asks about, and confirm that; `given` is as of the step itself."""
    return confirming.confirm(token, confirming.read_confirmation(token).seal, **given)
