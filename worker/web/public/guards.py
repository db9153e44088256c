"""What every page that a reader's link opens has in common: small bodies, no copies kept, no search engine."""

import ipaddress
from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse, HttpResponseBase

View = Callable[..., HttpResponseBase]
JSON = "application/json"
NEVER_KEPT = "max-age=0, no-cache, no-store, must-revalidate, private"  # RFC 9111, section 5.2.2
LARGEST_FORM = 20_000  # bytes; the largest honest one, with every box ticked, has about a thousand


def small_body(view: View) -> View:
    """Refuse a form that is far larger than any of ours, before it is read."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: str, **kwargs: str) -> HttpResponseBase:
        if body_length(request) > LARGEST_FORM:
            return HttpResponse("The form is too large.\n", status=413, content_type="text/plain; charset=utf-8")
        return view(request, *args, **kwargs)

    return guarded


def personal(view: View) -> View:
    """Mark the answer as one person's: no cache keeps it, no search engine lists it."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: str, **kwargs: str) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        response.headers["Cache-Control"] = NEVER_KEPT
        response.headers["X-Robots-Tag"] = "noindex, nofollow"
        return response

    return guarded


def body_length(request: HttpRequest) -> int:
    """Return the body's announced length in bytes; a body of unknown length counts as none (Django reads none then)."""
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0


def wants_json(request: HttpRequest) -> bool:
    """Say whether a program asks: it sends JSON, or takes nothing else."""
    return request.content_type == JSON or request.META.get("HTTP_ACCEPT", "").strip() == JSON


def network_address(request: HttpRequest) -> str | None:
    """Return the address the request came from; None if it is not to be known (a Unix socket, a proxy that does not say)."""
    try:
        return str(ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")))
    except ValueError:
        return None


def countable_address(request: HttpRequest) -> str:
    """Return the address that failed sign-ins are counted by: of IPv6 the /64, which is what one customer has at least (RFC 6177),
    and so never runs out of. All without one share the unspecified one (RFC 4291 section 2.5.2): attempts that are stored without
    any are not found again, and nobody would be locked out."""
    ip = ipaddress.ip_address(network_address(request) or "::")
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return str(ipaddress.ip_network((ip, 64), strict=False).network_address) if ip.version == 6 else str(ip)
