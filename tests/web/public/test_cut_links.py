"""Readers' links whose last slash was cut off on the way: the same pages, and what is sent there arrives."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from worker.readers.leaving import leave
from worker.readers.links import preferences_url, undo_url, unsubscribe_url
from worker.readers.terms import box_wordings, seal_shown
from worker.storage.models import Departure, Reader, SignUp, Subscription


def cut(url: str) -> str:
    return "/" + url.split("/", 3)[3].rstrip("/")


@pytest.fixture
def undo_path(ada: Reader) -> str:
    """Return the link that takes back what Ada did this moment, without its slash."""
    leave(ada.pk, "daily", method="unsubscribe page")
    return cut(undo_url(ada.pk, "daily", Subscription.objects.get().confirm_round))


def test_every_reader_s_link_leads_to_its_page(terms: object) -> None:
    from worker.web.public.urls import urlpatterns

    routes = [str(pattern.pattern) for pattern in urlpatterns if "<str:token>/" in str(pattern.pattern)]
    assert len(routes) > 8
    for route in routes:
        path = "/" + route.replace("<str:token>", "damaged").replace("<int:number>", "1").rstrip("/")
        for answer in (Client().get(path), Client().post(path)):
            assert answer.status_code in (404, 405, 200), f"{path}: a redirect loses what was sent"
        assert "This link does not work" in Client().get(path).content.decode(), path


def test_undo_works(undo_path: str) -> None:
    assert "Come back to Daily" in Client().get(undo_path).content.decode()
    answer = Client(enforce_csrf_checks=True).post(undo_path)
    assert (answer.status_code, "You are back" in answer.content.decode()) == (200, True)
    assert Subscription.objects.get().state == "confirmed"


def test_a_reason_is_kept(ada: Reader) -> None:
    leave(ada.pk, "daily", method="unsubscribe page")
    answer = Client(enforce_csrf_checks=True).post(f"{cut(unsubscribe_url(ada.pk, 'daily'))}/reason", {"reason": "other"})
    assert (answer.status_code, Departure.objects.get().reason) == (200, "other")


def test_data_and_erasure_are_there(ada: Reader, fill_in: Callable[..., Any]) -> None:
    own = cut(preferences_url(ada.pk))
    assert "ada@example.com" in Client().get(f"{own}/data").content.decode()
    assert fill_in(f"{own}/erase").status_code == 200
    assert not Reader.objects.exists()


def test_a_form_on_another_site_may_leave_it_out(terms: object) -> None:
    form = {"email": "ada@example.com", "newsletters": "daily", "agree": "on", "shown": seal_shown(box_wordings())}
    assert Client().post("/subscribe", form).headers["Location"] == "/subscribe/sent/"
    assert SignUp.objects.get().email == "ada@example.com"
