"""An approved issue and its readers, for the tests of the delivery room."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# The rows can only be imported once the settings stand, and this file is read before: hence the imports inside.


@pytest.fixture
def make_issue(db: None, editorial_file: Path) -> Callable[..., int]:
    """Return a function that makes an approved issue of AITrends and its confirmed readers, and returns its number."""
    from tests.delivery.press import build_issue

    return build_issue


@pytest.fixture
def sending(make_issue: Callable[..., int]) -> Callable[..., int]:
    """Return a function that makes an issue whose audience is frozen."""
    from worker.delivery.audience import freeze_audience, start_issue

    def start(readers: Any = 5, **more: Any) -> int:
        issue_id = make_issue(readers, **more)
        start_issue(issue_id, by="approver@example.com")
        freeze_audience(issue_id)
        return issue_id

    return start
