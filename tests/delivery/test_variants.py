"""Each reader's copy, as the mail they get: what they agreed to and chose is in it, and nothing else is."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from email.message import EmailMessage
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tests.delivery.editions import (
    CHIPS,
    COUNTED,
    EVERYBODYS,
    LABEL,
    LEAD,
    OFFER,
    PIXEL,
    POLICY,
    SHORT_LAB,
    add_reader,
    make_edition,
    part_of,
    read_mails,
)
from tests.delivery.press import add_readers, make_due, states_of
from tests.fakes.sendgrid_server import KEY, Answer, SendGridServer
from tests.fakes.smtp_sink import Rules, SmtpSink
from worker.delivery.audience import freeze_audience, start_issue
from worker.delivery.deliver import FIRST, deliver_batch, deliver_issue, status
from worker.delivery.senders import open_sender
from worker.press.measure import list_links
from worker.press.proof import MARKS
from worker.readers.links import read_link
from worker.readers.preferences import change
from worker.readers.terms import publish_terms
from worker.storage import bulk
from worker.storage.models import Delivery, Edition, Issue, Measurement, Reader

pytestmark = pytest.mark.django_db
Make = Callable[..., int]
PRIVATE = re.compile("[\ue000-\uf8ff]")
READERS: dict[str, dict[str, object]] = {
    "none@example.com": {}, "partners@example.com": {"partners": True}, "tracking@example.com": {"tracking": True},
    "both@example.com": {"partners": True, "tracking": True}, "chips@example.com": {"topics": "chips"},
    "laws@example.com": {"topics": "labs policy", "partners": True}, "quiet@example.com": {"topics": "research", "tracking": True},
}


@pytest.fixture
def issue_id(editorial_file: Path) -> int:
    number = make_edition(editorial_file)
    for email, chosen in READERS.items():
        add_reader(email, **chosen)
    start_issue(number, by="chief@example.com")
    return number


@pytest.fixture
def server(settings: Any) -> Iterator[SendGridServer]:
    with SendGridServer() as running:
        settings.SENDER_URL, settings.SENDGRID_API_KEY, settings.SENDGRID_HOST = "sendgrid:", KEY, running.url
        yield running


def deliver_by_maildir(issue_id: int, box: Path) -> Mapping[str, EmailMessage]:
    deliver_issue(issue_id, sender=open_sender(f"maildir:{box}"))
    return read_mails([file.read_bytes() for file in (box / "new").iterdir()])


def parts_by_maildir(issue_id: int, box: Path) -> dict[str, tuple[str, str]]:
    return {to: (part_of(mail, "html"), part_of(mail, "plain")) for to, mail in deliver_by_maildir(issue_id, box).items()}


def parts_by_smtp(issue_id: int, box: Path) -> dict[str, tuple[str, str]]:
    with SmtpSink() as sink:
        sender = open_sender(sink.url)
        deliver_issue(issue_id, sender=sender)
        sender.close()
        mails = read_mails([mail.data for mail in sink.mails])
    return {to: (part_of(mail, "html"), part_of(mail, "plain")) for to, mail in mails.items()}


def parts_by_sendgrid(issue_id: int, box: Path, server: SendGridServer) -> dict[str, tuple[str, str]]:
    deliver_issue(issue_id)
    parts: dict[str, tuple[str, str]] = {}
    for call in server.calls:
        text, html = (part["value"] for part in call["content"])
        for one in call["personalizations"]:
            own = [html, text]
            for mark, link in one["substitutions"].items():
                own = [part.replace(mark, link) for part in own]
            parts[one["to"][0]["email"]] = own[0], own[1]
    return parts


@pytest.mark.parametrize("way", ["maildir", "smtp", "sendgrid"])
def test_every_reader_gets_what_they_agreed_to_and_chose_and_nothing_else(
    issue_id: int, tmp_path: Path, way: str, request: pytest.FixtureRequest
) -> None:
    if way == "sendgrid":
        parts = parts_by_sendgrid(issue_id, tmp_path, request.getfixturevalue("server"))
    else:
        parts = (parts_by_smtp if way == "smtp" else parts_by_maildir)(issue_id, tmp_path / "box")
    assert parts.keys() == READERS.keys()
    for email, (html, text) in parts.items():
        chosen = READERS[email]
        topics = set(str(chosen.get("topics", "")).split())
        for part in (html, text):
            said = unescape(part)
            assert not PRIVATE.search(part)
            assert "reader.invalid" not in part
            assert LEAD in said
            assert EVERYBODYS in said
            assert (LABEL in said) == (OFFER in said) == ("partners" in chosen), email
            assert ("https://conferences.example/" in said) == ("partners" in chosen and "tracking" not in chosen), email
            for headline, about in ((CHIPS, {"chips", "labs"}), (POLICY, {"policy"}), (SHORT_LAB, {"labs"})):
                assert (headline in said) == (not topics or bool(topics & about)), (email, headline)
            assert (COUNTED in part) == ("tracking" in chosen), email
            assert ("https://outlet.example/" in part) != ("tracking" in chosen), email
            assert part.count("/unsubscribe/") == part.count("/preferences/") == 1
        assert (PIXEL in html) == ("<img" in html) == ("tracking" in chosen), email
        assert PIXEL not in text


def test_without_consent_a_copy_is_the_approved_bytes_and_the_readers_two_links(issue_id: int, tmp_path: Path) -> None:
    html, text = parts_by_maildir(issue_id, tmp_path / "box")["none@example.com"]
    edition = Edition.objects.get(issue=issue_id)
    before = edition.html.index("\ue010partners"), edition.html.index("\ue012", edition.html.index("\ue010partners"))
    bare = re.sub("\ue010[^\ue011]*\ue011|\ue012", "", edition.html[: before[0]] + edition.html[before[1]:])
    for mark in MARKS:
        what = mark.rpartition("/unsubscribe/")[1] or "/preferences/"
        (link,) = re.findall(rf'href="(http://127\.0\.0\.1:8000{what}[^"]*)"', html)
        bare = bare.replace(mark, link)
        assert link in text
    assert html == bare


def test_a_counted_link_names_the_copy_and_leads_where_the_edition_did(issue_id: int, tmp_path: Path) -> None:
    html, text = parts_by_maildir(issue_id, tmp_path / "box")["both@example.com"]
    links = list_links(Edition.objects.get(issue=issue_id).html)
    delivery = Delivery.objects.get(reader__email="both@example.com").pk
    found = re.findall(r"http://127\.0\.0\.1:8000/go/([^/\"\s]+)/(\d+)/", html)
    assert found == re.findall(r"http://127\.0\.0\.1:8000/go/([^/\"\s]+)/(\d+)/", text)
    assert {token for token, _ in found} == set(re.findall(r"/seen/([^/]+)\.gif", html))
    assert read_link("measure", found[0][0]) == {"delivery": delivery}
    assert "https://conferences.example/?a=1&b=2" in [links[int(number)] for _, number in found]
    assert len(found) == 9


def test_one_call_of_sendgrid_holds_one_kind_of_copy(issue_id: int, server: SendGridServer) -> None:
    more = {f"more{number}@example.com": {"partners": True} if number % 2 else {} for number in range(6)}
    for email, chosen in more.items():
        add_reader(email, **chosen)
    deliver_issue(issue_id)
    assert len(server.received) == len(READERS) + len(more)
    same = {"laws@example.com": READERS["partners@example.com"]}  # labs and policy: nothing in this edition is not for her
    for call in server.calls:
        kinds = [{**READERS, **more, **same}[one["to"][0]["email"]] for one in call["personalizations"]]
        assert all(kind == kinds[0] for kind in kinds)
    assert sorted(server.sizes) == [1, 1, 1, 1, 4, 5]
    assert not any(setting["enable"] for call in server.calls for setting in call["tracking_settings"].values())


def test_calls_are_filled_from_the_whole_batch(issue_id: int, server: SendGridServer) -> None:
    """Partners' readers and others take turns in the queue, more than one call's worth of each."""
    sender = open_sender()
    sender.batch_size = 20
    for number in range(40):
        add_reader(f"more{number}@example.com", partners=number % 2 == 0)
    deliver_issue(issue_id, sender=sender)
    assert sorted(server.sizes) == [1, 1, 1, 1, 1, 2, 20, 20]


def test_kinds_that_the_edition_does_not_tell_apart_share_a_call(make_issue: Make, server: SendGridServer) -> None:
    issue_id = make_issue(2)
    add_reader("partners@example.com", partners=True)
    add_reader("chips@example.com", topics="chips")
    start_issue(issue_id, by="x")
    deliver_issue(issue_id)
    assert server.sizes == [4]


def test_a_lost_answer_makes_only_its_own_call_uncertain(issue_id: int, server: SendGridServer) -> None:
    add_reader("none2@example.com")
    server.script = [Answer(500)]
    freeze_audience(issue_id)
    batch = deliver_batch(issue_id, open_sender())
    assert (batch.claimed, batch.uncertain, batch.accepted) == (8, 2, 0)
    assert status(issue_id)["states"] == {"queued": 6, "uncertain": 2}
    assert not Delivery.objects.exclude(lease_token="").exists()


def test_what_a_batch_froze_serves_the_next_for_a_minute_and_while_nothing_changes(
    issue_id: int, tmp_path: Path
) -> None:
    freeze_audience(issue_id)
    sender, begun, last = open_sender(f"maildir:{tmp_path / 'box'}"), timezone.now().replace(microsecond=0), FIRST
    for seconds, name in ((0, "AITrends"), (50, "AITrends"), (70, "AITrends"), (80, "Trends")):
        Edition.objects.filter(issue_id=issue_id).update(from_name=name)
        last = deliver_batch(issue_id, sender, limit=1, now=begun + timedelta(seconds=seconds), last=last)
    mails = read_mails([file.read_bytes() for file in (tmp_path / "box" / "new").iterdir()]).values()
    assert sorted(((mail["Date"].datetime - begun).seconds, mail["From"].addresses[0].display_name) for mail in mails) == [
        (0, "AITrends"), (0, "AITrends"), (70, "AITrends"), (80, "Trends")]


@pytest.mark.parametrize("way", ["maildir", "sendgrid"])
def test_a_consent_withdrawn_after_the_claim_still_counts(
    issue_id: int, tmp_path: Path, way: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch has claimed all rows; before the call the reader takes both consents back."""
    if way == "sendgrid":
        server = request.getfixturevalue("server")
    claim = bulk.claim_rows

    def claim_then_withdraw(*given: Any, **more: Any) -> list[int]:
        ids = claim(*given, **more)
        Reader.objects.filter(email="both@example.com").update(partners=False, tracking=False)
        return ids

    monkeypatch.setattr(bulk, "claim_rows", claim_then_withdraw)
    parts = (parts_by_sendgrid(issue_id, tmp_path, server) if way == "sendgrid" else parts_by_maildir(issue_id, tmp_path / "box"))
    assert set(states_of(issue_id).values()) == {"accepted"}
    assert OFFER not in "".join(parts["both@example.com"])
    assert PIXEL not in parts["both@example.com"][0]
    assert COUNTED not in "".join(parts["both@example.com"])


def test_a_copy_keeps_its_message_id_when_its_reader_chooses_otherwise(issue_id: int) -> None:
    """The answer is lost, and an editor lets the copy go once more: a mailbox that has it already can tell."""
    freeze_audience(issue_id)
    seen: list[str] = []
    for tracking in (True, False):
        Reader.objects.filter(email="both@example.com").update(tracking=tracking)
        with SmtpSink(Rules(drop_after_dot={"both@example.com"})) as sink:
            sender = open_sender(sink.url)
            deliver_batch(issue_id, sender)
            seen += [mail.message_id for mail in sink.mails if mail.recipient == "both@example.com"]
        Delivery.objects.filter(state="uncertain").update(state="queued")
        make_due(issue_id)
    assert len(seen) == 2
    assert seen[0] == seen[1]


def test_who_withdraws_gets_the_next_mail_without_and_an_old_pixel_records_nothing(issue_id: int, tmp_path: Path) -> None:
    publish_terms()
    html, _ = parts_by_maildir(issue_id, tmp_path / "first")["tracking@example.com"]
    pixel = "/seen/" + html.partition("/seen/")[2].partition('"')[0]
    counted = "/go/" + html.partition("/go/")[2].partition('"')[0]
    reader = Reader.objects.get(email="tracking@example.com")
    change(reader.pk, tracking=False)
    browser = Client()
    assert browser.get(pixel).headers["Content-Type"] == "image/gif"
    assert browser.get(counted).status_code == 302
    assert not Measurement.objects.exists()

    again = Edition.objects.get(issue=issue_id)
    following = again.issue
    following.pk, following.period, following.state, following.started_at = None, "2026-11-24", "approved", None
    following.save(force_insert=True)
    again.pk, again.issue = None, following
    again.save(force_insert=True)
    start_issue(following.pk, by="x")
    html, text = parts_by_maildir(following.pk, tmp_path / "second")["tracking@example.com"]
    assert "<img" not in html
    assert COUNTED not in html + text


def test_an_edition_whose_marks_do_not_fit_is_held_before_anybody_gets_it(make_issue: Make, tmp_path: Path) -> None:
    from tests.delivery.press import HTML, TEXT
    from worker.errors import BroadsheetError

    issue_id = make_issue(3, html=HTML.replace("<h1>", "\ue010partners\ue011<h1>"), text=TEXT)
    start_issue(issue_id, by="x")
    with pytest.raises(BroadsheetError, match="begins and does not end"):
        deliver_issue(issue_id, sender=open_sender(f"maildir:{tmp_path / 'box'}"))
    assert Issue.objects.get(pk=issue_id).state == "held"
    assert not Delivery.objects.exists()
    assert not (tmp_path / "box").exists()


def test_many_kinds_in_one_batch_lose_nobody(issue_id: int, server: SendGridServer) -> None:
    add_readers([f"plain{number}@example.com" for number in range(40)])
    for number, topics in enumerate(("chips", "labs", "policy", "chips labs", "chips policy", "research", "chips labs policy", "")):
        for partners in (True, False):
            add_reader(f"kind{number}{partners}@example.com", topics=topics, partners=partners)
    deliver_issue(issue_id)
    states = status(issue_id)
    assert states["states"] == {"accepted": states["audience"]}
    received = [one["to"] for one in server.received]
    assert len(received) == len(set(received)) == states["audience"] == len(READERS) + 40 + 16
    assert not Delivery.objects.exclude(attempts=1, lease_token="").exists()
