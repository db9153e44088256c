"""Which sign-ups count as one network's, of whatever address they come from, through a proxy too, and what is on record of that."""

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
import redis
from django.core import signing
from django.test import Client

from tests.confirming import confirm
from worker import tasks
from worker.readers.links import sign_link
from worker.readers.shield import WIDER_FACTOR, visit_from
from worker.readers.subscribe import decide_sign_ups
from worker.storage.models import AuditEntry, Consent, Notice, SignUp
from worker.web.wsgi import believe_proxy

pytestmark = pytest.mark.usefixtures("fresh_counts")
DEAD = "redis://127.0.0.1:9/0"


@pytest.fixture
def through_proxy(settings: Any) -> Callable[..., Client]:
    """Return a function that gives a client whose calls come through a proxy that says whom they are from."""
    settings.TRUST_PROXY = True

    def make(chain: str, peer: str = "127.0.0.1") -> Client:
        client = Client(REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=chain)
        handle = client.handler
        behind = believe_proxy(lambda environ, _: handle(environ))
        client.handler = lambda environ: behind(environ, None)  # type: ignore[assignment]
        return client

    return make


def test_many_addresses_of_one_ipv6_network_count_as_one(send: Callable[..., Any], settings: Any, unhurried: None) -> None:
    settings.SIGNUP_NETWORK_LIMIT = 2
    codes = [send(f"a{n}@example.com", f"2001:db8:1:2::{n + 1:x}").status_code for n in range(3)]
    assert codes == [303, 303, 429]


@pytest.mark.parametrize(("address", "network", "wider"), [
    ("192.0.2.7", "192.0.2.7", "192.0.2.7"), ("2001:db8:1:2:3::4", "2001:db8:1:2::/64", "2001:db8:1::/48"),
    ("::ffff:192.0.2.7", "192.0.2.7", "192.0.2.7"), ("::1", "::/64", "::/48"), (None, "unknown", "unknown"),
    ("nonsense", "unknown", "unknown")])
def test_what_counts_as_one_network(address: str | None, network: str, wider: str) -> None:
    visit = visit_from(address, form_age=60)
    assert (visit.network, visit.wider) == (network, wider)


@pytest.mark.parametrize("url", ["valkey", DEAD])
def test_one_site_s_many_ipv6_networks_do_not_close_sign_up_for_others(
    send: Callable[..., Any], settings: Any, unhurried: None, url: str, redis_url: str
) -> None:
    settings.REDIS_URL = redis_url if url == "valkey" else url
    settings.SIGNUP_NETWORK_LIMIT, settings.SIGNUP_TOTAL_LIMIT = 1, WIDER_FACTOR + 2
    repeated = [send(f"a{n}@example.com", "2001:db8:1:ff::1").status_code for n in range(9)]
    assert repeated == [303] + [429] * 8, "what one network may not send does not count for its neighbours"
    codes = [send(f"b{n}@example.com", f"2001:db8:1:{n:x}::1").status_code for n in range(20)]
    assert codes == [303] * (WIDER_FACTOR - 1) + [429] * (21 - WIDER_FACTOR)
    assert [send(f"c{n}@example.com", f"2001:db8:{n + 2}::1").status_code for n in range(3)] == [303, 303, 503]


@pytest.mark.parametrize("url", ["valkey", DEAD])
def test_what_machines_fill_in_takes_nobody_s_place(
    send: Callable[..., Any], settings: Any, unhurried: None, url: str, redis_url: str
) -> None:
    """A network's own machines are still held to its limit, and raise no second alarm once the form is closed."""
    settings.REDIS_URL = redis_url if url == "valkey" else url
    settings.SIGNUP_NETWORK_LIMIT, settings.SIGNUP_TOTAL_LIMIT = 3, 2
    traps = [send(f"a{n}@example.com", "192.0.2.9", website="x").status_code for n in range(5)]
    assert traps == [303, 303, 303, 429, 429]
    assert [send(f"b{n}@example.com").status_code for n in range(3)] == [303, 303, 503]
    assert [send("c@example.com", f"192.0.2.{n + 10}", website="x").status_code for n in range(2)] == [503, 503]
    assert SignUp.objects.count() == 2
    assert AuditEntry.objects.filter(actor="sign-up").count() == 1


def test_a_count_without_an_end_gets_one(send: Callable[..., Any], settings: Any, unhurried: None, redis_url: str) -> None:
    """As after a hand at Redis's prompt: whoever it is for would be turned away for good."""
    settings.SIGNUP_NETWORK_LIMIT = 2
    valkey = redis.Redis.from_url(redis_url)
    for name in ("all", "192.0.2.1"):
        valkey.set(f"sign-ups/{name}", 7)
    assert send().status_code == 429
    assert 0 < valkey.ttl("sign-ups/192.0.2.1") <= 3600
    assert send(address="192.0.2.2").status_code == 303
    assert 0 < valkey.ttl("sign-ups/all") <= 3600


def test_who_is_turned_away_wakes_no_worker(send: Callable[..., Any], settings: Any, unhurried: None, redis_url: str,
                                            monkeypatch: pytest.MonkeyPatch, finish_nudges: Callable[[], None]) -> None:
    monkeypatch.setattr(tasks, "_silent_until", 0.0)
    monkeypatch.setattr(tasks, "NUDGE_SECONDS", 0)
    settings.SIGNUP_NETWORK_LIMIT = 1
    woken = []
    for email in ("first@example.com", "second@example.com"):
        send(email)
        finish_nudges()
        woken.append(redis.Redis.from_url(redis_url).llen("celery"))
    assert woken == [1, 1]


def test_a_form_of_a_machine_whose_clock_is_ahead_is_not_hasty(
    send: Callable[..., Any], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SIGNUP_NETWORK_LIMIT = 3
    with monkeypatch.context() as patch:
        later = time.time() + 30
        patch.setattr(signing.time, "time", lambda: later)
        ahead = re.search(r'name="shown" value="([^"]+)"', Client().get("/subscribe/").content.decode())[1]  # type: ignore[index]
    assert [send(f"a{n}@example.com", shown=ahead).status_code for n in range(4)] == [303, 303, 303, 429]


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1", ""])
def test_this_machine_itself_may_send_ten_times_as_many(send: Callable[..., Any], settings: Any, address: str) -> None:
    """A proxy whose operator forgot TRUST_PROXY must not shut everybody out after a handful."""
    settings.SIGNUP_NETWORK_LIMIT = 1
    assert [send(f"a{n}@example.com", address).status_code for n in range(11)] == [303] * 10 + [429]


@pytest.mark.parametrize("chain", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::", "127.0.0.1:80", "unknown", ""])
def test_nobody_who_comes_through_a_proxy_is_this_machine_itself(
    send: Callable[..., Any], settings: Any, unhurried: None, through_proxy: Callable[..., Client], chain: str
) -> None:
    """However that came to be written: as X_Forwarded_For, which WSGI cannot tell from the proxy's own header."""
    settings.SIGNUP_NETWORK_LIMIT = 2
    codes = [send(f"a{n}@example.com", client=through_proxy(chain)).status_code for n in range(3)]
    assert codes == [303, 303, 429]
    assert set(SignUp.objects.values_list("network_address", flat=True)) == {None}


def test_a_visitor_behind_a_proxy_has_a_limit_of_his_own_whatever_he_claims(
    send: Callable[..., Any], settings: Any, unhurried: None, through_proxy: Callable[..., Client]
) -> None:
    settings.SIGNUP_NETWORK_LIMIT = 2
    claims = [f"203.0.113.{n}, 198.51.100.7" for n in range(3)]
    assert [send(f"a{n}@example.com", client=through_proxy(claim)).status_code for n, claim in enumerate(claims)] == [303, 303, 429]
    assert send("b@example.com", client=through_proxy("198.51.100.8")).status_code == 303


def test_the_ledger_names_the_visitor_and_not_the_proxy(send: Callable[..., Any], unhurried: None,
                                                        through_proxy: Callable[..., Client]) -> None:
    send("ada@example.com", client=through_proxy("10.9.9.9, 198.51.100.7:4711, 192.168.1.5", "::ffff:127.0.0.1"))
    decide_sign_ups()
    confirm(sign_link("confirm", notice=Notice.objects.get().pk))
    assert "198.51.100.7" in set(Consent.objects.values_list("network_address", flat=True))


def test_an_editor_whose_network_is_not_to_be_known_is_locked_out_like_any_other(
    db: None, through_proxy: Callable[..., Client], editor: Any
) -> None:
    client = through_proxy("127.0.0.1")
    codes = [client.post("/desk/sign-in/", {"email": editor.email, "password": "wrong"}).status_code for _ in range(6)]
    assert (codes[0], codes[-1]) == (422, 429)
