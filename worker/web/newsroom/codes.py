"""A person's app and what they typed in, whether it proves who they are out: six digits of a moment, or a code kept for a bad day.

Codes are those of RFC 6238 (HMAC-SHA-1, 30 seconds, six digits), which every app knows. A code is taken once (its section 5.2), and
one step before and after the clock's own, for clocks that differ and for slow hands.
"""

import base64
import hashlib
import re
import secrets
from datetime import datetime
from enum import Enum
from functools import lru_cache

import pyotp
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from worker.errors import BroadsheetError
from worker.storage.models import Editor, RecoveryCode, SecondFactor

STEP_SECONDS = 30
DRIFT_STEPS = 1
MOST_FAILURES = 100  # in a row, from whatever networks: NIST SP 800-63B section 5.2.2
RECOVERY_CODES = 10
RECOVERY_LENGTH = 24  # of 32 signs: 120 bits, so that a plain hash will do (NIST SP 800-63B section 5.1.2.2: from 112 on)
_SIGNS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"  # RFC 4648 section 6: neither 0 and O nor 1 and I are both among them
_PURPOSE = b"broadsheet second factor"


class Verdict(Enum):
    """What a typed code is."""

    RIGHT = "right"
    RECOVERY = "right, a recovery code"
    WRONG = "wrong"
    USED = "used before"
    CLOSED = "closed after too many wrong ones"


@lru_cache(maxsize=16)
def _key_from(secret: str) -> Fernet:
    """Return a cipher whose key is derived (RFC 5869) from one of the service's secrets, for nothing else than this."""
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(secret.encode())
    return Fernet(base64.urlsafe_b64encode(key))


def _cipher() -> MultiFernet:
    return MultiFernet([_key_from(secret) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def seal(secret: str) -> str:
    """Return the secret as it is stored."""
    return _cipher().encrypt(secret.encode()).decode()


def unseal(stored: str) -> str:
    """Return a stored secret; raises BroadsheetError if it was stored under a key that is known no more."""
    try:
        return _cipher().decrypt(stored.encode()).decode()
    except InvalidToken as error:
        raise BroadsheetError("the second factor was stored under another SECRET_KEY: use a recovery code, or have an admin of the "
                              "desk remove the second factor") from error


def begin_factor(editor: Editor) -> SecondFactor:
    """Make a secret that does not count yet, in place of one that never did; raises BroadsheetError if one counts."""
    with transaction.atomic():
        Editor.objects.select_for_update().get(pk=editor.pk)
        if has_factor(editor):
            raise BroadsheetError("you have a second factor already: remove it first")
        SecondFactor.objects.filter(editor=editor).delete()
        return SecondFactor.objects.create(editor=editor, secret=seal(pyotp.random_base32()))


def has_factor(editor: Editor) -> bool:
    """Tell whether somebody is asked for a code when they sign in."""
    return SecondFactor.objects.filter(editor=editor, confirmed_at__isnull=False).exists()


def address_for_app(factor: SecondFactor, publisher: str) -> str:
    """Return the otpauth address that the picture holds: secret, whose it is, and of which site."""
    issuer = " ".join(publisher.replace(":", " ").split()) or "Broadsheet"  # a colon parts site from name in it
    return pyotp.TOTP(unseal(factor.secret)).provisioning_uri(name=factor.editor.email, issuer_name=f"{issuer} desk")


def check_code(editor: Editor, typed: str, *, is_new: bool = False, now: datetime | None = None) -> Verdict:
    """Say what a typed code is, and use it up if it is right. `is_new`: of an app that does not count yet, which then does.

    Asked at once, they wait for one another: a code is taken once. Raises BroadsheetError if the secret cannot be read.
    """
    now = now or timezone.now()
    shown = re.sub(r"[\s-]+", "", typed)
    with transaction.atomic():
        found = SecondFactor.objects.select_for_update().filter(editor=editor, confirmed_at__isnull=is_new)
        factor = found.first()
        if factor is None:
            return Verdict.WRONG
        if not re.fullmatch("[0-9]{6}", shown):
            return Verdict.WRONG if is_new else _use_recovery(factor, shown, now)
        return _use_digits(factor, shown, now)


def _use_digits(factor: SecondFactor, digits: str, now: datetime) -> Verdict:
    if factor.failures >= MOST_FAILURES:
        return Verdict.CLOSED
    step = _find_step(unseal(factor.secret), digits, now)
    if step is None or step <= factor.last_step:
        factor.failures += 1
        factor.save(update_fields=["failures"])
        return Verdict.WRONG if step is None else Verdict.USED
    factor.last_step, factor.failures = step, 0
    factor.confirmed_at = factor.confirmed_at or now
    factor.save(update_fields=["last_step", "failures", "confirmed_at"])
    return Verdict.RIGHT


def _find_step(secret: str, digits: str, now: datetime) -> int | None:
    """Return the latest time step around now whose code this is."""
    app, here = pyotp.HOTP(secret), int(now.timestamp()) // STEP_SECONDS
    steps = range(here + DRIFT_STEPS, here - DRIFT_STEPS - 1, -1)
    return next((step for step in steps if constant_time_compare(app.at(step), digits)), None)


def make_recovery_codes(editor: Editor) -> list[str]:
    """Return ten new codes, to be shown once; those of before are worth nothing any more."""
    codes = ["".join(secrets.choice(_SIGNS) for _ in range(RECOVERY_LENGTH)) for _ in range(RECOVERY_CODES)]
    with transaction.atomic():
        factor = SecondFactor.objects.select_for_update().get(editor=editor, confirmed_at__isnull=False)
        factor.recovery_codes.all().delete()
        RecoveryCode.objects.bulk_create([RecoveryCode(factor=factor, digest=_digest(code)) for code in codes])
    return ["-".join(code[at:at + 4] for at in range(0, RECOVERY_LENGTH, 4)) for code in codes]


def _use_recovery(factor: SecondFactor, typed: str, now: datetime) -> Verdict:
    """They are no digits, so nobody guesses them: wrong ones do not close the app's codes."""
    own = factor.recovery_codes.filter(digest=_digest(typed.upper()))
    if own.filter(used_at=None).update(used_at=now):
        SecondFactor.objects.filter(pk=factor.pk).update(failures=0)
        return Verdict.RECOVERY
    return Verdict.USED if own.exists() else Verdict.WRONG


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
