"""Which addresses a feed may be fetched from."""

from ipaddress import ip_address

import pytest

from worker.feeds.addresses import is_allowed, is_public


@pytest.mark.parametrize("address", [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.254",
    "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.0.170", "192.0.2.1", "192.88.99.1",
    "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.255",
    "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe", "64:ff9b:1::7f00:1", "64:ff9b:1::808:808", "100::1", "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::", "2002:808:808::1", "3fff::1", "5f00::1", "fc00::1",
    "fd00:ec2::254", "fe80::1", "fe80::1%1", "fec0::1", "ff02::1",
])
def test_addresses_that_are_not_on_the_internet_are_refused(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", [
    "1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "192.88.98.1", "223.255.255.254",
    "2606:4700:4700::1111", "2a00:1450:4009::8a", "2400:cb00::1", "2001:4860:4860::8888", "::ffff:8.8.8.8",
    "64:ff9b::808:808",
])
def test_addresses_on_the_internet_are_let_through(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(("entry", "host", "port", "allowed"), [
    ("127.0.0.1", "127.0.0.1", 80, True),
    ("127.0.0.1", "127.0.0.1", 8099, True),
    ("127.0.0.1:8099", "127.0.0.1", 8099, True),
    ("127.0.0.1:8099", "127.0.0.1", 8098, False),
    ("Intranet.Example", "intranet.example", 443, True),
    ("intranet.example", "INTRANET.example.", 443, True),
    ("intranet.example", "evil-intranet.example", 443, False),
    ("intranet.example", "intranet.example.evil.test", 443, False),
    ("[::1]:8000", "::1", 8000, True),
    ("::1", "::1", 8000, True),
    ("[::1]:8000", "::1", 8001, False),
    ("", "", 80, True),
])
def test_allow_list_names_a_host_or_a_host_and_port(entry: str, host: str, port: int, allowed: bool) -> None:
    if not host:
        assert not is_allowed("127.0.0.1", port, [entry])
    else:
        assert is_allowed(host, port, [entry]) is allowed
