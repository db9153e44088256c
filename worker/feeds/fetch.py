"""A feed's address in; what its server answered out, within limits of time and size, from public addresses only."""

import re
import ssl
import time
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from importlib import metadata

import httpcore
import httpx
from django.conf import settings

from worker.errors import BroadsheetError
from worker.feeds.addresses import GuardedBackend, RefusedAddressError, Resolve, resolve_host

REDIRECTS = 5
GZIP_MEMBERS = 100  # honest answers have one; each costs a copy of all that follows it
_REDIRECT = {301, 302, 303, 307, 308}
_PERMANENT = {301, 308}
_WITH_BODY = {200, 203, 226}
_ACCEPT = ("application/atom+xml, application/rss+xml, application/feed+json, application/rdf+xml;q=0.9, "
           "application/xml;q=0.9, text/xml;q=0.9, application/json;q=0.8, */*;q=0.5")
_HEADER_VALUE = re.compile(r"^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$")


class FetchError(BroadsheetError):
    """The exchange came to nothing. The message says what happened, and what to set if that is a remedy."""


@dataclass(frozen=True)
class Fetched:
    """A server's answer. `body` is inflated, and empty unless the status is 200 (or 203, 226)."""

    status: int
    url: str  # where the answer came from, after redirects
    permanent_url: str | None  # where permanent redirects (301, 308) led, if the first ones were such
    body: bytes
    etag: str
    last_modified: str
    content_type: str
    retry_after: int | None  # seconds


def fetch(url: str, *, etag: str = "", last_modified: str = "", resolve: Resolve = resolve_host,
          seconds: float | None = None) -> Fetched:
    """Fetch a feed, unless it is unchanged since the answer that had this ETag and Last-Modified (then status 304).

    Takes at most FETCH_TIMEOUT_SECONDS in all (or `seconds`, if that is less) and FETCH_MAX_BYTES, on the wire and inflated;
    follows five redirects. User names and passwords in addresses are not sent. Raises FetchError.
    """
    limit = settings.FETCH_TIMEOUT_SECONDS if seconds is None else min(seconds, settings.FETCH_TIMEOUT_SECONDS)
    backend = GuardedBackend(time.monotonic() + limit, settings.FETCH_ALLOW_HOSTS, resolve)
    headers = _make_headers(etag, last_modified)
    current, permanent, only_permanent = read_address(url), None, True
    pool = httpcore.ConnectionPool(ssl_context=open_tls(), network_backend=backend, max_keepalive_connections=2)
    try:
        with pool:
            for _ in range(REDIRECTS + 1):
                answer = _ask(pool, current, headers)
                if not isinstance(answer, _Redirect):
                    return _conclude(answer, str(current), str(permanent) if permanent else None)
                current = read_address(str(current.join(answer.location)))
                only_permanent = only_permanent and answer.status in _PERMANENT
                permanent = current if only_permanent else permanent
    except (RefusedAddressError, FetchError) as error:
        raise FetchError(str(error)) from error
    except httpcore.TimeoutException as error:
        raise FetchError(f"{name_address(current)}: no complete answer within {limit:.3g} seconds") from error
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, httpx.InvalidURL, ssl.SSLError,
            OSError, ValueError) as error:
        raise FetchError(f"{name_address(current)}: {say_fault(error)}") from error
    raise FetchError(f"{name_address(current)}: more than {REDIRECTS} redirects; the address may lead in a circle")


@dataclass(frozen=True)
class _Redirect:
    status: int
    location: str


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: httpx.Headers
    body: bytes


def read_address(url: str) -> httpx.URL:
    """Return the address without user name, password and fragment; raises FetchError unless it is http or https."""
    if url.startswith("sample:"):
        raise FetchError(f"{url}: a sample of `broadsheet demo`, which serves it; give an http:// or https:// address")
    try:
        address = httpx.URL(url)
        is_web = address.scheme in ("http", "https") and bool(address.host)
    except (httpx.InvalidURL, UnicodeError) as error:  # UnicodeError: a name that IDNA does not allow
        raise FetchError(f"{url[:200]!r} is not an address: {error}") from error
    if not is_web:
        raise FetchError(f"{url[:200]!r}: only http:// and https:// addresses are fetched")
    return address.copy_with(userinfo=b"", fragment=None)


def _make_headers(etag: str, last_modified: str) -> dict[str, str]:
    headers = {"User-Agent": f"Broadsheet/{read_version()} (+{settings.BASE_URL}; newsletter feed reader)",
               "Accept": _ACCEPT, "Accept-Encoding": "gzip, deflate"}
    if _HEADER_VALUE.match(etag):
        headers["If-None-Match"] = etag
    if _HEADER_VALUE.match(last_modified):
        headers["If-Modified-Since"] = last_modified
    return headers


def _ask(pool: httpcore.ConnectionPool, url: httpx.URL, headers: dict[str, str]) -> _Answer | _Redirect:
    target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
    sent = [(name.encode(), value.encode()) for name, value in headers.items()]
    with pool.stream("GET", target, headers=sent) as response:
        received = httpx.Headers(response.headers)
        if response.status in _REDIRECT and received.get("location"):
            return _Redirect(response.status, received["location"])
        if response.status not in _WITH_BODY:
            return _Answer(response.status, received, b"")
        return _Answer(response.status, received, _read_body(response.iter_stream(), received, url))


def _read_body(chunks: Iterable[bytes], headers: httpx.Headers, url: httpx.URL) -> bytes:
    limit = settings.FETCH_MAX_BYTES
    too_large = FetchError(f"{name_address(url)}: more than {limit:,} bytes; if that is right, raise FETCH_MAX_BYTES")
    if headers.get("content-length", "").isdecimal() and int(headers["content-length"][:20]) > limit:
        raise too_large
    received = bytearray()
    for chunk in chunks:
        received += chunk
        if len(received) > limit:
            raise too_large
    body, encoding = bytes(received), headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
        raise FetchError(f"{name_address(url)}: answered in the encoding {encoding[:40]!r}, which was not asked for")
    try:
        if encoding == "deflate":
            body = inflate(body, limit)
        # Also a file that is compressed as such (feed.xml.gz), and what was compressed once more than the header says.
        for _ in range(2):
            if body[:2] == b"\x1f\x8b":
                body = inflate(body, limit)
    except zlib.error as error:
        raise FetchError(f"{name_address(url)}: its compressed answer is damaged ({error})") from error
    except OverflowError:
        raise too_large from None
    return body


def inflate(data: bytes, limit: int) -> bytes:
    """Inflate gzip, zlib or bare deflate data; raises OverflowError at `limit` bytes, having made no more.

    Raises zlib.error if the data is damaged, or is made of more gzip files than any honest answer.
    """
    if data[:2] != b"\x1f\x8b":
        try:
            return _inflate_member(data, zlib.MAX_WBITS, limit)[0]
        except zlib.error:
            return _inflate_member(data, -zlib.MAX_WBITS, limit)[0]
    whole = bytearray()
    members = 0
    while data[:2] == b"\x1f\x8b":  # gzip files may stand one after another
        members += 1
        if members > GZIP_MEMBERS:
            raise zlib.error(f"more than {GZIP_MEMBERS} gzip files one after another")
        part, data = _inflate_member(data, zlib.MAX_WBITS | 16, limit - len(whole))
        whole += part
    return bytes(whole)


def _inflate_member(data: bytes, window: int, limit: int) -> tuple[bytes, bytes]:
    inflater = zlib.decompressobj(window)
    part = inflater.decompress(data, limit + 1)
    if len(part) > limit:
        raise OverflowError
    if not inflater.eof:
        raise zlib.error("it ends too early")
    return part, inflater.unused_data


def _conclude(answer: _Answer, url: str, permanent: str | None) -> Fetched:
    headers = answer.headers
    return Fetched(answer.status, url, permanent, answer.body, etag=_plain(headers.get("etag", "")),
                   last_modified=_plain(headers.get("last-modified", "")),
                   content_type=_plain(headers.get("content-type", "")),
                   retry_after=read_retry_after(headers.get("retry-after", ""), datetime.now(UTC)))


def read_retry_after(value: str, now: datetime) -> int | None:
    """Return a Retry-After header, a number or a date (RFC 9110, 10.2.3), in seconds from `now`; None if neither."""
    value = value.strip()
    if value.isascii() and value.isdecimal():
        return int(value[:9])
    try:
        moment = parsedate_to_datetime(value)
        return max(0, round(((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds()))
    except (ValueError, TypeError, OverflowError):
        return None


def _plain(value: str) -> str:
    return value if _HEADER_VALUE.match(value) else ""


def name_address(url: httpx.URL) -> str:
    """The address for a message: with no query, which may hold a key."""
    return str(url.copy_with(query=None))[:200]


def say_fault(error: Exception) -> str:
    said = " ".join(str(error).split())[:200]
    if "CERTIFICATE_VERIFY_FAILED" in said:
        return f"its certificate is not valid ({said.partition('certificate verify failed: ')[2] or said})"
    return said or {"RemoteProtocolError": "the server ended the connection without an answer",
                    "ReadError": "the connection broke off"}.get(type(error).__name__, type(error).__name__)


@lru_cache(maxsize=1)
def open_tls() -> ssl.SSLContext:
    """Certificates are checked; the environment's proxies and certificate settings are not used."""
    return httpx.create_ssl_context(trust_env=False)


@lru_cache(maxsize=1)
def read_version() -> str:
    try:
        return metadata.version("broadsheet")
    except metadata.PackageNotFoundError:  # run from a checkout without having been installed
        return "0"
