"""Every page of the desk that can be looked at, and a browser in which somebody has signed in."""

from typing import Any

from django.conf import settings
from django.test import Client

from tests.web.newsroom.browsers import find_address, sign_in

LEAVING = {"sign-out"}  # ends the session


def sign_in_there(page: Any, editor: Any) -> None:
    """Give the page's browser a session of `editor`: how somebody signs in is another test's business."""
    cookie = sign_in(editor).cookies[settings.SESSION_COOKIE_NAME]
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie.value, "url": settings.BASE_URL}])


def list_pages(issue: Any, editor: Any, **others: Any) -> dict[str, str]:
    """Return the address of each page at the desk that answers a GET with a whole one, by its name; new ones come by themselves."""
    from worker.web.newsroom.urls import urlpatterns

    client: Client = sign_in(editor)
    found = {}
    for name in (str(pattern.name) for pattern in urlpatterns):
        address = find_address(name, issue, **others)
        answer = client.get(address) if name not in LEAVING else None
        is_html = answer is not None and answer.status_code == 200 and answer["Content-Type"].startswith("text/html")
        if answer is not None and is_html and "<html" in answer.text:  # not a part that a page fetches
            found[name] = address
    return found
