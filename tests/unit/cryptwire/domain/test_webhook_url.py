"""A user's webhook is on the public Internet, and nothing of ours can be reached through it."""

import ipaddress

import pytest

from cryptwire.domain.webhook_url import checked_url, is_public
from cryptwire.errors import Invalid

INSIDE = [
    "10.0.0.1", "127.0.0.1", "127.255.255.254", "0.0.0.0", "169.254.169.254", "172.16.0.1", "192.168.1.1", "100.64.0.1",
    "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1",
    "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "2002:a9fe:a9fe::",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2001:db8::1", "2001::1", "fec0::1", "64:ff9b:1::1",
]  # fmt: skip
REFUSED = [
    "http://example.com/", "ftp://example.com/", "https://", "https://example.com:22/", "https://example.com:0/",
    "https://user:secret@example.com/", "https://user@example.com/", "https://example.com/#x", "https://localhost/",
    "https://intranet/", "https://printer.local/", "https://metadata.google.internal/", "https://127.0.0.1/",
    "https://[::1]/", "https://[::ffff:169.254.169.254]/", "https://2130706433/", "https://0x7f.1/", "https://127.1/",
    "https://example.com:99999/", "https://exa mple.com/", "https://example.com/\r\nX: y", "https://exämple.com/",
    "https://example.com\\@127.0.0.1/", "javascript:alert(1)", "", " ", "x" * 3000, "https://[::1", "https://\x00.com/",
    "https://localhost./", "https://10.0.0.1./",
]  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_addresses_of_inner_networks_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"])
def test_others_are(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("url", REFUSED)
def test_what_no_webhook_may_be_is_refused_with_a_word(url: str) -> None:
    with pytest.raises(Invalid, match=r"webhook|address"):
        checked_url(url, is_development=False)


@pytest.mark.parametrize("url", ["https://example.com/a?b=c", "https://example.com:8443/", "https://1.1.1.1/"])
def test_public_ones_are_taken(url: str) -> None:
    assert checked_url(f" {url} ", is_development=False) == url


def test_in_development_they_may_be_on_this_machine() -> None:
    assert checked_url("http://127.0.0.1:8000/", is_development=True)
