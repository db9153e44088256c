"""A response in, the same response out with the headers that keep browsers from running what we did not write."""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

POLICY = "; ".join((
    "default-src 'self'",
    "img-src 'self' data:",
    "style-src 'self'",
    "script-src 'self'",
    "frame-ancestors 'self'",
    "form-action 'self'",
    "object-src 'none'",
    "base-uri 'none'",
))

# For a document that others wrote, shown inside a page of ours: mails carry inline styles and data: images, and
# nothing else of theirs may run, load, submit or navigate. Without allow-same-origin it cannot read our cookies.
FOREIGN_POLICY = "; ".join((
    "sandbox",
    "default-src 'none'",
    "style-src 'unsafe-inline'",
    "img-src data:",
    "frame-ancestors 'self'",
    "form-action 'none'",
    "base-uri 'none'",
))


class SecurityHeadersMiddleware:
    """Adds the content security policy unless the view has set its own, and switches off device features."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        response.headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()")
        return response
