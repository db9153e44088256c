"""Log records of every part come in, one line each goes to standard error: readable on a terminal, JSON otherwise."""

import logging
import re
import sys
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from worker import settings
from worker.errors import BroadsheetError

# What must not stand in a log, whoever wrote it: passwords in addresses, readers' signed links, editors' one-time links,
# e-mail addresses.
_SECRETS = [
    (re.compile(r"(?<=://)[^/\s@\"']*:[^/\s@\"']*@"), "***@"),
    (re.compile(r"(?<=/)(unsubscribe|undo|confirm|preferences|address|report|agree|seen|go)/[^/\s\"'?]{8,}"), r"\1/***"),
    (re.compile(r"(?<=/desk/enter/)[^\s\"'?]+"), "***"),
    (re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)*\.[a-zA-Z]{2,}"), "***@***"),
]
# One line for every task and every due entry hides the lines that matter; failures of these are still written.
_QUIET = ["celery.app.trace", "celery.beat", "celery.worker.strategy", "httpx", "httpcore", "httpx2", "httpcore2",
          "openai", "hpack"]


def set_up_logs(stream: TextIO | None = None) -> None:
    """Send every log record to `stream` (standard error) as text or JSON, by LOG_FORMAT; may be called again.

    Raises BroadsheetError if LOG_FORMAT is neither "text", "json" nor empty.
    """
    if settings.LOG_FORMAT not in ("", "text", "json"):
        raise BroadsheetError(f"LOG_FORMAT is {settings.LOG_FORMAT!r}: give text or json, or leave it out")
    stream = stream or sys.stderr
    as_text = settings.LOG_FORMAT == "text" or (not settings.LOG_FORMAT and stream.isatty())
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S" if as_text else "iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[*before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    render = _render_text(colours=stream.isatty()) if as_text else _render_json()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=before,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render, _hide_secrets],
    ))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    granian = logging.getLogger("_granian")  # the web server's own lines, which it would write its own way
    granian.handlers[:], granian.propagate = [], True
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    _set_up_sentry()


def _render_text(*, colours: bool) -> list[Processor]:
    # Plain tracebacks: the coloured ones print local variables, and those hold addresses and keys.
    return [structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=structlog.dev.plain_traceback)]


def _render_json() -> list[Processor]:
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]


def _hide_secrets(_logger: WrappedLogger, _method: str, line: str | bytes | EventDict) -> str:
    text = str(line)
    for pattern, mask in _SECRETS:
        text = pattern.sub(mask, text)
    return text


def _set_up_sentry() -> None:
    """Report errors to SENTRY_DSN if it is set and sentry-sdk, which Broadsheet does not bring, is installed."""
    if not settings.SENTRY_DSN:
        return
    try:
        import sentry_sdk
    except ImportError:
        logging.getLogger(__name__).warning("SENTRY_DSN is set; now pip install sentry-sdk, or unset it")
        return
    sentry_sdk.init(settings.SENTRY_DSN, send_default_pii=False, include_local_variables=False)
