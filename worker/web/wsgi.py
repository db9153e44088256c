"""The WSGI application that a server such as granian loads: `worker.web.wsgi:application`."""

import gc
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from django.core.wsgi import get_wsgi_application

from worker.logs import set_up_logs  # loads worker.settings, which name themselves to Django

# Where a proxy of the operator's own stands: this machine, or a private network (RFC 1918, RFC 4193, RFC 6598).
PROXY_NETWORKS = [ip_network(one) for one in ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
                                              "100.64.0.0/10", "fc00::/7")]
_HEADER = "HTTP_X_FORWARDED_FOR"


def believe_proxy(application: Any) -> Any:
    """Return `application` with REMOTE_ADDR taken from X-Forwarded-For when a proxy of ours made the call.

    Who has no address calls through a Unix socket, from this machine. The scheme is for Django to read (SECURE_PROXY_SSL_HEADER).
    """
    def believing(environ: dict[str, Any], start_response: Any) -> Any:
        if _HEADER in environ:
            peer = _read_address(environ.get("REMOTE_ADDR", ""))
            if peer is None or _is_ours(peer):
                environ["REMOTE_ADDR"] = _find_visitor(environ[_HEADER], peer)
        return application(environ, start_response)

    return believing


def _find_visitor(chain: str, peer: IPv4Address | IPv6Address | None) -> str:
    """Return the address of whom our proxies, the last of them `peer`, let in; "" if it is not to be known.

    Read from the right, the first address that is no proxy of ours counts: a client can write anything to the left of it. If there
    is none, or something that is no address comes before it, the rightmost counts, the only one that a proxy of ours surely wrote.
    Nobody who comes through a proxy is this machine itself: what says so was written by a client, or by a proxy that does not know.
    """
    visitor = None
    for entry in reversed(chain.split(",")):
        address = _read_address(entry)
        if address is None:
            break
        if not _is_ours(address):
            visitor = address
            break
        visitor = visitor or address
    visitor = visitor or peer
    return "" if visitor is None or visitor.is_loopback or visitor.is_unspecified else str(visitor)


def _read_address(text: str) -> IPv4Address | IPv6Address | None:
    """Return an address, written as a proxy may, with a port or in brackets; None if it is none."""
    host = text.strip()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ip_address(host.partition("%")[0])  # no zone: it has a meaning on the machine that wrote it only (RFC 4007)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_ours(address: IPv4Address | IPv6Address) -> bool:
    return any(address in network for network in PROXY_NETWORKS)


def make_application() -> Any:
    """Return the application as TRUST_PROXY asks for it, with all its views loaded: no visitor waits for that.

    What is loaded stays until the process ends, so the garbage collector need not go through it, which takes it a tenth of a second
    and holds up everybody meanwhile (https://docs.python.org/3/library/gc.html#gc.freeze).
    """
    application = get_wsgi_application()
    from django.conf import settings
    from django.urls import get_resolver

    get_resolver().check()
    gc.collect()
    gc.freeze()
    return believe_proxy(application) if settings.TRUST_PROXY else application


application = make_application()
set_up_logs()
