"""A host's name in; a connection to an address of it that anyone may reach, out. Private networks are refused.

Feeds, and the redirects they answer with, are written by strangers. The name is resolved, the answer is checked, and
the connection goes to the very address that was checked, so a name that changes its address meanwhile gains nothing.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

import httpcore

from worker.errors import BroadsheetError

Resolve = Callable[[str, int], Sequence[str]]

# IANA's special-purpose registries, and what `ipaddress.is_global` of some Python versions lets through:
# https://www.iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry
_PRIVATE_V4 = tuple(IPv4Network(net) for net in (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
    "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"))
# The only part of IPv6 given out for the Internet: fc00::/7, fe80::/10, fec0::/10 and ff00::/8 are outside.
_PUBLIC_V6 = IPv6Network("2000::/3")
_PRIVATE_V6 = tuple(IPv6Network(net) for net in (
    "2001::/23",  # protocol assignments, Teredo (2001::/32) among them, which carries an IPv4 address
    "2001:db8::/32", "2002::/16", "3fff::/20", "2620:4f:8000::/48"))
_MAPPED = IPv6Network("::ffff:0:0/96")
_NAT64 = IPv6Network("64:ff9b::/96")  # how an IPv6-only network reaches IPv4; its local form 64:ff9b:1::/48 is private
ADDRESSES_TRIED = 4
_NO_SUCH_NAME = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


class RefusedAddressError(BroadsheetError):
    """The host has no address that may be fetched from."""


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Tell whether anyone may reach this address. One that carries an IPv4 address is as public as that."""
    if isinstance(address, IPv6Address):
        if address in _MAPPED or address in _NAT64:
            return is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
        return address in _PUBLIC_V6 and not any(address in net for net in _PRIVATE_V6)
    return address.is_global and not any(address in net for net in _PRIVATE_V4)


def is_allowed(host: str, port: int, allowed: Iterable[str]) -> bool:
    """Tell whether FETCH_ALLOW_HOSTS names this host ("host") or this host and port ("host:port", "[::1]:8000")."""
    host = host.lower().strip("[]").rstrip(".")
    for entry in allowed:
        name = entry.strip().lower()
        if name.strip("[]") == host or name in (f"{host}:{port}", f"[{host}]:{port}"):
            return True
    return False


def resolve_host(host: str, port: int) -> list[str]:
    """Return the host's addresses, by the system's resolver; raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


class UnknownNameError(httpcore.ConnectError):
    """The system's resolver says that there is no such name, or none with an address."""


class GuardedBackend(httpcore.NetworkBackend):
    """httpcore's way to the network, with the guard at the moment of connecting and one deadline for everything."""

    def __init__(self, deadline: float, allowed: Sequence[str], resolve: Resolve = resolve_host) -> None:
        """`deadline` is a time of time.monotonic()."""
        self._deadline, self._allowed, self._resolve = deadline, allowed, resolve
        self._network = httpcore.SyncBackend()

    def connect_tcp(self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
                    socket_options: Iterable[Any] | None = None) -> httpcore.NetworkStream:
        addresses = self._check(host, port, self._look_up(host, port))[:ADDRESSES_TRIED]
        for left in range(len(addresses), 0, -1):
            share = seconds_left(self._deadline) / left  # so that a dead first address leaves time for the second
            try:
                stream = self._network.connect_tcp(addresses[-left], port, share, local_address, socket_options)
                return _TimedStream(stream, self._deadline)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if left == 1:
                    raise
        raise httpcore.ConnectError(f"{host} has no address")

    def connect_unix_socket(self, path: str, timeout: float | None = None,
                            socket_options: Iterable[Any] | None = None) -> httpcore.NetworkStream:
        raise RefusedAddressError("feeds are not fetched from sockets of this machine")

    def sleep(self, seconds: float) -> None:
        time.sleep(min(seconds, seconds_left(self._deadline)))

    def _check(self, host: str, port: int, addresses: Sequence[str]) -> list[str]:
        if is_allowed(host, port, self._allowed):
            return list(addresses)
        public = [one for one in addresses if is_public(ip_address(one))]
        if not public:
            raise RefusedAddressError(f"{host} is at {addresses[0]}, which is not a public address; "
                                      f"if it is your own server, set FETCH_ALLOW_HOSTS={host}:{port}")
        return public

    def _look_up(self, host: str, port: int) -> Sequence[str]:
        """Resolve in another thread: the system's resolver knows no deadline. An answer too late is dropped."""
        answer: list[Sequence[str]] = []
        failure: list[Exception] = []

        def look_up() -> None:
            try:
                answer.append(self._resolve(host, port))
            except (OSError, ValueError) as error:  # ValueError: a name that cannot be one (IDNA)
                failure.append(error)

        thread = threading.Thread(target=look_up, name="resolve", daemon=True)
        thread.start()
        thread.join(seconds_left(self._deadline))
        if failure or not (answer and answer[0]):
            reason = f" ({failure[0]})" if failure else " in time" if not answer else ""
            if failure and isinstance(failure[0], socket.gaierror) and failure[0].errno in _NO_SUCH_NAME:
                raise UnknownNameError(f"the name {host} was not resolved{reason}")
            raise httpcore.ConnectError(f"the name {host} was not resolved{reason}")
        return answer[0]


class _TimedStream(httpcore.NetworkStream):
    """A connection that every read and write of ends at the deadline, however slowly bytes drip in."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, seconds_left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, seconds_left(self._deadline))

    def close(self) -> None:
        self._stream.close()

    def start_tls(self, ssl_context: Any, server_hostname: str | None = None,
                  timeout: float | None = None) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, seconds_left(self._deadline))
        return _TimedStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def seconds_left(deadline: float) -> float:
    """Return the seconds until the deadline; raises httpcore.ReadTimeout when there are none."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the time for this fetch is over")
    return left
