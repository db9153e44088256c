"""Addresses as people type them."""

import pytest
from hypothesis import example, given
from hypothesis import settings as quickly
from hypothesis import strategies as st

from worker.errors import BroadsheetError
from worker.readers.addresses import address_key, likely_meant, mailbox_of, read_address


@pytest.mark.parametrize(("typed", "email", "key"), [
    ("ada@example.com", "ada@example.com", "ada@example.com"),
    ("  Ada.Okafor@EXAMPLE.com ", "Ada.Okafor@example.com", "ada.okafor@example.com"),
    ("ada@Bücher.example", "ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"),
    ("jose\u0301@example.com", "josé@example.com", "josé@example.com"),
    ("ada@example.com\n", "ada@example.com", "ada@example.com"),  # a slip of the copying hand
    ("o'connor+news@example.ie", "o'connor+news@example.ie", "o'connor+news@example.ie"),
])
def test_an_address_is_made_regular(typed: str, email: str, key: str) -> None:
    address = read_address(typed)
    assert (address.email, address.key) == (email, key)
    assert address_key(typed) == key


@pytest.mark.parametrize("typed", [
    "", "   ", "ada", "ada@", "@example.com", "ada@localhost", "ada@example..com", "ada@@example.com",
    "ada@example.com\r\nBcc: all@example.com", "a\0da@example.com", "Ada <ada@example.com>",
    "ada@example.com, bo@example.com", "ada@[127.0.0.1]", '"a b"@example.com', "x" * 65 + "@example.com",
    "a@" + "b" * 250 + ".com", "<script>@example.com",
])
def test_what_is_no_address_is_refused_in_one_line(typed: str) -> None:
    with pytest.raises(BroadsheetError) as refused:
        read_address(typed)
    assert "\n" not in str(refused.value)


@given(st.text(max_size=300))
@quickly(max_examples=200, deadline=None)
def test_any_text_is_an_address_without_line_ends_or_a_plain_refusal(typed: str) -> None:
    try:
        address = read_address(typed)
    except BroadsheetError:
        return
    assert not set(address.email) & set("\r\n\0 <>,")
    assert address_key(address.email) == address.key == address_key(address.key)


@pytest.mark.parametrize(("one", "other"), [
    ("straße@example.com", "strasse@example.com"), ("ﬁnn@example.com", "finn@example.com"),
    ("ŉina@example.com", "ʼnina@example.com"), ("ada@straße.example", "ada@strasse.example")])
def test_letters_that_stand_for_others_are_not_those(one: str, other: str) -> None:
    assert address_key(one) != address_key(other)
    assert mailbox_of(one) != mailbox_of(other)


@given(st.text(alphabet="asßœé-", min_size=1, max_size=6), st.text(alphabet="asßœé-", min_size=1, max_size=6))
@example("straße", "strasse")
@quickly(max_examples=400, deadline=None)
def test_two_names_in_small_letters_are_two_people(one: str, other: str) -> None:
    assert (address_key(f"{one}@example.com") == address_key(f"{other}@example.com")) == (one == other)


@given(st.text(max_size=60))
@quickly(max_examples=200, deadline=None)
def test_the_key_never_fails(typed: str) -> None:
    assert isinstance(address_key(typed), str)


NAMES = st.from_regex(r"[a-z][a-z0-9]{0,19}", fullmatch=True)


@st.composite
def spellings(draw: st.DrawFn, domains: tuple[str, ...], ignored: str) -> tuple[str, list[str]]:
    """A name, and addresses that all reach its mailbox: capitals, signs that are passed over, a tag."""
    name = draw(NAMES)
    written = []
    for _ in range(2):
        letters = [draw(st.sampled_from([letter, letter.upper()])) for letter in name]
        gaps = [draw(st.sampled_from(["", *ignored])) for _ in letters[1:]] + [""]
        tag = draw(st.sampled_from(["", "+news", "+a.b-c", "+"]))
        written.append("".join(map("".join, zip(letters, gaps, strict=True))) + f"{tag}@{draw(st.sampled_from(domains))}")
    return name, written


@pytest.mark.parametrize(("domains", "ignored", "home"), [
    (("gmail.com", "GoogleMail.com"), ".", "gmail.com"), (("proton.me", "pm.me", "protonmail.com"), ".-_", "proton.me"),
    (("outlook.com",), "", "outlook.com"), (("hotmail.co.uk",), "", "hotmail.co.uk"), (("live.FR",), "", "live.fr"),
    (("outlook.com.br",), "", "outlook.com.br"), (("windowslive.com",), "", "windowslive.com"), (("msn.com",), "", "msn.com"),
    (("icloud.com", "me.com", "mac.com"), "", "icloud.com"), (("fastmail.com",), "", "fastmail.com"),
    (("yandex.ru", "ya.ru", "yandex.by", "yandex.com.tr", "yandex.com"), "", "yandex.com")])
@given(data=st.data())
@quickly(max_examples=60, deadline=None)
def test_all_spellings_of_a_mailbox_are_one(data: st.DataObject, domains: tuple[str, ...], ignored: str, home: str) -> None:
    name, written = data.draw(spellings(domains, ignored))
    assert {mailbox_of(one) for one in written} == {f"{name}@{home}"}


@pytest.mark.parametrize(("spellings", "mailbox"), [
    (["Ada.Okafor@yandex.ru", "ada-okafor@ya.ru", "ada-okafor+news@yandex.kz"], "ada-okafor@yandex.com"),
    (["news@ada.fastmail.com", "ada+news@fastmail.com", "Shop@Ada.Fastmail.com"], "ada@fastmail.com"),
    (["x@ada.sent.com", "ada@sent.com"], "ada@sent.com"),
])
def test_a_sign_or_a_place_that_a_provider_reads_otherwise(spellings: list[str], mailbox: str) -> None:
    assert {mailbox_of(one) for one in spellings} == {mailbox}


@pytest.mark.parametrize("people", [
    ["ada.o@yandex.ru", "adao@yandex.ru"],  # a dot there is a hyphen, and not nothing
    ["ada.o@outlook.fr", "adao@outlook.fr", "adao@outlook.com", "adao@hotmail.fr"],
    ["ada.o@icloud.com", "adao@icloud.com"],
    ["ada.o@fastmail.com", "adao@fastmail.com", "adao@fastmail.fm", "fastmail@adao.com"],
    ["ada-news@yahoo.com", "ada-shop@yahoo.com"],
    ["news@ada.gmail.com", "ada@gmail.com", "ada@hotmail.example", "ada+1@hotmail.example"],
])
def test_who_is_not_one_person_to_the_provider_is_not_one_here(people: list[str]) -> None:
    assert len({mailbox_of(one) for one in people}) == len(people)


@given(NAMES, NAMES, st.sampled_from(["example.com", "bücher.example", "mail.example.org"]))
@quickly(max_examples=100, deadline=None)
def test_where_a_provider_says_nothing_a_dot_and_a_tag_are_somebody_else(first: str, second: str, domain: str) -> None:
    plain, dotted, tagged = f"{first}{second}@{domain}", f"{first}.{second}@{domain}", f"{first}{second}+x@{domain}"
    assert len({mailbox_of(one) for one in (plain, dotted, tagged)}) == 3
    assert mailbox_of(plain) == mailbox_of(plain.upper()) == address_key(plain)


@given(st.text(max_size=80))
@quickly(max_examples=200, deadline=None)
def test_recognising_a_mailbox_never_fails_and_changes_nothing_the_second_time(typed: str) -> None:
    assert mailbox_of(mailbox_of(typed)) == mailbox_of(typed)
    assert isinstance(likely_meant(typed), str)


@pytest.mark.parametrize(("typed", "meant"), [
    ("Ada.O+news@gmial.com", "Ada.O+news@gmail.com"), ("ada@hotmial.com", "ada@hotmail.com"), ("ada@yaho.com", "ada@yahoo.com"),
    ("ada@gmail.com", ""), ("ada@hotmail.co.in", ""), ("ada@hotmail.co.jp", ""),
    ("ada@gmx.com", ""), ("ada@ail.com", ""), ("ada@example.com", ""), ("ada", ""), ("", "")])
def test_a_misspelt_provider_is_noticed_and_nobody_elses_domain_is(typed: str, meant: str) -> None:
    assert likely_meant(typed) == meant
