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
from django.db import Error as DatabaseError
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
# KEYS: everybody's count, then each visitor's network's. ARGV: an hour in seconds, then each one's cost and its network's limit.
# A count's hour begins with what is first added to it (https://valkey.io/commands/incr/, "rate limiter").
_COUNT = """
local function add(key, amount)
  local count = redis.call('INCRBY', key, amount)
  if count == amount then redis.call('EXPIRE', key, ARGV[1]) end
  return count
end
local places = {}
for i = 2, #KEYS do
  local cost, limit = tonumber(ARGV[2 * i - 2]), tonumber(ARGV[2 * i - 1])
  places[i - 1] = add(KEYS[i], cost) <= limit and add(KEYS[1], 1) or 0
end
return places
"""


class Verdict(Enum):
    """What becomes of one more sign-up."""

    TAKEN = "taken"
    NETWORK_FULL = "network full"
    ALL_FULL = "all full"


@dataclass(eq=False)
class Visit:
    """One more sign-up: whom it counts for and as how many, how many its network may send, and what becomes of it once counted."""

    network: str
    cost: int
    limit: int
    verdict: Verdict | None = None


class _Counts:
    """The counts of the last hour: in Redis, or here while it does not answer."""

    def __init__(self, url: str) -> None:
        self._here = MemoryStorage()
        self._count_there = _connect(url).register_script(_COUNT) if url else None
        self._rest_until = 0.0

    def add(self, visits: Sequence[Visit]) -> list[int]:
        """Return the place of each visit among all of the hour; 0 for one too many of its network, which takes no place."""
        if self._count_there and time.monotonic() >= self._rest_until:
            keys = [f"sign-ups/{name}" for name in ("all", *(visit.network for visit in visits))]
            numbers = [HOUR, *(number for visit in visits for number in (visit.cost, visit.limit))]
            try:
                return list(self._count_there(keys, numbers))
            except RedisError as error:
                self._rest_until = time.monotonic() + REST_SECONDS
                log.warning("Redis does not answer: sign-ups are counted in each process", why=str(error)[:200])
        return [self._add_here(visit) for visit in visits]

    def _add_here(self, visit: Visit) -> int:
        return self._here.incr("all", HOUR) if self._here.incr(visit.network, HOUR, visit.cost) <= visit.limit else 0


def _connect(url: str) -> Redis:
    return Redis.from_url(url, socket_connect_timeout=1, socket_timeout=1, retry=Retry(NoBackoff(), 0))


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
    limit = settings.SIGNUP_TOTAL_LIMIT
    places = _counts(settings.REDIS_URL).add(visits)
    for visit, place in zip(visits, places, strict=True):
        visit.verdict = Verdict.NETWORK_FULL if not place else Verdict.TAKEN if place <= limit else Verdict.ALL_FULL
    if limit + 1 in places:
        _raise_alarm()


def admit(network_address: str | None, *, form_age: float) -> Verdict:
    """Count one more sign-up by itself, and say whether it may be taken."""
    visit = visit_from(network_address, form_age=form_age)
    judge([visit])
    assert visit.verdict
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
    try:
        AuditEntry.objects.create(actor=SIGN_UP_ACTOR, action="more sign-ups than the limit", subject="sign-up",
                                  detail={"limit": settings.SIGNUP_TOTAL_LIMIT})
    except DatabaseError as error:
        log.warning("the desk does not show it: the database does not answer", why=str(error)[:200])
