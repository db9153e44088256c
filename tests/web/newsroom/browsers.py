"""Browsers for the tests: someone who has signed in, and every address of the desk to go to."""

from typing import Any

from django.test import Client
from django.urls import reverse

BLOCKED = "Blocks approval</h3>"  # stands over the findings against an issue, if there are any
BACKEND = "django.contrib.auth.backends.ModelBackend"


def sign_in(editor: Any, **options: Any) -> Client:
    """Return a browser in which `editor` has signed in; `options` are Client's."""
    client = Client(**options)
    client.force_login(editor, backend=BACKEND)
    return client


def find_address(name: str, issue: Any, **named: Any) -> str:
    """Return the address of the desk's page or action called `name`, for `issue` and its first story, or what else is `named`."""
    from worker.web.newsroom.urls import urlpatterns

    first = issue.placements.first()
    given = {"issue_id": issue.pk, "placement_id": first.pk, "story_id": first.story_id, "entry_id": 1, "block_id": 1,
             "reader_id": 1, "editor_id": 1, "digest": "0" * 64, "link": "unsubscribe",
             "newsletter": "aitrends", "name": "first-outlet", "uid": "MQ", "token": "a-b", **named}
    pattern = next(pattern for pattern in urlpatterns if pattern.name == name)
    return reverse(f"desk:{name}", kwargs={key: given[key] for key in pattern.pattern.converters})
