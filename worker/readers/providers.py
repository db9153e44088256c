"""A domain in; how its mail provider reads what stands before the sign of an address, out.

Readers' rows hold what follows from these rules (Reader.email_key and Reader.mailbox): a change here needs a migration that
works them out anew, as 0005 does.

Gmail passes over dots and takes what follows a plus for a tag: https://support.google.com/mail/answer/7436150 and /10313.
Outlook has tags; a dot makes another person, and so does another of its domains:
https://support.microsoft.com/office/add-or-remove-an-email-alias, https://github.com/johno/normalize-email/issues/1.
iCloud has tags, its three domains are one, a dot makes another person: https://support.apple.com/118230.
Proton has tags and passes over dots, hyphens and underscores, as its own program does (`removeEmailAlias` in
https://github.com/ProtonMail/WebClients): https://proton.me/support/addresses-and-aliases.
Fastmail has tags, and whatever@ada.fastmail.com is ada@fastmail.com; another of its domains is another person:
https://www.fastmail.help/hc/en-us/articles/360060591053.
Yandex has tags, and one login on all its domains; a dot and a hyphen are one sign, which cannot be left out ("a login's dots are
replaced by hyphens": https://yandex.ru/dev/direct/doc/dg-v4/concepts/finance-token.html):
https://yandex.com/support/id/authorization/email.html.
Yahoo's name-keyword@ are addresses of their own, and name@ is none: nothing to pass over. https://help.yahoo.com/kb/SLN28815.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Provider:
    """How a provider reads a name; all have tags, after a plus. `home` is the domain under which those that are one are known."""

    home: str
    signs: Mapping[int, int | None] = field(default_factory=dict)  # what a sign is read as: another, or nothing (str.translate)
    has_subdomains: bool = False  # the name may stand in front of the domain instead


_HOTMAIL = """com at be ca ch cl cz de dk es fi fr gr hk hu ie in it jp kr lt lv my nl no ph pt rs sa se sg sk co.id co.il co.in
    co.jp co.kr co.nz co.th co.uk co.za com.ar com.au com.br com.gr com.hk com.mx com.my com.pe com.ph com.sg com.tr com.tw
    com.vn"""
_LIVE = """com at be ca ch cl cn de dk es eu fi fr hk ie in it jp nl no ph se co.in co.kr co.uk co.za com.ar com.au com.co com.mx
    com.my com.pe com.ph com.pk com.pt com.sg com.ve"""
_OUTLOOK = """com at be bg cl co cz de dk ec es fr hu ie in it jp kr lv mx my ph pk pt ro sa sg si sk co.id co.il co.nz co.th com.ar
    com.au com.br com.es com.gr com.hr com.pe com.py com.tr com.ua com.vn"""
_FASTMAIL = "com ca cn co.uk com.au de es fm fr im in jp mx net nl org se to tw uk us"
_ALSO_FASTMAIL = """123mail.org 150mail.com airpost.net eml.cc f-m.fm fastemail.us fastest.cc fea.st fmail.co.uk ftml.net imap.cc
    imapmail.org inoutbox.com internet-mail.org jetemail.net letterboxes.org mailbolt.com mailc.net mailcan.com mailhaven.com
    mailup.net mailworks.org ml1.net mm.st myfastmail.com nospammail.net ownmail.net promessage.com rushpost.com sent.as sent.at
    sent.com speedpost.net ssl-mail.com swift-mail.com warpmail.net xsmail.com your-mail.com"""
_YANDEX = "ru com by kz ua uz az ee fr kg lt lv md tj tm co.il com.am com.ge com.ru com.tr com.ua"


def _under(name: str, endings: str) -> list[str]:
    return [f"{name}.{ending}" for ending in endings.split()]


def _apart(domains: list[str], *, has_subdomains: bool = False) -> dict[str, Provider]:
    """Return domains of one provider on each of which a name is another person's."""
    return {domain: Provider(domain, has_subdomains=has_subdomains) for domain in domains}


def _as_one(home: str, domains: list[str], signs: Mapping[int, int | None]) -> dict[str, Provider]:
    """Return domains of one provider on all of which a name is the same person's."""
    return dict.fromkeys([home, *domains], Provider(home, signs))


_PROVIDERS = {
    **_as_one("gmail.com", ["googlemail.com"], str.maketrans("", "", ".")),
    **_as_one("proton.me", ["protonmail.com", "protonmail.ch", "pm.me"], str.maketrans("", "", ".-_")),
    **_as_one("icloud.com", ["me.com", "mac.com"], {}),
    **_as_one("yandex.com", ["ya.ru", "narod.ru", *_under("yandex", _YANDEX)], str.maketrans(".", "-")),
    **_apart([*_under("hotmail", _HOTMAIL), *_under("live", _LIVE), *_under("outlook", _OUTLOOK),
              "msn.com", "passport.com", "windowslive.com", "windowslive.es"]),
    **_apart([*_under("fastmail", _FASTMAIL), *_ALSO_FASTMAIL.split()], has_subdomains=True),
}


def is_provider(domain: str) -> bool:
    """Say whether this is a domain whose rules are known here."""
    return domain in _PROVIDERS


def read_mailbox(local: str, domain: str) -> str:
    """Return the one spelling of the mailbox that this address reaches; "" if its provider is not known or leaves no name."""
    provider = _PROVIDERS.get(domain)
    if provider is None:
        name, _, above = domain.partition(".")
        provider = _PROVIDERS.get(above)
        if provider is None or not provider.has_subdomains:
            return ""
        local = name
    name = local.partition("+")[0].translate(provider.signs)
    return f"{name}@{provider.home}" if name else ""
