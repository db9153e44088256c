"""The directory an installation has for itself comes in; the key it made and the service that runs in it come out."""

import json
import os
import secrets
from pathlib import Path

from worker import values
from worker.errors import BroadsheetError


def _make_secret_key(file: Path) -> None:
    """Write a new key, whole or not at all, unless another program has just done so."""
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        with open(draft, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as new:
            new.write(secrets.token_urlsafe(50))
        os.link(draft, file)
    except FileExistsError:
        pass
    finally:
        draft.unlink(missing_ok=True)


def read_secret_key(home: Path, given: str) -> str:
    """Return the key that was given, or the one this home made for itself on first use (mode 0600).

    Raises BroadsheetError if it is too short to sign links that must hold for years.
    """
    if given:
        return values.check_secret_key(given, "SECRET_KEY")
    file = home / "secret_key"
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)  # it will hold readers' addresses and editors' sessions
        if not file.exists():
            _make_secret_key(file)
        given = file.read_text(encoding="ascii").strip()
    except OSError as error:
        raise BroadsheetError(f"BROADSHEET_HOME {home}: its secret_key cannot be read or written ({error.strerror}); "
                              "set BROADSHEET_HOME to a directory this user owns") from error
    except UnicodeDecodeError as error:
        raise BroadsheetError(f"{file}: not a key: put it back from a backup, or delete it and lose the links in mails "
                              "already sent") from error
    return values.check_secret_key(given, str(file))


def read_running(home: Path) -> dict[str, str]:
    """Return where site and broker of a running `broadsheet up` are, as it wrote down in its home; {} if none runs.

    So a command in another terminal wakes the same workers and prints links that work.
    """
    try:
        written = json.loads((home / "up.json").read_text())
        os.kill(written["process"], 0)  # asks whether it is there, and sends nothing
        return {"site": str(written["site"]), "redis": str(written["redis"])}
    except (OSError, ValueError, KeyError, TypeError):  # not there, or another user's
        return {}
