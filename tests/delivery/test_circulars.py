"""Letters about new terms: to each reader who still has to hear, in lots, and never before a letter somebody waits for."""

from collections.abc import Callable, Sequence
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.sendgrid_server import KEY, SendGridServer
from tests.wordings import NEW, PUBLISHED, SECOND, join, on, publish, publish_first
from worker.delivery.message import Copy
from worker.delivery.notices import send_notices
from worker.delivery.senders import Kind, Outcome
from worker.delivery.senders.base import UNKEPT, Note
from worker.errors import TransientError
from worker.readers.agree import agree_since, read_agreement
from worker.readers.leaving import leave
from worker.readers.links import read_link
from worker.readers.renewal import owe_notices
from worker.readers.subscribe import sign_up
from worker.readers.suppress import suppress
from worker.storage import bulk
from worker.storage.models import Notice, Purpose, Reader, Terms

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _first(db: None, editorial_file: Path) -> None:
    publish_first()


@pytest.fixture
def box(tmp_path: Path, settings: Any) -> Callable[[], dict[str, Any]]:
    """Return a function that reads the mails, the newest for each address and subject."""
    settings.SENDER_URL = f"maildir:{tmp_path / 'box'}"
    settings.BASE_URL = "https://news.example"
    return lambda: {mail["To"]: mail for mail in (message_from_bytes(file.read_bytes(), policy=policy.default)
                    for file in sorted((tmp_path / "box" / "new").glob("*")))}


class Recorder:
    """A sender that writes down what it was given, call by call, and answers as it is told."""

    name, batch_size, calls_at_once, lost_together, one_letter = "recorder", 3, 1, 1, False

    def __init__(self, answer: Kind = Kind.ACCEPTED) -> None:
        self.calls: list[list[str]] = []
        self.answer = answer
        self.on_call: Callable[[], None] = lambda: None

    def send(self, copies: Sequence[Copy], note: Note = UNKEPT) -> list[Outcome]:
        assert len({id(copy.template) for copy in copies}) == 1
        self.calls.append([copy.to for copy in copies])
        self.on_call()
        return [Outcome(self.answer, detail="told so")] * len(copies)

    def check(self) -> str:
        return "fine"

    def close(self) -> None:
        pass


def token_in(mail: Any, part: str = "plain") -> str:
    text = "".join(mail.get_body((part,)).get_content().split("\n"))
    return str(text.partition("/terms/agree/")[2].partition("/")[0])


def text_of(mail: Any, part: str = "plain") -> str:
    return " ".join(mail.get_body((part,)).get_content().split())


def test_each_reader_is_asked_by_a_letter_of_their_own(box: Callable[[], dict[str, Any]]) -> None:
    ada, bob = join("ada@example.com"), join("bob@example.com", "aitrends", "daily")
    terms = publish()
    owe_notices(now=PUBLISHED)
    assert send_notices(now=PUBLISHED) == 2
    assert send_notices(now=PUBLISHED) == 0
    mails = box()
    assert mails["ada@example.com"]["Subject"] == "AITrends: please agree to our new terms before 12 December 2026"
    assert "AITrends and Daily" in mails["bob@example.com"]["Subject"]
    for reader, mail in ((ada, mails["ada@example.com"]), (bob, mails["bob@example.com"])):
        assert mail["Auto-Submitted"] == "auto-generated"
        assert "reader.invalid" not in mail.as_string()
        for part in ("plain", "html"):
            assert read_link("terms", token_in(mail, part)) == {"reader": reader.pk, "terms": terms.pk}
            said = text_of(mail, part)
            for words in ("12 December 2026", "1. What you get", "and now and then a letter from us",
                          "https://news.example/terms/2.0/changes/", "/preferences/", "we pause AITrends"):
                assert words in said, words
    assert "/unsubscribe/" in text_of(mails["ada@example.com"])
    assert "/unsubscribe/" not in text_of(mails["bob@example.com"]), "one link cannot leave two newsletters"
    assert read_agreement(token_in(mails["ada@example.com"])).reader == ada


def test_the_last_letter_says_that_it_is_paused_and_how_it_comes_back(box: Callable[[], dict[str, Any]]) -> None:
    join("ada@example.com")
    publish()
    owe_notices(now=on(SECOND))
    assert send_notices(now=on(SECOND)) == 1
    mail = box()["ada@example.com"]
    assert mail["Subject"] == "We have paused AITrends: one press brings it back"
    assert token_in(mail)


@pytest.mark.parametrize(("purpose", "words"), [(Purpose.PARTNERS, "Partners' content has ended for you"),
                                                (Purpose.TRACKING, "we measure nothing")])
def test_who_loses_a_consent_is_told_where_to_give_it_anew(box: Callable[[], dict[str, Any]], purpose: Purpose, words: str) -> None:
    join("ada@example.com", **{purpose.value: True})
    publish("2.0", "Quite another thing.\n", kind=purpose.value, effective=PUBLISHED.date())
    owe_notices(now=PUBLISHED)
    assert send_notices(now=PUBLISHED) == 1
    said = text_of(box()["ada@example.com"])
    assert words in said
    assert "/preferences/" in said
    assert f"/terms/box/{purpose.value}/2.0/" in said
    assert "/terms/agree/" not in said


def test_nothing_goes_to_who_answered_left_or_must_not_be_written_to(box: Callable[[], dict[str, Any]]) -> None:
    names = ("agreed", "left", "bounced", "ticked", "waits")
    readers = {name: join(f"{name}@example.com", tracking=name == "ticked") for name in names}
    terms = publish()
    publish("2.0", "Other words.\n", kind="tracking", effective=PUBLISHED.date())
    owe_notices(now=PUBLISHED)
    agree_since(readers["agreed"], terms)
    agree_since(readers["ticked"], terms)
    Reader.objects.filter(email="ticked@example.com").update(tracking=True)
    leave(readers["left"].pk, "aitrends", method="one-click")
    suppress("bounced@example.com", "bounce")
    assert send_notices(now=PUBLISHED) == 1
    assert set(box()) == {"waits@example.com"}
    assert dict(Notice.objects.filter(details__stage="asked").values_list("reader__email", "state")) == {
        "agreed@example.com": "cancelled", "ticked@example.com": "cancelled", "left@example.com": "cancelled",
        "bounced@example.com": "suppressed", "waits@example.com": "accepted"}
    assert Notice.objects.get(details__stage="lapsed").state == "cancelled"


def test_a_letter_that_was_kept_back_beyond_its_day_is_not_sent(box: Callable[[], dict[str, Any]]) -> None:
    join("ada@example.com")
    publish()
    owe_notices(now=PUBLISHED)
    owe_notices(now=on(SECOND))
    assert send_notices(now=on(SECOND)) == 1
    assert "paused" in box()["ada@example.com"]["Subject"]
    assert dict(Notice.objects.values_list("details__stage", "state")) == {"asked": "cancelled", "paused": "accepted"}


def test_letters_somebody_waits_for_go_first_and_in_between() -> None:
    for number in range(8):
        join(f"reader{number}@example.com")
    publish()
    owe_notices(now=PUBLISHED)
    sign_up("first@example.com", ["daily"])
    sender = Recorder()

    def sign_another_up() -> None:
        sender.on_call = lambda: None
        sign_up("second@example.com", ["daily"])

    sender.on_call = sign_another_up
    assert send_notices(sender, seconds=60, now=PUBLISHED) == 10
    assert sender.calls[:2] == [["first@example.com"], ["second@example.com"]]
    assert [len(call) for call in sender.calls[2:]] == [3, 3, 2], "as many in a call as the sender takes"


def test_one_run_goes_on_while_there_is_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.delivery.circulars.CLAIM", 4)
    for number in range(11):
        join(f"reader{number}@example.com", *(["aitrends", "daily"] if number % 2 else []))
    publish()
    owe_notices(now=PUBLISHED)
    sender = Recorder()
    assert send_notices(sender, seconds=60, now=PUBLISHED) == 11
    assert sorted(to for call in sender.calls for to in call) == sorted(Reader.objects.values_list("email", flat=True))


def test_a_second_worker_leaves_them_to_the_first_and_sends_the_others() -> None:
    for number in range(4):
        join(f"reader{number}@example.com")
    publish()
    owe_notices(now=PUBLISHED)
    bulk.claim_rows(Notice.objects.filter(kind="terms"), "another", limit=2, seconds=60)
    sign_up("new@example.com", ["daily"])
    sender = Recorder()
    assert send_notices(sender, seconds=60, now=PUBLISHED) == 1
    assert sender.calls == [["new@example.com"]]


def test_a_next_hop_that_refuses_us_ends_the_run_and_keeps_the_letters() -> None:
    for number in range(5):
        join(f"reader{number}@example.com")
    publish()
    owe_notices(now=PUBLISHED)
    sender = Recorder(Kind.POLICY)
    assert send_notices(sender, seconds=60, now=PUBLISHED) == 0
    assert len(sender.calls) == 1
    assert set(Notice.objects.values_list("state", "attempts", "lease_token")) == {("queued", 0, "")}


def test_a_lost_server_keeps_the_letters() -> None:
    join("ada@example.com")
    publish()
    owe_notices(now=PUBLISHED)
    sender = Recorder()

    def lose() -> None:
        raise TransientError("the server is gone")

    sender.on_call = lose
    with pytest.raises(TransientError):
        send_notices(sender, now=PUBLISHED)
    assert Notice.objects.get().state == "queued"


def test_an_address_that_cannot_be_written_fails_alone() -> None:
    join("broken address@example.com")
    join("ada@example.com")
    publish()
    owe_notices(now=PUBLISHED)
    assert send_notices(Recorder(), now=PUBLISHED) == 1
    assert Notice.objects.get(reader__email__startswith="broken").state == "failed"


def test_a_thousand_share_one_call_of_sendgrid_each_with_their_own_links(settings: Any) -> None:
    for number in range(6):
        join(f"reader{number}@example.com")
    publish()
    owe_notices(now=PUBLISHED)
    with SendGridServer() as server:
        settings.SENDER_URL, settings.SENDGRID_API_KEY, settings.SENDGRID_HOST = "sendgrid:", KEY, server.url
        assert send_notices(now=PUBLISHED) == 6
        (call,) = server.calls
    links = [person["substitutions"]["https://reader.invalid/terms/agree/"] for person in call["personalizations"]]
    assert len(set(links)) == 6
    assert all("/terms/agree/" in link for link in links)
    assert all("https://reader.invalid/terms/agree/" in part["value"] for part in call["content"])


def test_the_changes_named_are_those_to_the_version_before(box: Callable[[], dict[str, Any]]) -> None:
    join("ada@example.com")
    publish("1.1", NEW, material=False, effective=PUBLISHED.date())
    publish("2.0", NEW + "\n## 3. Law\n\nThe law of England & Wales.\n")
    owe_notices(now=PUBLISHED)
    send_notices(now=PUBLISHED, seconds=5)
    said = text_of(box()["ada@example.com"])
    assert "3. Law (new): The law of England & Wales." in said
    assert "1. What you get" not in said
    assert Terms.objects.count() == 6
