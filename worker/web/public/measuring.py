"""A mail's pixel or counted link in; a picture or the outlet's page out, whether anything may be counted or not."""

from contextlib import suppress

import structlog
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_safe

from worker.delivery.measuring import find_target, record
from worker.errors import NotFoundError
from worker.readers.links import BadLinkError, read_link
from worker.storage.models import OPENED
from worker.web.public.confirming import show_bad_link
from worker.web.public.guards import personal

log = structlog.get_logger(__name__)
# One transparent pixel (GIF89a).
_PIXEL = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")


@personal
@require_safe
def seen(request: HttpRequest, token: str) -> HttpResponse:
    """The picture, always: a mail must look the same whoever opens it."""
    with suppress(BadLinkError, DatabaseError):  # the link is looked up, too
        _count(request, read_link("measure", token)["delivery"], OPENED)
    return HttpResponse(_PIXEL, content_type="image/gif")


@personal
@require_safe
def go(request: HttpRequest, token: str, number: int) -> HttpResponse:
    """On to the link of this number in the edition that the copy is of, and nowhere else."""
    try:
        delivery_id = read_link("measure", token)["delivery"]
        target = find_target(delivery_id, number)
    except BadLinkError as error:
        return show_bad_link(request, error)
    except NotFoundError as error:
        return show_bad_link(request, BadLinkError(str(error)))
    _count(request, delivery_id, number)
    return HttpResponseRedirect(target, headers={"Referrer-Policy": "no-referrer"})


def _count(request: HttpRequest, delivery_id: int, link: int) -> None:
    """A HEAD counts nothing: it is a program's. What cannot be counted keeps no reader from going on."""
    if request.method != "GET":
        return
    try:
        record(delivery_id, link)
    except DatabaseError:
        log.exception("an opened mail or a followed link was not counted")
