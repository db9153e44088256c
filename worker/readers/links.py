"""Ids in, signed links out, and back: one salt per purpose, so that a link never opens another door.

Links name rows and nothing else (a reader's id, a newsletter's key, a notice's id), never an address. They hold across
key rotation as long as the old key stands in SECRET_KEY_FALLBACKS. After a restored backup the database gives the ids of
the rows that were lost to others: a link that is older than the row it names is nobody's.
"""

import hashlib
import hmac
import json
import time
from binascii import b2a_base64
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal

from django.conf import settings
from django.core import signing
from django.db.models import Model

from worker.errors import BroadsheetError
from worker.storage.models import Delivery, FormerAddress, Notice, Reader

LinkPurpose = Literal["confirm", "unsubscribe", "preferences", "undo", "address", "measure", "terms"]
CONFIRM_SECONDS = 7 * 24 * 3600
UNDO_SECONDS = 3600
LONGEST_TOKEN = 600  # characters; ours have about 120, and nothing longer is worth a hash
_MAX_AGE: dict[str, int | None] = {"confirm": CONFIRM_SECONDS, "unsubscribe": None, "preferences": None, "undo": UNDO_SECONDS,
                                   "address": CONFIRM_SECONDS, "measure": None, "terms": None}
# Whose id a link holds, under which name, and when that row came to be.
_READER = (Reader, "reader", "created_at")
_NAMED: dict[LinkPurpose, tuple[type[Model], str, str]] = {
    "confirm": (Notice, "notice", "created_at"), "unsubscribe": _READER, "preferences": _READER, "undo": _READER,
    "address": (Notice, "notice", "created_at"), "measure": (Delivery, "delivery", "issue__started_at"), "terms": _READER}
# The links whose pages lead on to the preferences, and how a former address is found by what they hold.
_LEAD_TO: dict[LinkPurpose, tuple[str, str]] = {
    "confirm": ("notice", "reader__notices"), "preferences": ("reader", "reader"), "terms": ("reader", "reader")}
_FOR_ADDRESSES = bytes.maketrans(b"+/", b"-_")
_CLOCKS = timedelta(minutes=1)  # how far those of two machines may be apart, or one be set back
# Nobody may be refused the way out because a clock was wrong, and then for ever.
_LEAVING_CLOCKS = timedelta(days=1)


class BadLinkError(BroadsheetError):
    """The link is damaged, made up, or was made for something else."""


class ExpiredLinkError(BadLinkError):
    """The link was ours, but its time is over."""


def _signer(purpose: str) -> signing.TimestampSigner:
    # "." instead of Django's ":" keeps the token free of characters that some mail programs rewrite in links.
    return signing.TimestampSigner(salt=_salt(purpose), sep=".")


def _salt(purpose: str) -> str:
    return f"broadsheet.readers.{purpose}"


def sign_link(purpose: LinkPurpose, **ids: int | str) -> str:
    """Return a token of letters, digits and `-_.` that only `read_link` with the same purpose accepts.

    It is the token that `_signer(purpose).sign_object(ids)` gives, for a fraction of its time.
    """
    return _sign(json.dumps(ids, separators=(",", ":")).encode(), _stamp(), _begin_mac(purpose, settings.SECRET_KEY))


def _sign(ids: bytes, stamp: str, begun: hmac.HMAC) -> str:
    signed = f"{_encode(ids)}.{stamp}"
    mac = begun.copy()
    mac.update(signed.encode())
    return f"{signed}.{_encode(mac.digest())}"


def _encode(data: bytes) -> str:
    """Return base64 for addresses without its padding (RFC 4648 section 5)."""
    return b2a_base64(data, newline=False).translate(_FOR_ADDRESSES, b"=").decode()


def _stamp() -> str:
    return signing.b62_encode(int(time.time()))


@lru_cache(maxsize=32)
def _begin_mac(purpose: str, secret: str) -> hmac.HMAC:
    """Return what django.utils.crypto.salted_hmac has before it reads the value."""
    return hmac.new(hashlib.sha256(f"{_salt(purpose)}signer{secret}".encode()).digest(), digestmod=hashlib.sha256)


def read_link(purpose: LinkPurpose, token: str, max_age: int | None = None) -> dict[str, Any]:
    """Return the ids that were signed; whether such rows are there is the caller's to see.

    `max_age` is in seconds; left out it is seven days for links that confirm something, an hour for undo, and without
    end for the others. Raises ExpiredLinkError if the link is older, BadLinkError if it is damaged, was made for
    another purpose, or before the row was that has its id now.
    """
    if len(token) > LONGEST_TOKEN:
        raise BadLinkError("this link is damaged: open it again from the mail, or copy the whole of it")
    limit = max_age if max_age is not None else _MAX_AGE[purpose]
    try:
        ids = _signer(purpose).unsign_object(token, max_age=limit)
    except signing.SignatureExpired as error:
        raise ExpiredLinkError("this link is too old: ask for a new one") from error
    except (signing.BadSignature, ValueError) as error:
        raise BadLinkError("this link is damaged: open it again from the mail, or copy the whole of it") from error
    if not _is_older_than_link(purpose, ids, token):
        raise BadLinkError("this link belongs to somebody who is not on our lists any more")
    if purpose in _LEAD_TO and _has_moved_since(purpose, ids, token):
        raise BadLinkError("this link was sent to an address that has been changed since: use the one in a newer mail")
    return dict(ids)


def _is_older_than_link(purpose: LinkPurpose, ids: dict[str, Any], token: str) -> bool:
    """Say whether the row was there when the (verified) link was signed; what is not there at all is no younger."""
    model, name, born = _NAMED[purpose]
    clocks = _LEAVING_CLOCKS if purpose == "unsubscribe" else _CLOCKS
    younger = {"pk": ids.get(name), f"{born}__gt": _signed_at(token) + clocks}
    return not model._default_manager.filter(**younger).exists()


def _has_moved_since(purpose: LinkPurpose, ids: dict[str, Any], token: str) -> bool:
    """Say whether the reader's mail has gone to another mailbox since the (verified) link was signed: what lies in the old
    one, which may be somebody else's by now, shows and changes nothing of theirs any more. It still ends a subscription."""
    name, row = _LEAD_TO[purpose]
    moved = {row: ids.get(name), "at__gt": _signed_at(token) + timedelta(seconds=1)}  # tokens count in whole seconds
    return FormerAddress.objects.filter(**moved).exists()


def _signed_at(token: str) -> datetime:
    return datetime.fromtimestamp(signing.b62_decode(token.rsplit(".", 2)[1]), UTC)


def confirm_url(notice_id: int) -> str:
    """Return the address of the page that confirms what the Notice (kind confirm) with this id asks about."""
    return f"{settings.BASE_URL}/confirm/{sign_link('confirm', notice=notice_id)}/"


def unsubscribe_url(reader_id: int, newsletter: str) -> str:
    """Return the address that ends this reader's subscription to this newsletter (RFC 8058 POST, or a button)."""
    return f"{settings.BASE_URL}/unsubscribe/{sign_link('unsubscribe', reader=reader_id, newsletter=newsletter)}/"


def unsubscribe_mailto(url: str) -> str:
    """Return the second way out beside the address that `unsubscribe_url` gave: a mail with its token in the subject.

    "" unless LEAVE_MAILTO says who takes such mails (`mailbag`). Nothing is signed again: a copy costs microseconds.
    """
    return _mailto(settings.LEAVE_MAILTO, url.rstrip("/").rpartition("/")[2])


class CopyLinks:
    """The links of one issue's copies, as the functions above give them. A copy holds two, and each costs a fifth: what is the same
    in those of many readers is worked out once. For the time of one call, as all of them say the same second."""

    def __init__(self, newsletter: str) -> None:
        self._site, self._leave_mailto, self._stamp = settings.BASE_URL, settings.LEAVE_MAILTO, _stamp()
        self._leave, self._prefer = (_begin_mac(purpose, settings.SECRET_KEY) for purpose in ("unsubscribe", "preferences"))
        self._newsletter = f',"newsletter":{json.dumps(newsletter)}}}'

    def leave(self, reader_id: int) -> tuple[str, str]:
        """Return `unsubscribe_url` and `unsubscribe_mailto`."""
        token = _sign(f'{{"reader":{reader_id}{self._newsletter}'.encode(), self._stamp, self._leave)
        return f"{self._site}/unsubscribe/{token}/", _mailto(self._leave_mailto, token)

    def preferences(self, reader_id: int) -> str:
        """Return `preferences_url`."""
        token = _sign(f'{{"reader":{reader_id}}}'.encode(), self._stamp, self._prefer)
        return f"{self._site}/preferences/{token}/"


def _mailto(address: str, token: str) -> str:
    return f"mailto:{address}?subject=unsubscribe%20{token}" if address else ""


def undo_url(reader_id: int, newsletter: str, confirm_round: int) -> str:
    """Return the address that, for an hour and once, takes back the leaving which ended in this round."""
    token = sign_link("undo", reader=reader_id, newsletter=newsletter, round=confirm_round)
    return f"{settings.BASE_URL}/undo/{token}/"


def address_url(reader_id: int, notice_id: int) -> str:
    """Return the address of the page where a new mailbox says, by a button, that it is this reader's."""
    return f"{settings.BASE_URL}/address/{sign_link('address', reader=reader_id, notice=notice_id)}/"


def preferences_url(reader_id: int) -> str:
    """Return the address of this reader's preferences."""
    return f"{settings.BASE_URL}/preferences/{sign_link('preferences', reader=reader_id)}/"


def seen_url(token: str) -> str:
    """Return the address of the picture in the copy that a "measure" token names by its delivery."""
    return f"{settings.BASE_URL}/seen/{token}.gif"


def go_url(token: str) -> str:
    """Return what the counted links of that copy begin with; a link's number and a slash follow."""
    return f"{settings.BASE_URL}/go/{token}/"


def agree_url(reader_id: int, terms_id: int) -> str:
    """Return the address of the page where this reader answers to new terms; these are the ones a letter told of."""
    return f"{settings.BASE_URL}/terms/agree/{sign_link('terms', reader=reader_id, terms=terms_id)}/"
