"""SENDER_URL in, a sender out: maildir, SMTP or SendGrid."""

from django.conf import settings

from worker.delivery.senders.base import Kind, Outcome, Sender, SenderRefusedError
from worker.errors import BroadsheetError

__all__ = ["Kind", "Outcome", "Sender", "SenderRefusedError", "check", "open_sender"]


def open_sender(url: str | None = None) -> Sender:
    """Return the sender that `url` (default: SENDER_URL) names. Nothing is connected yet.

    Raises BroadsheetError if the address is none of `maildir:DIR`, `smtp://`, `smtps://` and `sendgrid:`.
    """
    url = url or settings.SENDER_URL
    scheme = url.partition(":")[0]
    if scheme != "maildir" and (settings.BROADSHEET_HOME / "demo.json").exists():
        raise BroadsheetError(f"{settings.BROADSHEET_HOME} holds the demo's sample readers, who are written to in a maildir "
                              "only; give your paper a home of its own (BROADSHEET_HOME), or leave SENDER_URL out")
    # Imported here, since a service that writes a maildir needs neither smtplib nor the sendgrid package in memory.
    if scheme == "maildir":
        from worker.delivery.senders.maildir import open_maildir

        return open_maildir(url)
    if scheme in ("smtp", "smtps"):
        from worker.delivery.senders.smtp import open_smtp

        return open_smtp(url)
    if scheme == "sendgrid":
        from worker.delivery.senders.sendgrid import open_sendgrid

        return open_sendgrid()
    raise BroadsheetError(f"SENDER_URL starts with {scheme!r}: give maildir:DIR, smtp://user:password@host:port, "
                          "smtps://user:password@host:port or sendgrid:")


def check(url: str | None = None) -> str:
    """Say in one line that the sender is there and takes our mail; raises BroadsheetError if not."""
    sender = open_sender(url)
    try:
        return sender.check()
    finally:
        sender.close()
