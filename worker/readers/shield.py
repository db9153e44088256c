"""A visitor's network in; whether one more sign-up may be taken from it now out, and an alarm when they come in floods.

The counts live in Redis, where all web processes share them. While Redis does not answer they are kept in this process:
each process then lets the limits through once, which is more than wanted and still a limit.
"""

import ipaddress
import time
from enum import Enum
from functools import lru_cache
from threading import Lock

import structlog
from django.conf import settings
from limits import RateLimitItemPerHour
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import FixedWindowRateLimiter

from worker.storage.models import AuditEntry

log = structlog.get_logger(__name__)
SIGN_UP_ACTOR = "sign-up"  # who raises the alarm, in the audit log
HASTY_SECONDS = 2.0  # a form sent sooner after it was made was hardly read: it counts as five
HASTY_COST = 5
HERE_FACTOR = 10
MOST_AT_ONCE = 10
REST_SECONDS = 10.0  # how long a Redis that did not answer is not asked again: a visitor must not wait for its time-out


class Verdict(Enum):
    """What becomes of one more sign-up."""

    TAKEN = "taken"
    NETWORK_FULL = "network full"
    ALL_FULL = "all full"


class _Counts:
    """The two ways of counting, and which one is in use."""

    def __init__(self, url: str) -> None:
        self._lock = Lock()
        self._in_hand = 0  # sign-ups that were counted among all ahead of time
        self._here = FixedWindowRateLimiter(MemoryStorage())
        self._shared = FixedWindowRateLimiter(RedisStorage(
            url, wrap_exceptions=True, socket_connect_timeout=1, socket_timeout=1)) if url else None
        self._rest_until = 0.0

    def hit(self, item: RateLimitItemPerHour, *names: str, cost: int = 1) -> bool:
        if self._shared and time.monotonic() >= self._rest_until:
            try:
                return self._shared.hit(item, *names, cost=cost)
            except StorageError as error:
                self._rest_until = time.monotonic() + REST_SECONDS
                log.warning("Redis does not answer: sign-ups are counted in each process", why=str(error)[:200])
        return self._here.hit(item, *names, cost=cost)


    def hit_all(self, limit: int) -> bool:
        """Count one more among all. They are counted some at a time, a hundredth of the limit at most, so that most visitors
        wait for one count alone."""
        some = max(1, min(MOST_AT_ONCE, limit // 100))
        with self._lock:
            if self._in_hand:
                self._in_hand -= 1
                return True
        if not self.hit(RateLimitItemPerHour(limit), "sign-ups", "all", cost=some):
            return False
        with self._lock:
            self._in_hand += some - 1
        return True


_making = Lock()  # the storage class looks for its driver when it is made, and not safely in two threads at once


@lru_cache(maxsize=1)
def _make_counts(url: str) -> _Counts:
    return _Counts(url)


def _counts(url: str) -> _Counts:
    with _making:
        return _make_counts(url)


def admit(network_address: str | None, *, form_age: float) -> Verdict:
    """Count one more sign-up, from a form that is `form_age` seconds old, and say whether it may be taken."""
    counts = _counts(settings.REDIS_URL)
    network = network_of(network_address)
    # From this machine itself come programs of its operator, or everybody, through a proxy that TRUST_PROXY does not name.
    is_here = network == "unknown" or ipaddress.ip_network(network).is_loopback
    limit = settings.SIGNUP_NETWORK_LIMIT * (HERE_FACTOR if is_here else 1)
    cost = HASTY_COST if form_age < HASTY_SECONDS and not is_here else 1
    if not counts.hit(RateLimitItemPerHour(limit), "sign-ups", network, cost=cost):
        return Verdict.NETWORK_FULL
    if not counts.hit_all(settings.SIGNUP_TOTAL_LIMIT):
        if counts.hit(RateLimitItemPerHour(1), "sign-ups", "alarm"):
            _raise_alarm()
        return Verdict.ALL_FULL
    return Verdict.TAKEN


def network_of(address: str | None) -> str:
    """Return what one visitor can be told by: an IPv4 address, or an IPv6 /64 (RFC 6177: a site has at least one)."""
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    return str(ip.ipv4_mapped or ipaddress.ip_network((ip, 64), strict=False))


def _raise_alarm() -> None:
    log.error("more sign-ups than SIGNUP_TOTAL_LIMIT within the hour: the form is closed until the hour is over",
              limit=settings.SIGNUP_TOTAL_LIMIT)
    AuditEntry.objects.create(actor=SIGN_UP_ACTOR, action="more sign-ups than the limit", subject="sign-up",
                              detail={"limit": settings.SIGNUP_TOTAL_LIMIT})
