"""Signed links: they open their own door only, cannot be altered, and outlive a change of key."""

import time
from typing import Any, get_args

import pytest
from django.core import signing
from hypothesis import HealthCheck, given
from hypothesis import settings as quickly
from hypothesis import strategies as st

from worker.readers.links import (
    BadLinkError,
    CopyLinks,
    ExpiredLinkError,
    LinkPurpose,
    address_url,
    preferences_url,
    read_link,
    sign_link,
    undo_url,
    unsubscribe_mailto,
    unsubscribe_url,
)
from worker.storage.models import Reader

PURPOSES = sorted(get_args(LinkPurpose))
IDS = st.fixed_dictionaries({"reader": st.integers(1, 2**63 - 1)}, optional={
    "newsletter": st.from_regex(r"[a-z0-9][a-z0-9-]{0,39}", fullmatch=True), "notice": st.integers(1, 2**63 - 1),
    "round": st.integers(0, 2**31)})
OF_OLD = {
    "unsubscribe": "eyJyZWFkZXIiOjcsIm5ld3NsZXR0ZXIiOiJkYWlseSJ9.1vVxGy.3koqqJn90XEyxDgItXZ9KIqaeFSmnp3DLxfknIbMOno",
    "preferences": "eyJyZWFkZXIiOjd9.1vVxGy.ZMQx-2cvr6vMMFnI3DhwBiSjtgylvGR_DhEbHQdHNWw",
}
pytestmark = pytest.mark.django_db
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."


def test_a_link_gives_back_what_was_signed() -> None:
    token = sign_link("unsubscribe", reader=7, newsletter="daily")
    assert read_link("unsubscribe", token) == {"reader": 7, "newsletter": "daily"}


@given(reader=st.integers(1, 2**63 - 1), newsletter=st.from_regex(r"[a-z0-9][a-z0-9-]{0,39}", fullmatch=True))
@quickly(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_links_of_an_issues_copies_are_those_of_everything_else(reader: int, newsletter: str, settings: Any,
                                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_800_000_000.5)
    for settings.LEAVE_MAILTO in ("", "leave@example.com"):
        links = CopyLinks(newsletter)
        url = unsubscribe_url(reader, newsletter)
        assert links.leave(reader) == (url, unsubscribe_mailto(url))
        assert links.preferences(reader) == preferences_url(reader)


@given(ids=IDS)
@quickly(max_examples=50, deadline=None)
def test_a_link_opens_no_other_door(ids: dict[str, Any]) -> None:
    for made_for in PURPOSES:
        token = sign_link(made_for, **ids)  # type: ignore[arg-type]
        for used_for in PURPOSES:
            if made_for == used_for:
                assert read_link(used_for, token) == ids  # type: ignore[arg-type]
            else:
                with pytest.raises(BadLinkError):
                    read_link(used_for, token)  # type: ignore[arg-type]


@given(ids=IDS, position=st.integers(min_value=0), letter=st.sampled_from(LETTERS) | st.characters(),
       purpose=st.sampled_from(PURPOSES))
@quickly(max_examples=300, deadline=None)
def test_a_link_with_one_letter_changed_never_works(ids: dict[str, Any], position: int, letter: str, purpose: Any) -> None:
    token = sign_link(purpose, **ids)
    at = position % len(token)
    if token[at] == letter:
        return
    # The last letter of a 32-byte signature in base64 carries two bits that mean nothing; Django compares the text.
    with pytest.raises(BadLinkError):
        read_link(purpose, token[:at] + letter + token[at + 1 :])


@given(token=st.text(max_size=700), purpose=st.sampled_from(PURPOSES))
@quickly(max_examples=200, deadline=None)
def test_no_made_up_text_is_a_link(token: str, purpose: Any) -> None:
    with pytest.raises(BadLinkError):
        read_link(purpose, token)


@given(ids=IDS, cut=st.integers(min_value=1, max_value=200), purpose=st.sampled_from(PURPOSES))
@quickly(max_examples=100, deadline=None)
def test_a_truncated_link_never_works(ids: dict[str, Any], cut: int, purpose: Any) -> None:
    token = sign_link(purpose, **ids)
    for part in (token[:-cut], token[cut:]):
        with pytest.raises(BadLinkError):
            read_link(purpose, part)


@given(ids=IDS, more=st.text(min_size=1, max_size=20) | st.text(LETTERS, min_size=1, max_size=20),
       purpose=st.sampled_from(PURPOSES))
@quickly(max_examples=200, deadline=None)
def test_an_extended_link_never_works(ids: dict[str, Any], more: str, purpose: Any) -> None:
    token = sign_link(purpose, **ids)
    for part in (token + more, more + token):
        with pytest.raises(BadLinkError):
            read_link(purpose, part)


@given(ids=IDS, purpose=st.sampled_from(PURPOSES),
       keys=st.lists(st.text(min_size=1, max_size=60), min_size=2, max_size=4, unique=True))
@quickly(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_link_outlives_any_number_of_keys(ids: dict[str, Any], purpose: Any, keys: list[str], settings: Any) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = keys[0], []
    token = sign_link(purpose, **ids)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = keys[-1], keys[:-1]
    assert read_link(purpose, token) == ids
    settings.SECRET_KEY_FALLBACKS = keys[1:-1]
    with pytest.raises(BadLinkError):
        read_link(purpose, token)


def test_the_links_of_mails_already_sent_are_read_as_ever(settings: Any) -> None:
    """Made by the first version with this key. If this fails, every link in every reader's inbox has just died."""
    settings.SECRET_KEY = "only-for-tests-" + "0123456789abcdefghijklmnopqrstuvwxyz" * 2
    assert read_link("unsubscribe", OF_OLD["unsubscribe"]) == {"reader": 7, "newsletter": "daily"}
    assert read_link("preferences", OF_OLD["preferences"]) == {"reader": 7}


def test_a_link_of_another_installation_does_not_work(settings: Any) -> None:
    token = sign_link("preferences", reader=7)
    settings.SECRET_KEY = "another-key-" + "9876543210" * 5
    with pytest.raises(BadLinkError):
        read_link("preferences", token)


def test_a_link_outlives_a_change_of_key(settings: Any) -> None:
    token = sign_link("unsubscribe", reader=7, newsletter="daily")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-key-" + "9876543210" * 5
    assert read_link("unsubscribe", token)["reader"] == 7


@pytest.mark.parametrize(("purpose", "days", "works"), [
    ("confirm", 6, True), ("confirm", 8, False), ("address", 6, True), ("address", 8, False), ("undo", 0.04, True),
    ("undo", 0.05, False), ("unsubscribe", 3000, True), ("preferences", 3000, True)])
def test_how_long_a_link_holds(purpose: Any, days: float, works: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    token = sign_link_of(days, monkeypatch, purpose, reader=7)
    if works:
        assert read_link(purpose, token) == {"reader": 7}
    else:
        with pytest.raises(ExpiredLinkError):
            read_link(purpose, token)


def test_links_are_absolute_and_hold_only_plain_letters(settings: Any) -> None:
    for url, path in ((unsubscribe_url(7, "daily"), "/unsubscribe/"), (preferences_url(7), "/preferences/"),
                      (undo_url(7, "daily", 3), "/undo/"), (address_url(7, 3), "/address/")):
        assert url.startswith(settings.BASE_URL + path)
        assert set(url.removeprefix(settings.BASE_URL + path).removesuffix("/")) <= set(LETTERS)


def test_the_mail_that_leaves_carries_the_same_link(settings: Any) -> None:
    url = unsubscribe_url(7, "daily")
    assert unsubscribe_mailto(url) == "", "nobody takes such mails"
    settings.LEAVE_MAILTO = "leave@news.example.org"
    start, _, token = unsubscribe_mailto(url).rpartition("%20")
    assert start == "mailto:leave@news.example.org?subject=unsubscribe"
    assert read_link("unsubscribe", token) == {"reader": 7, "newsletter": "daily"}


def sign_link_of(days: float, monkeypatch: pytest.MonkeyPatch, purpose: Any, **ids: Any) -> str:
    """Return a link that was signed so many days ago."""
    then = time.time() - days * 86_400
    with monkeypatch.context() as patch:
        patch.setattr(signing.time, "time", lambda: then)
        return sign_link(purpose, **ids)


@pytest.mark.parametrize(("purpose", "days", "works"), [
    *[(purpose, days, not days) for purpose in ("preferences", "undo", "terms") for days in (0, 0.03)],
    ("unsubscribe", 0.9, True), ("unsubscribe", 1.1, False)])
def test_a_link_is_not_for_a_reader_who_came_later(purpose: Any, days: float, works: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    token = sign_link_of(days, monkeypatch, purpose, reader=7)
    Reader.objects.create(pk=7, email="ada@example.com", email_key="ada@example.com")
    if works:
        assert read_link(purpose, token) == {"reader": 7}
    else:
        with pytest.raises(BadLinkError, match="not on our lists any more"):
            read_link(purpose, token)
