"""The embedded Valkey: its own for each home, not open to other users of the machine."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis

from worker import redis as embedded
from worker.errors import BroadsheetError
from worker.redis import start_valkey, why_silent


def test_it_keeps_what_it_holds_and_runs_in_any_path(tmp_path: Path) -> None:
    home = tmp_path / 'a "home" of Ada\'s'
    first = start_valkey(home)
    with redis.Redis.from_url(first.url) as client:
        client.set("wake-up", "7")
    first.stop()
    second = start_valkey(home)
    with redis.Redis.from_url(second.url) as client:
        assert client.get("wake-up") == b"7"
    second.stop()


def test_it_asks_for_a_password_and_hides_it(tmp_path: Path) -> None:
    server = start_valkey(tmp_path)
    parts = urlsplit(server.url)
    assert parts.hostname == "127.0.0.1"
    assert "authenticated" in why_silent(f"redis://127.0.0.1:{parts.port}/0")
    assert why_silent(server.url) == ""
    assert (tmp_path / "valkey").stat().st_mode & 0o077 == 0
    assert parts.password not in repr(server)
    server.stop()
    assert "refused" in why_silent(server.url)
    assert "there_is_no_such" in why_silent(f"{server.url}?there_is_no_such=1"), "a mistyped option is said, not raised"


def test_two_do_not_share_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "LEAVE_SECONDS", 0.0)
    server = start_valkey(tmp_path)
    with pytest.raises(BroadsheetError, match="another Valkey uses"):
        start_valkey(tmp_path)
    server.stop()
    start_valkey(tmp_path).stop()


def test_one_that_cannot_start_says_where_to_look(tmp_path: Path) -> None:
    (tmp_path / "valkey" / "appendonlydir").mkdir(parents=True)
    (tmp_path / "valkey" / "appendonlydir" / "appendonly.aof.manifest").write_text("broken\n")
    with pytest.raises(BroadsheetError, match=r"valkey\.log says why"):
        start_valkey(tmp_path)
