"""What may be an address, a password, a zone; whence somebody asks."""

import argon2
import pytest

from api.adapters import Argon2Passwords
from api.logic import accounts, passwords
from cryptwire.domain.notice import NoticeClass
from cryptwire.domain.preferences import Channels, Colours, Preferences, preferences_from, preferences_to
from cryptwire.errors import Invalid

QUICK = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.mark.parametrize(
    "good",
    ["correct horse battery", "Zwölf Boxkämpfer", "😀" * 3 + "smile away", "x7!kQ2#pLm", " " * 3 + "spaces are signs"],
)
def test_long_and_uncommon_passwords_are_good(good: str) -> None:
    passwords.must_be_good(good, "me@example.com")


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "short",
        "ninechars",
        "x" * 1_001,
        "1234567890",
        "0987654321",
        "Qwertyuiop",
        "password123",
        "Password!!!2024",
        "iloveyou1234",
        "aaaaaaaaaaaa",
        "abcabcabcabc",
        "2024-12-31-23:59",
        "me@example.com",
        "ME@EXAMPLE.COM",
        "with\x00nul in it",
        "\ud800 half of a sign",
    ],
)
def test_short_common_and_impossible_passwords_are_not(bad: str) -> None:
    with pytest.raises(Invalid, match="password"):
        passwords.must_be_good(bad, "me@example.com")


async def test_a_password_is_the_same_however_a_keyboard_composes_it_and_impossible_ones_are_wrong() -> None:
    hashing = Argon2Passwords(QUICK)
    kept = await hashing.hash("caf\u00e9 noir ici")
    assert await hashing.are_same("cafe\u0301 noir ici", kept)
    for wrong in ("cafe noir ici", "", "x" * 100_000, "\x00", "\ud800"):
        assert not await hashing.are_same(wrong, kept)
        assert not await hashing.are_same(wrong, None)
    assert not await hashing.are_same("x", "no hash")


@pytest.mark.parametrize(
    "text", ["a@example.com", "A.B+c@sub.example.co", "x'y@example.com", "a" * 64 + "@example.com", "1@2.3"]
)
def test_addresses_are_taken_as_they_are_written(text: str) -> None:
    assert accounts.email(f" {text} ") == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "a", "@", "a@", "@b.de", "a@b", "a b@c.de", "a@b..de", "a@-b.de", "a@b-.de", "a\n@b.de", "a@b.de\x00"),
        *("ö@b.de", "\ud800@b.de", "a@b.de, c@d.de", "<a@b.de>", "a" * 65 + "@b.de", "a@" + "b" * 64 + ".de"),
        "a@" + "b.de" * 100,
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        accounts.email(text)
    assert not accounts.could_be_email(text)


def test_zones_and_currencies_are_those_that_are_known() -> None:
    assert [accounts.zone(zone) for zone in ("UTC", "Asia/Kathmandu")] == ["UTC", "Asia/Kathmandu"]
    assert accounts.currency("EUR") == "EUR"
    for zone in ("", "utc", "Factory", "localtime", "../UTC", "x" * 10_000, "\x00"):
        with pytest.raises(Invalid):
            accounts.zone(zone)
    for currency in ("", "eur", "BTC", "EURO", "\x00"):
        with pytest.raises(Invalid):
            accounts.currency(currency)


@pytest.mark.parametrize(
    ("forwarded", "proxies", "address"),
    [
        ("", 0, "192.0.2.1"),
        ("203.0.113.9", 0, "192.0.2.1"),
        ("203.0.113.9", 1, "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9", 1, "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9, 10.0.0.1", 2, "203.0.113.9"),
        ("203.0.113.9", 2, "192.0.2.1"),
        (" , ,", 1, "192.0.2.1"),
        ("x" * 1_000, 1, "x" * 64),
    ],
)
def test_only_what_trusted_proxies_have_added_is_believed(forwarded: str, proxies: int, address: str) -> None:
    assert accounts.address("192.0.2.1", forwarded, proxies) == address
    assert accounts.address(None, "", 0) == "unknown"


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("unknown", "unknown"),
    ],
)
def test_who_has_a_whole_network_of_addresses_has_the_tries_of_one(address: str, network: str) -> None:
    assert accounts.network(address) == network


def test_a_device_is_called_as_it_says_or_by_what_it_is() -> None:
    firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    safari = (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1"
    )
    assert accounts.device(None, firefox) == "Firefox on Linux"
    assert accounts.device(" ", safari) == "Safari on iPhone"
    assert accounts.device(" My phone ", safari) == "My phone"
    assert accounts.device(None, "curl/8.0") == "curl"
    assert accounts.device(None, "") == "unknown"
    assert accounts.user_agent("a\x00b\x1b[31m" + "x" * 1_000).startswith("a b [31mxxx")
    assert len(accounts.user_agent("x" * 1_000)) == 300
    for wrong in ("x" * 101, "a\x00", "a\u202eb"):
        with pytest.raises(Invalid):
            accounts.device(wrong, "")


def test_preferences_are_kept_and_read_and_what_is_new_has_its_default() -> None:
    chosen = Preferences(3, 5, True, Colours.BLUE_ORANGE, {NoticeClass.INFO: Channels(False, True)})
    assert preferences_from(preferences_to(chosen)) == chosen
    assert preferences_from({}) == Preferences()
    assert preferences_from({"somebody": "else's"}) == Preferences()
    bad: list[dict[str, object]] = [
        {"colours": "pink"},
        {"stablecoinDecimals": "x"},
        {"notices": [{}]},
        {"otherDecimals": 99},
    ]
    for wrong in bad:
        with pytest.raises(Invalid):
            preferences_from(wrong)
