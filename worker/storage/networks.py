"""The consent ledger's network addresses in, the networks they belong to out: the one change the ledger's triggers let through."""

from datetime import datetime
from ipaddress import IPv6Address, IPv6Network

from django.db import connection, transaction
from django.db.models import Max, Min

from worker.storage.models import Consent

SLICE = 10_000  # ids a transaction: other writers get their turn in between, also on SQLite

_POSTGRES = """
    UPDATE storage_consent SET network_address = host(short)::inet
      FROM (SELECT id AS own,
                   network(set_masklen(network_address, CASE family(network_address) WHEN 4 THEN 24 ELSE 48 END)) AS short
              FROM storage_consent WHERE id BETWEEN %s AND %s AND at < %s AND network_address IS NOT NULL) AS ledger
     WHERE id = own AND host(network_address) <> host(short)
    """
_SQLITE_4 = """
    UPDATE storage_consent SET network_address = rtrim(network_address, '0123456789') || '0'
     WHERE id BETWEEN %s AND %s AND at < %s AND instr(network_address, ':') = 0 AND network_address NOT LIKE '%%.0'
    """
_SQLITE_6 = "SELECT id, network_address FROM storage_consent WHERE id BETWEEN %s AND %s AND at < %s AND instr(network_address, ':')"


def ledger_slices() -> list[tuple[int, int]]:
    """Return ranges of ids, first and last, that hold the whole ledger, oldest first."""
    found = Consent.objects.aggregate(first=Min("id"), last=Max("id"))
    if found["first"] is None:
        return []
    return [(start, start + SLICE - 1) for start in range(found["first"], found["last"] + 1, SLICE)]


def shorten_networks(first: int, last: int, cutoff: datetime) -> int:
    """Shorten the addresses of one range's rows written before `cutoff` to a /24 or a /48; return how many changed."""
    with transaction.atomic(), connection.cursor() as cursor:
        given = [first, last, connection.ops.adapt_datetimefield_value(cutoff)]
        if connection.vendor == "postgresql":
            cursor.execute(_POSTGRES, given)
            return int(cursor.rowcount)
        cursor.execute(_SQLITE_4, given)
        count = int(cursor.rowcount)
        cursor.execute(_SQLITE_6, given)
        changed = [(short, pk) for pk, address in cursor.fetchall() if (short := _shorten(address)) != address]
        cursor.executemany("UPDATE storage_consent SET network_address = %s WHERE id = %s", changed)
        return count + len(changed)


def _shorten(address: str) -> str:
    """Return the /48 of an IPv6 address; SQLite has no arithmetic for it."""
    whole = IPv6Address(address.partition("%")[0])
    return str(IPv6Network((whole, 48), strict=False).network_address)
