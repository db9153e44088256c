"""Statements that owe one letter to many readers at once, or end many consents. Who is meant is decided elsewhere.

No reader passes through Python: a million letters are owed in seconds. Each statement takes a span of readers and commits,
so that nobody who signs up or leaves waits for the whole list.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from django.db import connection, transaction
from django.db.models import Max, Min

from worker.storage.models import NoticeKind, Reader

SPAN = 50_000  # readers' ids to a statement


@dataclass(frozen=True)
class Round:
    """One letter about a published wording, and the confirmed readers it is for.

    They last agreed to terms of a day from `agreed_from` to before `agreed_before`. With `confirmed_before` they confirmed
    before that moment and did not agree to the wording of `sha256` already. With `after` they were sent the letter whose key
    begins with it, before `after_before`.
    """

    key: str  # all but the reader's id at its end
    terms_id: int
    stage: str
    agreed_from: date = date.min
    agreed_before: date = date.max
    confirmed_before: datetime | None = None
    sha256: str = ""
    after: str = ""
    after_before: datetime | None = None


def owe_round(letters: Round, now: datetime) -> int:
    """Owe the letter to every reader it is for who was not owed it yet; return how many are new.

    The unique key makes a second run, or two at once, harmless. The first question is asked without a lock: a run that finds
    nothing, as most do, keeps nobody waiting.
    """
    whom, values = _where(letters)
    new = whom + _NOT_YET
    if not _ask(f"SELECT EXISTS (SELECT 1 {new})", [*values, letters.key]):
        return 0
    owed = 0
    for first, last in _spans():
        span = [first, last]
        # The INSERT itself does not look for the letters that are there: PostgreSQL may plan that as a scan of the very table
        # it fills, which took 150 s for 100,000 letters. ON CONFLICT finds each by its key.
        if _ask(f"SELECT EXISTS (SELECT 1 {new} {_SPAN})", [*values, letters.key, *span]):
            owed += _write(f"{_NOTICE} {whom} {_SPAN} ORDER BY reader.id ON CONFLICT DO NOTHING",
                           [*_notice_values(letters.key, letters.terms_id, letters.stage, now), *values, *span])
    if owed >= SPAN and connection.vendor == "postgresql":
        _write("ANALYZE storage_notice", [])  # so that the first of them are found by the index at once, not in some minutes
    return owed


def count_round(letters: Round) -> int:
    """Return how many readers would be owed the letter now."""
    where, values = _where(letters)
    return int(_ask(f"SELECT COUNT(*) {where} {_NOT_YET}", [*values, letters.key]))


_NOT_YET = " AND NOT EXISTS (SELECT 1 FROM storage_notice AS sent WHERE sent.key = %s || reader.id)"
_SPAN = "AND reader.id BETWEEN %s AND %s"
# The columns' defaults are Django's, not the database's, so all of them are named.
_NOTICE = """
    INSERT INTO storage_notice
           (state, lease_token, attempts, provider_id, error, updated_at, kind, "to", created_at, key, details, reader_id)
    SELECT 'queued', '', 0, '', '', %s, %s, '', %s, %s || reader.id, %s, reader.id
"""


def _notice_values(key: str, terms_id: int, stage: str, now: datetime) -> list[Any]:
    stamp = _moment(now)
    return [stamp, NoticeKind.TERMS.value, stamp, key, json.dumps({"terms": terms_id, "stage": stage})]


def _where(letters: Round) -> tuple[str, list[Any]]:
    """Return the statement from its FROM on: the readers a letter is for, owed it already or not, and the values in it."""
    parts = ["""
        FROM storage_reader AS reader
       WHERE reader.terms_since >= %s AND reader.terms_since < %s
         AND EXISTS (SELECT 1 FROM storage_subscription AS own WHERE own.reader_id = reader.id AND own.state = 'confirmed')
        """]
    values = [_day(letters.agreed_from), _day(letters.agreed_before)]
    if letters.confirmed_before:
        parts.append("""
         AND EXISTS (SELECT 1 FROM storage_subscription AS own
                      WHERE own.reader_id = reader.id AND own.state = 'confirmed'
                        AND (own.confirmed_at IS NULL OR own.confirmed_at < %s))
        """)
        values.append(_moment(letters.confirmed_before))
    if letters.sha256:
        parts.append("""
         AND NOT EXISTS (SELECT 1 FROM storage_consent AS given
                          WHERE given.reader_id = reader.id AND given.purpose = 'terms' AND given.action = 'given'
                            AND given.wording_sha256 = %s)
        """)
        values.append(letters.sha256)
    if letters.after and letters.after_before:
        parts.append("""
         AND EXISTS (SELECT 1 FROM storage_notice AS earlier
                      WHERE earlier.key = %s || reader.id AND earlier.state <> 'queued' AND earlier.created_at < %s)
        """)
        values += [letters.after, _moment(letters.after_before)]
    return "".join(parts), values


@dataclass(frozen=True)
class Lapse:
    """Consents for one purpose that end because readers gave them to wordings other than these."""

    purpose: Literal["partners", "tracking"]
    valid: Sequence[str]  # SHA-256 of the wordings that a consent may still name
    key: str  # of the letter, all but the reader's id at its end
    terms_id: int
    stage: str


def lapse_consents(lapse: Lapse, now: datetime) -> int:
    """End the consents: a row in the ledger that names what was given, the reader's flag, and a letter to who reads us.

    A span of readers is locked first and looked at after, so that a consent given anew at this moment is seen. Return how
    many ended.
    """
    where, values = _lapsing(lapse)
    if not _ask(f"SELECT EXISTS (SELECT 1 {where})", values):
        return 0
    ended = 0
    for first, last in _spans():
        with transaction.atomic():
            rows = Reader.objects.select_for_update(no_key=True).filter(pk__range=(first, last), **{lapse.purpose: True})
            if not len(rows.order_by("pk").values_list("pk", flat=True)):
                continue
            span, span_values = f"{where} {_SPAN}", [*values, first, last]
            ended += _write(_LAPSED + span, [lapse.purpose, _moment(now), *span_values])
            _write(f"{_NOTICE} {span} {_READS} ON CONFLICT DO NOTHING",
                   [*_notice_values(lapse.key, lapse.terms_id, lapse.stage, now), *span_values])
            _write(_CLEAR[lapse.purpose] + f"(SELECT reader.id {span})", span_values)
    return ended


_LAPSED = """
    INSERT INTO storage_consent
           (purpose, newsletter, action, at, version, wording_sha256, method, form, source, network_address, reader_id)
    SELECT %s, '', 'lapsed', %s, COALESCE(given.version, ''), COALESCE(given.wording_sha256, ''), 'new wording', '', '',
           NULL, reader.id
"""
_READS = """
       AND EXISTS (SELECT 1 FROM storage_subscription AS own WHERE own.reader_id = reader.id AND own.state = 'confirmed')
"""
_CLEAR = {"partners": "UPDATE storage_reader SET partners = FALSE WHERE id IN ",
          "tracking": "UPDATE storage_reader SET tracking = FALSE WHERE id IN "}
_HAS = {"partners": "reader.partners", "tracking": "reader.tracking"}
_LAST_GIVEN = """
        FROM storage_reader AS reader
        LEFT JOIN storage_consent AS given ON given.id = (
                 SELECT latest.id FROM storage_consent AS latest
                  WHERE latest.reader_id = reader.id AND latest.purpose = %s AND latest.action = 'given'
                  ORDER BY latest.at DESC, latest.id DESC LIMIT 1)
       WHERE COALESCE(given.wording_sha256, '') NOT IN """


def _lapsing(lapse: Lapse) -> tuple[str, list[Any]]:
    """Return the readers whose last consent names none of the valid wordings, from the FROM on, and the values in it."""
    marks = ", ".join(["%s"] * len(lapse.valid))
    return f"{_LAST_GIVEN} ({marks}) AND {_HAS[lapse.purpose]}", [lapse.purpose, *lapse.valid]


def _spans() -> Iterator[tuple[int, int]]:
    found = Reader.objects.aggregate(least=Min("pk"), top=Max("pk"))  # numbers do not begin at 1 for ever
    return ((first, first + SPAN - 1) for first in range(found["least"] or 1, (found["top"] or 0) + 1, SPAN))


def _ask(statement: str, values: Sequence[Any]) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        row = cursor.fetchone()
    return row[0] if row else None


def _write(statement: str, values: Sequence[Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return max(int(cursor.rowcount), 0)


def _moment(at: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(at)


def _day(day: date) -> Any:
    return connection.ops.adapt_datefield_value(day)
