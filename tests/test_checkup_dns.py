"""What `broadsheet check` says of a sender's SPF and DMARC records, asked of a DNS server on this machine."""

import socket
import threading
from collections.abc import Iterator
from typing import Any

import dns.message
import dns.rdatatype
import dns.resolver
import dns.rrset
import pytest

from worker.checkup import check_all

RECORDS = {"example.com.": '"v=spf1 include:relay.example -all"', "_dmarc.example.com.": '"v=DMARC1; p=none"'}


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Return the TXT records that the resolver finds; a test may change them."""
    there = dict(RECORDS)
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            try:
                asked, who = server.recvfrom(4096)
            except OSError:
                return
            question = dns.message.from_wire(asked)
            name = question.question[0].name.to_text().lower()
            reply = dns.message.make_response(question)
            if name in there:
                reply.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", there[name]))
            server.sendto(reply.to_wire(), who)

    threading.Thread(target=answer, daemon=True).start()
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], server.getsockname()[1]
    monkeypatch.setattr(dns.resolver, "default_resolver", resolver)
    yield there
    server.close()


def _findings() -> dict[str, Any]:
    return {one.part: one for one in check_all() if one.part.endswith(" example.com")}


@pytest.mark.django_db
def test_the_records_of_the_from_domain_are_looked_at(editorial_file: Any, records: dict[str, str]) -> None:
    found = _findings()
    assert (found["SPF example.com"].ok, found["DMARC example.com"].ok) == (True, True)
    assert found["DMARC example.com"].message == "v=DMARC1; p=none"
    assert "ask it for its selector" in found["DKIM example.com"].message


@pytest.mark.django_db
@pytest.mark.parametrize(("missing", "part", "mend"), [
    ("example.com.", "SPF example.com", "add a TXT record at example.com"),
    ("_dmarc.example.com.", "DMARC example.com", "add a TXT record at _dmarc.example.com")])
def test_a_missing_record_is_named_with_its_mend(editorial_file: Any, records: dict[str, str], missing: str, part: str,
                                                 mend: str) -> None:
    records[missing] = '"some other text"'
    assert not _findings()[part].ok
    assert mend in _findings()[part].message
