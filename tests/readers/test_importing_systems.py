"""Lists as other systems write them: known by their first line, names put together, and nobody taken whom they would not mail."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import settings as quickly
from hypothesis import strategies as st

from worker.errors import BroadsheetError
from worker.readers.addresses import read_address
from worker.readers.cells import FORMULA, guard_cell, strip_guard
from worker.readers.importing import ImportReport, import_readers, look
from worker.readers.layouts import read_address_cell, read_moment
from worker.readers.plain import read_plain
from worker.readers.suppress import suppress
from worker.storage.models import Consent, Reader

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("editorial_file")]

LISTMONK = """\
uuid,email,name,attributes,status,created_at,updated_at
1a,ada@example.com,Ada Archer,"{""city"": ""Rome"", ""n"": 1}",enabled,2024-05-01 10:12:00.123456 +0200 CEST,
1b,bo@example.com,Bo,{},blocklisted,2024-05-01 10:12:00 +0000 UTC,
1c,cy@example.com,Cy,{},disabled,2024-05-01 10:12:00 +0000 UTC,
"""
MAILCHIMP = """\
"Email Address","First Name","Last Name",MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,LATITUDE,LONGITUDE,\
GMTOFF,DSTOFF,TIMEZONE,CC,REGION,UNSUB_TIME,CLEAN_TIME,LAST_CHANGED,LEID,EUID,NOTES,TAGS
ada@example.com,Ada,Archer,2,"2024-04-30 07:00:00",203.0.113.7,"2024-05-01 08:12:31",203.0.113.5,,,,,,,,,,,1,a,,
bo@example.com,Bo,,2,,,,,,,,,,,,"2024-06-01 00:00:00",,"2024-05-01 08:12:31",2,b,,
cy@example.com,,,2,,,,,,,,,,,,,"2024-07-01 00:00:00","2024-05-01 08:12:31",3,c,"a note
over lines","""
SUBSTACK = """\
email,active_subscription,expiry,plan,email_disabled,created_at,first_payment_at
ada@example.com,false,,other,false,2024-05-01T08:12:00.000Z,
bo@example.com,true,2027-01-01,yearly,true,2024-05-01T08:12:00.000Z,
cy@example.com,true,2027-01-01,yearly,false,not a date,
"""
SUBSTACK_NEW = """\
Email,Name,Stripe plan,Cancel date,Start date,Type,Activity,Subscription source (free),Country
ada@example.com,Ada Archer,,,2024-05-01T08:12:38.759Z,Free,4,direct,IT
"""
GHOST = """\
id,email,name,note,subscribed_to_emails,complimentary_plan,stripe_customer_id,created_at,deleted_at,labels,tiers
6,ada@example.com,Ada Archer,,true,false,,2024-05-01T08:12:00.000Z,,vip,
7,bo@example.com,Bo,,false,false,,2024-05-01T08:12:00.000Z,,,
8,cy@example.com,Cy,,true,false,,2024-05-01T08:12:00.000Z,2024-09-01T00:00:00.000Z,,
"""
PLAIN = """\
sep=;
E-Mail;First name;Surname;State;Subscription status;IP;Created at
ada@example.com;Ada;Archer;Left Bank;active;2001:db8:1:2::3;2024-05-01 08:12
bo@example.com;Bo;;California;Opted-out;;
cy@example.com;Cy;;California;pending;;
"""
SYSTEMS = [
    ("listmonk", LISTMONK, "signed up 2024-05-01 08:12 UTC", None, {3: "listmonk has this reader as blocklisted",
                                                                    4: "listmonk has this reader as disabled"}),
    ("Mailchimp", MAILCHIMP, "confirmed 2024-05-01 08:12 UTC from 203.0.113.0/24", "203.0.113.5",
     {3: "Mailchimp has this reader as unsubscribed", 4: "Mailchimp has this reader as cleaned"}),
    ("Substack", SUBSTACK, "signed up 2024-05-01 08:12 UTC", None, {3: "Substack has this reader as with e-mail disabled"}),
    ("Substack", SUBSTACK_NEW, "signed up 2024-05-01 08:12 UTC", None, {}),
    ("Ghost", GHOST, "signed up 2024-05-01 08:12 UTC", None, {3: "Ghost has this reader as not subscribed to e-mails",
                                                             4: "Ghost has this reader as deleted"}),
    ("plain CSV", PLAIN, "signed up 2024-05-01 08:12 UTC from 2001:db8:1::/48", "2001:db8:1:2::3",
     {4: "the file has this reader as Opted-out", 5: "the file has this reader as pending"}),
]


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., ImportReport]:
    """Return a function that writes a CSV, looks it through, imports it, and sees that both say the same."""

    def write_and_import(content: bytes | str, name: str = "people.csv", source: str = "the old list") -> ImportReport:
        file = tmp_path / name
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        seen = look(file, newsletter="daily")
        before = Reader.objects.count()
        done = import_readers(file, newsletter="daily", consent_source=source)
        assert (seen.system, seen.imported, seen.already, seen.refused, seen.broken, seen.first) == (
            done.system, done.imported, done.already, done.refused, done.broken, done.first)
        assert Reader.objects.count() == before + done.imported
        return done

    return write_and_import


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize(("system", "content", "origin", "address", "refused"), SYSTEMS)
def test_a_system_is_known_by_its_first_line(load: Callable[..., Any], system: str, content: str, origin: str,
                                             address: str | None, refused: dict[int, str], encoding: str) -> None:
    report = load(content.replace("\n", "\r\n").encode(encoding))
    assert report.system == system
    assert {one.line: one.why for one in report.first} == refused
    assert report.broken == 0
    ada = Reader.objects.get(email="ada@example.com")
    assert ada.name == ("" if content is SUBSTACK else "Ada Archer")
    given = Consent.objects.get(reader=ada)
    assert (given.method, given.form, given.source, given.network_address) == (
        "import", "import", f"the old list; {origin}", address)


def test_what_the_file_does_not_say_is_not_made_up(load: Callable[..., Any]) -> None:
    load(SUBSTACK)
    given = Consent.objects.get(reader__email="cy@example.com")
    assert (given.source, given.network_address) == ("the old list", None)


@pytest.mark.parametrize("name", ["unsubscribed_email_audience_export_1.csv", "cleaned_x.csv", "NONSUBSCRIBED_x.csv"])
def test_mailchimp_s_files_of_others_are_refused_whole(load: Callable[..., Any], name: str) -> None:
    with pytest.raises(BroadsheetError, match="subscribed_"):
        load(MAILCHIMP, name)
    assert not Reader.objects.exists()


def test_our_own_list_brings_nobody_to_another_newsletter(load: Callable[..., Any]) -> None:
    report = load("email,name,newsletter,state,confirmed_at,left_at\n"
                  "ada@example.com,Ada,daily,confirmed,2024-05-01T08:12:00+00:00,\n"
                  "bo@example.com,Bo,aitrends,confirmed,,\ncy@example.com,Cy,daily,left,,2024-06-01\n"
                  "di@example.com,Di,daily,pending,,\n")
    assert (report.system, report.imported) == ("Broadsheet", 1)
    assert [one.why for one in report.first] == [
        "this row is about another newsletter, 'aitrends'", "Broadsheet has this reader as left",
        "Broadsheet has this reader as pending"]
    assert Consent.objects.get().source == "the old list; confirmed 2024-05-01 08:12 UTC"


def test_a_longest_origin_still_fits_beside_the_publisher_s_words(load: Callable[..., Any]) -> None:
    load("email,confirm_time,confirm_ip\nada@example.com,2024-05-01 08:12:00,2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff\n",
         source="s" * 140)
    assert Consent.objects.get().source == "s" * 140 + "; confirmed 2024-05-01 08:12 UTC from 2001:db8:aaaa::/48"
    with pytest.raises(BroadsheetError, match="140 characters"):
        load("email\nbo@example.com\n", source="s" * 141)


def test_one_person_twice_far_apart_is_counted_once(load: Callable[..., Any]) -> None:
    rows = "".join(f"reader{number}@example.com\n" for number in range(6000))
    report = load(f"email\n{rows}Reader1@example.com\nreader5999@EXAMPLE.com\n")
    assert (report.imported, report.already) == (6000, 2)


def test_a_mailbox_in_another_spelling_stays_suppressed(load: Callable[..., Any]) -> None:
    suppress("ada.archer@gmail.com", "erased")
    report = load("email\nadaarcher+news@googlemail.com\n")
    assert (report.imported, report.refused) == (0, 1)


def test_hashes_under_an_old_key_still_count(load: Callable[..., Any], settings: Any) -> None:
    suppress("ada@example.com", "erased")
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another-key-" + "0123456789" * 5
    assert load("email\nada@example.com\nbo@example.com\n").imported == 1
    assert Reader.objects.get().email == "bo@example.com"


@pytest.mark.parametrize(("cell", "says"), [
    ("2024-05-01", "2024-05-01"), ("2024-05-01 23:30:00 -0130 XYZ", "2024-05-02 01:00 UTC"),
    ('"2019-10-30T14:52:08.000Z"', "2019-10-30 14:52 UTC"), ("2024-05-01T08:12:00+00:00", "2024-05-01 08:12 UTC"),
    ("2024-02-30 08:12", ""), ("05/01/2024 08:12", ""), ("0001-01-01 00:00 +0100", ""), ("", ""), ("2024-05-01 25:00", ""),
])
def test_a_moment_is_read_without_guessing(cell: str, says: str) -> None:
    assert read_moment(cell) == says


@pytest.mark.parametrize("cell", ["", "203.0.113", "fe80::1%eth0", "::ffff:1.2.3.4.5", "203.0.113.5, 10.0.0.1", "²03.0.113.5"])
def test_what_is_no_network_address_is_none(cell: str) -> None:
    assert read_address_cell(cell) == (None, "")


SPELLINGS = st.from_regex(r"[A-Za-z0-9._+'-]{1,66}@([A-Za-z0-9-]{1,12}\.){1,6}([A-Za-z]{1,6}|test|local|XN--P1AI)", fullmatch=True)


@given(text=SPELLINGS | st.emails() | st.text(alphabet="aZ0.-_+@ \u212a\u00e9İ", max_size=20))
@example("Info@Example.com")
@example("a@b--c.com")
@example(f"{'a' * 65}@example.com")
@example(f"a@{'b' * 64}.com")
@example(" ada@example.com\x1f")
@example("ada@example.com\n")
@example("a@xn--bcher-kva.example")
@example("\u212aim@example.com")
@quickly(max_examples=600, deadline=None)
def test_the_quick_way_says_what_the_thorough_one_says(text: str) -> None:
    quick = read_plain(text)
    if quick is not None:
        assert quick == read_address(text)


def test_the_quick_way_does_most() -> None:
    for text in ("ada@example.com", "Ada.B+c@mail.example.co.uk", "a_b-c@1and1.de"):
        assert read_plain(text), text


@given(text=st.text(alphabet="'=+-@\t\r\n＝＋－＠ \xa0\u3000a", max_size=8) | st.text(max_size=20))
@quickly(max_examples=400, deadline=None)
def test_a_guarded_cell_starts_no_formula_and_comes_back(text: str) -> None:
    cell = guard_cell(text)
    assert not cell.startswith(FORMULA)
    assert not cell.strip(" \xa0\u3000").startswith(FORMULA)
    assert strip_guard(cell) == text
