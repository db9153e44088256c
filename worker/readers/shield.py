"""A visitor's network in; whether one more sign-up may be taken from it now out, and an alarm when they come in floods.

The counts live in Redis, where all web processes share them. While Redis does not answer they are kept in this process:
each process then lets the limits through once, which is more than wanted and still a limit.
"""

import ipaddress
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from threading import Lock

import structlog
from django.conf import settings
from limits.storage import MemoryStorage
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from worker.storage.models import AuditEntry

log = structlog.get_logger(__name__)
SIGN_UP_ACTOR = "sign-up"  # who raises the alarm, in the audit log
HASTY_SECONDS = 2.0  # a form sent sooner after it was made was hardly read: it counts as five
HASTY_COST = 5
HERE_FACTOR = 10
HOUR = 3600  # seconds
REST_SECONDS = 10.0  # how long a Redis that did not answer is not asked again: a visitor must not wait for its time-out
_ALL = "all"  # the name that everybody counts under
# Adds to the counts of some keys; a key's hour begins with what is first added to it (https://valkey.io/commands/incr/).
_ADD = """
local counts = {}
for i, key in ipairs(KEYS) do
  counts[i] = redis.call('INCRBY', key, ARGV[i + 1])
  if counts[i] == tonumber(ARGV[i + 1]) then redis.call('EXPIRE', key, ARGV[1]) end
end
return counts
"""


class Verdict(Enum):
    """What becomes of one more sign-up."""

    TAKEN = "taken"
    NETWORK_FULL = "network full"
    ALL_FULL = "all full"


class _Counts:
    """The counts of the last hour: in Redis, or here while it does not answer."""

    def __init__(self, url: str) -> None:
        self._here = MemoryStorage()
        self._add_shared = _connect(url).register_script(_ADD) if url else None
        self._rest_until = 0.0

    def add(self, amounts: Sequence[tuple[str, int]]) -> list[int]:
        """Add to what has been counted under each name; return what it comes to in the hour since its first one."""
        if self._add_shared and time.monotonic() >= self._rest_until:
            keys = [f"sign-ups/{name}" for name, _ in amounts]
            try:
                return list(self._add_shared(keys, [HOUR, *(amount for _, amount in amounts)]))
            except RedisError as error:
                self._rest_until = time.monotonic() + REST_SECONDS
                log.warning("Redis does not answer: sign-ups are counted in each process", why=str(error)[:200])
        return [self._here.incr(name, HOUR, amount) for name, amount in amounts]


def _connect(url: str) -> Redis:
    return Redis.from_url(url, socket_connect_timeout=1, socket_timeout=1, retry=Retry(NoBackoff(), 0))


@dataclass(eq=False)
class Visit:
    """One more sign-up: whom it counts for and as how many, how many its network may send, and what becomes of it."""

    network: str
    cost: int
    limit: int
    verdict: Verdict = Verdict.TAKEN


def visit_from(network_address: str | None, *, form_age: float) -> Visit:
    """Return a visit that is not counted yet; its form is `form_age` seconds old."""
    network = network_of(network_address)
    # From this machine itself come programs of its operator, or everybody, through a proxy that TRUST_PROXY does not name.
    is_here = network in ("unknown", "::/64") or network.startswith("127.")
    return Visit(network, cost=HASTY_COST if form_age < HASTY_SECONDS and not is_here else 1,
                 limit=settings.SIGNUP_NETWORK_LIMIT * (HERE_FACTOR if is_here else 1))


def judge(visits: Sequence[Visit]) -> None:
    """Count visits that came at once, by one call to Redis, and set their verdicts.

    What a network may not send does not count among all: nobody closes the form to others from one network.
    """
    counts = _counts(settings.REDIS_URL)
    *by_network, total = counts.add([*((visit.network, visit.cost) for visit in visits), (_ALL, len(visits))])
    for visit, count in zip(visits, by_network, strict=True):
        visit.verdict = Verdict.TAKEN if count <= visit.limit else Verdict.NETWORK_FULL
    taken = [visit for visit in visits if visit.verdict is Verdict.TAKEN]
    if len(taken) < len(visits):
        [total] = counts.add([(_ALL, len(taken) - len(visits))])
    for place, visit in enumerate(reversed(taken)):
        if total - place > settings.SIGNUP_TOTAL_LIMIT:
            visit.verdict = Verdict.ALL_FULL
    if taken and taken[-1].verdict is Verdict.ALL_FULL and counts.add([("alarm", 1)]) == [1]:
        _raise_alarm()


def admit(network_address: str | None, *, form_age: float) -> Verdict:
    """Count one more sign-up by itself, and say whether it may be taken."""
    visit = visit_from(network_address, form_age=form_age)
    judge([visit])
    return visit.verdict


_making = Lock()  # no two threads connect to Redis for this process


@lru_cache(maxsize=1)
def _make_counts(url: str) -> _Counts:
    return _Counts(url)


def _counts(url: str) -> _Counts:
    with _making:
        return _make_counts(url)


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
