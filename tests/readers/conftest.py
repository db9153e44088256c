"""Published terms and a sign-up's link, for the tests of the readers' room."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# The rows can only be imported once the settings stand, and this file is read before: hence the imports inside.


@pytest.fixture
def terms(db: None, editorial_file: Path) -> Any:
    """Return the published newsletter terms."""
    from worker.readers.terms import current_terms, publish_terms

    publish_terms()
    return current_terms()


@pytest.fixture
def last_link() -> Callable[[], str]:
    """Return a function that gives the token of the newest confirmation letter, as its mail would carry it."""
    from worker.readers.links import sign_link
    from worker.storage.models import Notice, NoticeKind

    def read() -> str:
        return sign_link("confirm", notice=Notice.objects.filter(kind=NoticeKind.CONFIRM).latest("id").pk)

    return read
