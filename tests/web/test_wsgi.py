"""Whose address a request counts for when it came through a proxy."""

import pytest

from worker.web.wsgi import believe_proxy


@pytest.mark.parametrize(("peer", "forwarded", "counted"), [
    ("203.0.113.9", "198.51.100.7", "203.0.113.9"),  # a stranger's header is worth nothing
    ("10.0.0.2", "198.51.100.7", "198.51.100.7"),
    ("10.0.0.2", "1.2.3.4, 198.51.100.7", "198.51.100.7"),  # what the client wrote itself stands to the left
    ("127.0.0.1", "198.51.100.7, 192.168.1.5", "198.51.100.7"),
    ("10.0.0.2", None, "10.0.0.2"),
    ("127.0.0.1", None, "127.0.0.1"),  # a program of this machine itself
    ("", "198.51.100.7", "198.51.100.7"),  # through a Unix socket
    ("::ffff:127.0.0.1", "198.51.100.7", "198.51.100.7"),
    ("::ffff:203.0.113.9", "198.51.100.7", "::ffff:203.0.113.9"),
    ("100.64.0.2", "198.51.100.7, 100.127.255.254", "198.51.100.7"),
    ("fd00::2", "2001:db8::7, fd00::3", "2001:db8::7"),
    ("10.0.0.2", "::ffff:198.51.100.7", "198.51.100.7"),
    ("10.0.0.2", "198.51.100.7:4711", "198.51.100.7"),
    ("10.0.0.2", "[2001:db8::7]:4711", "2001:db8::7"),
    ("10.0.0.2", "[2001:db8::7]", "2001:db8::7"),
    ("10.0.0.2", "fe80::7%eth0", "fe80::7"),
    ("127.0.0.1", "192.168.1.66", "192.168.1.66"),  # a visitor of the operator's own house
    ("127.0.0.1", "10.6.6.6, 192.168.1.66", "192.168.1.66"),  # and what he wrote himself
    ("127.0.0.1", "10.6.6.6, nonsense, 192.168.1.66", "192.168.1.66"),
    ("10.0.0.2", "1.2.3.4, nonsense, 192.168.1.5", "192.168.1.5"),
    ("10.0.0.2", "1.2.3.4, nonsense", "10.0.0.2"),
    ("10.0.0.2", "", "10.0.0.2"),
    ("10.0.0.2", "127.0.0.1", ""),
    ("10.0.0.2", "198.51.100.7, 127.0.0.1", "198.51.100.7"),  # two proxies on one machine
    ("127.0.0.1", "nonsense", ""),
    ("", "nonsense", ""),
])
def test_the_last_address_that_is_no_proxy_of_ours_counts(peer: str, forwarded: str | None, counted: str) -> None:
    seen = []
    application = believe_proxy(lambda environ, start: seen.append(environ["REMOTE_ADDR"]) or [])
    environ = {"REMOTE_ADDR": peer} | ({} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded})
    application(environ, lambda *_: None)
    assert seen == [counted]
