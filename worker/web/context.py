"""A request in, `site` out: what every page shows of the publisher and the newsletters."""

from dataclasses import dataclass, field

from django.conf import settings
from django.http import HttpRequest

from worker import editorial
from worker.editorial import Newsletter
from worker.errors import BroadsheetError


@dataclass(frozen=True)
class Site:
    """What feeds.toml and BASE_URL say of us. `newsletters` is keyed as in feeds.toml, and empty if that is broken."""

    publisher: str = "Broadsheet"
    newsletters: dict[str, Newsletter] = field(default_factory=dict)
    base_url: str = ""


def read_site() -> Site:
    """Return the site; with a broken feeds.toml a nameless one, so that the page that says so can still be shown."""
    try:
        known = editorial.load()
    except BroadsheetError:
        return Site(base_url=settings.BASE_URL)
    return Site(known.publisher.name, dict(known.newsletters), settings.BASE_URL)


def site(request: HttpRequest) -> dict[str, Site]:
    """Django's context processor: adds `site` to every template."""
    return {"site": read_site()}
