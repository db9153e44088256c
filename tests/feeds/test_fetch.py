"""Fetching over HTTP: what is brought back, and what is refused before, while and after it comes in."""

import gzip
import zlib
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.fakes import feed_server
from tests.fakes.feed_server import FeedServer
from worker.feeds.fetch import FetchError, fetch, inflate, read_retry_after


def test_an_unchanged_feed_is_not_sent_again(server: FeedServer) -> None:
    server.bodies["/feed.xml"] = b"<rss/>"
    first = fetch(f"{server.url}/feed.xml")
    again = fetch(f"{server.url}/feed.xml", etag=first.etag, last_modified=first.last_modified)

    assert (first.status, first.body, first.content_type) == (200, b"<rss/>", "application/xml")
    assert (again.status, again.body) == (304, b"")
    assert server.asked[1].headers["if-modified-since"] == first.last_modified
    assert server.asked[0].headers["user-agent"].startswith("Broadsheet/")
    assert "http://127.0.0.1:8000" in server.asked[0].headers["user-agent"]  # BASE_URL


def test_permanent_redirects_are_reported_as_far_as_they_are_permanent(server: FeedServer) -> None:
    server.bodies["/c"] = b"<rss/>"
    server.behaviours = {"/a": feed_server.redirect("/b", 301), "/b": feed_server.redirect("/c", 302),
                         "/moved": feed_server.redirect("/moved2", 308), "/moved2": feed_server.redirect("c", 301)}

    halfway = fetch(f"{server.url}/a")
    assert (halfway.url, halfway.permanent_url, halfway.body) == (f"{server.url}/c", f"{server.url}/b", b"<rss/>")
    assert fetch(f"{server.url}/moved").permanent_url == f"{server.url}/c"
    assert fetch(f"{server.url}/c").permanent_url is None


def test_redirects_end(server: FeedServer) -> None:
    server.behaviours["/circle"] = feed_server.redirect("/circle")
    with pytest.raises(FetchError, match="more than 5 redirects"):
        fetch(f"{server.url}/circle")
    assert len(server.asked) == 6


@pytest.mark.parametrize("target", [
    "file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/", "javascript:alert(1)"])
def test_only_http_is_followed(server: FeedServer, target: str) -> None:
    server.behaviours["/a"] = feed_server.redirect(target)
    with pytest.raises(FetchError, match="only http:// and https://"):
        fetch(f"{server.url}/a")


def test_a_private_address_is_refused_and_the_message_says_what_to_set(server: FeedServer, settings: Any) -> None:
    settings.FETCH_ALLOW_HOSTS = []
    with pytest.raises(FetchError, match=f"FETCH_ALLOW_HOSTS=127.0.0.1:{server.port}"):
        fetch(f"{server.url}/feed.xml")
    assert server.asked == []


@pytest.mark.parametrize("host", [
    "localhost", "2130706433", "0x7f.1", "127.1", "[::ffff:127.0.0.1]", "[::1]", "0.0.0.0"])
def test_other_spellings_of_a_private_address_are_refused(server: FeedServer, settings: Any, host: str) -> None:
    settings.FETCH_ALLOW_HOSTS = []
    with pytest.raises(FetchError, match=r"not a public address|not resolved"):
        fetch(f"http://{host}:{server.port}/feed.xml")
    assert server.asked == []


def test_a_redirect_to_a_private_address_is_refused(server: FeedServer) -> None:
    with FeedServer() as inner:  # not on the allow-list: the cloud's metadata service, say
        server.behaviours["/a"] = feed_server.redirect(f"{inner.url}/secret")
        with pytest.raises(FetchError, match="not a public address"):
            fetch(f"{server.url}/a")
        assert inner.asked == []


def test_the_connection_goes_to_the_address_that_was_checked(server: FeedServer, settings: Any) -> None:
    server.bodies["/feed.xml"] = b"<rss/>"
    settings.FETCH_ALLOW_HOSTS = ["news.example"]
    looked_up: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        looked_up.append(host)
        return ["127.0.0.1"]

    assert fetch(f"http://news.example:{server.port}/feed.xml", resolve=resolve).body == b"<rss/>"
    assert looked_up == ["news.example"]  # once: nothing resolves it again between the check and the connection
    assert server.asked[0].headers["host"] == f"news.example:{server.port}"


def test_of_a_host_with_public_and_private_addresses_only_the_public_ones_are_tried(server: FeedServer) -> None:
    # The test run lets nothing out to a public address: that it is tried at all is what is seen here.
    with pytest.raises(RuntimeError, match=r"reach 192\.0\.1\.1"):
        fetch(f"http://news.example:{server.port}/", resolve=lambda host, port: ["127.0.0.1", "192.0.1.1"])
    assert server.asked == []


def test_user_name_and_password_are_not_sent_nor_shown(server: FeedServer) -> None:
    server.behaviours["/a"] = feed_server.redirect(f"http://user:secret@{server.host}/b")
    server.behaviours["/b"] = feed_server.reset()
    with pytest.raises(FetchError) as caught:
        fetch(f"http://reader:secret@{server.host}/a?key=hidden")
    assert all("authorization" not in asked.headers for asked in server.asked)
    assert len(server.asked) == 2
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("behaviour", [feed_server.drip(b"x" * 1000, 0.05), feed_server.drip_headers(0.05)])
def test_a_server_that_drips_is_given_up(server: FeedServer, settings: Any, behaviour: feed_server.Behaviour) -> None:
    settings.FETCH_TIMEOUT_SECONDS = 1
    server.behaviours["/slow"] = behaviour
    with pytest.raises(FetchError, match="no complete answer within 1 seconds"):
        fetch(f"{server.url}/slow")


def test_a_name_server_that_does_not_answer_is_given_up(settings: Any) -> None:
    import threading

    settings.FETCH_TIMEOUT_SECONDS = 1
    answered = threading.Event()

    def resolve(host: str, port: int) -> list[str]:
        answered.wait(20)
        return []

    with pytest.raises(FetchError, match="was not resolved in time"):
        fetch("http://news.example/", resolve=resolve)
    answered.set()


@pytest.mark.parametrize("behaviour", [
    feed_server.send(b"x" * 20_001), feed_server.bomb(100), feed_server.endless(),
    feed_server.send(gzip.compress(gzip.compress(bytes(30_000_000))), Content_Encoding="gzip"),
    feed_server.send(zlib.compress(bytes(1_000_000)), Content_Encoding="deflate"),
])
def test_too_much_is_not_taken(server: FeedServer, settings: Any, behaviour: feed_server.Behaviour) -> None:
    settings.FETCH_MAX_BYTES = 20_000
    server.behaviours["/big"] = behaviour
    with pytest.raises(FetchError, match="more than 20,000 bytes; if that is right, raise FETCH_MAX_BYTES"):
        fetch(f"{server.url}/big")


def test_a_bomb_is_not_inflated_to_its_size() -> None:
    import tracemalloc

    bomb = gzip.compress(bytes(50_000_000))
    tracemalloc.start()
    with pytest.raises(OverflowError):
        inflate(bomb, 100_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


@pytest.mark.parametrize(("body", "encoding"), [
    (gzip.compress(b"<rss/>"), "gzip"), (gzip.compress(b"<rss/>"), ""),
    (gzip.compress(b"<rs") + gzip.compress(b"s/>"), "gzip"),
    (zlib.compress(b"<rss/>"), "deflate"), (zlib.compress(b"<rss/>")[2:-4], "deflate"), (b"<rss/>", "gzip"),
    (gzip.compress(gzip.compress(b"<rss/>")), "gzip"),
])
def test_compressed_answers_are_inflated(server: FeedServer, body: bytes, encoding: str) -> None:
    server.behaviours["/z"] = feed_server.send(body, **({"Content_Encoding": encoding} if encoding else {}))
    assert fetch(f"{server.url}/z").body == b"<rss/>"


@pytest.mark.parametrize(("behaviour", "message"), [
    (feed_server.send(gzip.compress(b"<rss/>" * 100)[:30], Content_Encoding="gzip"), "damaged"),
    (feed_server.send(gzip.compress(b"") * 101, Content_Encoding="gzip"), "more than 100 gzip files"),
    (feed_server.send(b"\x8b\x02", Content_Encoding="br"), "was not asked for"),
    (feed_server.reset(), "127.0.0.1"),
])
def test_a_broken_exchange_is_one_clear_line(server: FeedServer, behaviour: feed_server.Behaviour, message: str) -> None:
    server.behaviours["/x"] = behaviour
    with pytest.raises(FetchError, match=message) as caught:
        fetch(f"{server.url}/x")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("url", [
    "sample:first.xml", "", "http://", "http://[::1", "news.example/feed", "http://a b/", "http://xn--/",
    "http://example.com:99999/", "http://" + "a" * 70 + ".example/"])
def test_what_is_no_address_is_one_clear_line(url: str) -> None:
    def resolve(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    with pytest.raises(FetchError):
        fetch(url, resolve=resolve)


@pytest.mark.parametrize(("status", "given", "seconds"), [
    (429, "120", 120), (503, "", None), (410, "", None), (404, "", None)])
def test_refusals_are_answers(server: FeedServer, status: int, given: str, seconds: int | None) -> None:
    server.behaviours["/no"] = feed_server.refuse(status, given)
    fetched = fetch(f"{server.url}/no")
    assert (fetched.status, fetched.retry_after, fetched.body) == (status, seconds, b"")


@pytest.mark.parametrize(("value", "seconds"), [
    ("0", 0), (" 30 ", 30), ("Tue, 01 Sep 2026 12:02:00 GMT", 120), ("Tue, 01 Sep 2026 11:00:00 GMT", 0),
    ("", None), ("soon", None), ("-5", None), ("²", None), ("Mon, 99 Abc 2026", None),
])
def test_retry_after_is_seconds_or_a_date(value: str, seconds: int | None) -> None:
    assert read_retry_after(value, datetime(2026, 9, 1, 12, tzinfo=UTC)) == seconds
