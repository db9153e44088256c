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
from worker.delivery.domains import ask_record
from worker.storage.models import Subject, Verdict

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
                reply.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", *there[name].split("|")))
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


@pytest.mark.parametrize(("subject", "there", "verdict", "words"), [
    (Subject.SPF, {}, Verdict.GOOD, "v=spf1 include:relay.example -all"),
    (Subject.SPF, {"example.com.": '"v=spf1 a -all"|"v=spf1 mx -all"'}, Verdict.BAD, "2 SPF records, so none counts"),
    (Subject.SPF, {"example.com.": '"v=spf1 +all"'}, Verdict.BAD, "lets everybody send"),
    (Subject.SPF, {"example.com.": '"v=spf10 -all"'}, Verdict.BAD, "no such record"),
    (Subject.SPF, {"example.com.": '"verification=1"|"V=SPF1 mx ~all"'}, Verdict.GOOD, "V=SPF1 mx ~all"),
    (Subject.DMARC, {"_dmarc.example.com.": '"v=DMARC1; p=none"|"v=DMARC1; p=reject"'}, Verdict.BAD, "2 DMARC records"),
    (Subject.DMARC, {"_dmarc.example.com.": '"hello"'}, Verdict.BAD, "no such record"),
    (Subject.DKIM, {}, Verdict.BAD, "no key at s1 or s2._domainkey.example.com"),
    (Subject.DKIM, {"s2._domainkey.example.com.": '"v=DKIM1; k=rsa; p=MIIB"'}, Verdict.GOOD, "a key at s2._domainkey"),
    (Subject.DKIM, {"s1._domainkey.example.com.": '"v=DKIM1; p="'}, Verdict.BAD, "no key at"),  # RFC 6376, 3.6.1: revoked
])
def test_a_record_is_judged_as_receivers_judge_it(
    settings: Any, records: dict[str, str], subject: Subject, there: dict[str, str], verdict: Verdict, words: str
) -> None:
    settings.DKIM_SELECTORS = ["s1", "s2"]
    records |= there
    record = ask_record(subject, "example.com")
    assert record.verdict == verdict
    assert words in record.words
    assert bool(record.mend) is (verdict != Verdict.GOOD)


def test_a_domain_above_answers_for_one_below(records: dict[str, str]) -> None:
    assert ask_record(Subject.DMARC, "news.mail.example.com").words == "v=DMARC1; p=none"
    assert ask_record(Subject.SPF, "news.example.com").verdict == Verdict.BAD, "SPF stands at the domain itself"


def test_a_resolver_that_does_not_answer_says_nothing_of_the_record(
    monkeypatch: pytest.MonkeyPatch, records: dict[str, str]
) -> None:
    silent = dns.resolver.Resolver(configure=False)
    silent.nameservers, silent.port = ["127.0.0.1"], 9
    monkeypatch.setattr(dns.resolver, "default_resolver", silent)
    monkeypatch.setattr("worker.delivery.domains.DNS_SECONDS", 0.2)
    for subject in (Subject.SPF, Subject.DMARC):
        assert ask_record(subject, "example.com").verdict == Verdict.UNSURE


def test_with_sendgrid_its_own_selectors_are_looked_for(settings: Any, records: dict[str, str]) -> None:
    settings.SENDER_URL, settings.DKIM_SELECTORS = "sendgrid:", []
    records["s1._domainkey.example.com."] = '"k=rsa; p=MIIB"'
    assert ask_record(Subject.DKIM, "example.com").verdict == Verdict.GOOD
    settings.SENDER_URL = "smtp://relay.net:25"
    assert ask_record(Subject.DKIM, "example.com").verdict == Verdict.UNSURE
