"""Addresses as people type them."""

import pytest
from hypothesis import given
from hypothesis import settings as quickly
from hypothesis import strategies as st

from worker.errors import BroadsheetError
from worker.readers.addresses import address_key, read_address


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


@given(st.text(max_size=60))
@quickly(max_examples=200, deadline=None)
def test_the_key_never_fails(typed: str) -> None:
    assert isinstance(address_key(typed), str)
