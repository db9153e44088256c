"""A sound draft of two stories, for the checks to find fault with."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # models can be imported only once Django is set up, which is after this file is read
    from worker.storage.models import Issue


@pytest.fixture
def issue(db: None, editorial_file: Path) -> "Issue":
    """Return a draft of AITrends."""
    from tests.issues.paper import NOW, make_story
    from worker.issues.draft import draft_issue

    make_story("The lead", ["first-outlet", "second-outlet"])
    make_story("The second")
    return draft_issue("aitrends", now=NOW)
