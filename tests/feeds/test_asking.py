"""Whether a page answers: asked of a real server on loopback that answers, refuses, lies, dawdles and leads astray."""

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import dns.resolver
import pytest

from tests.fakes import feed_server
from tests.fakes.feed_server import FeedServer, Handler, redirect, refuse, send
from worker.feeds import asking
from worker.feeds.asking import Answer, ask_link, ask_links, post_form
from worker.feeds.fetch import FetchError
from worker.storage.models import Verdict


def only_get(status: int) -> Callable[[Handler], None]:
    """Answer GET with 200 and everything else with `status`."""
    return lambda handler: handler.answer(200 if handler.command == "GET" else status, b"")


def ask(server: FeedServer, path: str = "/page", **more: Any) -> Answer:
    return ask_link(server.url + path, **more)


@pytest.mark.parametrize(("status", "verdict", "words"), [
    (200, Verdict.GOOD, "answers (200)"), (204, Verdict.GOOD, "answers (204)"),
    (404, Verdict.BAD, "is gone: the server answers 404"), (410, Verdict.BAD, "is gone: the server answers 410"),
    (401, Verdict.UNSURE, "wants to know who asks"), (403, Verdict.UNSURE, "refuses programs that ask (the server answers 403)"),
    (429, Verdict.UNSURE, "wants to be asked less often"), (451, Verdict.UNSURE, "legal reasons"),
    (500, Verdict.UNSURE, "out of order just now"), (503, Verdict.UNSURE, "out of order just now"),
    (418, Verdict.UNSURE, "gives no page"),
    (304, Verdict.UNSURE, "gives no page"),
])
def test_only_gone_is_a_certain_no(server: FeedServer, status: int, verdict: Verdict, words: str) -> None:
    server.behaviours["/page"] = refuse(status)
    answer = ask(server)
    assert answer.verdict == verdict
    assert words in answer.words


@pytest.mark.parametrize("status", [403, 404, 405, 500, 501])
def test_a_server_that_refuses_head_is_asked_with_get(server: FeedServer, status: int) -> None:
    server.behaviours["/page"] = only_get(status)
    assert ask(server).verdict == Verdict.GOOD
    assert [one.method for one in server.asked] == ["HEAD", "GET"]


def test_a_server_that_breaks_off_at_head_is_asked_with_get(server: FeedServer) -> None:
    def answer(handler: Handler) -> None:
        (feed_server.reset() if handler.command == "HEAD" else send(b"x"))(handler)

    server.behaviours["/page"] = answer
    assert ask(server).verdict == Verdict.GOOD


def test_who_answers_head_is_asked_once_and_says_who_asks(server: FeedServer) -> None:
    server.behaviours["/page"] = send(b"x")
    assert ask(server).verdict == Verdict.GOOD
    [asked] = server.asked
    assert asked.method == "HEAD"
    assert "newsletter link check" in asked.headers["user-agent"]


def test_who_asks_for_patience_is_not_asked_twice(server: FeedServer) -> None:
    server.behaviours["/page"] = refuse(429, "60")
    assert ask(server).wait
    assert len(server.asked) == 1


def test_redirects_are_followed_to_the_page(server: FeedServer) -> None:
    server.behaviours |= {"/page": redirect("/b", 301), "/b": redirect(f"{server.url}/c", 308), "/c": send(b"x")}
    assert ask(server).verdict == Verdict.GOOD
    server.behaviours["/c"] = refuse(410)
    assert ask(server).verdict == Verdict.BAD


def test_a_circle_of_redirects_ends(server: FeedServer) -> None:
    server.behaviours["/page"] = redirect("/page")
    answer = ask(server)
    assert (answer.verdict, "more than 5 redirects" in answer.words) == (Verdict.UNSURE, True)
    assert len(server.asked) == 6


@pytest.mark.parametrize("target", [
    "http://127.0.0.1:{other}/", "http://10.0.0.1/", "http://169.254.169.254/latest/meta-data/", "http://[::1]/",
    "http://localhost:{other}/"])
def test_a_redirect_to_a_private_address_is_not_followed(server: FeedServer, target: str) -> None:
    with FeedServer() as inside:  # another port of this machine, which is not on FETCH_ALLOW_HOSTS
        inside.behaviours["/"] = send(b"secret")
        server.behaviours["/page"] = redirect(target.format(other=inside.port))
        answer = ask(server)
        assert (answer.verdict, answer.words) == (
            Verdict.UNSURE, "leads to an address inside a private network, which is not asked")
        assert inside.asked == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "http://2130706433/", "http://[::ffff:127.0.0.1]/"])
def test_a_private_address_is_not_asked_at_all(settings: Any, url: str) -> None:
    settings.FETCH_ALLOW_HOSTS = []
    assert ask_link(url).verdict == Verdict.UNSURE


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://x.net/", "gopher://x.net/", "http://"])
def test_a_redirect_to_something_else_than_the_web_is_not_followed(server: FeedServer, target: str) -> None:
    server.behaviours["/page"] = redirect(target)
    assert ask(server).verdict == Verdict.UNSURE


@pytest.mark.parametrize("behaviour", [feed_server.drip_headers(), feed_server.drip_headers(0.01)])
def test_a_server_that_never_ends_its_answer_is_left_after_its_time(
    server: FeedServer, behaviour: Callable[[Handler], None]
) -> None:
    server.behaviours["/page"] = behaviour
    begun = time.monotonic()
    answer = ask(server, seconds=0.5)
    assert (answer.verdict, answer.wait) == (Verdict.UNSURE, True)
    assert "did not answer within 0.5 seconds" in answer.words
    assert time.monotonic() - begun < 30


def test_an_endless_page_is_not_read(server: FeedServer) -> None:
    server.behaviours["/page"] = lambda handler: (feed_server.endless() if handler.command == "GET" else refuse(405))(handler)
    assert ask(server).verdict == Verdict.GOOD


def test_a_port_where_nobody_listens_is_no_proof_that_the_page_is_gone(settings: Any) -> None:
    with FeedServer() as gone:
        url, settings.FETCH_ALLOW_HOSTS = gone.url, [gone.host]
    assert ask_link(url).verdict == Verdict.UNSURE


@pytest.mark.parametrize("url", ["https://news.example/1", "https://EXAMPLE.com/", "https://a.example.org/", "http://x.test/"])
def test_an_address_for_examples_is_never_asked(url: str) -> None:
    def resolve(host: str, port: int) -> list[str]:
        raise AssertionError(host)

    assert "RFC 2606" in ask_link(url, resolve=resolve).words


@pytest.mark.parametrize("url", ["http://[", "http://a b/", "https://xn--\u0000/", "javascript:alert(1)", "",
                                 "http://" + "a" * 300 + ".net/"])
def test_what_is_no_address_is_said_and_raises_nothing(url: str) -> None:
    assert ask_link(url, resolve=_no_such_name, seconds=2).verdict == Verdict.UNSURE


def _no_such_name(host: str, port: int) -> list[str]:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


class Resolver:
    """What a DNS server would say: `answers` by name, and by "." whether the world can be asked at all."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers

    def resolve(self, name: str, kind: str, lifetime: float) -> list[str]:
        answer = self.answers["root" if name == "." else "name"]
        if answer is None:
            return ["192.0.2.1"]
        raise answer


@pytest.mark.parametrize(("name", "root", "verdict"), [
    (dns.resolver.NXDOMAIN(), None, Verdict.BAD),
    (dns.resolver.NXDOMAIN(), dns.resolver.NXDOMAIN(), Verdict.UNSURE),  # a resolver of a private network, which denies everything
    (dns.resolver.NXDOMAIN(), dns.resolver.LifetimeTimeout(timeout=3, errors=[]), Verdict.UNSURE),
    (dns.resolver.NoNameservers(), None, Verdict.UNSURE),
    (None, None, Verdict.UNSURE),  # it has an address after all
])
def test_a_name_is_gone_only_if_a_resolver_that_knows_the_world_says_so(
    monkeypatch: pytest.MonkeyPatch, name: Any, root: Any, verdict: Verdict
) -> None:
    monkeypatch.setattr(dns.resolver, "default_resolver", Resolver(name=name, root=root))
    assert ask_link("https://outlet-that-closed.net/1", resolve=_no_such_name).verdict == verdict


def test_many_links_are_asked_a_server_at_a_time_and_each_once(server: FeedServer) -> None:
    urls = [f"{server.url}/{number}" for number in range(4)]
    server.behaviours |= {f"/{number}": send(b"x") for number in range(4)}
    done: dict[str, Answer] = {}

    ask_links([*urls, urls[0]], seconds=30, on_done=done.__setitem__, pause=0)

    assert {url: one.verdict for url, one in done.items()} == dict.fromkeys(urls, Verdict.GOOD)
    assert len(server.asked) == 4
    assert server.most_at_once == 1, "one server is asked one thing at a time"


def test_a_server_that_wants_to_be_left_alone_is(server: FeedServer) -> None:
    urls = [f"{server.url}/{number}" for number in range(4)]
    server.behaviours |= {"/0": send(b"x"), "/1": refuse(429)}
    done: dict[str, Answer] = {}

    ask_links(urls, seconds=30, on_done=done.__setitem__, pause=0)

    assert [one.path for one in server.asked] == ["/0", "/1"]
    assert [done[url].verdict for url in urls] == [Verdict.GOOD, *[Verdict.UNSURE] * 3]


def test_none_is_begun_after_the_time_for_all(server: FeedServer) -> None:
    done: dict[str, Answer] = {}
    ask_links([f"{server.url}/{number}" for number in range(3)], seconds=0, on_done=done.__setitem__, pause=0)
    assert (done, server.asked) == ({}, [])


def test_one_dawdling_server_holds_up_none_of_the_others(server: FeedServer, settings: Any) -> None:
    settings.FETCH_ALLOW_HOSTS = ["slow.net", "quick.net"]
    quick_was_asked = threading.Event()

    def dawdle(handler: Handler) -> None:
        handler.answer(200 if quick_was_asked.wait(9) else 500)

    def hurry(handler: Handler) -> None:
        quick_was_asked.set()
        handler.answer(200)

    server.behaviours |= {"/slow": dawdle, "/quick": hurry}
    done: dict[str, Answer] = {}
    slow, quick = (f"http://{name}.net:{server.port}/{name}" for name in ("slow", "quick"))

    ask_links([slow, quick], seconds=30, on_done=done.__setitem__, resolve=lambda host, port: ["127.0.0.1"], pause=0)

    assert [done[url].verdict for url in (slow, quick)] == [Verdict.GOOD, Verdict.GOOD]


def test_a_form_is_posted_without_cookie_and_nothing_is_followed(server: FeedServer) -> None:
    server.behaviours["/leave"] = lambda handler: handler.answer(302, b"", {"Location": "/elsewhere"})
    posted = post_form(f"{server.url}/leave", b"List-Unsubscribe=One-Click", allowed=["127.0.0.1"])
    assert (posted.status, posted.headers["location"]) == (302, "/elsewhere")
    [asked] = server.asked
    assert (asked.method, asked.path, asked.body) == ("POST", "/leave", b"List-Unsubscribe=One-Click")
    assert "cookie" not in asked.headers


def test_the_answer_to_a_form_is_read_to_an_end(server: FeedServer) -> None:
    server.behaviours["/leave"] = feed_server.endless()
    assert len(post_form(f"{server.url}/leave", b"", allowed=["127.0.0.1"]).body) == asking.BODY_BYTES


def test_a_form_that_cannot_be_posted_says_where_without_the_token(server: FeedServer) -> None:
    with FeedServer() as gone:
        url = gone.url
    with pytest.raises(FetchError, match="http://127") as caught:
        post_form(f"{url}/unsubscribe/secret-token/", b"", allowed=["127.0.0.1"])
    assert "secret-token" not in str(caught.value)
    with pytest.raises(FetchError, match="not a public address"):
        post_form(f"{server.url}/unsubscribe/secret-token/", b"", allowed=[])
