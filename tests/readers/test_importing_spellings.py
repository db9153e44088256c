"""An address stands in a list in another spelling than here: to its provider it is one mailbox, and to an import one reader."""

from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps

from tests.confirming import confirm
from worker.readers.importing import BATCH, ImportReport, import_readers, look
from worker.readers.leaving import leave
from worker.readers.subscribe import sign_up
from worker.readers.suppress import suppress
from worker.storage.models import Consent, Reader, Subscription, Terms

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("editorial_file")]


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., ImportReport]:
    """Return a function that imports these addresses; what the dry pass says of them before must come true."""

    def write_and_import(*emails: str, newsletter: str = "daily") -> ImportReport:
        file = tmp_path / f"{len(list(tmp_path.iterdir()))}.csv"
        file.write_text("\n".join(["email", *emails, ""]))
        said = look(file, newsletter=newsletter)
        done = import_readers(file, newsletter=newsletter, consent_source="an old list", now=NOW)
        assert (said.imported, said.already, said.refused) == (done.imported, done.already, done.refused)
        return done

    return write_and_import


@pytest.mark.parametrize(("known", "listed"), [
    ("jane.doe@gmail.com", "janedoe@gmail.com"), ("janedoe@gmail.com", "Jane.Doe+news@googlemail.com"),
    ("jane.doe@gmail.com", "j.anedoe@gmail.com"), ("jane+shop@hotmail.co.uk", "jane+news@hotmail.co.uk"),
    ("jane.doe@yandex.ru", "jane-doe@ya.ru"), ("news@jane.fastmail.com", "jane@fastmail.com")])
def test_who_left_stays_away_and_who_reads_gets_no_second_copy(load: Callable[..., ImportReport], known: str, listed: str) -> None:
    assert load(known).imported == 1
    assert load(listed).already == 1
    leave(Reader.objects.get().pk, "daily", method="one-click")
    report = load(listed.upper())
    assert [(one.email, one.why) for one in report.first] == [
        (listed.upper(), "this reader has left the newsletter; only they can come back")]
    assert (Reader.objects.get().email, Subscription.objects.get().state) == (known, "left")


def test_into_another_newsletter_the_reader_there_is_joins_it(load: Callable[..., ImportReport]) -> None:
    load("jane.doe@gmail.com")
    assert load("janedoe@gmail.com", newsletter="aitrends").imported == 1
    assert Reader.objects.get().email == "jane.doe@gmail.com", "mail goes on to where they had it"
    assert set(Subscription.objects.values_list("newsletter", "state")) == {("daily", "confirmed"), ("aitrends", "confirmed")}


def test_a_subscription_that_waits_in_another_spelling_is_confirmed(load: Callable[..., ImportReport], terms: Terms) -> None:
    sign_up("jane.doe@gmail.com", ["daily"], now=NOW)
    assert load("janedoe@gmail.com").imported == 1
    assert (Reader.objects.get().email, Subscription.objects.get().state) == ("jane.doe@gmail.com", "confirmed")


@pytest.mark.parametrize("between", [0, BATCH])
def test_two_spellings_in_one_file_are_one_person(load: Callable[..., ImportReport], between: int) -> None:
    others = [f"reader{number}@example.com" for number in range(between)]
    report = load("jane.doe@gmail.com", *others, "janedoe@gmail.com", "jane.doe+news@gmail.com")
    assert (report.imported, report.already, report.refused) == (1 + between, 2, 0)
    assert Reader.objects.exclude(email__endswith="@example.com").get().email == "jane.doe@gmail.com", "the first counts"
    assert Consent.objects.count() == 1 + between


def test_where_dots_make_two_people_two_come_in(load: Callable[..., ImportReport]) -> None:
    assert load("jane.doe@outlook.fr", "janedoe@outlook.fr", "straße@example.com", "strasse@example.com").imported == 4


@pytest.fixture
def twice(terms: Terms, last_link: Callable[[], str]) -> list[Reader]:
    """Return two readers of one mailbox: its owner signed up in one spelling, and later in another."""
    for email, day in (("jane.doe@gmail.com", NOW), ("janedoe@gmail.com", NOW.replace(day=24))):
        sign_up(email, ["daily"], now=day)
        confirm(last_link(), now=day)
    return list(Reader.objects.order_by("pk"))


@pytest.mark.parametrize("listed", ["jane.doe@gmail.com", "janedoe@gmail.com", "j.a.n.e.doe@gmail.com"])
@pytest.mark.parametrize("who", [0, 1])
def test_of_several_readers_of_a_mailbox_one_who_left_keeps_an_import_out(
        load: Callable[..., ImportReport], twice: list[Reader], listed: str, who: int) -> None:
    leave(twice[who].pk, "daily", method="one-click")
    assert load(listed).already == 1, "the other one reads still"
    Subscription.objects.filter(reader=twice[1 - who]).update(state="pending")
    assert load(listed, listed).refused == 2
    assert set(Subscription.objects.values_list("reader", "state")) == {(twice[who].pk, "left"), (twice[1 - who].pk, "pending")}


def test_a_mailbox_that_must_not_be_written_to_is_refused_in_any_spelling(load: Callable[..., ImportReport]) -> None:
    load("jane.doe@gmail.com")
    suppress("j.anedoe@gmail.com", "bounce")
    assert load("janedoe@gmail.com").refused == 1


@pytest.mark.parametrize(("email", "key_before", "mailbox_before"), [
    ("Straße@example.com", "strasse@example.com", None), ("Ada.O@yandex.ru", "ada.o@yandex.ru", "adao@yandex.com"),
    ("ada+1@hotmail.fr", "ada+1@hotmail.fr", None)])
def test_readers_of_before_are_found_by_what_providers_say_today(load: Callable[..., ImportReport], email: str, key_before: str,
                                                                 mailbox_before: str | None) -> None:
    Reader.objects.create(email=email, email_key=key_before, mailbox=mailbox_before)
    migration: Any = import_module("worker.storage.migrations.0005_mailboxes_anew")
    migration.work_out_anew(apps, None)
    assert load(email.lower().replace("+1", "+2")).imported == 1
    assert Reader.objects.get().email == email
