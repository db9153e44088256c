"""Statements that look up and subscribe thousands of readers at once, with the reason beside each.

Whom to subscribe is decided elsewhere. The rows go once, in one piece, to a temporary table; from there the database
fills its own three tables, so that no row is built in Python a second time.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.db import connection, models, transaction

from worker.storage.models import Consent, ConsentAction, Purpose, Reader, Subscription, SubscriptionState

_STAGE = """
    CREATE TEMPORARY TABLE IF NOT EXISTS staged_reader (
        id {number}, email text, email_key text, mailbox text, name text, source text, network_address {address},
        is_new boolean, is_waiting boolean
    ) {lifetime}"""
_FEW = 100  # values the planner looks up by the index of its own accord
_COLUMNS = "id, email, email_key, mailbox, name, source, network_address, is_new, is_waiting"


# What an import goes by if a mailbox has several readers, the most telling first.
_TELLING = (SubscriptionState.CONFIRMED, SubscriptionState.LEFT, SubscriptionState.SUPPRESSED, SubscriptionState.PENDING, None)


class OvertakenError(Exception):
    """Somebody signed up between the look-up and the writing: undo what this transaction did, and look again."""


class Standing(NamedTuple):
    """How a known reader stands with one newsletter; `state` is None without a subscription."""

    reader_id: int
    state: str | None = None
    has_left: bool = False


class Joining(NamedTuple):
    """Somebody to subscribe. `reader_id` is None for one who is new; `is_waiting`: there is a pending subscription."""

    email: str
    email_key: str
    mailbox: str | None
    name: str
    source: str
    network_address: str | None
    reader_id: int | None = None
    is_waiting: bool = False


def find_standings(mailboxes: Mapping[str, str], newsletter: str, *, movers: Mapping[str, int], lock: bool) -> dict[str, Standing]:
    """Return how the readers of these mailboxes stand, by key (`mailboxes`: key > mailbox); keys of nobody are left out.

    A mailbox has one reader, or several who signed up in several spellings; and whoever moved away from it (`movers`: key >
    reader) counts too. Of several the one counts who keeps an import out: who reads already, else who left or is suppressed.
    `lock`, in a transaction: nobody changes their subscriptions or ledgers until it ends. They are locked in the order of
    their ids, so that two who lock many do not wait for each other, and in the way of `consent.lock_reader`.
    """
    holders = _find_readers(mailboxes)
    for key, reader_id in movers.items():
        holders.setdefault(mailboxes[key], []).append(reader_id)
    ids = sorted({reader_id for own in holders.values() for reader_id in own})
    if lock and ids:
        ids = [pk for (pk,) in _select_among("SELECT id FROM storage_reader WHERE id", ids, "ORDER BY id FOR NO KEY UPDATE")]
    standings = {reader_id: Standing(reader_id) for reader_id in ids}
    for start in range(0, len(ids), 500):  # SQLite's limit on parameters was once 999
        rows = Subscription.objects.filter(newsletter=newsletter, reader__in=ids[start : start + 500])
        for reader_id, state, left_at in rows.values_list("reader_id", "state", "left_at"):
            standings[reader_id] = Standing(reader_id, state, left_at is not None)
    telling = {mailbox: min(found, key=_weigh) for mailbox, own in holders.items()
               if (found := [standings[reader_id] for reader_id in own if reader_id in standings])}
    return {key: telling[mailbox] for key, mailbox in mailboxes.items() if mailbox in telling}


def _find_readers(mailboxes: Mapping[str, str]) -> dict[str, list[int]]:
    """Return mailbox > its readers in the order of their ids, whichever spelling of it is theirs."""
    named = {**mailboxes, **{mailbox: mailbox for mailbox in mailboxes.values()}}
    found = {reader_id: named[key] for key, reader_id in
             _select_among("SELECT email_key, id FROM storage_reader WHERE email_key", list(named))}
    found.update((reader_id, mailbox) for mailbox, reader_id in
                 _select_among("SELECT mailbox, id FROM storage_reader WHERE mailbox", list(set(mailboxes.values()))))
    holders: dict[str, list[int]] = {}
    for reader_id in sorted(found):
        holders.setdefault(found[reader_id], []).append(reader_id)
    return holders


def _weigh(standing: Standing) -> int:
    if standing.has_left and standing.state != SubscriptionState.CONFIRMED:
        return _TELLING.index(SubscriptionState.LEFT)
    return _TELLING.index(standing.state)


def find_hashes(hashes: Sequence[str]) -> set[str]:
    """Return those of the hashes that are suppressed."""
    return {digest for (digest,) in _select_among("SELECT email_hash FROM storage_suppression WHERE email_hash", hashes)}


def find_holders(hashes: Sequence[str]) -> dict[str, int]:
    """Return hash > reader for those of the hashes that are of mailboxes a reader moved away from."""
    return dict(_select_among("SELECT email_hash, reader_id FROM storage_formeraddress WHERE email_hash", hashes))


def _select_among(select: str, values: Sequence[str] | Sequence[int], lock: str = "") -> list[tuple[Any, ...]]:
    """Run a statement that ends with the name of an indexed column, for these of its values.

    They are one parameter, whose number has a limit. Asked for thousands at once, PostgreSQL's planner may take a scan of
    the whole table for cheaper than the index. SQLite needs no lock: a transaction here is IMMEDIATE, nobody else writes.
    """
    postgres = connection.vendor == "postgresql"
    statement = f"{select} = ANY(%s) {lock}" if postgres else f"{select} IN (SELECT value FROM json_each(%s))"  # noqa: S608
    given = list(values) if postgres else json.dumps(values)
    if not postgres or len(values) < _FEW:
        return _fetch(statement, given)
    with transaction.atomic():
        _fetch("SET LOCAL enable_seqscan = off")
        found = _fetch(statement, given)
        _fetch("SET LOCAL enable_seqscan TO DEFAULT")
    return found


def _fetch(statement: str, *given: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, given)
        return list(cursor.fetchall()) if cursor.description else []


def subscribe_many(people: Sequence[Joining], newsletter: str, now: datetime, **consent: Any) -> None:
    """Confirm these people's subscriptions, with a row of the ledger each; in a transaction.

    `consent` holds what all those rows share besides purpose, action and time. Raises OvertakenError, and the transaction
    must be rolled back, if one who was new is not any more.
    """
    new = sorted((one for one in people if one.reader_id is None), key=lambda one: one.email_key)
    ids = _reserve_ids(len(new))  # in the order of the keys: their index is then written page by page
    rows = [*((number, *one[:6], True, False) for number, one in zip(ids, new, strict=True)),
            *((one.reader_id, *one[:6], False, one.is_waiting) for one in people if one.reader_id is not None)]
    _stage(rows)
    stamp = {"asked_at": now, "confirmed_at": now}
    added = _insert(Reader, "id, email, email_key, mailbox, name", "WHERE is_new ORDER BY id ON CONFLICT (email_key) DO NOTHING",
                    created_at=now)
    if added != len(new):
        raise OvertakenError
    _insert(Subscription, "id AS reader_id", "WHERE NOT is_waiting ORDER BY id", newsletter=newsletter, confirm_round=1,
            state=SubscriptionState.CONFIRMED, **stamp)
    if any(one.is_waiting for one in people):
        _confirm_waiting(newsletter, now)
    if len(new) < len(people):
        _agreed_elsewhere(newsletter, now)
    _insert(Consent, "id AS reader_id, source, network_address", "ORDER BY id", purpose=Purpose.NEWSLETTER,
            action=ConsentAction.GIVEN, newsletter=newsletter, at=now, **consent)


def _confirm_waiting(newsletter: str, now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE storage_subscription SET state = 'confirmed', confirmed_at = %s, confirm_round = confirm_round + 1 "
            "WHERE newsletter = %s AND state = 'pending' AND reader_id IN (SELECT id FROM staged_reader WHERE is_waiting)",
            [connection.ops.adapt_datetimefield_value(now), newsletter])


def _agreed_elsewhere(newsletter: str, now: datetime) -> None:
    """Let what these people agreed to elsewhere count from today, as it does for who is new; but not as an answer, for readers
    of another newsletter, to terms they were asked about."""
    day = connection.ops.adapt_datefield_value(now.astimezone(UTC).date())
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE storage_reader SET terms_since = %s WHERE terms_since < %s "
            "AND id IN (SELECT id FROM staged_reader WHERE NOT is_new) AND NOT EXISTS (SELECT 1 FROM storage_subscription AS other "
            "WHERE other.reader_id = storage_reader.id AND other.state = 'confirmed' AND other.newsletter <> %s)",
            [day, day, newsletter])


def _insert(model: type[models.Model], given: str, which: str, **shared: Any) -> int:
    """Copy the columns `given` from the staged rows; all others are `shared`, or else the model's own default."""
    names = [part.rpartition(" ")[2] for part in given.split(", ")]
    rest = [field for field in model._meta.concrete_fields
            if field.column not in names and not (field.primary_key and "id" not in names)]
    values = [field.get_db_prep_save(shared.get(field.name, field.get_default()), connection) for field in rest]
    columns = ", ".join([*names, *(str(field.column) for field in rest)])
    # A placeholder has no type of its own in a SELECT: PostgreSQL is told each.
    marks = [f"CAST(%s AS {field.db_type(connection)})" if connection.vendor == "postgresql" else "%s" for field in rest]
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {model._meta.db_table} ({columns}) "  # noqa: S608  names of our own models only
                       f"SELECT {', '.join([given, *marks])} FROM staged_reader {which}", values)
        return int(cursor.rowcount)


def _reserve_ids(count: int) -> list[int]:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT nextval(pg_get_serial_sequence('storage_reader', 'id')) FROM generate_series(1, %s)",
                           [count])
            return sorted(number for (number,) in cursor.fetchall())
        # Under the write lock nobody else can take them; inserting them moves the sequence on.
        cursor.execute("SELECT MAX(last) FROM (SELECT seq AS last FROM sqlite_sequence WHERE name = 'storage_reader' "
                       "UNION ALL SELECT MAX(id) FROM storage_reader)")
        last = int(cursor.fetchone()[0] or 0)
        return list(range(last + 1, last + 1 + count))


def _stage(rows: Sequence[Sequence[Any]]) -> None:
    postgres = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        # In SQLite's own way the number needs no index beside the table, and the rows lie in its order.
        cursor.execute(_STAGE.format(number="bigint", address="inet", lifetime="ON COMMIT DROP") if postgres else
                       _STAGE.format(number="integer PRIMARY KEY", address="text", lifetime=""))
        cursor.execute("DELETE FROM staged_reader")
        if postgres:
            with cursor.copy(f"COPY staged_reader ({_COLUMNS}) FROM STDIN") as copy:
                copy.write("".join(_copy_lines(rows)))
        else:
            cursor.executemany(f"INSERT INTO staged_reader ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",  # noqa: S608
                               rows)


def _copy_lines(rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Write rows as COPY reads them. The texts hold no control characters, which would need a backslash as well."""
    null = r"\N"
    for number, email, key, mailbox, name, source, address, is_new, is_waiting in rows:
        texts = f"{email}\t{key}\t{mailbox or chr(0)}\t{name}\t{source}".replace("\\", "\\\\").replace(chr(0), null)
        yield f"{number}\t{texts}\t{address or null}\t{is_new}\t{is_waiting}\n"
