"""The second way out, all the way: a delivered mail's mailto link, the letter a program makes of it, and no further issue."""

from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from worker.delivery.deliver import deliver_issue
from worker.delivery.senders import open_sender
from worker.readers.mailbag import receive
from worker.storage.models import Subscription

pytestmark = pytest.mark.django_db


def _deliver(sending: Callable[..., int], folder: Path) -> list[EmailMessage]:
    deliver_issue(sending(["ada@example.com", "bo@example.com"]), sender=open_sender(f"maildir:{folder}"))
    mails = [message_from_bytes(file.read_bytes(), policy=policy.default) for file in (folder / "new").glob("*")]
    return [mail for mail in mails if isinstance(mail, EmailMessage)]


def test_the_letter_that_a_program_makes_of_the_link_leaves(sending: Callable[..., int], tmp_path: Path, settings: Any) -> None:
    settings.LEAVE_MAILTO = "leave@news.example.org"
    mail = next(mail for mail in _deliver(sending, tmp_path / "box") if mail["To"] == "ada@example.com")
    first, second = (link.strip().strip("<>") for link in mail["List-Unsubscribe"].split(","))
    assert urlsplit(first).path.startswith("/unsubscribe/"), "the one-click link comes first"
    link = urlsplit(second)
    letter = EmailMessage()
    letter["From"], letter["To"] = "Somebody Else <other@example.net>", link.path
    letter["Subject"] = parse_qs(link.query)["subject"][0]
    letter.set_content("")
    assert letter["To"] == "leave@news.example.org"
    assert receive(letter.as_bytes()) == "left"
    assert dict(Subscription.objects.values_list("reader__email", "state")) == {
        "ada@example.com": "left", "bo@example.com": "confirmed"}, "the link counts, not the sender"


def test_without_an_address_that_takes_them_there_is_one_way(sending: Callable[..., int], tmp_path: Path) -> None:
    for mail in _deliver(sending, tmp_path / "box"):
        assert "mailto" not in mail["List-Unsubscribe"]
        assert "," not in mail["List-Unsubscribe"]
