"""Connections that end at every point of the SMTP dialogue, without a word or with 421."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.faults.moods import Mood
from tests.faults.stage import Result, Send, Stage
from tests.faults.suite import Suite, fault

CLOSING = "421 4.3.2 closing"
OF_A_CONNECTION = ("connect", "greeting", "ehlo", "starttls", "auth")
OF_A_MAIL = ("mail", "rcpt", "data", "body", "dot", "idle")
PER_CONNECTION = 10  # mails, so that there are connections enough
WORDS = {"connect": "on connect", "greeting": "after the greeting", "ehlo": "at EHLO", "starttls": "at STARTTLS", "auth": "at AUTH",
         "mail": "at MAIL", "rcpt": "at RCPT", "data": "at DATA", "body": "in the middle of the body", "dot": "after the final dot",
         "idle": "between two mails"}


@fault("dialogue", "sockets dropped at every point of the dialogue, and 421 there")
def end_connections(suite: Suite, kind: str) -> Iterator[tuple[str, Result]]:
    """Each point by itself on SQLite; all of them in one send on PostgreSQL, and where time is short."""
    if suite.short or kind == "PostgreSQL":
        yield "connections end, everywhere at random", _try_everything(suite, kind)
        return
    for readers, points, what in ((240, (*OF_A_CONNECTION, *OF_A_MAIL), "another"), (30, ("body",), "large")):
        with suite.stage(kind) as stage:
            certificate = _prepare(stage)
            stage.serve_smtp((), *_options(certificate), user="me:secret@", host="localhost")
            send = stage.send(readers)
            send.crew()
            send.end(0)
            for point in points:
                for deed in ("drop", "lose", CLOSING) if point == "dot" else ("drop", CLOSING):
                    share = 0.3 if point in OF_A_CONNECTION else 0.04 if what == "another" else 0.2
                    stage.serve_smtp([Mood(point, deed, share, most=12 if what == "another" else 4)], *_options(certificate),
                                     user="me:secret@", host="localhost")
                    send = stage.send_again(send, what=what)
                    words = {"drop": "dropped", "lose": "mail lost, dropped", CLOSING: "421"}[deed]
                    yield f"{words} {WORDS[point]}" + (" of 6 MB" if what == "large" else ""), _end(stage, send)


def _try_everything(suite: Suite, kind: str) -> Result:
    moods = [Mood(point, deed, 0.06, most=5) for point in OF_A_CONNECTION for deed in ("drop", CLOSING)]
    moods += [Mood(point, deed, 0.01, most=6) for point in OF_A_MAIL for deed in ("drop", CLOSING)]
    moods.append(Mood("dot", "lose", 0.01, most=6))
    with suite.stage(kind) as stage:
        certificate = _prepare(stage)
        stage.serve_smtp(moods, *_options(certificate), user="me:secret@", host="localhost")
        return _end(stage, stage.send(300 if suite.short else 1500))


def _end(stage: Stage, send: Send) -> Result:
    """Send it, and count how many answers to a complete mail were lost: those alone may be uncertain.

    Also where the server hangs up in the middle of a body: it may have been written whole by then, as far as anybody here can tell.
    """
    send.short_waits = True
    send.crew()
    result = send.end(0, seconds=150, after=send.hop.stop)
    kept = send.hop.kept
    lost = sum(kept.get(what, 0) for what in ("dot: drop", "dot: lose", "body: drop", f"body: {CLOSING}"))
    result.faults = result.account.find_faults(lost) + [one for one in result.faults if "uncertain, where" not in one]
    result.bound, result.hits = lost, f"{sum(kept.values())} times"
    if not kept:
        result.faults.append("the server never came to it")
    return result


def _prepare(stage: Stage) -> Path:
    """Return a certificate and its key, which the stage's workers trust."""
    certificate = stage.folder / "server.pem"
    write_certificate(certificate)
    stage.environment["SSL_CERT_FILE"] = str(certificate)
    return certificate


def _options(certificate: Path) -> list[str]:
    return ["--certificate", str(certificate), "--login", "--per-connection", str(PER_CONNECTION)]


def write_certificate(file: Path) -> None:
    """Write a certificate for localhost, which is its own authority, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=4))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True).sign(key, hashes.SHA256()))
    file.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                       serialization.NoEncryption()) + made.public_bytes(serialization.Encoding.PEM))
    ssl.create_default_context(cafile=str(file))  # that it can be read is seen here rather than in a worker
