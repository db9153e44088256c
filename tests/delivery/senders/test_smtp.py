"""What each reply of a mail server makes of a copy, spoken over loopback."""

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.fakes.smtp_sink import Rules, SmtpSink
from worker.delivery.message import Copy, Sheet, freeze_template, make_copy
from worker.delivery.senders import Kind, SenderRefusedError, open_sender
from worker.errors import BroadsheetError, TransientError

TEMPLATE = freeze_template(Sheet("Hello", "<p>Größe</p>\n.\n", "Größe\n.\n..\n", "News", "news@example.com", is_notice=True),
                           number=1, at=datetime(2026, 11, 23, tzinfo=UTC))


def copies(*addresses: str) -> list[Copy]:
    return [make_copy(TEMPLATE, "delivery_id", number, address) for number, address in enumerate(addresses, 1)]


def send(rules: Rules, *addresses: str) -> tuple[list[Kind], SmtpSink]:
    with SmtpSink(rules) as sink:
        sender = open_sender(sink.url)
        outcomes = sender.send(copies(*addresses))
        sender.close()
    return [outcome.kind for outcome in outcomes], sink


def test_copies_arrive_as_they_were_made_over_one_connection() -> None:
    kinds, sink = send(Rules(), "a@example.com", "b@example.com", "c@example.com")
    assert kinds == [Kind.ACCEPTED] * 3
    assert sink.connections == 1
    assert [(mail.sender, mail.recipient) for mail in sink.mails] == [
        ("news@example.com", f"{name}@example.com") for name in "abc"]
    assert [mail.data for mail in sink.mails] == [copy.message() for copy in copies("a@example.com",
    "b@example.com", "c@example.com")]
    text = message_from_bytes(sink.mails[0].data, policy=policy.default).get_body(("plain",))
    assert text
    assert text.get_content() == "Größe\r\n.\r\n..\r\n"
    assert sink.commands[-1].upper() == "QUIT"


@pytest.mark.parametrize(("reply", "kind"), [
    ("450 4.2.1 busy", Kind.DEFERRED), ("451 try later", Kind.DEFERRED), ("452 4.5.3 too many", Kind.DEFERRED),
    ("550 5.1.1 unknown", Kind.REFUSED), ("553 what a name", Kind.REFUSED), ("552 5.2.2 full", Kind.REFUSED),
    ("550 5.7.1 blocked", Kind.POLICY), ("554 5.7.26 not authenticated", Kind.POLICY), ("530 sign in first", Kind.POLICY),
    ("251 will forward", Kind.ACCEPTED),
])
def test_a_reply_to_rcpt_is_about_that_reader(reply: str, kind: Kind) -> None:
    kinds, sink = send(Rules(rcpt={"b@example.com": reply}), "a@example.com", "b@example.com", "c@example.com")
    assert kinds[:2] == [Kind.ACCEPTED, kind]
    assert kinds[2] == (Kind.UNSENT if kind is Kind.POLICY else Kind.ACCEPTED)
    assert len(sink.mails) == kinds.count(Kind.ACCEPTED)


@pytest.mark.parametrize(("reply", "kind"), [
    ("451 4.3.0 later", Kind.DEFERRED), ("554 5.6.0 cannot read it", Kind.REFUSED), ("550 5.7.1 looks like spam", Kind.POLICY)])
def test_a_refusal_after_the_final_dot_is_an_answer(reply: str, kind: Kind) -> None:
    kinds, _ = send(Rules(after_dot={"a@example.com": reply}), "a@example.com")
    assert kinds == [kind]


def test_a_refusal_of_the_sender_is_not_the_readers_fault() -> None:
    kinds, _ = send(Rules(mail="550 5.1.8 sender unknown"), "a@example.com", "b@example.com")
    assert kinds == [Kind.POLICY, Kind.UNSENT]


def test_a_connection_lost_before_the_final_dot_may_be_tried_again() -> None:
    kinds, sink = send(Rules(drop_before_dot={"b@example.com"}), "a@example.com", "b@example.com", "c@example.com")
    assert kinds == [Kind.ACCEPTED, Kind.DEFERRED, Kind.ACCEPTED]
    assert [mail.recipient for mail in sink.mails] == ["a@example.com", "c@example.com"]


def test_a_connection_lost_after_the_final_dot_is_uncertain() -> None:
    kinds, sink = send(Rules(drop_after_dot={"b@example.com"}), "a@example.com", "b@example.com", "c@example.com")
    assert kinds == [Kind.ACCEPTED, Kind.UNCERTAIN, Kind.ACCEPTED]
    assert [mail.recipient for mail in sink.mails] == ["a@example.com", "b@example.com", "c@example.com"]


def test_a_connection_closed_while_idle_is_opened_again_and_nobody_is_missed() -> None:
    with SmtpSink() as sink:
        sender = open_sender(sink.url)
        first = sender.send(copies("a@example.com"))
        sink.hang_up()
        second = sender.send(copies("b@example.com", "c@example.com"))
        sender.close()
    assert [outcome.kind for outcome in (*first, *second)] == [Kind.ACCEPTED] * 3
    assert [mail.recipient for mail in sink.mails] == ["a@example.com", "b@example.com", "c@example.com"]


def test_a_server_that_limits_mails_per_connection_gets_several() -> None:
    addresses = [f"r{n}@example.com" for n in range(7)]
    kinds, sink = send(Rules(most_per_connection=3), *addresses)
    assert kinds == [Kind.ACCEPTED] * 7
    assert sorted(mail.recipient for mail in sink.mails) == addresses
    assert sink.connections == 3


def test_a_greeting_that_turns_us_away() -> None:
    with pytest.raises(TransientError, match="421"):
        send(Rules(banner="421 4.3.2 closing"), "a@example.com")
    with pytest.raises(SenderRefusedError, match=r"5\.7\.1"):
        send(Rules(banner="554 5.7.1 go away"), "a@example.com")


def test_no_server_there() -> None:
    with SmtpSink() as sink:
        url = sink.url
    for call in (lambda: open_sender(url).send(copies("a@example.com")), lambda: open_sender(url).check()):
        with pytest.raises(TransientError, match="cannot be reached"):
            call()


def test_a_server_that_dies_in_the_middle_of_a_call_leaves_the_rest_unsent() -> None:
    with SmtpSink(Rules(drop_after_dot={"b@example.com"})) as sink:
        sender = open_sender(sink.url)
        sink.rules.drop_after_dot.add("b@example.com")
        take = sink.take
        sink.take = lambda mail: (take(mail), mail.recipient == "b@example.com" and _close_door(sink))  # type: ignore[method-assign]
        outcomes = sender.send(copies("a@example.com", "b@example.com", "c@example.com", "d@example.com"))
    assert [outcome.kind for outcome in outcomes] == [Kind.ACCEPTED, Kind.UNCERTAIN, Kind.UNSENT, Kind.UNSENT]


def _close_door(sink: SmtpSink) -> None:
    sink.rules.banner = "421 4.3.2 going down"


def test_an_address_beyond_ascii_needs_a_server_that_takes_it() -> None:
    kinds, sink = send(Rules(), "jürgen@example.com", "b@example.com")
    assert kinds == [Kind.REFUSED, Kind.ACCEPTED]
    kinds, sink = send(Rules(utf8=True), "jürgen@example.com", "b@example.com")
    assert kinds == [Kind.ACCEPTED, Kind.ACCEPTED]
    assert [(mail.recipient, mail.options) for mail in sink.mails] == [
        ("jürgen@example.com", "BODY=8BITMIME SMTPUTF8"), ("b@example.com", "")]


def test_a_server_that_never_answers_is_given_up(settings: object) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(10)
    accepted: list[socket.socket] = []
    thread = threading.Thread(target=lambda: accepted.append(listener.accept()[0]))
    thread.start()
    settings.DELIVERY_LEASE_SECONDS = 2  # type: ignore[attr-defined]
    sender = open_sender(f"smtp://127.0.0.1:{listener.getsockname()[1]}")
    sender._answer_seconds = 0.2  # type: ignore[attr-defined]
    with pytest.raises(TransientError, match=r"in time|timed out"):
        sender.send(copies("a@example.com"))
    thread.join()
    for one in (*accepted, listener):
        one.close()


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    """Return a TLS context for a server called localhost, and the file that makes a client trust it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True).sign(key, hashes.SHA256()))
    cert_file, key_file = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                           serialization.NoEncryption()))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert_file, key_file)
    return context, cert_file


def test_encryption_is_used_when_offered_and_its_certificate_checked(
    certificate: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with SmtpSink(Rules(tls=certificate[0], login=("me", "p@ss word"))) as sink:
        url = f"smtp://me:p%40ss%20word@localhost:{sink.port}"
        with pytest.raises(SenderRefusedError, match="certificate"):
            open_sender(url).send(copies("a@example.com"))
        assert not any(line.startswith(("AUTH", "MAIL")) for line in sink.commands)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[1]))
        sender = open_sender(url)
        assert [outcome.kind for outcome in sender.send(copies("a@example.com"))] == [Kind.ACCEPTED]
        assert "encrypted, signed in as me" in sender.check()
        sender.close()
        with pytest.raises(SenderRefusedError, match="refused"):
            open_sender(f"smtp://me:wrong@localhost:{sink.port}").send(copies("a@example.com"))


def test_a_password_is_not_given_to_a_server_without_encryption() -> None:
    with SmtpSink(Rules(login=("me", "secret"))) as sink:
        with pytest.raises(SenderRefusedError, match="STARTTLS") as refusal:
            open_sender(f"smtp://me:secret@127.0.0.1:{sink.port}").send(copies("a@example.com"))
        assert "secret" not in str(refusal.value)
        assert not any(line.startswith("AUTH") for line in sink.commands)
        sender = open_sender(f"smtp://me:secret@127.0.0.1:{sink.port}?starttls=never")
        assert [outcome.kind for outcome in sender.send(copies("a@example.com"))] == [Kind.ACCEPTED]
        sender.close()


def test_check_says_that_the_server_takes_mail() -> None:
    with SmtpSink() as sink:
        assert sink.url in open_sender(sink.url).check()


@pytest.mark.parametrize("url", [
    "smtp://", "smtp:host", "smtp://host:notaport", "smtp://host/path", "smtp://host?starttls=maybe", "smtp://host?what=1",
    "smtp://us%C3%A9r:x@host", "ftp://host", "nonsense", "maildir:", "maildir://x", "smtp://[::1",
])
def test_an_address_that_is_none_is_one_clear_line(url: str) -> None:
    with pytest.raises(BroadsheetError, match="SENDER_URL") as refusal:
        open_sender(url)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(("url", "port", "starttls"), [
    ("smtp://host", 25, "offered"), ("smtp://u:p@host", 587, "required"), ("smtps://u:p@host", 465,
    "required"), ("smtp://host:2525?starttls=required", 2525, "required")])
def test_ports_and_encryption_by_default(url: str, port: int, starttls: str) -> None:
    server = open_sender(url).server  # type: ignore[attr-defined]
    assert (server.port, server.starttls) == (port, starttls)


@pytest.mark.parametrize("rest", ["/x", "#x", "?x", "\N{ACCOUNT OF}"])
def test_an_address_that_cannot_be_read_is_told_without_its_password(rest: str) -> None:
    with pytest.raises(BroadsheetError, match="SENDER_URL") as caught:
        open_sender(f"smtp://me:hunter2{rest}@relay.example:587")
    assert "hunter2" not in str(caught.value)
