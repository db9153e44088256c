"""Whose address a request counts for when it came through a proxy."""

import pytest

from worker.web.wsgi import believe_proxy


@pytest.mark.parametrize(("peer", "forwarded", "counted"), [
    ("203.0.113.9", "198.51.100.7", "203.0.113.9"),  # a stranger's header is worth nothing
    ("10.0.0.2", "198.51.100.7", "198.51.100.7"),
    ("10.0.0.2", "1.2.3.4, 198.51.100.7", "198.51.100.7"),  # what the client wrote itself stands to the left
    ("127.0.0.1", "198.51.100.7, 192.168.1.5", "198.51.100.7"),
    ("10.0.0.2", None, "10.0.0.2"),
])
def test_the_last_address_that_is_no_proxy_of_ours_counts(peer: str, forwarded: str | None, counted: str) -> None:
    seen = []
    application = believe_proxy(lambda environ, start: seen.append(environ["REMOTE_ADDR"]) or [])
    environ = {"REMOTE_ADDR": peer} | ({"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {})
    application(environ, lambda *_: None)
    assert seen == [counted]
