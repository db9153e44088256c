"""A From domain in, what the DNS says of who may send in its name out: SPF, DKIM, DMARC, each with its mend."""

from typing import NamedTuple

import dns.exception
import dns.resolver
from django.conf import settings

from worker.storage.models import Subject, Verdict

DNS_SECONDS = 3.0
_SENDGRIDS = ("s1", "s2")  # the selectors of SendGrid's automated security, unless a domain has others


class Record(NamedTuple):
    """One record of a domain: what was found or why nothing was, and how to mend it ("" if all is well)."""

    subject: Subject
    domain: str
    verdict: Verdict
    words: str
    mend: str

    @property
    def label(self) -> str:
        """Its name as people write it: "SPF example.com"."""
        return f"{self.subject.upper()} {self.domain}"


def ask_record(subject: Subject, domain: str) -> Record:
    """Ask the DNS; never raises. What cannot be asked from here is unsure, not missing."""
    return {Subject.SPF: _ask_spf, Subject.DKIM: _ask_dkim, Subject.DMARC: _ask_dmarc}[subject](domain)


def mend_of(subject: Subject, domain: str) -> str:
    """Return how a missing record is mended."""
    return {
        Subject.SPF: f'add a TXT record at {domain}: "v=spf1 include:YOUR-RELAY -all"',
        Subject.DKIM: "name the relay's selectors in DKIM_SELECTORS, and publish its keys under them",
        Subject.DMARC: f'add a TXT record at _dmarc.{domain}: "v=DMARC1; p=none; rua=mailto:…"',
    }[subject]


def _ask_spf(domain: str) -> Record:
    """RFC 7208: one record (4.5), and not one that lets everybody send."""
    texts, trouble = _look_up(domain)
    found = [text for text in texts if text.split(" ")[0].lower() == "v=spf1"]
    if len(found) > 1:
        return Record(Subject.SPF, domain, Verdict.BAD, f"there are {len(found)} SPF records, so none counts",
                      f"keep one TXT record at {domain}")
    if found and found[0].lower().split()[-1] in ("+all", "all"):
        return Record(Subject.SPF, domain, Verdict.BAD, f"{found[0]} lets everybody send", "let it end with -all")
    return _conclude(Subject.SPF, domain, found, trouble)


def _ask_dmarc(domain: str) -> Record:
    """RFC 7489: one record (6.6.3), at the domain or above it."""
    labels = domain.split(".")
    trouble = ""
    for at in range(max(1, len(labels) - 1)):
        texts, trouble = _look_up("_dmarc." + ".".join(labels[at:]))
        found = [text for text in texts if text.replace(" ", "").lower().startswith("v=dmarc1")]
        if len(found) > 1:
            return Record(Subject.DMARC, domain, Verdict.BAD, f"there are {len(found)} DMARC records, so none counts",
                          f"keep one TXT record at _dmarc.{domain}")
        if found or trouble:
            return _conclude(Subject.DMARC, domain, found, trouble)
    return _conclude(Subject.DMARC, domain, [], trouble)


def _ask_dkim(domain: str) -> Record:
    """RFC 6376: the key stands under a selector of the relay's, which only the relay knows."""
    selectors = list(settings.DKIM_SELECTORS) or list(_SENDGRIDS if settings.SENDER_URL.startswith("sendgrid:") else ())
    if not selectors:
        words = "signed by the relay: ask it for its selector and check that record there"
        return Record(Subject.DKIM, domain, Verdict.UNSURE, words, mend_of(Subject.DKIM, domain))
    trouble = ""
    for selector in selectors:
        texts, trouble = _look_up(f"{selector}._domainkey.{domain}")
        found = [text for text in texts if any(part.strip().startswith("p=") and len(part.strip()) > 2 for part in text.split(";"))]
        if found or trouble:
            return _conclude(Subject.DKIM, domain, [f"a key at {selector}._domainkey" for _ in found], trouble)
    return Record(Subject.DKIM, domain, Verdict.BAD, f"no key at {' or '.join(selectors)}._domainkey.{domain}",
                  mend_of(Subject.DKIM, domain))


def _conclude(subject: Subject, domain: str, found: list[str], trouble: str) -> Record:
    if trouble:
        return Record(subject, domain, Verdict.UNSURE, f"could not be asked ({trouble})", "no DNS from this machine?")
    if not found:
        return Record(subject, domain, Verdict.BAD, "there is no such record", mend_of(subject, domain))
    return Record(subject, domain, Verdict.GOOD, found[0], "")


def _look_up(name: str) -> tuple[list[str], str]:
    """Return the TXT records, and why they could not be asked for."""
    try:
        answers = dns.resolver.resolve(name, "TXT", lifetime=DNS_SECONDS)
        return [b"".join(answer.strings).decode("utf-8", "replace") for answer in answers], ""
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return [], ""
    except (dns.exception.DNSException, OSError) as error:
        return [], type(error).__name__
