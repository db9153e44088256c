"""Letters that ask to leave: found however mail programs write them; what a machine wrote by itself is passed over."""

import time
from datetime import UTC, datetime
from email.header import Header
from email.message import EmailMessage

import pytest
from django.core import signing
from hypothesis import HealthCheck, given
from hypothesis import settings as quickly
from hypothesis import strategies as st

from worker.readers.links import sign_link
from worker.readers.mailbag import receive
from worker.storage.models import Consent, Reader, Subscription

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(db: None) -> Reader:
    """Return a reader who gets Daily and AITrends."""
    reader = Reader.objects.create(email="ada@example.com", email_key="ada@example.com")
    for key in ("daily", "aitrends"):
        Subscription.objects.create(reader=reader, newsletter=key, state="confirmed")
    return reader


@pytest.fixture
def token(ada: Reader) -> str:
    """Return the token that stands in the subject of her program's mail."""
    return sign_link("unsubscribe", reader=ada.pk, newsletter="daily")


def _letter(subject: str = "", body: str = "", **headers: str) -> bytes:
    lines = ["From: someone@example.net", "To: leave@example.com", f"Subject: {subject}",
             *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()), "", body]
    return "\r\n".join(lines).encode()


def _states() -> dict[str, str]:
    return dict(Subscription.objects.values_list("newsletter", "state"))


LEFT = {"daily": "left", "aitrends": "confirmed"}
BOTH = {"daily": "confirmed", "aitrends": "confirmed"}


def test_a_letter_with_the_link_in_its_subject_leaves(token: str) -> None:
    assert receive(_letter(f"unsubscribe {token}")) == "left"
    assert _states() == LEFT
    row = Consent.objects.get()
    assert (row.action, row.newsletter, row.method) == ("withdrawn", "daily", "mail")
    assert receive(_letter(f"unsubscribe {token}")) == "left before", "a mail system may bring it twice"
    assert Consent.objects.count() == 1


@pytest.mark.parametrize("form", [
    "Re: unsubscribe {0}", "AW: WG: unsubscribe  {0}", "UNSUBSCRIBE {0}", "{0}", "unsubscribe%20{0}", "[EXTERNAL] unsubscribe {0}",
    "unsubscribe {0} (sent from my phone)", "unsubscribe\r\n {0}", "unsubscribe {0}.", "<{0}>", '"{0}"'])
def test_however_the_subject_is_written(token: str, form: str) -> None:
    assert receive(_letter(form.format(token))) == "left"
    assert _states() == LEFT


@pytest.mark.parametrize("width", [40, 60, 76])
@pytest.mark.parametrize("lead", ["", "unsubscribe ", "Re: unsubscribe "])
def test_a_subject_folded_within_the_link_is_put_together(token: str, width: int, lead: str) -> None:
    subject = lead + token
    folded = "\r\n ".join(subject[start : start + width] for start in range(0, len(subject), width))
    assert receive(_letter(folded)) == "left"


@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1"])
def test_encoded_words_are_decoded(token: str, charset: str) -> None:
    assert receive(_letter(Header(f"Désabonner: unsubscribe {token}", charset, maxlinelen=60).encode(linesep="\r\n"))) == "left"
    assert _states() == LEFT


def _encode(text: str) -> str:
    """Return ASCII text as encoded words of the greatest length that it can have: every character as =XX, each word folded."""
    written = [f"={ord(letter):02X}" for letter in text]
    return "\r\n ".join(f"=?utf-8?q?{''.join(written[start : start + 21])}?=" for start in range(0, len(written), 21))


@pytest.mark.parametrize("lead", ["", "unsubscribe ", "Re: " * 300])
@pytest.mark.parametrize("tail", ["", 3_000 * "\r\n =?utf-8?q?=E2=82=AC=E2=82=AC=E2=82=AC=E2=82=AC=E2=82=AC=E2=82=AC=E2=82=AC?="])
def test_a_subject_encoded_at_its_longest_is_decoded_whatever_follows(token: str, lead: str, tail: str) -> None:
    assert receive(_letter(_encode(lead + token) + tail)) == "left"
    assert _states() == LEFT


@pytest.mark.parametrize("before_the_end", [0, 1, 2, 3, 10, 40, 74, 75, 76, 77, 78])
@pytest.mark.parametrize("fold", [" ", "\r\n ", "\r\n\t"])
def test_the_last_word_that_is_read_is_read_whole(token: str, before_the_end: int, fold: str) -> None:
    """16,000 characters of the subject as it was sent are read; a word that ends where they do is one of them."""
    link = _encode(token).replace("\r\n ", fold)
    word = f"=?utf-8?q?{'=E2=82=AC' * 7}?={fold}"
    room = 16_000 - before_the_end - len(link)
    count = room // len(word) - 1
    lead = word * count + "x" * (room - count * len(word) - len(fold)) + fold
    assert len(lead + link) == 16_000 - before_the_end
    assert receive(_letter(f"{lead}{link}{fold}{word * 1000}")) == "left"


@pytest.mark.parametrize("fold", ["\r\n ", ""])  # without one there is no space to cut at
def test_what_stands_further_down_in_a_subject_is_not_read(token: str, fold: str) -> None:
    euro = "=?utf-8?q?=E2=82=AC?="
    words = [euro] * 800 + _encode(token).split("\r\n ") + [euro]
    assert receive(_letter(fold.join(words[700:]))) == "left"
    Subscription.objects.update(state="confirmed")
    assert receive(_letter(fold.join(words))) == "without a link"


@pytest.mark.parametrize("body", [
    "{0}", "unsubscribe {0}\r\n\r\n-- \r\nAda", "Please take me off:\r\nhttps://news.example.org/unsubscribe/{0}/\r\n",
    "\r\n\r\n> quoted\r\nunsubscribe {0}"])
def test_some_programs_put_it_into_the_body(token: str, body: str) -> None:
    assert receive(_letter("", body.format(token))) == "left"


def test_a_body_in_parts_is_read(token: str) -> None:
    for kinds in (["plain", "html"], ["html"]):
        Subscription.objects.update(state="confirmed")
        message = EmailMessage()
        message["Subject"] = "leave"
        words = f"<p>Out,&nbsp;please</p><div>{token}</div>" if kinds == ["html"] else f"leave {token}"
        message.set_content(words, subtype=kinds[0], cte="base64")
        for kind in kinds[1:]:
            message.add_alternative("<p>nothing here</p>", subtype=kind)
        assert receive(message.as_bytes()) == "left"


def test_a_quoted_issue_is_nobody_s_wish_to_leave(token: str) -> None:
    quoted = f"What do you mean by this?\r\n\r\nOn Monday you wrote:\r\n> Unsubscribe:\r\n> https://n.example/unsubscribe/{token}/\r\n"
    assert receive(_letter("Re: Chip maker slips", quoted)) == "without a link"
    far_below = "line\r\n" * 30 + f"https://n.example/unsubscribe/{token}/\r\n"
    assert receive(_letter("Fwd: Chip maker slips", far_below)) == "without a link"
    assert _states() == BOTH


@pytest.mark.parametrize("headers", [
    {"Auto_Submitted": "auto-replied"}, {"Auto_Submitted": "auto-generated"}, {"Auto_Submitted": "Auto-Replied (vacation)"},
    {"Auto_Submitted": "auto-notified; owner-email=x"}, {"auto_submitted": "AUTO-REPLIED"}, {"Precedence": "bulk"},
    {"Precedence": "list"}, {"Precedence": " Junk "}, {"X_Auto_Response_Suppress": "All"}, {"X_Autoreply": "yes"},
    {"X_Autorespond": "1"}, {"Return_Path": "<>"}, {"Return_Path": " <> "},
    {"Content_Type": "multipart/report; report-type=delivery-status; boundary=x"}])
def test_what_a_machine_wrote_by_itself_is_passed_over(token: str, headers: dict[str, str]) -> None:
    assert receive(_letter(f"unsubscribe {token}", **headers)) == "automatic"
    assert _states() == BOTH


def test_a_report_s_empty_sender_is_passed_over(token: str) -> None:
    assert receive(_letter(f"unsubscribe {token}"), sender="") == "automatic"
    assert receive(_letter(f"unsubscribe {token}"), sender="ada@example.com") == "left"


@pytest.mark.parametrize("headers", [
    {"Auto_Submitted": "no"}, {"Auto_Submitted": "No (a person)"}, {"Return_Path": "<ada@example.com>"}, {"Precedence": "normal"},
    {"Precedence": "first-class"}])
def test_what_a_person_sent_counts(token: str, headers: dict[str, str]) -> None:
    assert receive(_letter(f"unsubscribe {token}", **headers)) == "left"


def test_a_letter_in_a_mailbox_s_form_is_read(token: str) -> None:
    """local(8) of Postfix puts a From_ line before what it pipes."""
    raw = b"From ada@example.com  Mon Nov 23 10:00:00 2026\nReturn-Path: <ada@example.com>\n" + _letter(f"unsubscribe {token}")
    assert receive(raw) == "left"


@pytest.mark.parametrize("purpose", ["preferences", "confirm", "undo", "address"])
def test_no_other_link_leaves(ada: Reader, purpose: str) -> None:
    token = sign_link(purpose, reader=ada.pk, newsletter="daily", notice=1, round=1)  # type: ignore[arg-type]
    assert receive(_letter(f"unsubscribe {token}")) == "without a link"
    assert _states() == BOTH


def test_a_link_of_years_ago_under_an_old_key_leaves(ada: Reader, settings: object, monkeypatch: pytest.MonkeyPatch) -> None:
    then = time.time() - 3000 * 86_400
    Reader.objects.update(created_at=datetime.fromtimestamp(then - 60, UTC))
    with monkeypatch.context() as patch:
        patch.setattr(signing.time, "time", lambda: then)
        token = sign_link("unsubscribe", reader=ada.pk, newsletter="daily")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]  # type: ignore[attr-defined]
    settings.SECRET_KEY = "another-key-" + "9876543210" * 5  # type: ignore[attr-defined]
    assert receive(_letter(f"unsubscribe {token}")) == "left"


def test_a_damaged_link_before_the_right_one_does_not_hide_it(token: str) -> None:
    damaged = token[:-1] + ("A" if token[-1] != "A" else "B")
    assert receive(_letter(f"unsubscribe {damaged}", f"unsubscribe {token}")) == "left"


TEXT = b"Content-Type: text/plain"
GARBAGE = [
    b"", b"\n", b"\x00" * 5000, b"\xff\xfe", b"Subject", b"Subject: =?utf-8?b?!!!?=\n\n", b"Subject: =?nonsense?q?x?=\n\n",
    b"Subject: =?utf-8?q?=ff=fe?=\n\n", b"Subject: gr\xfc\xdfe\n\n", b"Auto-Submitted: \xff\n\n", b"Return-Path: \xff\n\n",
    TEXT + b'; charset="\x00"\n\nx', TEXT + b"; charset=idna\n\n\xff", TEXT + b"; charset=hex\n\nzz",
    TEXT + b"\nContent-Transfer-Encoding: base64\n\n====", TEXT + b"\nContent-Transfer-Encoding: uuencode\n\nx",
    b"Content-Type: multipart/mixed\n\n--x", b'Content-Type: multipart/mixed; boundary=""\n\n--\n\n--',
    b"Content-Type: message/rfc822\n\nSubject: x\n\n", b"Content-Type: multipart/mixed; boundary=a\n\n--a\n" * 3000,
    b"Content-Type: message/rfc822\n\n" * 3000, b"Subject: eyJ" + b"eyJ" * 400_000 + b"\n\n", b"Subject: " + b"a" * 2_000_000,
    b"a: b\n" * 200_000, b"Subject: x\n\n" + b"<" * 1_000_000, b"Auto-Submitted: " + b"(" * 100_000 + b"\n\n",
    b"Content-Type: text/html\n\n" + b"<" * 80_000, b"Subject: x\n\n" + b"eyJ" * 100_000,
]


@pytest.mark.parametrize("raw", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_is_passed_over_and_never_raises(raw: bytes) -> None:
    assert receive(raw) in ("without a link", "automatic")


FIELDS = st.sampled_from([b"Subject: ", b"Content-Type: ", b"Content-Transfer-Encoding: ", b"Auto-Submitted: ",
                          b"Return-Path: ", b"Precedence: ", b"MIME-Version: ", b"From: "])
VALUES = st.sampled_from([b"multipart/mixed; boundary=x", b"text/plain; charset=utf-8", b"text/html; charset=utf-7",
                          b"base64", b"quoted-printable", b"=?utf-8?q?un?=", b"=?utf-8?b?4pi=?=", b"message/rfc822", b"no",
                          b"<>", b"--x", b"--x--"])
LINES = st.lists(st.one_of(st.tuples(FIELDS, VALUES).map(b"".join), st.tuples(FIELDS, st.binary(max_size=60)).map(b"".join),
                           VALUES, st.binary(max_size=40), st.just(b"")), max_size=25)


@given(lines=LINES)
@quickly(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_letter_raises(lines: list[bytes]) -> None:
    assert receive(b"\n".join(lines)) in ("without a link", "automatic")


@given(subject=st.text(max_size=120), body=st.text(max_size=300), cut=st.integers(0, 200))
@quickly(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_stands_around_it_only_a_whole_link_counts(ada: Reader, token: str, subject: str, body: str, cut: int) -> None:
    Subscription.objects.update(state="confirmed")
    part = token[: cut % len(token)]
    receive(_letter(Header(f"{subject} {part}", "utf-8").encode(), body))
    assert _states() == BOTH
