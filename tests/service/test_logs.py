"""Logs: readable on a terminal, JSON otherwise, and never a secret or a reader's address."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from worker import settings
from worker.errors import BroadsheetError
from worker.logs import set_up_logs


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def write(log_format: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(settings, "LOG_FORMAT", log_format)
    stream = io.StringIO()
    set_up_logs(stream)
    set_up_logs(stream)  # a second call must not double the lines
    structlog.get_logger("worker.delivery").warning("refused", reader="ada.lovelace+news@example.co.uk", issue=7)
    logging.getLogger("celery").error("at redis://:s3cret@127.0.0.1:6379/0 and /unsubscribe/eyJyIjoxfQ:1abc:x-Y_z/ failed")
    logging.getLogger("django.security.csrf").warning("Forbidden: %s", "/desk/enter/Mg/diinkm-1c605c4c28d2/")
    try:
        raise ValueError("no mailbox bob@example.org")
    except ValueError:
        logging.getLogger("worker").exception("oh")
    return stream.getvalue()


@pytest.mark.parametrize("log_format", ["text", "json", ""])
def test_secrets_and_addresses_are_hidden(log_format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = write(log_format, monkeypatch)
    for secret in ("ada.lovelace", "example.co.uk", "s3cret", "eyJyIjoxfQ", "diinkm", "1c605c4c28d2", "bob@"):
        assert secret not in text
    assert "redis://***@127.0.0.1:6379/0" in text
    assert "/unsubscribe/***/ failed" in text


@pytest.mark.parametrize("page", ["unsubscribe", "undo", "confirm", "preferences", "address", "seen", "go", "terms/agree"])
def test_no_readers_link_is_written_out(page: str) -> None:
    stream = io.StringIO()
    set_up_logs(stream)
    logging.getLogger("django.request").error("Service Unavailable: %s", f"/{page}/eyJyIjoxfQ.1abc.x-Y_z")
    assert f"/{page}/***" in stream.getvalue()
    assert "eyJy" not in stream.getvalue()


def test_json_is_one_object_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [json.loads(line) for line in write("json", monkeypatch).splitlines()]
    assert (lines[0]["level"], lines[0]["event"]) == ("warning", "refused")
    assert lines[0]["issue"] == 7
    assert "ValueError" in lines[3]["exception"]
    assert len(lines) == 4


def test_text_reads_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    text = write("text", monkeypatch)
    assert "issue=7" in text
    assert "Traceback (most recent call last)" in text


def test_another_format_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BroadsheetError, match="LOG_FORMAT is 'xml'"):
        write("xml", monkeypatch)
