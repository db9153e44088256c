"""An address in, whether a page answers there out: a few bytes asked for, nothing read, from public addresses only."""

import ssl
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from urllib.parse import urlsplit

import dns.exception
import dns.resolver
import httpcore
import httpx
from django.conf import settings

from worker.feeds.addresses import GuardedBackend, RefusedAddressError, Resolve, UnknownNameError, resolve_host
from worker.feeds.fetch import REDIRECTS, FetchError, name_address, open_tls, read_address, read_version, say_fault
from worker.storage.models import Verdict

LINK_SECONDS = 10.0  # for one link, redirects and all
HOST_PAUSE = 1.0  # between two questions to one server
THREADS = 8
BODY_BYTES = 2_000  # of an answer to a POST
_REDIRECT = {301, 302, 303, 307, 308}
_GONE = {404, 410}
# RFC 2606 and RFC 6761: names for examples, where nobody can have a page. That they do not exist says nothing of a link.
_EXAMPLES = (".example", ".test", ".invalid", ".localhost", "example.com", "example.net", "example.org")
_REFUSED = {401: "wants to know who asks", 402: "wants to be paid", 403: "refuses programs that ask",
            429: "wants to be asked less often", 451: "may not be read from here, for legal reasons"}


@dataclass(frozen=True)
class Answer:
    """What became of a question: `verdict` in one word, the rest in words for an editor."""

    verdict: Verdict
    words: str
    wait: bool = False  # nothing more is to be asked of this server for now


@dataclass(frozen=True)
class Posted:
    """A server's answer to a POST that follows no redirect. `headers` are in small letters."""

    status: int
    headers: dict[str, str]
    body: str


def ask_links(urls: Iterable[str], *, seconds: float, on_done: Callable[[str, Answer], None],
              resolve: Resolve = resolve_host, pause: float = HOST_PAUSE) -> None:
    """Ask all of these, eight servers at once and each server one link at a time; begin none after `seconds`.

    `on_done` is called in the calling thread, for what was asked. A server that wants to be left alone is asked no more.
    """
    by_host: dict[str, list[str]] = defaultdict(list)
    for url in dict.fromkeys(urls):
        by_host[_host_of(url)].append(url)
    until = time.monotonic() + seconds

    def ask_host(waiting: Sequence[str]) -> list[tuple[str, Answer]]:
        done: list[tuple[str, Answer]] = []
        for number, url in enumerate(waiting):
            if number:
                time.sleep(pause)
            if time.monotonic() >= until:
                break
            answer = ask_link(url, resolve=resolve, seconds=LINK_SECONDS)
            done.append((url, answer))
            if answer.wait:
                done += [(other, Answer(Verdict.UNSURE, f"was not asked: {_host_of(url)} does not answer or wants to be asked "
                                                        "less often")) for other in waiting[number + 1:]]
                break
        return done

    with ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="ask-link") as pool:
        for asked in as_completed([pool.submit(ask_host, waiting) for waiting in by_host.values()]):
            for url, answer in asked.result():
                on_done(url, answer)


def ask_link(url: str, *, resolve: Resolve = resolve_host, seconds: float = LINK_SECONDS) -> Answer:
    """Ask whether there is a page: with HEAD, and with GET where that is refused. Never raises for what a server does.

    Only 404, 410 (RFC 9110, 15.5.5 and 15.5.11) and a name that the DNS denies are a certain no.
    """
    if _host_of(url).endswith(_EXAMPLES):
        return Answer(Verdict.UNSURE, "is an address for examples, which nobody can open (RFC 2606)")
    backend = GuardedBackend(time.monotonic() + seconds, settings.FETCH_ALLOW_HOSTS, resolve)
    try:
        with httpcore.ConnectionPool(ssl_context=open_tls(), network_backend=backend, max_keepalive_connections=2) as pool:
            return _judge(*_follow(pool, read_address(url)))
    except UnknownNameError:
        return _ask_name(url)
    except RefusedAddressError:
        return Answer(Verdict.UNSURE, "leads to an address inside a private network, which is not asked")
    except httpcore.TimeoutException:
        return Answer(Verdict.UNSURE, f"did not answer within {seconds:g} seconds", wait=True)
    except FetchError as error:
        return Answer(Verdict.UNSURE, f"could not be asked ({error})"[:300])
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, httpx.InvalidURL, ssl.SSLError,
            OSError, ValueError) as error:
        return Answer(Verdict.UNSURE, f"could not be asked ({say_fault(error)})"[:300])


def post_form(url: str, body: bytes, *, allowed: Sequence[str], seconds: float = LINK_SECONDS) -> Posted:
    """POST a form to an address of the operator's own, as a mail provider would: without a cookie, following nothing.

    `allowed` are hosts that may be private. Raises FetchError.
    """
    address = read_address(url)
    backend = GuardedBackend(time.monotonic() + seconds, allowed)
    headers = {**_headers(), "Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(body))}
    try:
        with (httpcore.ConnectionPool(ssl_context=open_tls(), network_backend=backend) as pool,
              pool.stream("POST", _target(address), headers=_encode(headers), content=body) as response):
            received = b""
            for chunk in response.iter_stream():
                received += chunk
                if len(received) >= BODY_BYTES:
                    break
            answered = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
            return Posted(response.status, answered, received[:BODY_BYTES].decode("utf-8", "replace"))
    except RefusedAddressError as error:
        raise FetchError(str(error)) from error
    except httpcore.TimeoutException as error:
        raise FetchError(f"{_site(address)}: no answer within {seconds:g} seconds") from error
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, ssl.SSLError, OSError,
            ValueError) as error:
        raise FetchError(f"{_site(address)}: {say_fault(error)}") from error


def _follow(pool: httpcore.ConnectionPool, url: httpx.URL) -> tuple[int, httpx.URL]:
    """Return the status at the end of the redirects; raises FetchError if there is no end."""
    for _ in range(REDIRECTS + 1):
        try:
            status, location = _ask(pool, "HEAD", url)
        except (httpcore.ReadError, httpcore.RemoteProtocolError):  # some break off at what they do not know
            status, location = 0, ""
        # Many servers answer HEAD with what they would never answer GET; who asks for patience is not asked twice.
        if not 200 <= status < 300 and status not in _REDIRECT and status != 429:
            status, location = _ask(pool, "GET", url)
        if status not in _REDIRECT or not location:
            return status, url
        url = read_address(str(url.join(location)))
    raise FetchError(f"{name_address(url)}: more than {REDIRECTS} redirects; the address may lead in a circle")


def _ask(pool: httpcore.ConnectionPool, method: str, url: httpx.URL) -> tuple[int, str]:
    with pool.stream(method, _target(url), headers=_encode(_headers())) as response:  # leaving it unread closes the connection
        return response.status, httpx.Headers(response.headers).get("location", "")


def _judge(status: int, url: httpx.URL) -> Answer:
    if 200 <= status < 300:
        return Answer(Verdict.GOOD, f"answers ({status})")
    if status in _GONE:
        return Answer(Verdict.BAD, f"is gone: the server answers {status}")
    said = _REFUSED.get(status, "is out of order just now" if status >= 500 else "gives no page")
    return Answer(Verdict.UNSURE, f"{said} (the server answers {status})", wait=status == 429)


def _ask_name(url: str) -> Answer:
    """A resolver that cannot be asked, or knows nothing of the world, must not make every link a dead one."""
    host = _host_of(url)
    resolver = dns.resolver.get_default_resolver()
    try:
        resolver.resolve(host + ".", "A", lifetime=3)
    except dns.resolver.NXDOMAIN:
        try:
            resolver.resolve(".", "NS", lifetime=3)
        except (dns.exception.DNSException, OSError):
            return Answer(Verdict.UNSURE, f"could not be asked: this machine cannot look up {host}")
        return Answer(Verdict.BAD, f"is gone: there is no server called {host}")
    except (dns.exception.DNSException, OSError):
        pass
    return Answer(Verdict.UNSURE, f"could not be asked: the name {host} was not resolved")


def _target(url: httpx.URL) -> httpcore.URL:
    return httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)


def _encode(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


def _headers() -> dict[str, str]:
    return {"User-Agent": f"Broadsheet/{read_version()} (+{settings.BASE_URL}; newsletter link check)",
            "Accept": "text/html, */*;q=0.5", "Accept-Encoding": "identity"}


def _site(url: httpx.URL) -> str:
    """The address for a message without its path, which may hold a reader's token."""
    return f"{url.scheme}://{url.netloc.decode()}"


def _host_of(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").rstrip(".").lower()
    except ValueError:
        return ""
