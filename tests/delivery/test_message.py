"""One reader's copy, read back by the standard library's parser, whatever names and texts went in."""

import base64
import quopri
import re
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from worker.delivery.message import AddressError, MessageTemplate, Sheet, check_address, freeze_template, make_copy
from worker.errors import BroadsheetError
from worker.press.proof import PREFERENCES_MARK, UNSUBSCRIBE_MARK

AT = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
LEAVE = "https://news.example.org/unsubscribe/eyJyZWFkZXIiOjF9.aBcDeF-_" + "x" * 120 + "=/"
CHOOSE = "https://news.example.org/preferences/eyJyZWFkZXIiOjF9.q/"
HTML = f'<p>Hello — <a href="{UNSUBSCRIBE_MARK}">leave</a><a href="{PREFERENCES_MARK}">choose</a></p>'
TEXT = f"Hello —\n\nLeave: {UNSUBSCRIBE_MARK}\nChoose: {PREFERENCES_MARK}"
NASTY_WORDS = [
    "plain", "", " spaces around ", "Grüße, “Welt” – ☕️ 👩‍👩‍👧‍👦", 'quote " and \\ backslash',
    "a, b; c <d@e.f>", "=?utf-8?q?fake?=",
    "\r\nBcc: victim@example.com", "a\nb", "a\rb", "tab\there", "null\0byte", "line\u2028separator", "next\x85line", "bell\x07",
    "very " * 38 + "long", "x" * 190, "ж" * 190, "\ud800 lone surrogate", "(comment)", "undisclosed: a@b.c;",
    "@", "…", "日本語の見出し、とても長い" * 9,
    "naïve café\u0301", ".dot first", "trailing backslash\\",
]
NASTY_BODIES = [
    "", ".", "..", "\n.\n.\n", ".\r\n.\r\n", "a" * 5_000, "=" * 300, " " * 200, "tab\t\nspace \n", "ünï" * 400,
    "." * 400, "👩‍👩‍👧‍👦" * 90,
    "line\rold mac\r", "From here\nFrom there", "--=_boundary\n", "\x0c\x00", "ends in space ", "\n\n\n",
    "a\n" * 3 + "." * 76 + "\n.b",
]


def sheet(**more: object) -> Sheet:
    given = {"subject": "News", "html": HTML, "text": TEXT, "from_name": "AITrends", "from_email": "news@example.com",
             "list_title": "AITrends", "list_key": "aitrends"}
    return Sheet(**{**given, **more})  # type: ignore[arg-type]


def copy_bytes(template: MessageTemplate, email: str = "reader@example.com") -> bytes:
    return make_copy(template, "delivery_id", 7, email, unsubscribe_url=LEAVE, preferences_url=CHOOSE).message()


def read(data: bytes) -> EmailMessage:
    message = message_from_bytes(data, policy=policy.default)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    for part in message.walk():
        assert not part.defects
    return message


def assert_within_the_rules(data: bytes) -> None:
    head, _, body = data.partition(b"\r\n\r\n")
    assert b"\r" not in data.replace(b"\r\n", b"")
    assert b"\n" not in data.replace(b"\r\n", b"")
    assert max(map(len, head.split(b"\r\n"))) <= 998
    assert max(map(len, body.split(b"\r\n"))) <= 76
    assert data.endswith(b"\r\n")
    assert not any(line.startswith(b".") for line in data.split(b"\r\n"))
    assert body.isascii()


def wanted_text(body: str) -> str:
    return body.replace("\r\n", "\n").replace("\r", "\n").replace(UNSUBSCRIBE_MARK, LEAVE).replace(PREFERENCES_MARK, CHOOSE)


def content_of(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part
    text = part.get_payload(decode=True).decode()
    return text.replace("\r\n", "\n")


def test_copy_says_who_it_is_from_and_how_to_leave() -> None:
    template = freeze_template(sheet(subject="Größe – jetzt", feedback="a:b:issue:broadsheet"), number=3, at=AT)
    data = copy_bytes(template)
    assert_within_the_rules(data)
    message = read(data)
    assert [str(message["From"]), str(message["To"])] == ["AITrends <news@example.com>", "reader@example.com"]
    assert message["Subject"] == "Größe – jetzt"
    assert message["Date"].datetime == AT
    assert message["List-Unsubscribe"] == f"<{LEAVE}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["List-Id"].endswith("<aitrends.example.com>")
    assert re.fullmatch(r"<7\.3\.[0-9a-f]{8}@example\.com>", message["Message-ID"])
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert "Auto-Submitted" not in message
    assert "Precedence" not in message
    assert content_of(message, "plain") == wanted_text(TEXT)
    assert content_of(message, "html") == wanted_text(HTML)


def test_a_mail_names_a_second_way_to_leave_after_the_one_click_link() -> None:
    second = "mailto:leave@news.example.org?subject=unsubscribe%20eyJyZWFkZXIiOjF9.1vVxGy.aBcDeF-_" + "x" * 300
    copy = make_copy(freeze_template(sheet(), number=3, at=AT), "delivery_id", 7, "reader@example.com", unsubscribe_url=LEAVE,
                     preferences_url=CHOOSE, unsubscribe_mailto=second)
    data = copy.message()
    assert_within_the_rules(data)
    message = read(data)
    assert message["List-Unsubscribe"] == f"<{LEAVE}>, <{second}>"
    assert message["List-Unsubscribe"].count("<https:") == 1, "RFC 8058 3.1: one HTTPS link, and nobody's choice which"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    lines = data.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    folded = [line for line in lines if "unsubscribe" in line and "Post" not in line]
    assert folded == [f"List-Unsubscribe: <{LEAVE}>,", f" <{second}>"], "folded between the links, never within one"


@pytest.mark.parametrize("link", ["leave@example.com", "https://a.example/", "mailto:a@b.example", "mailto:a@b.example?subject=x y",
                                  "mailto:a@b.example?subject=x>, <https://evil.example/", "mailto:a@b.example?subject=x\r\nBcc: c",
                                  "mailto:a@b.example?subject=x&cc=c@d.example"])
def test_a_second_way_that_a_header_would_misread_is_refused(link: str) -> None:
    with pytest.raises(BroadsheetError, match="LEAVE_MAILTO"):
        make_copy(freeze_template(sheet(), number=3, at=AT), "delivery_id", 7, "a@example.com", unsubscribe_url=LEAVE,
                  preferences_url=CHOOSE, unsubscribe_mailto=link)


def test_message_id_is_the_same_for_every_attempt_and_no_other_copy() -> None:
    first, again = (freeze_template(sheet(), number=3, at=at) for at in (AT, AT.replace(hour=9)))
    other = freeze_template(sheet(text=TEXT + "."), number=3, at=AT)
    ids = [make_copy(template, "delivery_id", row, "a@b.example", unsubscribe_url=LEAVE, preferences_url=CHOOSE).message_id
           for template, row in ((first, 7), (again, 7), (first, 8), (other, 7))]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


def test_each_copy_holds_its_own_readers_links_only() -> None:
    template = freeze_template(sheet(), number=3, at=AT)
    copies = [make_copy(template, "delivery_id", n, f"r{n}@example.com", unsubscribe_url=f"https://n.example/u/{n}-own/",
                        preferences_url=f"https://n.example/p/{n}-own/") for n in range(3)]
    for n, copy in enumerate(copies):
        data = quopri.decodestring(copy.message())
        assert data.count(f"/u/{n}-own/".encode()) == 3  # header, text, HTML
        assert data.count(f"/p/{n}-own/".encode()) == 2
        assert not any(f"{other}-own".encode() in data for other in range(3) if other != n)
        assert b"reader.invalid" not in data


@pytest.mark.parametrize("words", NASTY_WORDS)
@pytest.mark.parametrize("place", ["subject", "from_name", "list_title"])
def test_nasty_words_stay_inside_their_header(place: str, words: str) -> None:
    template = freeze_template(sheet(**{place: words}), number=3, at=AT)
    data = copy_bytes(template)
    assert_within_the_rules(data)
    head = data.partition(b"\r\n\r\n")[0]
    assert all(len(line) <= 200 for line in head.split(b"\r\n") if not line.startswith(b"List-Unsubscribe:"))
    message = read(data)
    assert set(message.keys()) == {"To", "Message-ID", "List-Unsubscribe", "List-Unsubscribe-Post", "From", "Subject", "Date",
                                   "List-Id", "MIME-Version", "Content-Type"}
    clean = re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", " ", words).replace("\ud800", "?").strip()
    if place == "subject":
        assert message["Subject"] == clean
    elif place == "from_name":
        assert [one.addr_spec for one in message["From"].addresses] == ["news@example.com"]
        name, address = parseaddr(message_from_bytes(data)["From"])  # the newer parser puts spaces between encoded words
        assert (str(make_header(decode_header(name))), address) == (clean, "news@example.com")
    else:
        assert message["List-Id"].endswith("<aitrends.example.com>")


@pytest.mark.parametrize("body", NASTY_BODIES)
@pytest.mark.parametrize("form", ["{0}{1}", "{1}{0}", "{0}{1}{0}", "{0}{1}{2}", "{1}{2}", "{1}\n{2}{0}\n", "{0} {1} {0} {1}"])
def test_nasty_bodies_come_out_as_they_went_in(body: str, form: str) -> None:
    text = form.format(body, UNSUBSCRIBE_MARK, PREFERENCES_MARK)
    data = copy_bytes(freeze_template(sheet(text=text, html=text), number=3, at=AT))
    assert_within_the_rules(data)
    message = read(data)
    assert content_of(message, "plain") == wanted_text(text)
    assert content_of(message, "html") == wanted_text(text)


@given(subject=st.text(max_size=200), name=st.text(max_size=120), body=st.text(max_size=800))
@hypothesis_settings(max_examples=150, deadline=None)
def test_any_words_make_a_message_that_parses(subject: str, name: str, body: str) -> None:
    template = freeze_template(sheet(subject=subject, from_name=name, html=body + HTML, text=body + TEXT), number=3, at=AT)
    data = copy_bytes(template)
    assert_within_the_rules(data)
    message = read(data)
    assert [one.addr_spec for one in message["From"].addresses] == ["news@example.com"]
    assert content_of(message, "plain") == wanted_text(body + TEXT)


@pytest.mark.parametrize("email", [
    "reader@example.com", "first.last+tag@sub.example.co.uk", "o'brien@example.ie", "a@b", "x_y-z=1@example.com",
    '"two words"@example.com', "jürgen@example.com", "用户@xn--fsqu00a.example", "{curly}|pipe~@example.com",
    "!#$%&*/?^`@example.com",
])
def test_address_that_can_be_written_stands_in_to(email: str) -> None:
    data = copy_bytes(freeze_template(sheet(), number=3, at=AT), email)
    assert f"To: {email}\r\n".encode() in data
    (found,) = read(data)["To"].addresses
    assert found.addr_spec.encode("utf-8", "surrogateescape").decode().replace('"', "") == email.replace('"', "")


@pytest.mark.parametrize("email", [
    "", "no-at", "@example.com", "a@", "a@b@c", "a b@example.com", "a@exa mple.com",
    "a@example.com\r\nBcc: v@example.com", "a@example.com\n",
    "a\0@example.com", "<a@example.com>", "a@example.com>", "Name <a@example.com>",
    "a@example.com, b@example.com", "a;b@example.com",
    ".a@example.com", "a..b@example.com", "a.@example.com",
    '"un"quoted"@example.com', '"back\\slash"@example.com', '"line\nend"@example.com',
    "a@-example.com", "a@example..com", "a@[127.0.0.1]", "a@example.com\u2028x", "a\u202e@example.com",
    "a\u00a0b@example.com", "x" * 250 + "@example.com",
    "a@bücher.example",
])
def test_address_that_could_break_a_header_is_refused(email: str) -> None:
    with pytest.raises(AddressError):
        check_address(email)


def test_a_link_that_html_or_a_header_would_misread_is_refused() -> None:
    template = freeze_template(sheet(), number=3, at=AT)
    for link in ("", "javascript:alert(1)", 'https://a.example/"><script>', "https://a.example/\r\nX: y", "https://a.example/a&b"):
        with pytest.raises(BroadsheetError):
            make_copy(template, "delivery_id", 7, "a@example.com", unsubscribe_url=link, preferences_url=CHOOSE)


@pytest.mark.parametrize("gone", ["html", "text"])
def test_an_issue_without_a_way_out_is_not_made_into_mail(gone: str) -> None:
    with pytest.raises(BroadsheetError, match="unsubscribe"):
        freeze_template(sheet(**{gone: "no links at all"}), number=3, at=AT)


@pytest.mark.parametrize("email", ["", "news", "news@example.com\r\nBcc: x@y.z", "größe@example.com", "News <news@example.com>"])
def test_a_newsletters_own_address_must_be_plain(email: str) -> None:
    with pytest.raises(BroadsheetError, match="from_email"):
        freeze_template(sheet(from_email=email), number=3, at=AT)


def test_a_notice_is_marked_as_automatic_and_offers_no_one_click() -> None:
    template = freeze_template(sheet(is_notice=True, list_key="", html="<p>x</p>", text="x"), number=5, at=AT)
    message = read(make_copy(template, "notice_id", 5, "a@example.com").message())
    assert message["Auto-Submitted"] == "auto-generated"
    assert "List-Unsubscribe-Post" not in message
    assert "List-Id" not in message


def test_body_is_encoded_once_not_hidden_in_base64() -> None:
    data = copy_bytes(freeze_template(sheet(), number=3, at=AT))
    assert b"quoted-printable" in data
    assert base64.b64encode(b"<p>Hello")[:8] not in data
