"""A test mail: it is what a reader would get, goes to those alone who may get one, and changes nothing for anybody."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone

from tests.delivery.editions import (
    COUNTED,
    LABEL,
    LEAD,
    OFFER,
    PIXEL,
    add_offer,
    add_reader,
    draft_for_topics,
    make_edition,
    part_of,
    read_mails,
)
from tests.fakes.sendgrid_server import KEY, SendGridServer
from tests.fakes.smtp_sink import Rules, SmtpSink
from worker.delivery.audience import start_issue
from worker.delivery.deliver import deliver_issue
from worker.delivery.events import parse_sendgrid_events
from worker.delivery.trial import Trial, send_test
from worker.errors import BroadsheetError, ConflictError, NotFoundError, TransientError
from worker.readers.links import unsubscribe_mailto
from worker.readers.mailbag import receive
from worker.readers.suppress import suppress
from worker.storage.models import (
    AuditEntry,
    Consent,
    Delivery,
    Departure,
    Edition,
    Editor,
    Issue,
    Notice,
    Reader,
    Subscription,
)

pytestmark = pytest.mark.django_db
OWN = "chief@example.com"


@pytest.fixture
def issue_id(editorial_file: Path) -> int:
    """An approved issue with a partner's content, and stories for some readers only."""
    return make_edition(editorial_file)


@pytest.fixture
def box(tmp_path: Path, settings: Any) -> Path:
    settings.SENDER_URL = f"maildir:{tmp_path / 'box'}"
    return tmp_path / "box" / "new"


def try_out(issue_id: int, to: str = OWN, **more: Any) -> Trial:
    return send_test(issue_id, to, by=OWN, own=OWN, **more)


def read_box(box: Path) -> list[EmailMessage]:
    files = sorted(box.iterdir(), key=lambda file: int(file.name.partition(".")[0]))  # as they were asked for
    mails = [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]
    return [mail for mail in mails if isinstance(mail, EmailMessage)]


def test_it_is_the_approved_issue_as_a_reader_gets_it_but_for_its_subject_and_links(issue_id: int, box: Path) -> None:
    sent = try_out(issue_id)
    [mail] = read_box(box)
    assert sent == Trial(OWN, f"[TEST] {LEAD}", "maildir")
    assert (mail["To"], mail["Subject"], mail["From"]) == (OWN, f"[TEST] {LEAD}", "AITrends <aitrends@example.com>")
    assert [mail[name] is not None for name in ("List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "Date")] == [True] * 4

    add_reader("plain@example.com")
    start_issue(issue_id, by=OWN)
    deliver_issue(issue_id)
    real = read_mails([file.read_bytes() for file in box.iterdir()])["plain@example.com"]
    assert mail["Message-ID"] != real["Message-ID"]
    own_links = re.compile(r"http://127\.0\.0\.1:8000/(?:desk/test-mail/)?(unsubscribe|preferences)/[\w.-]*/?")
    for kind in ("html", "plain"):
        assert own_links.sub(r"LINK-\1", part_of(mail, kind)) == own_links.sub(r"LINK-\1", part_of(real, kind))


def test_it_holds_no_partners_content_unless_asked_and_measures_nothing(issue_id: int, box: Path) -> None:
    try_out(issue_id)
    try_out(issue_id, partners=True)
    without, with_partners = (part_of(mail, "html") + part_of(mail, "plain") for mail in read_box(box))
    assert OFFER not in without
    assert LABEL not in without
    assert with_partners.count(OFFER) == 2
    for body in (without, with_partners):
        assert PIXEL not in body
        assert COUNTED not in body


def test_a_draft_is_sent_as_it_stands(editorial_file: Path, box: Path) -> None:
    issue = draft_for_topics(editorial_file)
    try_out(issue.pk)
    issue.placements.filter(position=0).update(headline="Harbour bridge opens to ferries")
    try_out(issue.pk)
    first, second = (part_of(mail, "html") for mail in read_box(box))
    assert LEAD in first
    assert "Harbour bridge opens to ferries" in second
    assert Issue.objects.get().state == "draft"
    assert not Edition.objects.exists()


def test_a_draft_shows_a_partner_s_content_when_asked(editorial_file: Path, box: Path) -> None:
    issue = draft_for_topics(editorial_file)
    add_offer(issue, Editor.objects.create_user(OWN))
    try_out(issue.pk, partners=True)
    assert OFFER in part_of(read_box(box)[0], "html")


def test_nobody_is_owed_anything_and_the_address_stands_nowhere_in_clear(issue_id: int, box: Path, settings: Any) -> None:
    settings.TEST_ADDRESSES = ["@house.example"]
    before = Issue.objects.values().get()
    try_out(issue_id, "Somebody.Else@House.example")
    assert read_box(box)[0]["To"] == "Somebody.Else@house.example"
    assert not Delivery.objects.exists()
    assert not Notice.objects.exists()
    assert not Reader.objects.exists()
    assert Issue.objects.values().get() == before
    entry = AuditEntry.objects.get(action="test mail")
    assert (entry.actor, entry.subject, entry.detail) == (OWN, f"issue {issue_id}", {"to": "S…@house.example", "as": "a reader"})
    assert not any("omebody" in str(row) for row in AuditEntry.objects.values_list("detail", "subject", "actor"))


def test_its_links_say_what_they_would_do_and_change_nothing(issue_id: int, box: Path, settings: Any) -> None:
    settings.LEAVE_MAILTO = "leave@example.com"
    reader = add_reader(OWN, partners=True)
    try_out(issue_id)
    [mail] = read_box(box)
    links = set(re.findall(r"http://127\.0\.0\.1:8000(/[\w/.-]*(?:unsubscribe|preferences)[\w/.-]*)", part_of(mail, "html")))
    assert links == {"/desk/test-mail/unsubscribe/", "/desk/test-mail/preferences/"}
    for link, opens in {"unsubscribe": "ends their subscription", "preferences": "their preferences"}.items():
        page = Client().get(f"/desk/test-mail/{link}/")
        assert page.status_code == 200
        assert "This was a test mail" in page.text
        assert opens in page.text
    one_click, mailto = re.findall(r"<([^>]+)>", mail["List-Unsubscribe"])
    program = Client(enforce_csrf_checks=True)
    answer = program.post(one_click.removeprefix("http://127.0.0.1:8000"), {"List-Unsubscribe": "One-Click"})
    assert (answer.status_code, answer.text) == (200, "This was a test mail: nothing has changed.\n")
    assert mailto == unsubscribe_mailto(one_click)
    letter = f"From: {OWN}\nTo: leave@example.com\nSubject: {mailto.partition('=')[2].replace('%20', ' ')}\n\n"
    assert receive(letter.encode()) == "without a link"
    assert Subscription.objects.get(reader=reader).state == "confirmed"
    assert not Consent.objects.exists()
    assert not Departure.objects.exists()
    assert Client().get("/desk/test-mail/confirm/").status_code == 404


ALLOWED = ["chief@house.example", "@press.example"]


@pytest.mark.parametrize(("to", "own", "goes"), [
    ("chief@house.example", "", True), ("CHIEF@house.example", "", True), ("anybody@press.example", "", True),
    ("anybody@Press.Example", "", True), (" chief@house.example ", "", True),
    ("other@house.example", "", False), ("anybody@mail.press.example", "", False), ("x@notpress.example", "", False),
    ("chief+tag@house.example", "", False), ("press.example@evil.example", "", False),
    (OWN, OWN, True), ("Chief@Example.com", OWN, True), (OWN, "", False), ("reader@example.com", OWN, False),
])
def test_it_goes_to_allowed_addresses_alone(issue_id: int, box: Path, settings: Any, to: str, own: str, goes: bool) -> None:
    settings.TEST_ADDRESSES = ALLOWED
    if goes:
        send_test(issue_id, to, by=OWN, own=own)
        assert len(read_box(box)) == 1
        return
    said = r"may not get test mails; those who may: .*@press\.example \(TEST_ADDRESSES says who\)$"
    with pytest.raises(BroadsheetError, match=said):
        send_test(issue_id, to, by=OWN, own=own)
    assert not box.exists()
    assert not AuditEntry.objects.filter(action="test mail").exists()


@pytest.mark.parametrize("to", ["", "nobody", "a@b", "x@house.example\nBcc: all@example.com", "x@house.example, y@house.example"])
def test_what_is_no_address_is_one_line(issue_id: int, box: Path, settings: Any, to: str) -> None:
    settings.TEST_ADDRESSES = ["@house.example"]
    with pytest.raises(BroadsheetError, match="e-mail address"):
        try_out(issue_id, to)
    assert not box.exists()


def test_an_address_that_must_not_be_written_to_gets_none(issue_id: int, box: Path) -> None:
    suppress(OWN, "bounce")
    with pytest.raises(BroadsheetError, match="must not be written to"):
        try_out(issue_id)


@pytest.mark.parametrize("state", ["sending", "sent", "held", "cancelled", "rejected"])
def test_only_what_has_not_gone_out_is_tried(issue_id: int, box: Path, state: str) -> None:
    Issue.objects.update(state=state)
    with pytest.raises(ConflictError, match=f"is {state}: only a draft or an approved issue is tried out"):
        try_out(issue_id)
    with pytest.raises(NotFoundError, match="there is no issue 999"):
        try_out(999)


def test_an_edition_that_is_not_what_was_approved_is_not_shown_as_if_it_were(issue_id: int, box: Path) -> None:
    Edition.objects.update(html="<p>something else</p>")
    with pytest.raises(BroadsheetError, match="bytes are not those that were approved"):
        try_out(issue_id)


def test_twenty_an_hour_of_each_issue(issue_id: int, box: Path) -> None:
    now = timezone.now()
    for minute in range(20):
        try_out(issue_id, now=now + timedelta(minutes=minute))
    late = now + timedelta(minutes=30)
    said = f"20 test mails of issue {issue_id} were asked for .*; the next may go at {now + timedelta(hours=1):%H:%M} UTC"
    with pytest.raises(BroadsheetError, match=said):
        try_out(issue_id, now=late)
    assert len(read_box(box)) == 20
    try_out(issue_id, now=now + timedelta(minutes=60, seconds=1))
    with pytest.raises(BroadsheetError, match="within the hour"):
        try_out(issue_id, now=now + timedelta(minutes=60, seconds=2))


@pytest.mark.django_db(transaction=True)
def test_asked_at_once_they_are_counted_too(issue_id: int, box: Path) -> None:
    AuditEntry.objects.bulk_create([AuditEntry(actor=OWN, action="test mail", subject=f"issue {issue_id}") for _ in range(18)])

    def run() -> str:
        try:
            return try_out(issue_id).to
        except BroadsheetError as error:
            return str(error)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(5) as pool:
        said = [one.result(timeout=60) for one in [pool.submit(run) for _ in range(5)]]
    assert said.count(OWN) == 2
    assert len(read_box(box)) == 2


def test_sendgrid_learns_no_delivery_s_number_and_its_reports_are_nobody_s(issue_id: int, settings: Any) -> None:
    with SendGridServer() as server:
        settings.SENDER_URL, settings.SENDGRID_API_KEY, settings.SENDGRID_HOST = "sendgrid:", KEY, server.url
        try_out(issue_id)
        [call] = server.calls
    [person] = call["personalizations"]
    assert person["to"] == [{"email": OWN}]
    assert list(person["custom_args"]) == ["test_id"]
    assert call["subject"] == f"[TEST] {LEAD}"
    event = {"event": "bounce", "email": OWN, "sg_event_id": "e1", "timestamp": 1_790_000_000, **person["custom_args"]}
    assert parse_sendgrid_events([event]) == []


@pytest.mark.parametrize(("rules", "says"), [
    (Rules(rcpt={OWN: "550 5.1.1 no such mailbox"}), "the next hop refused the address or the mail .*no such mailbox"),
    (Rules(rcpt={OWN: "451 4.2.0 greylisted"}), "refused it for the moment; try again in a while .*greylisted"),
    (Rules(mail="553 5.7.1 sender not allowed"), "the next hop refuses us, and would refuse readers' copies too .*not allowed"),
    (Rules(drop_after_dot={OWN}), "handed over, but the answer was lost; look whether it has come"),
])
def test_what_the_next_hop_says_is_told(issue_id: int, settings: Any, rules: Rules, says: str) -> None:
    with SmtpSink(rules) as sink:
        settings.SENDER_URL = sink.url
        with pytest.raises(BroadsheetError, match=says):
            try_out(issue_id)
    assert not Delivery.objects.exists()
    assert Issue.objects.get().state == "approved", "no word about a test mail holds an issue"


def test_a_next_hop_that_is_not_there_is_said_to_be_so(issue_id: int, settings: Any) -> None:
    settings.SENDER_URL = "smtp://127.0.0.1:1"
    with pytest.raises(TransientError, match=r"127\.0\.0\.1:1"):
        try_out(issue_id)


def test_by_smtp_it_is_one_mail(issue_id: int, settings: Any) -> None:
    with SmtpSink() as sink:
        settings.SENDER_URL = sink.url
        assert try_out(issue_id).sender == "smtp"
        [mail] = sink.mails
    assert mail.recipient == OWN
    assert b"Subject: [TEST] " in mail.data


@pytest.mark.parametrize(("given", "says"), [
    ("chief@example.org, @example.com,", ["chief@example.org", "@example.com"]),
    ("Chief@Example.ORG", ["chief@example.org"]), ("", []),
    ("example.org", "TEST_ADDRESSES: 'example.org' is neither"), ("a@b@c.org", "'a@b@c.org' is neither"),
    ("chief@example.org chief@example.com", "put commas between them"), ("@localhost", "'@localhost' is neither"),
])
def test_the_setting_takes_addresses_and_domains(monkeypatch: pytest.MonkeyPatch, given: str, says: Any) -> None:
    from worker.settings import read_test_addresses

    monkeypatch.setenv("TEST_ADDRESSES", given)
    if isinstance(says, list):
        assert read_test_addresses() == says
        return
    with pytest.raises(BroadsheetError, match=re.escape(says)):
        read_test_addresses()


