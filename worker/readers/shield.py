"""A visitor's network in; whether one more sign-up may be taken from it now out, and an alarm when they come in floods.

The counts live in Redis, where all web processes share them. While Redis does not answer they are kept in this process:
each process then lets the limits through once, which is more than wanted and still a limit.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
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
# Who is given a /48, as sites are (RFC 6177), has 65,536 /64s: counted by these alone, a hundred of them would close sign-up for
# everybody. Some providers put many households into one, so it may send more than one network: a twentieth of what all may.
WIDER_FACTOR = 5
NO_PLACE = -1
# KEYS: everybody's count, then each visitor's network's and its wider network's (the same where there is none).
# ARGV: an hour in seconds, WIDER_FACTOR, then each one's cost, its network's limit, and the places it takes among all.
# A count's hour begins with what is first added to it (https://valkey.io/commands/incr/, "rate limiter"); one that was left without
# an end, by whatever hand, gets one.
_COUNT = """
local function add(key, amount)
  local count = redis.call('INCRBY', key, amount)
  if redis.call('TTL', key) < 0 then redis.call('EXPIRE', key, ARGV[1]) end
  return count
end
local answers = {}
for i = 1, (#KEYS - 1) / 2 do
  local network, wider = KEYS[2 * i], KEYS[2 * i + 1]
  local cost, limit, places = tonumber(ARGV[3 * i]), tonumber(ARGV[3 * i + 1]), ARGV[3 * i + 2]
  local may = add(network, cost) <= limit and (wider == network or add(wider, cost) <= limit * ARGV[2])
  answers[i] = may and add(KEYS[1], places) or -1
end
return answers
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
    wider: str  # the network of that network; the same again for an IPv4 address
    cost: int
    limit: int
    places: int  # that it takes among all: none if nothing of it is kept
    verdict: Verdict | None = None


class _Counts:
    """The counts of the last hour: in Redis, or here while it does not answer."""

    def __init__(self, url: str) -> None:
        self._here = MemoryStorage()
        self._count_there = _connect(url).register_script(_COUNT) if url else None
        self._rest_until = 0.0

    def add(self, visits: Sequence[Visit]) -> list[int]:
        """Return the place of each visit among all of the hour; NO_PLACE for one too many of its network, which takes none."""
        if self._count_there and time.monotonic() >= self._rest_until:
            keys = [f"sign-ups/{name}" for name in ("all", *(name for visit in visits for name in (visit.network, visit.wider)))]
            numbers = [HOUR, WIDER_FACTOR, *(number for one in visits for number in (one.cost, one.limit, one.places))]
            try:
                return list(self._count_there(keys, numbers))
            except RedisError as error:
                self._rest_until = time.monotonic() + REST_SECONDS
                log.warning("Redis does not answer: sign-ups are counted in each process", why=str(error)[:200])
        return [self._add_here(visit) for visit in visits]

    def _add_here(self, visit: Visit) -> int:
        may = self._here.incr(visit.network, HOUR, visit.cost) <= visit.limit and (
            visit.wider == visit.network or self._here.incr(visit.wider, HOUR, visit.cost) <= visit.limit * WIDER_FACTOR)
        return self._here.incr("all", HOUR, visit.places) if may else NO_PLACE


def _connect(url: str) -> Redis:
    return Redis.from_url(url, socket_connect_timeout=1, socket_timeout=1, retry=Retry(NoBackoff(), 0))


def visit_from(network_address: str | None, *, form_age: float, is_kept: bool = True) -> Visit:
    """Return a visit that is not counted yet; its form is `form_age` seconds old (below 0 where two machines' clocks differ)."""
    ip = _read_address(network_address)
    # From this machine itself come programs of its operator, or everybody, through a proxy that TRUST_PROXY does not name. Where it
    # does, somebody without an address is only a visitor whose address is not to be known.
    is_here = ip.is_loopback if ip else not settings.TRUST_PROXY
    is_hasty = 0 <= form_age < HASTY_SECONDS and not is_here
    return Visit(_network_of(ip, 64), _network_of(ip, 48), cost=HASTY_COST if is_hasty else 1,
                 limit=settings.SIGNUP_NETWORK_LIMIT * (HERE_FACTOR if is_here else 1), places=int(is_kept))


def judge(visits: Sequence[Visit]) -> None:
    """Count visits that came at once, by one call to Redis, and set their verdicts.

    What a network may not send does not count among all: nobody closes the form to others from one network.
    """
    limit = settings.SIGNUP_TOTAL_LIMIT
    places = _counts(settings.REDIS_URL).add(visits)
    for visit, place in zip(visits, places, strict=True):
        visit.verdict = Verdict.NETWORK_FULL if place == NO_PLACE else Verdict.TAKEN if place <= limit else Verdict.ALL_FULL
    if any(place == limit + 1 and visit.places for visit, place in zip(visits, places, strict=True)):
        _raise_alarm()


def admit_unkept(network_address: str | None, *, form_age: float) -> Verdict:
    """Count a sign-up of which nothing is kept, for its network alone, and say what the visitor is told."""
    visit = visit_from(network_address, form_age=form_age, is_kept=False)
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


def _read_address(address: str | None) -> IPv4Address | IPv6Address | None:
    try:
        ip = ip_address(address or "")
    except ValueError:
        return None
    return getattr(ip, "ipv4_mapped", None) or ip


def _network_of(ip: IPv4Address | IPv6Address | None, prefix: int) -> str:
    """Return what visitors can be told by: an IPv4 address, or an IPv6 /64 or /48 (RFC 6177: a site has at least the first)."""
    if isinstance(ip, IPv6Address):
        return str(ip_network((ip, prefix), strict=False))
    return str(ip or "unknown")


def _raise_alarm() -> None:
    log.error("more sign-ups than SIGNUP_TOTAL_LIMIT within the hour: the form is closed until the hour is over",
              limit=settings.SIGNUP_TOTAL_LIMIT)
    try:
        AuditEntry.objects.create(actor=SIGN_UP_ACTOR, action="more sign-ups than the limit", subject="sign-up",
                                  detail={"limit": settings.SIGNUP_TOTAL_LIMIT})
    except DatabaseError as error:
        log.warning("the desk does not show it: the database does not answer", why=str(error)[:200])
