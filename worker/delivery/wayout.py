"""Nothing in, whether the way out of a mail works out: it is walked, by a reader whom nobody has ever heard of.

Here: a reader who exists for the time of a transaction that is taken back is unsubscribed through the site's own
application, as a mail provider does it (RFC 8058). Outside: the same is asked of BASE_URL, where every reader's link leads,
for a reader who cannot exist; its words say whether it knows our signature. Nobody's subscription is changed by either.
"""

import io
import secrets
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes, urlsplit

import structlog
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.db import transaction
from django.utils import timezone

from worker import editorial
from worker.feeds.asking import Answer, post_form
from worker.feeds.fetch import FetchError
from worker.readers.links import unsubscribe_url
from worker.storage.models import Reader, Subscription, SubscriptionState, Verdict

log = structlog.get_logger(__name__)
ONE_CLICK = b"List-Unsubscribe=One-Click"  # RFC 8058, 3.2
NOBODY = 0  # no row has this number
_LEFT = "You have left"  # what web.public.leaving answers to a link whose signature it knows


class Reply(NamedTuple):
    """The site's answer to one request. `headers` are in small letters."""

    status: int
    headers: dict[str, str]
    body: str


def try_here() -> Answer:
    """Unsubscribe a reader through the site's own application, look whether they are, and take all of it back."""
    newsletter = next(iter(editorial.load().newsletters))
    try:
        with transaction.atomic():
            address = f"way-out-{secrets.token_hex(8)}@trial.invalid"
            reader = Reader.objects.create(email=address, email_key=address)
            row = Subscription.objects.create(reader=reader, newsletter=newsletter, state=SubscriptionState.CONFIRMED,
                                              confirmed_at=timezone.now())
            path = urlsplit(unsubscribe_url(reader.pk, newsletter)).path
            call_site("GET", path)
            looked = Subscription.objects.get(pk=row.pk).state
            reply = call_site("POST", path, ONE_CLICK)
            state = Subscription.objects.get(pk=row.pk).state
            transaction.set_rollback(True)
    except Exception as error:  # whatever it is, the way out must not be called open; an editor gets words, the log the rest
        log.exception("the way out could not be tried")
        return Answer(Verdict.UNSURE, f"could not be tried here ({type(error).__name__}); the log says why")
    if looked != SubscriptionState.CONFIRMED:
        return Answer(Verdict.BAD, "looking at the page is enough to leave, so every scanner would unsubscribe readers")
    fault = _find_fault(reply)
    if not fault and state != SubscriptionState.LEFT:
        fault = f"the site says “{reply.body.strip()[:60]}”, but the reader has not left"
    return Answer(Verdict.BAD, fault) if fault else Answer(Verdict.GOOD, "a trial reader left with one POST, and was put back")


def try_outside() -> Answer:
    """Ask the same of BASE_URL over the network, for a reader there cannot be."""
    newsletter = next(iter(editorial.load().newsletters))
    site = settings.BASE_URL
    try:
        posted = post_form(unsubscribe_url(NOBODY, newsletter), ONE_CLICK, allowed=[urlsplit(site).hostname or ""])
    except FetchError as error:
        return Answer(Verdict.UNSURE, f"could not be reached from here ({error})"[:300])
    if posted.status >= 500:
        return Answer(Verdict.UNSURE, f"{site} is out of order just now ({posted.status})")
    fault = _find_fault(Reply(posted.status, posted.headers, posted.body))
    return Answer(Verdict.BAD, f"{site}: {fault}") if fault else Answer(Verdict.GOOD, f"{site} answers to our signature")


def ask_own(url: str) -> Answer:
    """Say whether the site has a page at this address of its own."""
    parts = urlsplit(url)
    try:
        reply = call_site("GET", parts.path, query=parts.query)
    except Exception as error:  # as above
        log.exception("a page of the site could not be asked for", url=url)
        return Answer(Verdict.UNSURE, f"could not be asked here ({type(error).__name__}); the log says why")
    if reply.status in (404, 410):
        return Answer(Verdict.BAD, f"is gone: our own site answers {reply.status}")
    fine = reply.status < 400
    words = "answers" if fine else "is refused by our own site"
    return Answer(Verdict.GOOD if fine else Verdict.UNSURE, f"{words} ({reply.status})")


def _find_fault(reply: Reply) -> str:
    """Return what RFC 8058, 3.1 and 3.2, does not allow, or what else is wrong; "" if a mail provider would be content."""
    if 300 <= reply.status < 400:
        to = reply.headers.get("location", "")[:80]
        return f"a mail provider's POST is answered with a redirect to {to}, and providers follow none"
    if reply.status != 200:
        return f"a mail provider's POST to the unsubscribe link is answered with {reply.status}"
    if "set-cookie" in reply.headers:
        return "a mail provider's POST is answered with a cookie, which it must do without"
    if not reply.body.startswith(_LEFT):
        return "the signature of the unsubscribe link is not accepted there: is it another service, or one with another SECRET_KEY?"
    return ""


def call_site(method: str, path: str, body: bytes = b"", *, query: str = "") -> Reply:
    """Put one request to the site's own application, in this process: middleware, addresses and views are those of the web.

    Not by way of its WSGI callable, which closes connections to the database that are in the middle of a transaction.
    """
    site = urlsplit(settings.BASE_URL)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method, "SCRIPT_NAME": "", "QUERY_STRING": query, "SERVER_PROTOCOL": "HTTP/1.1",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),  # as PEP 3333 has a server write it
        "SERVER_NAME": site.hostname or "localhost", "SERVER_PORT": str(site.port or (443 if site.scheme == "https" else 80)),
        "HTTP_HOST": site.netloc, "HTTP_X_FORWARDED_PROTO": site.scheme, "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": "application/x-www-form-urlencoded",
        "wsgi.url_scheme": site.scheme, "wsgi.input": io.BytesIO(body)}
    request = WSGIRequest(environ)
    try:
        response = WSGIHandler().get_response(request)
        headers = {name.lower(): value for name, value in response.items()}
        if response.cookies:  # which the WSGI callable alone would write among the headers
            headers["set-cookie"] = response.cookies.output(header="")
        return Reply(response.status_code, headers, b"".join(response).decode("utf-8", "replace"))
    finally:
        request.close()
