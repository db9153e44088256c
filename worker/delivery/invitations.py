"""An address, a one-time link and who invites in; one letter handed to the next hop out.

It owes nobody anything: that somebody is invited stands in their own row, and who gets no letter is invited again.
"""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from worker import editorial
from worker.delivery.message import Sheet, freeze_template, make_copy
from worker.delivery.senders import Sender
from worker.delivery.trial import hand_over_alone
from worker.errors import BroadsheetError
from worker.press.render import render_invite
from worker.readers.suppress import is_suppressed


def send_invitation(to: str, *, number: int, link: str, role: str, invited_by: str, sender: Sender | None = None) -> None:
    """Send it at once. `number` is the invited person's; `role` what they may do, in words.

    Raises BroadsheetError in the next hop's words unless that took it, or if the address may not be written to.
    """
    if is_suppressed(to):
        raise BroadsheetError("mail to this address came back once, or its owner asked for none")
    known = editorial.load()
    paper = next(iter(known.newsletters.values()))
    letter = render_invite(known.publisher.name, enter_url=link, role=role, invited_by=invited_by,
                           days=settings.PASSWORD_RESET_TIMEOUT // int(timedelta(days=1).total_seconds()))
    sheet = Sheet(letter.subject, letter.html, letter.text, paper.from_name, paper.from_email, is_notice=True,
                  feedback="invite:desk:notice:broadsheet")
    hand_over_alone(make_copy(freeze_template(sheet, number=number, at=timezone.now()), "test_id", number, to), sender)
