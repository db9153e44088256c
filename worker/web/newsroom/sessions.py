"""A request in, how long its session still holds out; a person in, their open sessions, and the end of them, out.

What a session is known by (since when, last used, browser, network) stands in the session itself, so that it goes with it.
"""

import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.http import HttpRequest
from django.utils import timezone

from worker.web.public.guards import network_address

_KEPT = "kept"  # in the session: what it is known by
_TOUCH_SECONDS = 300  # a session is written no more often than this, or each click would be a write
_BROWSERS = (  # the first that is named: most name others as well
    ("Edg", "Edge"), ("OPR", "Opera"), ("SamsungBrowser", "Samsung Internet"), ("Firefox", "Firefox"), ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"), ("Chrome", "Chrome"), ("Safari", "Safari"))
_SYSTEMS = (("Android", "Android"), ("iPhone", "an iPhone"), ("iPad", "an iPad"), ("Windows", "Windows"), ("Mac OS X", "a Mac"),
            ("CrOS", "ChromeOS"), ("Linux", "Linux"))


@dataclass(frozen=True)
class OpenSession:
    """One browser that is signed in. `mark` names it in a form; it opens nothing."""

    mark: str
    since: datetime
    used: datetime
    browser: str
    network: str
    is_here: bool


def keep_session(request: HttpRequest) -> bool:
    """Note that the session was used; say whether it still holds: nobody stays signed in for ever by clicking now and then."""
    now = int(time.time())
    kept = request.session.get(_KEPT)
    if kept is None:
        kept = {"mark": secrets.token_hex(8), "since": now, "used": 0,
                "browser": describe_browser(request.headers.get("User-Agent", "")),
                "network": shorten_network(network_address(request))}
    if kept["since"] + settings.SESSION_LONGEST_AGE <= now:
        return False
    if kept["used"] + _TOUCH_SECONDS <= now:
        request.session[_KEPT] = {**kept, "used": now}  # saved with a new end: SESSION_COOKIE_AGE from now
    return True


def list_sessions(editor_id: int, here: str | None = None) -> list[OpenSession]:
    """Return somebody's open sessions, the last used first; `here` is the key of the one that asks."""
    found = [OpenSession(kept["mark"], since=_moment(kept["since"]), used=_moment(kept["used"]), browser=kept["browser"],
                         network=kept["network"], is_here=key == here)
             for key, data in _sessions_of(editor_id) if (kept := data.get(_KEPT))]
    return sorted(found, key=lambda one: (one.is_here, one.used), reverse=True)


def end_sessions(editor_id: int, *, keep: str | None = None, mark: str | None = None) -> int:
    """End all of somebody's sessions, or all but the one with the key `keep`, or the one with this mark; return how many.

    A request that is under way in one of them cannot bring it back: Django refuses to save a session whose row is gone.
    """
    keys = [key for key, data in _sessions_of(editor_id)
            if key != keep and (mark is None or data.get(_KEPT, {}).get("mark") == mark)]
    Session.objects.filter(session_key__in=keys).delete()
    return len(keys)


def _sessions_of(editor_id: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Only people of the newsroom have sessions, so that there are few to look through."""
    store = SessionStore()
    for key, data in Session.objects.filter(expire_date__gt=timezone.now()).values_list("session_key", "session_data"):
        opened = store.decode(data)
        if opened.get(SESSION_KEY) == str(editor_id):
            yield key, opened


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def describe_browser(user_agent: str) -> str:
    """Return a browser's User-Agent in words a person knows it by; whatever it says, only words of ours come out. Pure."""
    browser = next((name for token, name in _BROWSERS if f"{token}/" in user_agent), "")
    system = next((name for token, name in _SYSTEMS if re.search(rf"\b{token}\b", user_agent)), "")
    if not browser:
        return f"a browser on {system}" if system else "an unknown browser"
    return f"{browser} on {system}" if system else browser


def shorten_network(address: str | None) -> str:
    """Return the /24 or /48 an address lies in, as the consent ledger keeps them; "" if it is not known. Pure."""
    if not address:
        return ""
    ip = ip_address(address)
    ip = getattr(ip, "ipv4_mapped", None) or ip
    if ip.is_loopback:
        return "this machine"
    return str(ip_network((ip, 24 if ip.version == 4 else 48), strict=False))
